"""Which containers ``GET /containers/json`` shows."""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Final, Protocol

from engine.model.container import Container, Status
from engine.model.digest import Digest
from engine.model.errors import Invalid
from engine.model.ports import Port
from engine.wire.mounts_echo import mount_names
from engine.wire.query import Filters
from engine.wire.text import name_pattern

KNOWN: Final = (
    *("ancestor", "before", "exited", "expose", "health", "id", "is-task", "label"),
    *("name", "network", "publish", "since", "status", "volume"),
)
_HEALTH: Final = ("starting", "healthy", "unhealthy", "none")


class Lookup(Protocol):
    """What filters name, found by the one who knows. ``descendants``: the image's id, and those built upon it."""

    def created_at(self, container: str) -> datetime: ...

    def descendants(self, image: str) -> Collection[Digest]: ...

    def network_name(self, name: str) -> str:
        """Of a name or id; what is unknown stays as it is."""


Condition = Callable[[Container], bool]


def container_condition(filters: Filters, lookup: Lookup) -> Condition:
    """All filters in one question. Raises Invalid for a bad value and what ``lookup`` raises for an unknown object."""
    conditions = [*_of_identity(filters), *_of_state(filters), *_of_relation(filters, lookup)]
    return lambda container: all(condition(container) for condition in conditions)


def asks_for_stopped(filters: Filters) -> bool:
    """``status`` looks at all containers, also without ``all``."""
    return "status" in filters


def _of_identity(filters: Filters) -> Iterator[Condition]:
    if "label" in filters:
        yield lambda container: filters.match_labels(container.spec.labels)
    if "id" in filters:
        yield lambda container: any(container.id.startswith(text) for text in filters.get("id"))
    if "name" in filters:
        patterns = [name_pattern(text) for text in filters.get("name")]
        yield lambda container: any(
            pattern.search(f"/{container.name}") or pattern.search(container.name) for pattern in patterns
        )
    if "is-task" in filters and filters.flag("is-task"):
        yield _none


def _of_state(filters: Filters) -> Iterator[Condition]:
    if "status" in filters:
        wanted = filters.get("status")
        for text in wanted:
            if text not in list(Status):
                raise Invalid(f"invalid filter 'status={text[:80]}'")
        yield lambda container: container.status in wanted
    if "exited" in filters:
        codes = [_whole_number("exited", text) for text in filters.get("exited")]
        yield lambda container: container.status is Status.EXITED and container.exit_code in codes
    if "health" in filters:
        for text in filters.get("health"):
            if text not in _HEALTH:
                raise Invalid(f"invalid filter 'health={text[:80]}'")
        healths = filters.get("health")
        yield lambda container: (container.health.status if container.health else "none") in healths


def _of_relation(filters: Filters, lookup: Lookup) -> Iterator[Condition]:
    if "before" in filters:
        before = min(lookup.created_at(name) for name in filters.get("before"))
        yield lambda container: container.created_at < before
    if "since" in filters:
        since = max(lookup.created_at(name) for name in filters.get("since"))
        yield lambda container: container.created_at > since
    if "ancestor" in filters:
        images = {image for name in filters.get("ancestor") for image in lookup.descendants(name)}
        yield lambda container: container.spec.image_id in images
    if "network" in filters:
        wanted = {lookup.network_name(text) for text in filters.get("network")}
        yield (
            lambda container: (
                container.spec.network_mode in wanted
                if not container.spec.is_bridged
                else not wanted.isdisjoint(container.spec.wished_networks)
            )
        )
    if "volume" in filters:
        paths = set(filters.get("volume"))
        yield lambda container: not paths.isdisjoint(mount_names(container.spec.mounts))
    if "expose" in filters:
        exposed = {port for text in filters.get("expose") for port in _ports("expose", text)}
        yield lambda container: container.is_running and bool(container.spec.exposed_ports & exposed)
    if "publish" in filters:
        published = {port for text in filters.get("publish") for port in _ports("publish", text)}
        yield lambda container: any(
            Port(binding.host_port, binding.container_port.protocol) in published
            for binding in container.published
            if binding.host_port
        )


def _none(_: Container) -> bool:
    return False


def _ports(key: str, text: str) -> Iterator[Port]:
    """``80``, ``80/udp`` or ``8000-8010/tcp``."""
    numbers, _, protocol = text.partition("/")
    first, _, last = numbers.partition("-")
    start, end = _whole_number(key, first), _whole_number(key, last or first)
    for number in range(start, min(end, 65535) + 1):
        yield Port.parse(f"{number}/{protocol or 'tcp'}")


def _whole_number(key: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid(f"invalid filter '{key}={text[:80]}'")
    return int(text)
