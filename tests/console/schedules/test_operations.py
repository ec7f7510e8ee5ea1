"""Who may make, change and run schedules, and in whose name they run then."""

from typing import Any

import pytest
from django.urls import reverse

from console.accounts.models import User
from console.audit.models import AuditEntry
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Missing
from console.operations.permissions import Role
from console.schedules.models import Firing, Schedule
from console.schedules.operations import (
    change_schedule,
    create_schedule,
    delete_schedule,
    pause_schedule,
    resume_schedule,
    run_now,
)
from tests.console.pages.conftest import SignedIn, signed_in  # noqa: F401 - a fixture
from tests.console.schedules.conftest import make_schedule
from tests.factories.console import actor_of, make_container, make_host, make_job, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("broker")]
WANTED: dict[str, Any] = {"name": "Nightly", "cron": "30 2 * * *", "time_zone": "Asia/Seoul", "missed": "skip"}
BUILD: dict[str, Any] = {"tag": "a:1", "dockerfile": "FROM scratch\n"}


@pytest.fixture
def developer() -> Actor:
    return actor_of(make_user(Role.DEVELOPER))


@pytest.fixture
def operator() -> Actor:
    return actor_of(make_user(Role.OPERATOR))


def create(actor: Actor, kind: str = "image.build", **changes: Any) -> Schedule:
    given = {**WANTED, "inputs": BUILD, **changes}
    return create_schedule(actor, kind=kind, host_name=make_host().name, **given)


def change(actor: Actor, schedule: Schedule, **changes: Any) -> Schedule:
    return change_schedule(actor, schedule.pk, **{**WANTED, "inputs": BUILD, "may_overlap": False, **changes})


def test_a_schedule_is_its_makers(developer: Actor) -> None:
    schedule = create(developer)
    assert (schedule.owner_id, schedule.workspace.slug) == (developer.user_pk, "main")
    assert schedule.next_at is not None
    row = AuditEntry.objects.get(action="schedule.manage")
    assert (row.target_kind, row.target_name, row.details["cron"]) == ("schedule", "Nightly", "30 2 * * *")


def test_nobody_schedules_what_they_may_not_do(operator: Actor) -> None:
    with pytest.raises(Denied) as refused:
        create(operator)
    assert refused.value.permission == "image.build"
    make_container("web-1")
    assert create(operator, "container.stop", inputs={"name": "web-1"}).kind == "container.stop"


def test_a_viewer_schedules_nothing() -> None:
    with pytest.raises(Denied):
        create(actor_of(make_user(Role.VIEWER)))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "  "}, "name"),
        ({"cron": "every now and then"}, "cron"),
        ({"time_zone": "Atlantis"}, "time_zone"),
        ({"missed": "twice"}, "missed"),
        ({"inputs": {"tag": "Bad Tag", "dockerfile": "FROM scratch"}}, "tag"),
        ({"inputs": {"tag": "a:1", "dockerfile": " "}}, "dockerfile"),
        ({"kind": "image.remove"}, "kind"),
        ({"kind": "container.run", "inputs": {"image": "a:1", "ports": ["99999:1"]}}, "ports"),
        ({"kind": "container.run", "inputs": {"image": "a:1", "env": {"1": ""}}}, "env"),
    ],
)
def test_what_could_never_work_is_refused_by_name(developer: Actor, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        create(developer, **wrong)
    assert refused.value.field == field
    assert not Schedule.objects.exists()


def test_who_changes_a_schedule_becomes_its_owner_and_needs_the_right(developer: Actor, operator: Actor) -> None:
    schedule = create(actor_of(make_user(Role.ADMIN)))
    with pytest.raises(Denied):
        change(operator, schedule)
    assert change(developer, schedule, name="Mine").owner_id == developer.user_pk


def test_one_that_was_paused_stays_so_when_it_is_changed(developer: Actor) -> None:
    schedule = create(developer)
    pause_schedule(developer, schedule.pk)
    assert (change(developer, schedule).state, change(developer, schedule).next_at) == ("paused", None)


def test_one_that_paused_itself_goes_on_when_somebody_puts_it_right(developer: Actor) -> None:
    schedule = create(developer)
    pause_schedule(Actor.system(), schedule.pk, trouble="kim may not")
    assert (change(developer, schedule).state, change(developer, schedule).trouble) == ("active", "")


def test_who_lets_a_schedule_go_on_becomes_its_owner_and_needs_the_right(developer: Actor, operator: Actor) -> None:
    schedule = create(actor_of(make_user(Role.ADMIN)))
    pause_schedule(operator, schedule.pk)
    with pytest.raises(Conflict):
        pause_schedule(operator, schedule.pk)
    with pytest.raises(Denied):
        resume_schedule(operator, schedule.pk)
    resumed = resume_schedule(developer, schedule.pk)
    assert (resumed.state, resumed.owner_id) == ("active", developer.user_pk)
    assert resumed.next_at is not None


def test_run_now_is_in_the_name_of_whoever_presses_it(developer: Actor, operator: Actor) -> None:
    schedule = create(actor_of(make_user(Role.ADMIN)))
    with pytest.raises(Denied):
        run_now(operator, schedule.pk)
    job = run_now(developer, schedule.pk)
    assert (job.actor_id, job.firing.by_name) == (developer.user_pk, developer.name)
    assert Firing.objects.get().state == "started"
    with pytest.raises(Conflict, match="still at work"):
        run_now(developer, schedule.pk)
    assert Job.objects.count() == 1


def test_running_now_what_cannot_be_done_says_why_and_leaves_nothing_waiting(developer: Actor) -> None:
    make_container("web-1")
    schedule = create(developer, "container.start", inputs={"name": "web-1"})
    with pytest.raises(Conflict):
        run_now(developer, schedule.pk)
    assert Firing.objects.get().state == "refused"


def test_the_jobs_of_a_deleted_schedule_stay(developer: Actor) -> None:
    schedule = create(developer)
    job = run_now(developer, schedule.pk)
    delete_schedule(developer, schedule.pk)
    assert Job.objects.filter(pk=job.pk).exists()
    with pytest.raises(Missing):
        run_now(developer, schedule.pk)


# --- pages ---


def test_a_schedule_is_made_from_a_form(signed_in: SignedIn) -> None:  # noqa: F811
    make_host()
    form = {f"s-{name}": value for name, value in WANTED.items()}
    answer = signed_in(Role.DEVELOPER).post("/schedules/new/?kind=image.build", {**form, **BUILD, "host": "local"})
    schedule = Schedule.objects.get()
    assert answer["Location"] == reverse("schedules:schedule", args=[schedule.pk])
    assert schedule.inputs == {"tag": "a:1", "dockerfile": "FROM scratch\n"}


def test_a_containers_form_survives_being_saved_again(signed_in: SignedIn) -> None:  # noqa: F811
    make_host()
    client = signed_in(Role.DEVELOPER)
    form = {f"s-{name}": value for name, value in WANTED.items()}
    given = {
        "host": "local",
        "image": "a:1",
        "env": "A=1\nB=2",
        "ports": "127.0.0.1:8080:80",
        "command": "sh -c 'echo 1'",
    }
    client.post("/schedules/new/?kind=container.run", {**form, **given, "memory_bytes": "64m", "cpus": "0.5"})
    schedule = Schedule.objects.get()
    page = client.get(reverse("schedules:edit", args=[schedule.pk]))
    shown = {bound.name: bound.value() for bound in page.context["inputs"]}
    before = schedule.inputs
    answer = client.post(
        reverse("schedules:edit", args=[schedule.pk]),
        {**form, **{name: value for name, value in shown.items() if value is not None}},
    )
    assert answer.status_code == 302
    assert Schedule.objects.get().inputs == before


def test_the_error_of_a_field_stands_beside_it(signed_in: SignedIn) -> None:  # noqa: F811
    make_host()
    form = {f"s-{name}": value for name, value in WANTED.items()} | {"s-cron": "nonsense"}
    answer = signed_in(Role.DEVELOPER).post("/schedules/new/", {**form, **BUILD, "host": "local"})
    assert answer.status_code == 400
    assert "cron" in answer.context["form"].errors


def test_a_job_is_scheduled_with_its_inputs(signed_in: SignedIn) -> None:  # noqa: F811
    job = make_job("image.build", args={"tag": "shop/web:7", "dockerfile": "FROM scratch\n"})
    page = signed_in(Role.DEVELOPER).get(f"/schedules/new/?from={job.number}").content.decode()
    assert "shop/web:7" in page


def test_values_of_variables_are_for_who_may_see_secrets(signed_in: SignedIn, owner: User) -> None:  # noqa: F811
    inputs = {"image": "a:1", "env": {"TOKEN": "very-secret"}}
    schedule = make_schedule(owner, kind="container.run", inputs=inputs)
    for role, is_shown in ((Role.VIEWER, False), (Role.DEVELOPER, True)):
        page = signed_in(role).get(reverse("schedules:schedule", args=[schedule.pk])).content.decode()
        assert ("very-secret" in page) is is_shown
        assert "TOKEN" in page


@pytest.mark.parametrize(
    ("cron", "zone", "found"),
    [
        ("30 2 * * *", "Asia/Seoul", "02:30 KST"),
        ("* *", "Asia/Seoul", "Five fields"),
        ("* * * * *", "x", "no time zone"),
    ],
)
def test_the_next_times_are_shown_while_typing(
    signed_in: SignedIn,  # noqa: F811
    cron: str,
    zone: str,
    found: str,
) -> None:
    page = signed_in(Role.VIEWER).get("/schedules/times/", {"s-cron": cron, "s-time_zone": zone}).content.decode()
    assert found in page
    assert page.count("<li ") == (5 if "KST" in found else 0)
