"""Adding, cancelling and repeating jobs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from console.hosts.models import Host
from console.jobs import sending
from console.jobs.blobs import require_kept
from console.jobs.kinds import get_kind
from console.jobs.models import Job, JobRules
from console.jobs.queries import find_active_job, get_job
from console.jobs.queueing import held_rules, require_place_in_queue
from console.operations.actor import Actor
from console.operations.errors import Conflict
from console.operations.happenings import EventKind, Happening, happened
from console.operations.permissions import Permission
from console.operations.policy import NOWHERE, Place, Target
from console.operations.runner import Operation, operation, publish_on_commit
from console.secrets.queries import require_may_use
from console.workspaces.models import Workspace
from console.workspaces.queries import get_workspace


@dataclass(frozen=True, slots=True)
class _Asker:
    key: str
    because: str


_asker: ContextVar[_Asker | None] = ContextVar("asker", default=None)


@contextmanager
def asking_for(key: str, *, because: str) -> Iterator[None]:
    """The operation in the block is asked for by something that may ask twice: at most one job is added for ``key``.

    The second is a Conflict, or an IntegrityError when both ask at the same moment. The audit row says ``because``.
    """
    token = _asker.set(_Asker(key, because))
    try:
        yield
    finally:
        _asker.reset(token)


def add_job(
    op: Operation,
    kind: str,
    *,
    host: Host,
    workspace: Workspace | None,
    args: dict[str, Any],
    on: Target | None = None,
    on_name: str = "",
    blobs: Sequence[str] = (),
    retry_of: Job | None = None,
) -> Job:
    """Write the job inside ``op``; after commit the dispatcher is woken. The audit row names the job.

    ``workspace`` is whose work it is; ``on`` is the row the job is about, ``on_name`` alone names what does not exist
    yet (the image to be built). Conflict when too many of the workspace's jobs wait.
    ``args`` is all the handler gets, so it holds nothing that needs the database to be understood, and no secret but as
    ``secret:NAME``; ``args["secrets"]`` names those, and the handler gets the values by ``run.resolved``.
    """
    asker = _asker.get()
    if asker is not None:
        op.details["schedule"] = asker.because
        if Job.objects.filter(asked_by=asker.key).exists():
            raise Conflict(_("That has been asked for already."))
    if workspace is not None:
        require_place_in_queue(workspace)
    job = Job.objects.create(
        kind=kind,
        host=host,
        workspace=workspace,
        labels=dict(on.place.labels) if on else {},
        args=args,
        blobs=list(blobs),
        actor_id=op.actor.user_pk,
        actor_name=op.actor.name,
        on_kind=on.target_kind if on else "",
        on_id=on.target_id if on else "",
        on_name=(on.target_name if on else on_name)[:255],
        max_attempts=get_kind(kind).max_attempts,
        retry_of=retry_of,
        asked_by=asker.key if asker is not None else None,
    )
    op.details["job"] = job.pk
    if not op.target_kind:
        op.target(job)
        op.target_name = (on_name or str(job))[:255]
    wake(job)
    return job


def wake(job: Job) -> None:
    """Tell dispatcher and browsers on commit. Losing the message is harmless: the sweeper sends it again."""
    transaction.on_commit(lambda: sending.ring_dispatch(job.pk))
    announce(job)


def wake_those_behind(job: Job) -> None:
    """A job has ended: what waited for its room, on the host or in the workspace, may go."""
    queued = Job.objects.filter(state=Job.State.QUEUED).order_by("pk").values_list("pk", flat=True)
    behind = {queued.filter(host_id=job.host_id).first()}
    if job.workspace_id is not None:
        behind.add(queued.filter(workspace_id=job.workspace_id).first())
    for number in sorted(number for number in behind if number is not None):
        transaction.on_commit(partial(sending.ring_dispatch, number))


def announce(job: Job) -> None:
    """It has come to this state just now."""
    if job.state == Job.State.FAILED:
        happened(failure_of(job))
    _show_anew(job)


def _show_anew(job: Job) -> None:
    publish_on_commit("rows.jobs", {"number": job.pk, "state": job.state})
    publish_on_commit(f"job.{job.pk}", {"state": job.state})


def failure_of(job: Job) -> Happening:
    """About what the job was about, so that one thing that fails again and again is told of once."""
    thing = f"{job.on_kind}:{job.on_id}" if job.on_id else f"{job.workspace_id}:{job.host_id}:{job.on_name}"
    words = {"number": job.pk, "kind": job.kind, "on": job.on_name, "host": job.host.name, "reason": job.error}
    link = f"/jobs/{job.pk}/"
    about = f"{job.kind}:{thing}"
    name = job.on_name or job.kind
    return Happening(EventKind.JOB_FAILED, about, name, job.place, words, link, user_pk=job.actor_id)


def require_idle(target: Target) -> None:
    """Conflict while another job is at work on ``target``."""
    _require_idle(target.target_kind, target.target_id, name=target.target_name)


def _require_idle(on_kind: str, on_id: str, *, name: str) -> None:
    job = find_active_job(on_kind, on_id)
    if job is not None:
        raise Conflict(
            _("Job #%(number)d (%(kind)s) is still at work on %(target)s. Wait for it or cancel it.")
            % {"number": job.pk, "kind": job.kind, "target": name}
        )


def cancel_job(actor: Actor, number: int) -> Job:
    """A queued job is cancelled at once; a running one is told to stop. Conflict when it has ended already.

    Needs job.cancel, or job.cancel-own for one's own.
    """
    job = get_job(actor, number)
    with operation(actor, Permission.JOB_CANCEL, on=job):
        job = job.locked()
        if job.is_final:
            raise Conflict(_("Job #%(number)d has ended already: %(state)s.") % _words(job))
        now = timezone.now()
        job.cancel_requested_at = job.cancel_requested_at or now
        if job.state == Job.State.QUEUED:
            job.finish(Job.State.CANCELLED, at=now, error=_("Cancelled before it began."))
        else:
            transaction.on_commit(lambda: sending.ask_to_cancel(job.pk))
        job.save()
        announce(job)
    return job


def retry_job(actor: Actor, number: int) -> Job:
    """The same work as a new job. Needs the permission that the work itself needs. Conflict unless it has failed or was
    cancelled, and for kinds that are not to be repeated as they were; Invalid when its input is not kept any more.

    What a workspace may ask of hosts is judged anew: the rules may have changed since.
    """
    job = get_job(actor, number)
    with operation(actor, get_kind(job.kind).permission, on=job, retry_of=job.pk) as op:
        job = job.locked()
        if job.state not in (Job.State.FAILED, Job.State.CANCELLED):
            raise Conflict(_("Job #%(number)d is %(state)s: only failed or cancelled work is repeated.") % _words(job))
        if not get_kind(job.kind).repeatable:
            raise Conflict(_("Work of this kind is not repeated as it was. Ask for it anew."))
        if job.on_id:
            _require_idle(job.on_kind, job.on_id, name=job.on_name)
        for sha256 in job.blobs:
            require_kept(sha256)
        judge_again(job)
        if job.args.get("secrets") and job.workspace is not None:
            require_may_use(actor, job.workspace)
        facts: dict[str, Any] = {"workspace": job.workspace, "args": job.args, "blobs": job.blobs}
        new = add_job(op, job.kind, host=job.host, on_name=job.on_name, retry_of=job, **facts)
        new.on_kind, new.on_id, new.labels = job.on_kind, job.on_id, job.labels
        new.save(update_fields=["on_kind", "on_id", "labels"])
    return new


def pin_job(actor: Actor, number: int) -> Job:
    """Have it stay for good, with its output. Needs job.pin."""
    return _pin(actor, number, at=timezone.now())


def unpin_job(actor: Actor, number: int) -> Job:
    """It stays as long as others of its workspace. Needs job.pin."""
    return _pin(actor, number, at=None)


def _pin(actor: Actor, number: int, *, at: datetime | None) -> Job:
    job = get_job(actor, number)
    with operation(actor, Permission.JOB_PIN, on=job, pinned=at is not None):
        job = job.locked()
        job.pinned_at, job.pinned_by_name = at, actor.name if at is not None else ""
        job.save(update_fields=["pinned_at", "pinned_by_name"])
        _show_anew(job)
    return job


def change_job_rules(actor: Actor, slug: str, **limits: int) -> JobRules:
    """How many jobs of the workspace run and wait, and how long they stay: those of JobRules.CHOSEN. What waits or runs
    already stays where it is. Needs policy.manage.
    """
    workspace = get_workspace(actor, slug)
    with operation(actor, Permission.POLICY_MANAGE, on=workspace) as op:
        rules = held_rules(workspace.pk)
        op.details["changed"] = {name: limits[name] for name in limits if limits[name] != getattr(rules, name)}
        for name in JobRules.CHOSEN:
            setattr(rules, name, limits[name])
        rules.save(update_fields=JobRules.CHOSEN)
        publish_on_commit("rows.jobs")
    return rules


Judge = Callable[[Job], None]
_judges: dict[str, Judge] = {}


def judges_again(kind: str) -> Callable[[Judge], Judge]:
    """Register what raises Denied if a job of this kind could not be asked for today. Called inside an operation."""

    def register(judge: Judge) -> Judge:
        _judges[kind] = judge
        return judge

    return register


def judge_again(job: Job) -> None:
    if judge := _judges.get(job.kind):
        judge(job)


def _words(job: Job) -> dict[str, Any]:
    return {"number": job.pk, "state": job.get_state_display()}


def remove_ended(workspace: Workspace | None, numbers: Sequence[int]) -> list[int]:
    """What need not stay: the rows of those that are still not pinned, whose numbers it returns. The system's own."""
    place = Place(workspace_pk=workspace.pk) if workspace is not None else NOWHERE
    with operation(Actor.system("retention"), Permission.JOB_REMOVE, at=place) as op:
        # held, and asked again: one may have been pinned meanwhile
        jobs = Job.objects.filter(pk__in=numbers, pinned_at=None).order_by("pk")
        going = list(jobs.select_for_update().values_list("pk", flat=True))
        Job.objects.filter(pk__in=going).delete()
        op.details |= {"removed": len(going), "workspace": workspace.slug if workspace is not None else None}
        op.details |= {"first": going[0], "last": going[-1]} if going else {}
        publish_on_commit("rows.jobs")
    return going
