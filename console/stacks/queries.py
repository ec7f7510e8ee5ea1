"""Reading stacks: those over which stack.view is held."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from console.containers.models import Container
from console.containers.queries import visible_containers
from console.hosts.models import Host
from console.jobs.models import Job
from console.jobs.retention import keeps_jobs
from console.operations.actor import Actor
from console.operations.errors import Missing
from console.operations.permissions import Permission
from console.operations.policy import Paths, bounded
from console.prune.keeping import finds_kept
from console.secrets.models import Secret
from console.secrets.uses import UNSEEN, finds_uses
from console.stacks.models import Release, Stack
from console.stacks.planning import labels

PATHS = Paths(workspace="workspace_id", host="host_id")
# of each stack, whose images are not pruned
KEPT_RELEASES = 5


def visible_stacks(actor: Actor, *, workspace: str = "", host: str = "") -> QuerySet[Stack]:
    """By name, those that are there, host and workspace along."""
    rows = Stack.objects.select_related("host", "workspace", "removal").filter(present()).order_by("name", "pk")
    stacks = bounded(actor, Permission.STACK_VIEW, rows, PATHS)
    if workspace:
        stacks = stacks.filter(workspace__slug=workspace)
    return stacks.filter(host__name=host) if host else stacks


def present() -> Q:
    return Q(is_gone=False) & ~Q(removal__state=Job.State.SUCCEEDED)


def get_stack(actor: Actor, stack_id: int) -> Stack:
    stack = visible_stacks(actor).filter(pk=stack_id).first()
    if stack is None:
        raise Missing(_("There is no such stack."))
    return stack


def get_release(stack: Stack, number: int) -> Release:
    release = stack.releases.select_related("job").filter(number=number).first()
    if release is None:
        raise Missing(_("“%(name)s” has no release %(number)d.") % {"name": stack.name, "number": number})
    return release


def containers_of(actor: Actor, stack: Stack) -> list[Container]:
    """Those on the host that carry the project's label and that the actor may see, by service and number."""
    rows = visible_containers(actor).filter(host=stack.host)
    own = [one for one in rows if one.labels.get(labels.PROJECT) == stack.project]
    return sorted(own, key=lambda one: (one.labels.get(labels.SERVICE, ""), labels.number_of(one.labels)))


def unmanaged_projects(actor: Actor, host: Host) -> Mapping[str, int]:
    """Compose projects on the host that no stack is, with how many containers of theirs the actor sees."""
    known = set(Stack.objects.filter(present(), host=host).values_list("project", flat=True))
    found: dict[str, int] = {}
    for marks in visible_containers(actor).filter(host=host).values_list("labels", flat=True):
        project = marks.get(labels.PROJECT, "")
        if project and project not in known and not labels.is_one_off(marks):
            found[project] = found.get(project, 0) + 1
    return dict(sorted(found.items()))


@finds_uses
def stacks_with(actor: Actor, secret: Secret) -> list[str]:
    """Names of those whose newest release refers to the secret; UNSEEN for one that the actor cannot see."""
    seen = set(visible_stacks(actor).values_list("pk", flat=True))
    found = []
    for stack in Stack.objects.filter(present(), workspace=secret.workspace_id):
        newest = stack.newest
        if newest is not None and secret.name in newest.secrets:
            found.append(stack.name if stack.pk in seen else UNSEEN)
    return found


@finds_kept
def images_of_releases(host: Host) -> set[str]:
    """Of the last releases that came up, of each stack that is there: going back to one needs them."""
    kept = _last_that_came_up(Stack.objects.filter(present(), host=host))
    return {engine_id for release in kept for engine_id in release.images.values()}


@keeps_jobs
def jobs_of_releases() -> list[int]:
    """Of the same releases: whether one came up, and with which images, is what its job says."""
    return [one.job.pk for one in _last_that_came_up(Stack.objects.filter(present())) if one.job is not None]


def _last_that_came_up(stacks: QuerySet[Stack]) -> Iterator[Release]:
    """Of each stack the last KEPT_RELEASES, without what is large, in one query."""
    done = Release.objects.filter(stack__in=stacks, job__state=Job.State.SUCCEEDED).select_related("job")
    rows = done.defer("document", "contents", "plan", "job__args").order_by("stack_id", "-number")
    for _stack, those in groupby(rows, key=lambda one: one.stack_id):
        yield from islice(those, KEPT_RELEASES)


@dataclass(frozen=True, slots=True)
class Adoptable:
    """A project of docker compose that no stack is. ``directory`` and ``files`` are what its containers say of it."""

    host: Host
    project: str
    workspace: str
    containers: int
    services: list[str]
    directory: str
    files: list[str]


def adoptable_projects(actor: Actor) -> list[Adoptable]:
    """By host and name, of containers that the actor sees. One of which several workspaces have parts is left out."""
    known = set(Stack.objects.filter(present()).values_list("host_id", "project"))
    found: dict[tuple[int, str], list[Container]] = {}
    for one in visible_containers(actor).select_related("host", "workspace").defer("shape"):
        project = one.labels.get(labels.PROJECT, "")
        if project and (one.host_id, project) not in known and not labels.is_one_off(one.labels):
            found.setdefault((one.host_id, project), []).append(one)
    whole = [_adoptable(project, those) for (_host, project), those in found.items() if _are_of_one(those)]
    return sorted(whole, key=lambda one: (one.host.name, one.project))


def get_adoptable(actor: Actor, host: str, project: str) -> Adoptable:
    for one in adoptable_projects(actor):
        if (one.host.name, one.project) == (host, project):
            return one
    raise Missing(_("There is no such project on this host."))


def _are_of_one(those: Sequence[Container]) -> bool:
    return len({one.workspace_id for one in those}) == 1


def _adoptable(project: str, those: Sequence[Container]) -> Adoptable:
    first = those[0]
    return Adoptable(
        first.host,
        project,
        first.workspace.slug,
        len(those),
        sorted({one.labels.get(labels.SERVICE, "") for one in those}),
        first.labels.get(labels.DIRECTORY, ""),
        [path for path in first.labels.get(labels.FILES, "").split(",") if path],
    )
