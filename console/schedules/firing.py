"""What the clock does: takes the times that have come, and asks for the work in the owners' names.

Safe to be killed at any point and to run several times at once. A time is taken by a row that can be there once; the
job is known by that row's key, which can be there once too. A row that stays pending, since who took it died, is gone
through again: should the job be there already, it is found.
"""

from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from console.jobs.models import Job
from console.jobs.operations import asking_for
from console.operations.actor import Actor
from console.operations.errors import Conflict, ConsoleError, Denied, Missing
from console.operations.runner import observation, publish_on_commit
from console.schedules.kinds import SCHEDULABLE
from console.schedules.models import Firing, Schedule
from console.schedules.observations import settle
from console.schedules.operations import pause_schedule
from console.schedules.queries import is_busy

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 100
# a time that is looked at later than this was missed
ON_TIME = timedelta(seconds=90)
# whoever took a time has died, when nothing came of it for so long
PATIENCE = timedelta(seconds=30)
MOST_TRIES = 5
MOST_COUNTED = 1000
KEPT_FIRINGS = 200
SYSTEM = Actor.system("schedules")


def fire_due(now: datetime | None = None) -> int:
    """Every few seconds. Returns how many times were taken."""
    now = now or timezone.now()
    due = Schedule.objects.filter(state=Schedule.State.ACTIVE, next_at__lte=now).order_by("next_at", "pk")
    taken = [_take(schedule_pk, now) for schedule_pk in due.values_list("pk", flat=True)[:MOST_AT_ONCE]]
    for firing in taken:
        if firing is not None and firing.state == Firing.State.PENDING:
            carry_out(firing)
    left = Firing.objects.filter(state=Firing.State.PENDING, taken_at__lt=now - PATIENCE)
    for firing in left.order_by("pk")[:MOST_AT_ONCE]:
        if _take_over(firing, now):
            carry_out(firing)
    return sum(firing is not None for firing in taken)


def carry_out(firing: Firing) -> None:
    """Ask for the work of a pending firing that is ours."""
    schedule = Schedule.objects.select_related("host", "workspace", "owner").get(pk=firing.schedule_id)
    found = Job.objects.filter(asked_by=firing.key).first()
    if found is not None:
        settle(firing, state=Firing.State.STARTED, job=found)
        return
    if firing.by_name:
        # asked for by hand, in the name of somebody who is not there any more to be asked
        settle(firing, state=Firing.State.REFUSED, reason=_("It was broken off before it was asked for."))
        return
    actor, what = Actor.of_user(schedule.owner), SCHEDULABLE.get(schedule.kind)
    owner = schedule.owner
    if what is None or owner is None or not owner.is_active or not what.may_ask(actor, schedule):
        _pause(firing, why=_("%(name)s may not do this any more.") % {"name": schedule.owner_name})
        return
    try:
        with asking_for(firing.key, because=schedule.name):
            job = what.ask_for(actor, schedule)
    except Denied as error:
        _pause(firing, why=str(error))
    except ConsoleError as error:
        settle(firing, state=Firing.State.REFUSED, reason=str(error))
    except IntegrityError:
        # somebody else took this time over, and was faster
        log.info("already asked for", firing=firing.pk)
    else:
        settle(firing, state=Firing.State.STARTED, job=job)


def tidy() -> None:
    """Every hour: of each schedule the newest firings stay."""
    for schedule_pk in Schedule.objects.values_list("pk", flat=True):
        firings = Firing.objects.filter(schedule_id=schedule_pk).order_by("-due_at")
        oldest = firings.values_list("due_at", flat=True)[KEPT_FIRINGS - 1 : KEPT_FIRINGS].first()
        if oldest is not None:
            with observation(SYSTEM):
                old = Firing.objects.filter(schedule_id=schedule_pk, due_at__lt=oldest)
                old.exclude(state=Firing.State.PENDING).delete()


def _take(schedule_pk: int, now: datetime) -> Firing | None:
    """The newest of the times that have come, as a firing; None when somebody else was faster."""
    with observation(SYSTEM):
        schedules = Schedule.objects.select_for_update().filter(state=Schedule.State.ACTIVE, next_at__lte=now)
        schedule = schedules.filter(pk=schedule_pk).first()
        if schedule is None or schedule.next_at is None:
            return None
        newest = max(schedule.times.latest(now), schedule.next_at)
        came = schedule.times.count(schedule.next_at, newest, most=MOST_COUNTED)
        firing = Firing(schedule=schedule, due_at=newest, missed=max(0, came - 1), taken_at=now, tries=1)
        if now - newest > ON_TIME and schedule.missed == Schedule.Missed.SKIP:
            firing.state, firing.missed = Firing.State.MISSED, came
        elif not schedule.may_overlap and is_busy(schedule):
            firing.state, firing.reason = Firing.State.SKIPPED, _("An earlier job of it was still at work.")
        firing.save()
        schedule.next_at = schedule.times.after(now)[0]
        schedule.save(update_fields=["next_at"])
        publish_on_commit("rows.schedules")
    return firing


def _take_over(firing: Firing, now: datetime) -> bool:
    """One winner. False also for one that has been tried too often: something about it is broken."""
    with observation(SYSTEM):
        mine = Firing.objects.filter(pk=firing.pk, state=Firing.State.PENDING, taken_at=firing.taken_at)
        if not mine.update(taken_at=now, tries=F("tries") + 1):
            return False
    if firing.tries < MOST_TRIES:
        return True
    settle(firing, state=Firing.State.REFUSED, reason=_("It could not be asked for; the log says why."))
    return False


def _pause(firing: Firing, *, why: str) -> None:
    """Nobody's rights are used any longer than they are held. On record, and shown where schedules are."""
    settle(firing, state=Firing.State.REFUSED, reason=why)
    try:
        pause_schedule(SYSTEM, firing.schedule_id, trouble=why)
    except (Conflict, Missing):
        log.info("paused or deleted meanwhile", schedule=firing.schedule_id)
