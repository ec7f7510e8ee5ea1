"""One service of a stack as it is now: what its newest release says of it, and its containers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from console.containers.models import Container
from console.logs.queries import key_of
from console.operations.actor import Actor
from console.operations.errors import Missing
from console.stacks.compose.model import Project, Service
from console.stacks.compose.parts import UpdateConfig
from console.stacks.gating import MONITOR_S
from console.stacks.models import Release, Stack
from console.stacks.planning import labels
from console.stacks.planning.bodies import image_of
from console.stacks.planning.updates import update_of
from console.stacks.queries import containers_of

MOST_EARLIER = 200


@dataclass(frozen=True, slots=True)
class Replica:
    """``container`` None: it is wanted, and not there."""

    number: int
    container: Container | None


@dataclass(frozen=True, slots=True)
class ServiceNow:
    """``service`` None: what is there of it is left over, the newest release has it no more."""

    stack: Stack
    name: str
    release: Release | None
    service: Service | None
    containers: Sequence[Container]

    @property
    def wanted(self) -> int:
        return self.service.replicas if self.service is not None else 0

    @property
    def replicas(self) -> list[Replica]:
        """By number; those that are wanted and missing among them."""
        found: dict[int, list[Replica]] = {number: [] for number in range(1, self.wanted + 1)}
        for one in self.containers:
            number = labels.number_of(one.labels)
            found.setdefault(number, []).append(Replica(number, one))
        return [one for number in sorted(found) for one in found[number] or [Replica(number, None)]]

    @property
    def image(self) -> str:
        if self.service is None:
            return self.containers[0].image
        return image_of(self._project, self.name, self.service)

    @property
    def image_ids(self) -> list[str]:
        """64 hex digits each; more than one while it is being updated."""
        return sorted({one.image_engine_id for one in self.containers if one.image_engine_id})

    @property
    def _project(self) -> Project:
        assert self.release is not None
        return self.release.project

    @property
    def ports(self) -> list[dict[str, Any]]:
        """What is published now, each once."""
        return published_by(self.containers)

    @property
    def update(self) -> UpdateConfig | None:
        return update_of(self.service) if self.service is not None else None

    @property
    def settings(self) -> list[tuple[str, str]]:
        """How it is updated, as a page says it; empty where nothing is said."""
        return list(_settings(self.update)) if self.update is not None else []

    @property
    def logs_link(self) -> str:
        keys = [("c", key_of(one)) for one in self.containers]
        return f"{reverse('logs:merged')}?{urlencode([*keys, ('show', '1')])}"


def _settings(update: UpdateConfig) -> Iterator[tuple[str, str]]:
    width = update.parallelism if update.parallelism is not None else 1
    yield _("At the same time"), str(width) if width else pgettext("replicas", "all")
    is_first = update.order == "start-first"
    yield _("Order"), _("the new one starts first") if is_first else _("the old one stops first")
    yield _("Proved after"), _("healthy, or running for %(n)g s") % {"n": update.monitor_ns / 1e9 or MONITOR_S}
    if update.delay_ns:
        yield _("Pause in between"), _("%(n)g s") % {"n": update.delay_ns / 1e9}
    actions = {"rollback": _("go back to the release before"), "continue": _("go on")}
    yield _("When one fails"), actions.get(update.failure_action, _("stop there"))
    if update.max_failure_ratio:
        yield _("Failures that are borne"), f"{update.max_failure_ratio:.0%}"


def by_service(containers: Iterable[Container]) -> dict[str, list[Container]]:
    """By the name that its labels say; empty where they say none."""
    found: dict[str, list[Container]] = {}
    for one in containers:
        found.setdefault(one.labels.get(labels.SERVICE, ""), []).append(one)
    return found


def published_by(containers: Iterable[Container]) -> list[dict[str, Any]]:
    """Of several that publish one port together it is told once."""
    found = {tuple(sorted(port.items())): port for one in containers for port in one.ports}
    return sorted(found.values(), key=lambda port: (port["container_port"], port["host_port"]))


def get_service(actor: Actor, stack: Stack, name: str) -> ServiceNow:
    """Missing unless its newest release has it, or a container of it is there."""
    newest = stack.newest
    service = newest.project.services.get(name) if newest is not None else None
    own = by_service(containers_of(actor, stack)).get(name, [])
    if service is None and not own:
        raise Missing(_("There is no service “%(name)s”.") % {"name": name[:80]})
    return ServiceNow(stack, name, newest, service, own)


def ever_of(stack: Stack, name: str) -> list[int]:
    """Primary keys of its containers, gone ones too, newest first."""
    is_of_it = {f"labels__{labels.PROJECT}": stack.project, f"labels__{labels.SERVICE}": name}
    rows = Container.objects.filter(host=stack.host, **is_of_it).order_by("-pk")
    return list(rows.values_list("pk", flat=True)[:MOST_EARLIER])
