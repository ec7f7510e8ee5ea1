"""What the clock does with a time that has come, who it asks as, and what happens when it is killed in between."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from pytest_django import DjangoCaptureOnCommitCallbacks

from console.access.models import Grant
from console.accounts.models import User
from console.audit.models import AuditEntry
from console.jobs.models import Job
from console.jobs.operations import asking_for
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.schedules import firing as clock
from console.schedules.firing import fire_due, tidy
from console.schedules.models import Firing, Schedule
from tests.console.schedules.conftest import DUE, JUST_AFTER, make_schedule
from tests.factories.console import make_container, make_grant, make_job, make_workspace
from tests.fakes.broker import Broker

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("broker")]
HOUR = timedelta(hours=1)


def now(schedule: Schedule) -> Schedule:
    return Schedule.objects.get(pk=schedule.pk)


def states(schedule: Schedule) -> list[str]:
    return list(schedule.firings.order_by("due_at").values_list("state", flat=True))


def kill(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The scheduler dies where it would call this."""

    def die(*_given: object, **_named: object) -> None:
        raise SystemExit(9)

    monkeypatch.setattr(clock, name, die)


def test_a_time_that_comes_is_a_job_of_the_owner(
    owner: User, broker: Broker, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    schedule = make_schedule(owner)
    with django_capture_on_commit_callbacks(execute=True):
        assert fire_due(JUST_AFTER) == 1
    job = Job.objects.get()
    assert (job.kind, job.args["tag"], job.actor, job.actor_name) == ("image.build", "a:1", owner, "kim")
    assert job.firing.due_at == DUE
    assert now(schedule).next_at == DUE + HOUR
    assert AuditEntry.objects.get(action="image.build").details["schedule"] == "Hourly"
    assert broker.of("jobs.dispatch")


def test_a_time_that_has_not_come_is_none(owner: User) -> None:
    make_schedule(owner)
    assert fire_due(DUE - timedelta(seconds=1)) == 0
    assert not Job.objects.exists()


def test_a_time_comes_once_however_often_the_bell_rings(owner: User) -> None:
    make_schedule(owner)
    for _ in range(5):
        fire_due(JUST_AFTER)
    assert Job.objects.count() == Firing.objects.count() == 1


def test_of_two_schedulers_one_takes_the_time(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    make_schedule(owner)
    take, meanwhile = clock._take, []

    def late(schedule_pk: int, moment: Any) -> Firing | None:
        # both have seen that it is due, before either has taken it
        monkeypatch.setattr(clock, "_take", take)
        meanwhile.append(fire_due(moment))
        return take(schedule_pk, moment)

    monkeypatch.setattr(clock, "_take", late)
    assert (fire_due(JUST_AFTER), meanwhile) == (0, [1])
    assert Job.objects.count() == 1


def test_the_database_itself_refuses_a_time_twice(owner: User) -> None:
    schedule = make_schedule(owner)
    with writes_allowed("test"):
        Firing.objects.create(schedule=schedule, due_at=DUE)
        with pytest.raises(IntegrityError):
            Firing.objects.create(schedule=schedule, due_at=DUE)


@pytest.mark.parametrize("place", ["carry_out", "asking_for", "settle"])
def test_a_scheduler_killed_in_between_loses_no_time_and_makes_none_twice(owner: User, place: str) -> None:
    schedule = make_schedule(owner)
    with pytest.MonkeyPatch.context() as patch:
        kill(patch, place)
        with pytest.raises(SystemExit):
            fire_due(JUST_AFTER)
    # too early to know that it has died
    fire_due(JUST_AFTER + timedelta(seconds=1))
    assert states(schedule) == ["pending"]
    for seconds in (60, 120):
        fire_due(JUST_AFTER + timedelta(seconds=seconds))
    assert states(schedule) == ["started"]
    assert Job.objects.count() == 1


def test_who_takes_over_from_one_who_is_only_slow_makes_no_second_job(owner: User) -> None:
    make_schedule(owner)
    with pytest.MonkeyPatch.context() as patch:
        kill(patch, "carry_out")
        with pytest.raises(SystemExit):
            fire_due(JUST_AFTER)
    firing = Firing.objects.get()
    clock.carry_out(firing)
    clock.carry_out(firing)
    assert Job.objects.count() == 1


def test_a_job_is_asked_for_once_by_the_same_key(owner: User) -> None:
    make_job(asked_by="firing:1")
    with pytest.raises(IntegrityError):
        make_job(asked_by="firing:1")


def test_what_cannot_be_carried_out_is_given_up_in_the_end(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = make_schedule(owner)
    kill(monkeypatch, "asking_for")
    for minute in range(clock.MOST_TRIES):
        with pytest.raises(SystemExit):
            fire_due(JUST_AFTER + timedelta(minutes=minute))
    fire_due(JUST_AFTER + timedelta(minutes=clock.MOST_TRIES))
    assert states(schedule) == ["refused"]


# --- never two at once ---


def test_a_time_is_left_out_while_an_earlier_job_is_at_work(owner: User) -> None:
    schedule = make_schedule(owner)
    fire_due(JUST_AFTER)
    fire_due(JUST_AFTER + HOUR)
    assert states(schedule) == ["started", "skipped"]
    with writes_allowed("test"):
        Job.objects.update(state="succeeded")
    fire_due(JUST_AFTER + 2 * HOUR)
    assert states(schedule) == ["started", "skipped", "started"]


def test_unless_they_may_overlap(owner: User) -> None:
    schedule = make_schedule(owner, may_overlap=True)
    fire_due(JUST_AFTER)
    fire_due(JUST_AFTER + HOUR)
    assert states(schedule) == ["started", "started"]


# --- missed times ---


def test_missed_times_are_left_out(owner: User) -> None:
    schedule = make_schedule(owner, missed="skip")
    fire_due(DUE + 5 * HOUR + timedelta(minutes=20))
    firing = schedule.firings.get()
    assert (firing.state, firing.missed, firing.due_at) == ("missed", 6, DUE + 5 * HOUR)
    assert not Job.objects.exists()
    assert now(schedule).next_at == DUE + 6 * HOUR


def test_or_made_up_for_once(owner: User) -> None:
    schedule = make_schedule(owner, missed="once")
    fire_due(DUE + 5 * HOUR + timedelta(minutes=20))
    firing = schedule.firings.get()
    assert (firing.state, firing.missed) == ("started", 5)
    assert Job.objects.count() == 1


def test_a_time_that_is_met_is_kept_whatever_was_missed_before(owner: User) -> None:
    schedule = make_schedule(owner, missed="skip")
    fire_due(JUST_AFTER + 5 * HOUR)
    firing = schedule.firings.get()
    assert (firing.state, firing.missed, firing.due_at) == ("started", 5, DUE + 5 * HOUR)


# --- the owner's rights ---


def lose_grants(user: User) -> None:
    with writes_allowed("test"):
        Grant.objects.filter(user=user).delete()


def disable(user: User) -> None:
    with writes_allowed("test"):
        User.objects.filter(pk=user.pk).update(is_active=False)


def remove(user: User) -> None:
    with writes_allowed("test"):
        User.objects.filter(pk=user.pk).delete()


def become_viewer(user: User) -> None:
    lose_grants(user)
    make_grant(user, Role.VIEWER)


@pytest.mark.parametrize("harm", [lose_grants, disable, remove, become_viewer])
@pytest.mark.parametrize("kind", ["image.build", "container.stop"])
def test_a_schedule_whose_owner_lost_the_right_is_paused_on_record(owner: User, harm: Any, kind: str) -> None:
    make_container("web-1")
    schedule = make_schedule(owner, kind=kind, **({"inputs": {"name": "web-1"}} if kind == "container.stop" else {}))
    harm(owner)
    fire_due(JUST_AFTER)
    assert not Job.objects.exists()
    found = now(schedule)
    assert (found.state, found.next_at) == ("paused", None)
    assert "kim" in found.trouble
    assert states(schedule) == ["refused"]
    row = AuditEntry.objects.get(action="schedule.manage")
    assert (row.outcome, row.actor_name, row.details["paused"]) == ("allowed", "schedules", True)
    assert fire_due(JUST_AFTER + HOUR) == 0


def test_a_schedule_that_its_workspace_may_not_have_any_more_is_paused(owner: User) -> None:
    schedule = make_schedule(owner, workspace=make_workspace("shop", hosts=["elsewhere"]))
    fire_due(JUST_AFTER)
    assert now(schedule).state == "paused"
    assert not Job.objects.exists()


def test_what_cannot_be_done_just_now_is_told_and_tried_at_the_next_time(owner: User) -> None:
    schedule = make_schedule(owner, kind="container.stop", inputs={"name": "web-1"})
    fire_due(JUST_AFTER)
    assert states(schedule) == ["refused"]
    assert "web-1" in schedule.firings.get().reason
    assert now(schedule).state == "active"
    make_container("web-1")
    fire_due(JUST_AFTER + HOUR)
    assert Job.objects.get().kind == "container.stop"


def test_a_name_that_is_another_workspaces_by_now_is_left_alone(owner: User) -> None:
    schedule = make_schedule(owner, kind="container.stop", inputs={"name": "web-1"})
    make_container("web-1", workspace=make_workspace("shop"))
    make_grant(owner, Role.ADMIN)
    fire_due(JUST_AFTER)
    assert states(schedule) == ["refused"]
    assert not Job.objects.exists()


def test_a_paused_schedule_does_nothing(owner: User) -> None:
    make_schedule(owner, state="paused")
    assert fire_due(JUST_AFTER) == 0


def test_only_the_newest_firings_stay(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "KEPT_FIRINGS", 3)
    schedule = make_schedule(owner)
    with writes_allowed("test"):
        for hour in range(6):
            Firing.objects.create(schedule=schedule, due_at=DUE + hour * HOUR, state="started")
        Firing.objects.create(schedule=schedule, due_at=DUE - HOUR, state="pending")
    tidy()
    left = schedule.firings.order_by("due_at").values_list("due_at", flat=True)
    assert list(left) == [DUE - HOUR, *(DUE + hour * HOUR for hour in (3, 4, 5))]


def test_asking_for_ends_with_its_block(owner: User) -> None:
    with asking_for("firing:1", because="test"):
        pass
    assert make_job().asked_by is None
