"""``docker run --link`` on the default network: what a container learns of others when it starts.

On networks that people made, a link is one more name for the other container, and nothing of this applies.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from engine.containers.etc_files import hostname_of
from engine.model.container import Container, ContainerSpec
from engine.model.errors import Conflict, Invalid, Missing
from engine.model.network import DEFAULT_NAME

_NOT_TOLD = ("HOME", "PATH")
Find = Callable[[str], Container]


@dataclass(frozen=True, slots=True)
class Linked:
    """``alias`` is what the linking container calls the other one, ``address`` where that is."""

    alias: str
    address: str
    other: Container


def with_known_links(spec: ContainerSpec, find: Find) -> ContainerSpec:
    """With the names of those it names by id. Raises Invalid, in Docker's words, for a container that is not there."""
    links = []
    for target, alias in link_pairs(spec):
        try:
            other = find(target)
        except Missing as error:
            raise Invalid(f"HostConfig.Links: could not get container for {target}: {error}") from error
        if other.spec.network_mode == "host":
            raise Conflict("conflicting options: host type networking can't be used with links")
        links.append(f"{other.name}:{alias}")
    return replace(spec, links=tuple(links)) if links else spec


def with_renamed_links(spec: ContainerSpec, old: str, new: str) -> ContainerSpec:
    """The same if none of its links is to ``old``."""
    pairs = list(link_pairs(spec))
    if all(target != old for target, _ in pairs):
        return spec
    return replace(spec, links=tuple(f"{new if target == old else target}:{alias}" for target, alias in pairs))


def without_link(spec: ContainerSpec, alias: str) -> ContainerSpec:
    kept = tuple(f"{target}:{name}" for target, name in link_pairs(spec) if name != alias)
    return replace(spec, links=kept)


def find_linked(parent: Container, alias: str, find: Find) -> Container:
    """Whom ``parent`` calls by that name. Raises Missing."""
    target = next((target for target, name in link_pairs(parent.spec) if name == alias), None)
    if target is None:
        raise Missing(f"No such container: {parent.name}/{alias}")
    return find(target)


def link_names(containers: Iterable[Container], find: Find) -> Mapping[str, list[str]]:
    """By id, the names that containers have as another one's link: ``/PARENT/ALIAS``."""
    found: dict[str, list[str]] = defaultdict(list)
    for parent in containers:
        for target, alias in link_pairs(parent.spec):
            if other := _found(target, find):
                found[other.id].append(f"/{parent.name}/{alias}")
    return found


def _found(name: str, find: Find) -> Container | None:
    try:
        return find(name)
    except Missing:
        return None


def linked_containers(container: Container, find: Find) -> list[Linked]:
    """Raises Conflict for one that does not run, or not on the default network."""
    found = []
    for target, alias in link_pairs(container.spec):
        other = _found(target, find)
        if other is None or not other.is_running:
            raise Conflict(f"Cannot link to a non running container: /{target} AS /{container.name}/{alias}")
        address = next((each.ip_address for each in other.endpoints if each.network == DEFAULT_NAME), "")
        if not address:
            raise Conflict(f"Cannot link to /{other.name}, as it does not belong to the default network")
        found.append(Linked(alias, address, other))
    return found


def environment_of(container: Container, linked: list[Linked]) -> tuple[str, ...]:
    """Its own variables win."""
    own = {entry.partition("=")[0] for entry in container.spec.env}
    told = (entry for each in linked for entry in _variables(container.name, each))
    return (*container.spec.env, *(entry for entry in told if entry.partition("=")[0] not in own))


def append_hosts(directory: Path, linked: list[Linked]) -> None:
    """To the file ``hosts`` in the directory of the container's /etc files."""
    with (directory / "hosts").open("a") as hosts:
        for each in linked:
            names = dict.fromkeys((each.alias, hostname_of(each.other), each.other.name))
            hosts.write(f"{each.address}\t{' '.join(names)}\n")


def link_pairs(spec: ContainerSpec) -> Iterator[tuple[str, str]]:
    """Target and alias; none but on the default network."""
    if DEFAULT_NAME in spec.wished_networks:
        for link in spec.links:
            target, _, alias = link.partition(":")
            yield target, alias or target


def _variables(parent: str, linked: Linked) -> Iterator[str]:
    """moby, daemon/links/links.go."""
    prefix = linked.alias.upper().replace("-", "_")
    yield f"{prefix}_NAME=/{parent}/{linked.alias}"
    ports = sorted(linked.other.spec.exposed_ports)
    if ports:
        first = ports[0]
        yield f"{prefix}_PORT={first.protocol}://{linked.address}:{first.number}"
    for port in ports:
        name = f"{prefix}_PORT_{port.number}_{port.protocol.upper()}"
        yield f"{name}={port.protocol}://{linked.address}:{port.number}"
        yield f"{name}_ADDR={linked.address}"
        yield f"{name}_PORT={port.number}"
        yield f"{name}_PROTO={port.protocol}"
    for entry in linked.other.spec.env:
        variable, is_set, value = entry.partition("=")
        if is_set and variable not in _NOT_TOLD:
            yield f"{prefix}_ENV_{variable}={value}"
