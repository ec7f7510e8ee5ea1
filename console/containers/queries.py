"""Reading containers: those over which container.view is held."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.urls import reverse
from django.utils.translation import gettext as _

from console.containers.models import Container, Revision
from console.hosts.models import Host
from console.hosts.neighbours import Neighbour, shows_containers
from console.images.models import Image
from console.images.users import ImageUser, finds_users
from console.jobs.models import Job
from console.jobs.queries import visible_jobs
from console.networks.queries import own_networks
from console.operations.actor import Actor
from console.operations.errors import Denied, Missing
from console.operations.permissions import Permission
from console.operations.policy import Paths, bounded, may, policy
from console.secrets.models import Secret
from console.secrets.uses import finds_uses
from console.volumes.queries import own_volumes
from console.workspaces.models import Workspace
from console.workspaces.rules import Used

PATHS = Paths(workspace="workspace_id", host="host_id", labels="labels")
UNSEEN = "?"
# kinds of jobs whose arguments are what a container is going to be
MAKING = ("container.run", "container.clone", "container.replace", "container.update")
NAMING = (*MAKING, "container.rename")
ON_MANY = ("containers.start", "containers.stop", "containers.restart", "containers.remove")
HeldPorts = dict[tuple[str, int], list[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class ContainerFilter:
    """Each given field narrows. Containers that are gone are left out unless ``gone``."""

    host: str = ""
    state: str = ""
    text: str = ""
    gone: bool = False
    workspace: str = ""
    # of those that run
    health: str = ""


def visible_containers(actor: Actor, wanted: ContainerFilter | None = None) -> QuerySet[Container]:
    """Newest first, hosts and workspaces along; page by created_at and pk."""
    wanted = wanted or ContainerFilter()
    all_containers = Container.objects.select_related("host", "workspace").order_by("-created_at", "-pk")
    # large, and of use where there is one
    all_containers = all_containers.defer("shape")
    containers = bounded(actor, Permission.CONTAINER_VIEW, all_containers, PATHS)
    if wanted.workspace:
        containers = containers.filter(workspace__slug=wanted.workspace)
    if not wanted.gone:
        containers = containers.filter(gone_at=None)
    if wanted.host:
        containers = containers.filter(host__name=wanted.host)
    if wanted.state:
        containers = containers.filter(state=wanted.state)
    if wanted.health:
        containers = containers.filter(state__in=Container.ALIVE, health=wanted.health)
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
    """The container if its log may be read: needs container.logs besides container.view, else Denied."""
    container = get_container_by_pk(actor, container_id)
    require_logs(actor, container)
    return container


def require_logs(actor: Actor, container: Container) -> None:
    """Denied where a container may be seen but not its log."""
    wanted = Permission.CONTAINER_LOGS
    if not may(actor, wanted, on=container):
        raise Denied(_("You need the permission “%(name)s”.") % {"name": wanted}, permission=wanted)


def names_in_use(host: Host) -> set[str]:
    """Names that containers have, and those that jobs under way are going to give."""
    present = set(Container.objects.filter(host=host, gone_at=None).values_list("name", flat=True))
    return present | {str(args.get("name", "")) for args in _under_way(Job.objects.all(), host, NAMING)} - {""}


def ports_in_use(host: Host, *, seen_by: Actor, but: Container | None = None) -> HeldPorts:
    """(protocol, host port) → [(host address, holder)], of running containers (all or all ``but`` one) and of jobs
    under way.

    A holder that ``seen_by`` cannot see has no name: the port is taken, by whom is nobody's business.
    """
    held: HeldPorts = {}
    alive = Container.objects.filter(host=host, gone_at=None, state__in=Container.ALIVE)
    alive = alive.exclude(pk=but.pk) if but is not None else alive
    seen = set(visible_containers(seen_by).filter(host=host).values_list("pk", flat=True))
    for container in alive:
        for port in container.ports:
            key = (str(port["protocol"]), int(port["host_port"]))
            name = container.name if container.pk in seen else UNSEEN
            held.setdefault(key, []).append((str(port["host_address"]), name))
    own = {args["name"] for args in _under_way(visible_jobs(seen_by), host) if args.get("name")}
    for args in _under_way(Job.objects.all(), host):
        name = args["name"] if args.get("name") in own else UNSEEN
        for port in args.get("ports", []):
            if port["host_port"]:
                held.setdefault((str(port["protocol"]), int(port["host_port"])), []).append(
                    (port["host_address"], name)
                )
    return held


def used_by(workspace: Workspace, host: Host, *, but: Container | None = None) -> Used:
    """What the workspace has on the host, with what jobs under way are going to add. ``but`` that, which makes way."""
    present = Container.objects.filter(workspace=workspace, host=host, gone_at=None)
    own = {word for pair in present.values_list("name", "engine_id") for word in pair}
    coming = list(_under_way(Job.objects.filter(workspace=workspace), host))
    # until one is replaced or given other limits, what it is going to be counts and not what it is
    changing = {str(args["engine_id"]) for args in coming if "engine_id" in args}
    present = present.exclude(engine_id__in=changing)
    present = present.exclude(pk=but.pk) if but is not None else present
    totals = present.aggregate(count=Count("pk"), memory=Sum("memory_bytes"), cpus=Sum("cpus"))
    return Used(
        containers=totals["count"] + len(coming),
        memory_bytes=(totals["memory"] or 0) + sum(int(args.get("memory_bytes") or 0) for args in coming),
        cpus=(totals["cpus"] or 0.0) + sum(float(args.get("cpus") or 0) for args in coming),
        own=frozenset(own),
        networks=own_networks(workspace, host),
        volumes=own_volumes(workspace, host),
    )


@shows_containers
def containers_on(actor: Actor, host: Host, engine_ids: Iterable[str] | None) -> dict[str, Neighbour]:
    """Those of the host that the actor may see: all, or of the ids given."""
    present = visible_containers(actor).filter(host=host)
    if engine_ids is not None:
        present = present.filter(engine_id__in=list(engine_ids))
    return {container.engine_id: _neighbour(container) for container in present}


def _neighbour(container: Container) -> Neighbour:
    return Neighbour(
        engine_id=container.engine_id,
        name=container.name,
        url=reverse("containers:container", args=[container.host.name, container.key]),
        state=container.state,
        is_alive=container.is_alive,
        image=container.image,
        workspace=container.workspace.slug,
        ports=tuple(container.ports),
        place=container.place,
    )


@finds_users
def containers_of(actor: Actor, images: Sequence[Image]) -> dict[int, list[ImageUser]]:
    """Those made from each of the images on its host, by the image's key; one that the actor cannot see has no name."""
    wanted = {(image.host_id, image.engine_id): image.pk for image in images}
    found: dict[int, list[ImageUser]] = {}
    rows = Container.objects.select_related("host").filter(
        gone_at=None, image_engine_id__in={engine_id for _host, engine_id in wanted}
    )
    access = policy().access_of(actor)
    for row in rows.order_by("name"):
        pk = wanted.get((row.host_id, row.image_engine_id))
        if pk is not None:
            is_seen = access.allows(Permission.CONTAINER_VIEW, on=row)
            link = reverse("containers:container", args=[row.host.name, row.key])
            found.setdefault(pk, []).append(
                ImageUser(row.name, row.state, link) if is_seen else ImageUser("", row.state)
            )
    return found


@finds_uses
def containers_with(actor: Actor, secret: Secret) -> list[str]:
    """Names of those whose environment was made with the secret; UNSEEN for one that the actor cannot see."""
    present = Container.objects.filter(secrets=secret, gone_at=None)
    seen = set(visible_containers(actor).filter(secrets=secret).values_list("pk", flat=True))
    return [name if pk in seen else UNSEEN for pk, name in present.values_list("pk", "name")]


def job_on_many(container: Container) -> Job | None:
    """One at work on it among others."""
    many = Job.objects.filter(host=container.host, kind__in=ON_MANY, state__in=Job.ACTIVE)
    return next(
        (job for job in many if any(one["engine_id"] == container.engine_id for one in job.args["items"])), None
    )


def revisions_of(container: Container) -> QuerySet[Revision]:
    """What it was meant to be over time, newest first, also under the containers it has replaced. For somebody who may
    see the container.
    """
    return Revision.objects.filter(first_id=container.lineage).select_related("job", "job__host").order_by("-number")


def revision_in_force(container: Container) -> Revision | None:
    """The newest that came to be."""
    came = Q(job=None) | Q(job__state=Job.State.SUCCEEDED)
    return revisions_of(container).filter(came).first()


def get_revision(container: Container, number: int) -> Revision:
    revision = revisions_of(container).filter(number=number).first()
    if revision is None:
        raise Missing(_("There is no such revision."))
    return revision


def _under_way(jobs: QuerySet[Job], host: Host, kinds: tuple[str, ...] = MAKING) -> Iterator[dict[str, Any]]:
    """What jobs are going to make, a container each."""
    jobs = jobs.filter(host=host, kind__in=kinds, state__in=Job.ACTIVE)
    for args in jobs.values_list("args", flat=True):
        yield from args.get("clones") or [args]
