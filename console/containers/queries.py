"""Reading containers. Needs container.view."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from console.containers.models import Container
from console.hosts.models import Host
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.errors import Missing
from console.operations.permissions import Permission
from console.operations.policy import may


@dataclass(frozen=True, slots=True)
class ContainerFilter:
    """Each given field narrows. Containers that are gone are left out unless ``gone``."""

    host: str = ""
    state: str = ""
    text: str = ""
    gone: bool = False


def visible_containers(actor: Actor, wanted: ContainerFilter | None = None) -> QuerySet[Container]:
    """Newest first, hosts along; page by created_at and pk."""
    if not may(actor, Permission.CONTAINER_VIEW):
        return Container.objects.none()
    wanted = wanted or ContainerFilter()
    containers = Container.objects.select_related("host").order_by("-created_at", "-pk")
    if not wanted.gone:
        containers = containers.filter(gone_at=None)
    if wanted.host:
        containers = containers.filter(host__name=wanted.host)
    if wanted.state:
        containers = containers.filter(state=wanted.state)
    if wanted.text:
        containers = containers.filter(
            Q(name__icontains=wanted.text)
            | Q(image__icontains=wanted.text)
            | Q(engine_id__startswith=wanted.text.lower())
        )
    return containers


def get_container(actor: Actor, host_name: str, name: str) -> Container:
    """By name, or by the id's first 12 or more digits. One that is there goes before one that is gone."""
    known = visible_containers(actor, ContainerFilter(host=host_name, gone=True))
    matches = known.filter(Q(name=name) | Q(engine_id__startswith=name)) if len(name) >= 12 else known.filter(name=name)
    container = matches.filter(gone_at=None).first() or matches.first()
    if container is None:
        raise Missing(_("There is no container “%(name)s” on this host.") % {"name": name})
    return container


def get_container_by_pk(actor: Actor, container_id: int) -> Container:
    container = visible_containers(actor, ContainerFilter(gone=True)).filter(pk=container_id).first()
    if container is None:
        raise Missing(_("There is no such container."))
    return container


def get_container_for_logs(actor: Actor, container_id: int) -> Container:
    """The container if its log may be read: needs container.logs besides container.view."""
    container = get_container_by_pk(actor, container_id)
    if not may(actor, Permission.CONTAINER_LOGS, on=container):
        raise Missing(_("There is no such container."))
    return container


def names_in_use(host: Host) -> set[str]:
    """Names that containers have, and those that jobs under way are going to give."""
    present = set(Container.objects.filter(host=host, gone_at=None).values_list("name", flat=True))
    return present | {str(args.get("name", "")) for args in _runs_under_way(host)} - {""}


def ports_in_use(host: Host) -> dict[tuple[str, int], list[tuple[str, str]]]:
    """(protocol, host port) → [(host address, holder)], of running containers and of jobs under way."""
    held: dict[tuple[str, int], list[tuple[str, str]]] = {}
    for container in Container.objects.filter(host=host, gone_at=None, state__in=Container.ALIVE):
        for port in container.ports:
            key = (str(port["protocol"]), int(port["host_port"]))
            held.setdefault(key, []).append((str(port["host_address"]), container.name))
    for args in _runs_under_way(host):
        for port in args.get("ports", []):
            if port["host_port"]:
                key = (str(port["protocol"]), int(port["host_port"]))
                held.setdefault(key, []).append((str(port["host_address"]), str(args.get("name") or "?")))
    return held


def _runs_under_way(host: Host) -> Iterator[dict[str, Any]]:
    jobs = Job.objects.filter(host=host, kind="container.run", state__in=Job.ACTIVE)
    yield from jobs.values_list("args", flat=True)
