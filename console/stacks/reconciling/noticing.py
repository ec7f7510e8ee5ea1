"""How stacks are, by what their hosts have told: the rows behind the rules of ``deciding``."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from console.containers.models import Container
from console.hosts.models import Host
from console.jobs.models import Job
from console.stacks.compose.model import Service
from console.stacks.models import Release, Restoration, Stack
from console.stacks.planning import labels
from console.stacks.planning.host_config import restart_policy
from console.stacks.queries import present
from console.stacks.reconciling.deciding import (
    REMEMBERED,
    STORM,
    Decision,
    End,
    Found,
    Past,
    Restart,
    Seen,
    Verdict,
    Wanted,
    Why,
    decide,
    find,
    room_on,
)
from console.timeline.ends import asked_ends

RESTARTS = {"no": Restart.NEVER, "on-failure": Restart.ON_FAILURE}


class Hold(StrEnum):
    """Why nothing is decided."""

    HOST = "host"
    NOT_DEPLOYED = "not deployed"
    BUSY = "busy"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Situation:
    """How one stack is. ``release`` is what it should be; without one ``hold`` says why nobody knows."""

    stack: Stack
    release: Release | None = None
    hold: Hold | None = None
    found: Found = field(default_factory=Found)
    decisions: tuple[Decision, ...] = ()
    is_down: bool = False


def situation_of(stack: Stack, *, now: datetime) -> Situation:
    return situations_on(stack.host, now=now, only=stack.pk)[0]


def situations_on(host: Host, *, now: datetime, only: int | None = None) -> list[Situation]:
    """Of the stacks of a host, by name. The number of queries does not depend on how many there are."""
    stacks = Stack.objects.select_related("host", "workspace", "removal").filter(present(), host=host)
    chosen = list(stacks.order_by("name", "pk").filter(**({"pk": only} if only is not None else {})))
    rows = _containers(host)
    asked = asked_ends(row for those in rows.values() for row in those if row.state in ("exited", "dead"))
    releases, past, busy = _releases(chosen), _past(host, now), _busy(host)
    replaced = sum(now - one.at < STORM for those in past.values() for one in those)
    room = room_on(containers=sum(map(len, rows.values())), replaced=replaced)
    found = []
    for stack in chosen:
        known = _Known(rows.get((stack.project, stack.workspace_id), []), asked, past.get(stack.pk, []))
        if str(stack.pk) in busy:
            found.append(Situation(stack, hold=Hold.BUSY))
            continue
        situation = _situation(stack, releases.get(stack.pk, []), known, now=now, room=room)
        room -= sum(one.verdict is Verdict.NOW for one in situation.decisions)
        found.append(situation)
    return found


@dataclass(frozen=True, slots=True)
class _Known:
    rows: list[Container]
    asked: Mapping[int, bool]
    past: list[Past]


def _situation(stack: Stack, releases: list[Release], known: _Known, *, now: datetime, room: int) -> Situation:
    hold, release = _wanted_release(stack, releases)
    if release is None:
        return Situation(stack, hold=hold)
    wanted, hashes = _of_release(release.pk, release.created_at)
    seen = [_seen(row, hashes, release.images, known.asked) for row in known.rows]
    found = find(wanted, seen, now=now)
    decisions = decide(found.troubles, known.past, now=now, room=room, policy=map(Why, stack.restores))
    return Situation(stack, release, None, found, tuple(decisions), is_down=not seen and bool(wanted))


def _wanted_release(stack: Stack, releases: list[Release]) -> tuple[Hold | None, Release | None]:
    if stack.host.is_stale:
        return Hold.HOST, None
    if not releases:
        return Hold.NOT_DEPLOYED, None
    newest = releases[0]
    if newest.job is None:
        return Hold.UNDECIDED, None
    if newest.job.state == Job.State.SUCCEEDED:
        return None, newest
    back_to = newest.job.result.get("back_to")
    earlier = next((one for one in releases if one.number == back_to), None)
    return (None, earlier) if earlier is not None else (Hold.UNDECIDED, None)


def _containers(host: Host) -> dict[tuple[str, int], list[Container]]:
    """Those that are there, by project and workspace. Labels are only words: a stack's are those of its workspace."""
    found: dict[tuple[str, int], list[Container]] = {}
    for row in Container.objects.filter(host=host, gone_at=None).defer("shape", "command"):
        project = row.labels.get(labels.PROJECT, "")
        if project and row.labels.get(labels.SERVICE) and not labels.is_one_off(row.labels):
            found.setdefault((project, row.workspace_id), []).append(row)
    return found


def _busy(host: Host) -> set[str]:
    """Primary keys of stacks at which a job is at work."""
    jobs = Job.objects.filter(host=host, on_kind="stack", state__in=Job.ACTIVE)
    return set(jobs.values_list("on_id", flat=True))


def _releases(stacks: Iterable[Stack]) -> dict[int, list[Release]]:
    """Newest first, without what is large."""
    rows = Release.objects.filter(stack__in=[one.pk for one in stacks]).select_related("job")
    found: dict[int, list[Release]] = {}
    for row in rows.defer("document", "contents", "plan", "job__args").order_by("stack_id", "-number"):
        found.setdefault(row.stack_id, []).append(row)
    return found


def _past(host: Host, now: datetime) -> dict[int, list[Past]]:
    recent = Restoration.objects.filter(stack__host=host, at__gt=now - REMEMBERED)
    found: dict[int, list[Past]] = {}
    for row in recent:
        found.setdefault(row.stack_id, []).append(Past(row.service, row.number, row.at))
    return found


@lru_cache(maxsize=512)
def _of_release(release_pk: int, _created_at: datetime) -> tuple[Mapping[str, Wanted], Mapping[str, str]]:
    """What it wants, and the hash of each service's containers: a release never changes. A database that was put back
    may give its number to another, which has another time.

    By name: databases keep the members of an object in an order of their own.
    """
    release = Release.objects.get(pk=release_pk)
    wanted = {name: _wanted(service) for name, service in sorted(release.project.services.items())}
    return wanted, dict(release.plan.get("services", {}))


def _wanted(service: Service) -> Wanted:
    restart = RESTARTS.get(restart_policy(service)["Name"], Restart.ALWAYS)
    if restart is not Restart.NEVER:
        return Wanted(service.replicas, restart, by_engine=True)
    # one whose file says how many there are to be is there to run, even where it says nothing of restarts
    deploy = service.deploy
    is_counted = deploy is not None and deploy.replicas is not None and deploy.restart_policy is None
    return Wanted(service.replicas, Restart.ALWAYS if is_counted else Restart.NEVER)


def _seen(row: Container, hashes: Mapping[str, str], images: Mapping[str, str], asked: Mapping[int, bool]) -> Seen:
    service = row.labels.get(labels.SERVICE, "")
    ends: dict[bool | None, End] = {True: End.ASKED, False: End.OWN, None: End.UNKNOWN}
    return Seen(
        service=service,
        number=labels.number_of(row.labels),
        engine_id=row.engine_id,
        name=row.name,
        state=row.state,
        health=row.health,
        exit_code=row.exit_code,
        end=ends[asked.get(row.pk)],
        started_at=row.started_at,
        ended_at=row.finished_at,
        restarts=row.restart_count,
        is_right=_is_right(row, hashes.get(service, ""), images.get(service, "")),
    )


def _is_right(row: Container, config_hash: str, image: str) -> bool:
    has_hash = not config_hash or row.labels.get(labels.CONFIG_HASH) == config_hash
    return has_hash and (not image or row.image_engine_id in ("", image))
