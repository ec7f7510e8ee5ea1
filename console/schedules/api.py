from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Path, Query, Router

from console.jobs.api import job_accepted
from console.jobs.schemas import JobShown
from console.operations.actor import Actor
from console.operations.errors import Invalid
from console.operations.permissions import Permission
from console.operations.policy import may
from console.rest.answers import accepted
from console.rest.door import actor_of
from console.rest.schemas import Listing, Number, Paging, listing
from console.schedules import operations
from console.schedules.models import Schedule
from console.schedules.queries import firings_of, visible_schedules
from console.schedules.queries import get_schedule as find_schedule
from console.schedules.schemas import (
    ExpressionQuery,
    FiringShown,
    NewSchedule,
    ScheduleGiven,
    ScheduleQuery,
    ScheduleShown,
    TimesQuery,
    TimesShown,
)
from console.schedules.times import Times
from console.web.permits import require_held

router = Router()
ONE = "schedules/{schedule_id}"


@router.get("schedules", response=Listing[ScheduleShown])
def list_schedules(request: HttpRequest, wanted: Query[ScheduleQuery]) -> Listing[ScheduleShown]:
    """By name."""
    actor = _viewer(request)
    rows = visible_schedules(actor, workspace=wanted.workspace)
    return listing(rows, wanted, by="name", show=lambda schedule: _shown(actor, schedule))


@router.post("schedules", response={201: ScheduleShown})
def create_schedule(request: HttpRequest, response: HttpResponse, given: NewSchedule) -> ScheduleShown:
    """It runs in your name, with what you may do at that moment."""
    actor = actor_of(request)
    inputs = {**given.inputs, **({"workspace": given.workspace} if given.workspace else {})}
    made = operations.create_schedule(actor, kind=given.work.kind, host_name=given.host, inputs=inputs, **given.times)
    accepted(response, reverse("api:get_schedule", args=[made.pk]))
    return _shown(actor, made)


@router.get("schedules/times", response=TimesShown)
def read_times(request: HttpRequest, wanted: Query[ExpressionQuery]) -> TimesShown:
    """When an expression comes next."""
    _viewer(request)
    return _next(Times.parse(wanted.cron, wanted.time_zone), wanted.count)


@router.get(ONE, response=ScheduleShown)
def get_schedule(request: HttpRequest, schedule_id: Path[Number]) -> ScheduleShown:
    actor = _viewer(request)
    return _shown(actor, find_schedule(actor, schedule_id))


@router.put(ONE, response=ScheduleShown)
def change_schedule(request: HttpRequest, schedule_id: Path[Number], given: ScheduleGiven) -> ScheduleShown:
    """It runs in your name from then on."""
    actor = actor_of(request)
    if given.work.kind != find_schedule(actor, schedule_id).kind:
        raise Invalid(_("The kind of its work stays as it is."), field="work.kind")
    changed = operations.change_schedule(actor, schedule_id, inputs=given.inputs, **given.times)
    return _shown(actor, changed)


@router.delete(ONE, response={204: None})
def delete_schedule(request: HttpRequest, schedule_id: Path[Number]) -> None:
    """Its jobs stay."""
    operations.delete_schedule(actor_of(request), schedule_id)


@router.post(f"{ONE}/pause", response=ScheduleShown)
def pause_schedule(request: HttpRequest, schedule_id: Path[Number]) -> ScheduleShown:
    actor = actor_of(request)
    return _shown(actor, operations.pause_schedule(actor, schedule_id))


@router.post(f"{ONE}/resume", response=ScheduleShown)
def resume_schedule(request: HttpRequest, schedule_id: Path[Number]) -> ScheduleShown:
    """From its next time on, in your name."""
    actor = actor_of(request)
    return _shown(actor, operations.resume_schedule(actor, schedule_id))


@router.post(f"{ONE}/run", response={202: JobShown})
def run_schedule_now(request: HttpRequest, response: HttpResponse, schedule_id: Path[Number]) -> JobShown:
    """Besides its times, in your name."""
    return job_accepted(response, operations.run_now(actor_of(request), schedule_id))


@router.get(f"{ONE}/times", response=TimesShown)
def get_schedule_times(request: HttpRequest, schedule_id: Path[Number], wanted: Query[TimesQuery]) -> TimesShown:
    """When it comes next; never, while it is paused."""
    found = find_schedule(_viewer(request), schedule_id)
    return _next(found.times, wanted.count) if found.is_active else TimesShown(times=[])


@router.get(f"{ONE}/firings", response=Listing[FiringShown])
def list_firings(request: HttpRequest, schedule_id: Path[Number], wanted: Query[Paging]) -> Listing[FiringShown]:
    """The times that have come, newest first, and what came of them."""
    found = find_schedule(_viewer(request), schedule_id)
    return listing(firings_of(found), wanted, by="-due_at", show=FiringShown.of)


def _viewer(request: HttpRequest) -> Actor:
    return require_held(actor_of(request), Permission.SCHEDULE_VIEW)


def _shown(actor: Actor, schedule: Schedule) -> ScheduleShown:
    return ScheduleShown.of(schedule, shows_env=may(actor, Permission.CONTAINER_SECRETS, on=schedule))


def _next(times: Times, count: int) -> TimesShown:
    return TimesShown(times=times.after(timezone.now(), count=count))
