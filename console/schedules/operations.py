"""Making, changing, pausing and deleting schedules, and having one run now.

A schedule runs in the name of its owner: whoever saved it last, or let it go on after a pause. So each of these takes
the permission that the work itself takes, besides schedule.manage.
"""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from console.hosts.queries import get_host
from console.jobs.models import Job
from console.jobs.operations import asking_for
from console.operations.actor import Actor
from console.operations.errors import Conflict, ConsoleError, Invalid
from console.operations.permissions import Permission
from console.operations.runner import operation, publish_on_commit
from console.schedules.asking import denied, require_may_ask
from console.schedules.kinds import get_schedulable
from console.schedules.models import Firing, Schedule
from console.schedules.observations import settle
from console.schedules.queries import get_schedule, is_busy
from console.schedules.times import Times
from console.workspaces.placing import place_for_new

MOST_IN_A_WORKSPACE = 200


def create_schedule(
    actor: Actor,
    *,
    name: str,
    kind: str,
    host_name: str,
    inputs: dict[str, Any],
    cron: str,
    time_zone: str,
    missed: str = Schedule.Missed.SKIP,
    may_overlap: bool = False,
) -> Schedule:
    """Needs schedule.manage and what the work takes, where the work belongs.

    Invalid names ``name``, ``kind``, ``cron``, ``time_zone``, ``missed`` or one of the inputs.
    """
    what = get_schedulable(kind)
    host = get_host(actor, host_name)
    workspace = what.owner_of(actor, host, inputs)
    place = place_for_new(workspace, host)
    inputs = {name: value for name, value in inputs.items() if name != "workspace"}
    with operation(actor, Permission.SCHEDULE_MANAGE, at=place, name=name[:80], kind=kind, cron=cron[:120]) as op:
        if workspace is None:
            raise denied(what)
        schedule = Schedule(kind=kind, host=host, workspace=workspace)
        if Schedule.objects.filter(workspace=workspace).count() >= MOST_IN_A_WORKSPACE:
            raise Conflict(_("A workspace has %(most)d schedules at most.") % {"most": MOST_IN_A_WORKSPACE})
        _fill(schedule, name=name, inputs=inputs, cron=cron, time_zone=time_zone, missed=missed)
        schedule.may_overlap = may_overlap
        require_may_ask(actor, schedule)
        _own(schedule, owner_pk=actor.user_pk, owner_name=actor.name)
        schedule.save()
        op.target(schedule)
        publish_on_commit("rows.schedules")
    return schedule


def change_schedule(actor: Actor, schedule_id: int, **wanted: Any) -> Schedule:
    """``wanted``: name, inputs, cron, time_zone, missed, may_overlap, all of them. It becomes the actor's, and active
    unless it was paused by somebody. Needs schedule.manage and what the work takes.
    """
    schedule = get_schedule(actor, schedule_id)
    what = get_schedulable(schedule.kind)
    named: dict[str, Any] = {"name": str(wanted["name"])[:80], "cron": str(wanted["cron"])[:120]}
    with operation(actor, Permission.SCHEDULE_MANAGE, on=schedule, changed=True, **named):
        schedule = schedule.locked()
        was_paused = schedule.state == Schedule.State.PAUSED and not schedule.trouble
        if what.is_about and what.owner_of(actor, schedule.host, wanted["inputs"]) != schedule.workspace:
            raise Invalid(_("That container belongs to another workspace."), field="name")
        schedule.may_overlap = bool(wanted.pop("may_overlap"))
        _fill(schedule, **wanted)
        require_may_ask(actor, schedule)
        _own(schedule, owner_pk=actor.user_pk, owner_name=actor.name)
        if was_paused:
            schedule.state, schedule.next_at = Schedule.State.PAUSED, None
        schedule.save()
        publish_on_commit("rows.schedules")
    return schedule


def pause_schedule(actor: Actor, schedule_id: int, *, trouble: str = "") -> Schedule:
    """``trouble``: what is wrong, where it is the system that pauses it. Needs schedule.manage."""
    schedule = get_schedule(actor, schedule_id)
    with operation(actor, Permission.SCHEDULE_MANAGE, on=schedule, paused=True, trouble=trouble or None):
        schedule = schedule.locked()
        if not schedule.is_active:
            raise Conflict(_("It is paused already."))
        schedule.state, schedule.next_at, schedule.trouble = Schedule.State.PAUSED, None, trouble
        schedule.save()
        publish_on_commit("rows.schedules")
    return schedule


def resume_schedule(actor: Actor, schedule_id: int) -> Schedule:
    """From its next time on, in the actor's name. Needs schedule.manage and what the work takes."""
    schedule = get_schedule(actor, schedule_id)
    with operation(actor, Permission.SCHEDULE_MANAGE, on=schedule, paused=False):
        schedule = schedule.locked()
        if schedule.is_active:
            raise Conflict(_("It is not paused."))
        require_may_ask(actor, schedule)
        _own(schedule, owner_pk=actor.user_pk, owner_name=actor.name)
        schedule.save()
        publish_on_commit("rows.schedules")
    return schedule


def delete_schedule(actor: Actor, schedule_id: int) -> None:
    """Its jobs stay. Needs schedule.manage."""
    schedule = get_schedule(actor, schedule_id)
    with operation(actor, Permission.SCHEDULE_MANAGE, on=schedule, deleted=True):
        schedule.delete()
        publish_on_commit("rows.schedules")


def run_now(actor: Actor, schedule_id: int) -> Job:
    """Besides its times, in the actor's own name and with the actor's rights. Needs schedule.manage and what the work
    takes. Conflict while an earlier job is at work, unless they may overlap.
    """
    schedule = get_schedule(actor, schedule_id)
    what = get_schedulable(schedule.kind)
    with operation(actor, Permission.SCHEDULE_MANAGE, on=schedule, run=True):
        schedule = schedule.locked()
        require_may_ask(actor, schedule)
        if not schedule.may_overlap and is_busy(schedule):
            raise Conflict(_("An earlier job of this schedule is still at work."))
        firing = Firing.objects.create(schedule=schedule, due_at=timezone.now(), by_name=actor.name)
        publish_on_commit("rows.schedules")
    try:
        with asking_for(firing.key, because=schedule.name):
            job = what.ask_for(actor, schedule)
    except ConsoleError as error:
        settle(firing, state=Firing.State.REFUSED, reason=str(error))
        raise
    settle(firing, state=Firing.State.STARTED, job=job)
    return job


def _fill(schedule: Schedule, *, name: str, inputs: dict[str, Any], cron: str, time_zone: str, missed: str) -> None:
    if not name.strip():
        raise Invalid(_("It needs a name."), field="name")
    if missed not in Schedule.Missed:
        raise Invalid(_("Times that were missed are left out or made up for once."), field="missed")
    get_schedulable(schedule.kind).check(inputs)
    times = Times.parse(cron, time_zone)
    schedule.name, schedule.inputs, schedule.missed = name.strip()[:80], inputs, missed
    schedule.cron, schedule.time_zone = times.expression, times.zone


def _own(schedule: Schedule, *, owner_pk: int | None, owner_name: str) -> None:
    """From now on it runs in that name."""
    schedule.owner_id, schedule.owner_name = owner_pk, owner_name
    schedule.state, schedule.trouble = Schedule.State.ACTIVE, ""
    schedule.next_at = schedule.times.after(timezone.now())[0]
