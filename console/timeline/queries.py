"""Reading what changed: three tables in one order, each as far as the actor may read it."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from console.audit.models import AuditEntry
from console.audit.queries import visible_entries
from console.containers.models import Container
from console.hosts.models import Host
from console.jobs.models import Job
from console.jobs.queries import JobFilter, visible_jobs
from console.operations.actor import Actor
from console.operations.errors import Denied, Invalid, Missing
from console.operations.permissions import Permission
from console.operations.policy import Paths, bounded, may, policy
from console.operations.runner import Outcome
from console.timeline.entries import Entry, entry_of_audit, entry_of_change, entry_of_job
from console.timeline.models import Capsule, Change
from console.timeline.noting import full_name
from console.web.keyset import LARGEST
from console.workspaces.models import Workspace

OF_CONTAINER = Paths(workspace="container__workspace_id", host="host_id", labels="container__labels")
OF_NONE = Paths(workspace="workspace_id", host="host_id")
OF_HOST = Paths(host="host_id", host_name="host__name")
# of the operations of these there is a job to tell of
BY_JOB = (
    *(Permission.CONTAINER_START, Permission.CONTAINER_STOP, Permission.CONTAINER_RESTART),
    *(Permission.CONTAINER_RUN, Permission.CONTAINER_REMOVE, Permission.CONTAINER_SCALE, Permission.CONTAINER_DEPLOY),
)
# jobs about a network, and as much about a container
OF_MEMBERS = ("network.connect", "network.disconnect")
# who may do what is changed by these
CONTROL = (Permission.GRANT_MANAGE, Permission.POLICY_MANAGE, Permission.WORKSPACE_MANAGE)


class Group(StrEnum):
    """What one may want to see alone."""

    TROUBLE = "trouble"
    LIFE = "life"
    CONFIG = "config"
    INSIDE = "inside"
    PEOPLE = "people"


KINDS = {
    Group.LIFE: (
        *("created", "replaced", "started", "stopped", "died", "oom", "killed", "paused", "unpaused", "removed"),
        *("health", "host-lost", "host-back"),
    ),
    Group.CONFIG: (
        *("created", "replaced", "reconfigured", "renamed", "connected", "disconnected"),
        *(*Change.OF_IMAGES, *Change.OF_NETWORKS),
    ),
    Group.INSIDE: ("exec",),
}


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Each given field narrows. ``text`` is part of a name."""

    container: Container | None = None
    host: str = ""
    workspace: str = ""
    group: Group | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    entries: Sequence[Entry]
    next_after: str

    @property
    def has_audit(self) -> bool:
        return any(entry.origin == "audit" for entry in self.entries)


def visible_changes(actor: Actor, wanted: ChangeFilter) -> QuerySet[Change]:
    """Newest first, with hosts and containers."""
    changes = Change.objects.select_related("host", "container", "container__host").defer("container__shape")
    if wanted.container is not None:
        changes = changes.filter(_about(wanted.container))
    if wanted.host:
        changes = changes.filter(host__name=wanted.host)
    if wanted.workspace:
        changes = changes.filter(
            Q(container__workspace__slug=wanted.workspace) | Q(container=None, workspace__slug=wanted.workspace)
        )
    if wanted.text:
        changes = changes.filter(Q(name__icontains=wanted.text) | Q(engine_id__startswith=wanted.text.lower()))
    if wanted.group is Group.TROUBLE:
        changes = changes.filter(is_trouble=True)
    elif wanted.group is not None:
        changes = changes.filter(kind__in=KINDS.get(wanted.group, ()))
    return _bounded(actor, changes)


def _bounded(actor: Actor, changes: QuerySet[Change]) -> QuerySet[Change]:
    """Each by its own permission (container.view, image.view, …): what is held is asked once."""
    access = policy().access_of(actor)
    of_images, of_hosts = Q(kind__in=Change.OF_IMAGES), Q(kind__in=Change.OF_HOSTS)
    of_networks = Q(kind__in=Change.OF_NETWORKS)
    parts = (
        (Q(container__isnull=False), Permission.CONTAINER_VIEW, OF_CONTAINER),
        (Q(container=None) & ~of_images & ~of_networks & ~of_hosts, Permission.CONTAINER_VIEW, OF_NONE),
        (of_images, Permission.IMAGE_VIEW, OF_NONE),
        (of_networks, Permission.NETWORK_VIEW, OF_NONE),
        (of_hosts, Permission.HOST_VIEW, OF_HOST),
    )
    visible = Q(pk__in=())
    for condition, permission, paths in parts:
        rows = changes.filter(condition)
        found = access.bound(rows, permission, paths)
        # who holds it over everything is given the same rows back, and needs no question within the question
        visible |= condition if found is rows else Q(pk__in=found.order_by().values("pk"))
    return changes.filter(visible)


def _about(container: Container) -> Q:
    """The container itself, and what its image's name meant while it was there."""
    moves = Q(
        host=container.host,
        image=full_name(container.image),
        kind__in=Change.OF_IMAGES,
        at__gte=container.created_at,
    )
    if container.gone_at is not None:
        moves &= Q(at__lte=container.gone_at)
    return Q(container=container) | moves


def timeline(actor: Actor, wanted: ChangeFilter, *, after: str = "", limit: int = 50) -> Shown:
    """The ``limit`` entries behind ``after``, newest first. Invalid for a position that nobody was given."""
    position = _position(after) if after else None
    found: list[tuple[datetime, int, int, Entry]] = []
    for rank, source in enumerate((_changes, _jobs, _audit)):
        found += source(actor, wanted, position, rank, limit + 1)
    found.sort(key=lambda one: one[:3], reverse=True)
    page = found[:limit]
    more = len(found) > limit
    return Shown([entry for *_order, entry in page], _token(page[-1][:3]) if more else "")


def latest_of(actor: Actor, containers: Sequence[int], *, limit: int) -> list[Entry]:
    """What happened to these containers (primary keys), newest first."""
    rows = visible_changes(actor, ChangeFilter()).filter(container_id__in=containers)
    return [entry_of_change(row) for row in rows[:limit]]


Position = tuple[datetime, int, int]
Found = list[tuple[datetime, int, int, Entry]]


def _changes(actor: Actor, wanted: ChangeFilter, position: Position | None, rank: int, limit: int) -> Found:
    if wanted.group is Group.PEOPLE:
        return []
    rows = _behind(visible_changes(actor, wanted), "at", position, rank)[:limit]
    return [(row.at, rank, int(row.pk), entry_of_change(row)) for row in rows]


def _jobs(actor: Actor, wanted: ChangeFilter, position: Position | None, rank: int, limit: int) -> Found:
    if wanted.group not in (None, Group.PEOPLE, Group.TROUBLE):
        return []
    jobs = visible_jobs(actor, JobFilter(host=wanted.host, workspace=wanted.workspace))
    if wanted.container is not None:
        jobs = jobs.filter(_asked_of(wanted.container))
    if wanted.text:
        jobs = jobs.filter(on_name__icontains=wanted.text)
    if wanted.group is Group.TROUBLE:
        jobs = jobs.filter(state=Job.State.FAILED)
    rows = _behind(jobs.defer("args", "result"), "created_at", position, rank)[:limit]
    return [(row.created_at, rank, row.number, entry_of_job(row)) for row in rows]


def _asked_of(container: Container) -> Q:
    """Jobs about it, those that had it join or leave a network, and the one that made it."""
    about = Q(on_kind=container.target_kind, on_id=container.target_id)
    about |= Q(host_id=container.host_id, kind__in=OF_MEMBERS, args__container=container.engine_id)
    number = container.labels.get("naru.job", "")
    if number.isdecimal() and len(number) <= 18:
        about |= Q(pk=int(number), host_id=container.host_id)
    return about


def _audit(actor: Actor, wanted: ChangeFilter, position: Position | None, rank: int, limit: int) -> Found:
    if wanted.group not in (None, Group.PEOPLE):
        return []
    entries = visible_entries(actor)
    by_job = Q(outcome=Outcome.ALLOWED, action__in=[action.value for action in BY_JOB])
    control = Q(action__in=[action.value for action in CONTROL])
    if wanted.container is not None:
        entries = entries.filter(_touching(wanted.container)).exclude(by_job)
    else:
        entries = _placed(entries.filter(control), wanted)
    if wanted.text:
        entries = entries.filter(target_name__icontains=wanted.text)
    rows = _behind(entries, "at", position, rank)[:limit]
    return [(row.at, rank, row.seq, entry_of_audit(row)) for row in rows]


def _touching(container: Container) -> Q:
    """About it, or a grant that may reach it: for its workspace, its host, everything or a label."""
    about = Q(target_kind=container.target_kind, target_id=container.target_id)
    reaching = (
        Q(workspace_pk=container.workspace_id)
        | Q(host_pk=container.host_id)
        | Q(workspace_pk__isnull=True, host_pk__isnull=True)
    )
    grants = Q(action=Permission.GRANT_MANAGE.value, outcome=Outcome.ALLOWED, at__gte=container.created_at)
    if container.gone_at is not None:
        grants &= Q(at__lte=container.gone_at)
    return about | (grants & reaching)


def _placed(entries: QuerySet[AuditEntry], wanted: ChangeFilter) -> QuerySet[AuditEntry]:
    entries = entries.filter(outcome=Outcome.ALLOWED)
    if wanted.workspace:
        entries = entries.filter(workspace_pk__in=Workspace.objects.filter(slug=wanted.workspace).values("pk"))
    if wanted.host:
        entries = entries.filter(host_pk__in=Host.objects.filter(name=wanted.host).values("pk"))
    return entries


# --- what was left of crashes ---


def visible_capsules(actor: Actor, container: Container | None = None) -> QuerySet[Capsule]:
    """Newest first: that there are some is told with container.view, what they hold is not."""
    capsules = Capsule.objects.select_related("host", "container").defer("container__shape").order_by("-at", "-pk")
    if container is not None:
        capsules = capsules.filter(container=container)
    return bounded(actor, Permission.CONTAINER_VIEW, capsules.filter(container__isnull=False), OF_CONTAINER)


def get_capsule(actor: Actor, container: Container, number: int) -> Capsule:
    """For reading it: needs container.logs too, else Denied."""
    capsule = visible_capsules(actor, container).filter(pk=number).first()
    if capsule is None:
        raise Missing(_("There is nothing kept under this number."))
    wanted = Permission.CONTAINER_LOGS
    if not may(actor, wanted, on=container):
        raise Denied(_("You need the permission “%(name)s”.") % {"name": wanted}, permission=wanted)
    return capsule


# --- positions ---


def _behind(rows: QuerySet[Any], field: str, position: Position | None, rank: int) -> QuerySet[Any]:
    """In the order of the whole: by time, then by table, then by key, all descending."""
    ordered = rows.order_by(f"-{field}", "-pk")
    if position is None:
        return ordered
    at, its_rank, pk = position
    beyond = Q(**{f"{field}__lt": at})
    if rank < its_rank:
        beyond |= Q(**{field: at})
    elif rank == its_rank:
        beyond |= Q(**{field: at, "pk__lt": pk})
    return ordered.filter(beyond)


def _token(position: tuple[datetime, int, int]) -> str:
    at, rank, pk = position
    return base64.urlsafe_b64encode(json.dumps([at.isoformat(), rank, pk]).encode()).decode().rstrip("=")


def _position(token: str) -> Position:
    """What ``_token`` was given. The token is a person's to edit, so nothing in it is believed."""
    try:
        at_text, rank, pk = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        at = parse_datetime(at_text)
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise _damaged() from error
    numbers_are_good = all(type(number) is int and 0 <= number <= LARGEST for number in (rank, pk))
    if at is None or at.tzinfo is None or not numbers_are_good:
        raise _damaged()
    return at, rank, pk


def _damaged() -> Invalid:
    return Invalid(_("This is no cursor of this list."), field="cursor")
