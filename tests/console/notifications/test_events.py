"""What happens where becomes an event: once, with a count, in the transaction of what happened."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.access.observations import tell_ending_grants
from console.audit.observations import check
from console.containers.models import Container
from console.containers.observations import containers_seen
from console.hosts.observations import host_seen, host_unreachable, note_lost_hosts
from console.jobs.observations import lose
from console.jobs.operations import pin_job
from console.notifications import recording
from console.notifications.models import Event, Rule
from console.operations.actor import Actor
from console.operations.governed import writes_allowed
from console.operations.happenings import EventKind, Happening, happened
from console.operations.permissions import Role
from console.operations.runner import observation
from tests.factories.console import make_container, make_entry, make_grant, make_host, make_job, make_user
from tests.fakes.broker import Broker

pytestmark = pytest.mark.django_db


def fact_of(container: Container, **facts: Any) -> dict[str, Any]:
    return {
        "engine_id": container.engine_id,
        "name": container.name,
        "image": container.image,
        "image_engine_id": "",
        "command": [],
        "state": "running",
        "exit_code": None,
        "ports": [],
        "labels": {},
        "memory_bytes": 0,
        "cpus": 0,
        "has_tty": False,
        "created_at": "2026-01-01T00:00:00+00:00",
        "started_at": None,
        "finished_at": None,
        **facts,
    }


def see(container: Container, **facts: Any) -> None:
    containers_seen("local", {"containers": [fact_of(container, **facts)]})


def told() -> list[tuple[str, str, int]]:
    return [(event.kind, event.name, event.count) for event in Event.objects.order_by("pk")]


def texts() -> list[str]:
    return [event.text for event in Event.objects.order_by("pk")]


def test_every_kind_of_event_has_its_words() -> None:
    from console.notifications.words import NAMES, SENTENCES
    from console.operations.happenings import SEEN_WITH

    assert set(EventKind) == set(SEEN_WITH) == set(NAMES) - {"test"} == set(SENTENCES) - {"test"}


def test_a_container_that_crashes_is_told() -> None:
    web = make_container("web-1")
    see(web, state="exited", exit_code=3)
    see(web, state="exited", exit_code=3)
    assert told() == [("container.crashed", "web-1", 1)]
    assert texts() == ["web-1 on local ended with exit code 3."]


@pytest.mark.parametrize("code", [0, None])
def test_one_that_ends_well_is_not(code: int | None) -> None:
    see(make_container("web-1"), state="exited", exit_code=code)
    assert told() == []


@pytest.mark.parametrize("state", ["running", "succeeded"])
def test_one_that_somebody_stops_is_not(state: str) -> None:
    web = make_container("web-1")
    on: dict[str, Any] = {"on_kind": "container", "on_id": str(web.pk), "finished_at": timezone.now()}
    make_job("container.stop", state=state, **on)
    see(web, state="exited", exit_code=137)
    assert told() == []


def test_one_that_ran_out_of_memory_is_told_as_that() -> None:
    see(make_container("web-1"), state="exited", exit_code=137, oom_killed=True)
    assert told() == [("container.oom", "web-1", 1)]


def test_one_that_its_engine_starts_again_and_again_is_told_once_with_a_count() -> None:
    web = make_container("web-1")
    for number in range(1, 5):
        see(web, restart_count=number)
    assert told() == [("container.crashed", "web-1", 4)]
    assert "1 restarts so far" in texts()[0]


def test_one_that_becomes_unhealthy_is_told_at_each_turn_of_it() -> None:
    web = make_container("web-1")
    for health in ("starting", "healthy", "unhealthy", "unhealthy", "healthy", "unhealthy"):
        see(web, health=health)
    assert told() == [("container.unhealthy", "web-1", 2)]


def test_what_was_ended_before_anybody_knew_of_it_is_no_news() -> None:
    make_host("local")
    see(Container(name="old", engine_id="e" * 64, image="a:1"), state="exited", exit_code=1)
    assert told() == []


def test_a_run_that_ends_at_once_with_an_error_is_told() -> None:
    make_host("local")
    job = make_job("container.run", args={"image": "a:1"})
    new = Container(name="new", engine_id="e" * 64, image="a:1")
    see(new, state="exited", exit_code=1, labels={"naru.job": str(job.number)})
    assert told() == [("container.crashed", "new", 1)]


def test_a_job_that_fails_is_told_to_who_asked_for_it() -> None:
    user = make_user(Role.DEVELOPER)
    job = make_job("image.build", state="running", user=user, on_name="shop:1", max_attempts=1)
    lose(job.number, attempt=1, why="gone\nfor good")
    event = Event.objects.get()
    assert (event.kind, event.name, event.user, event.link) == ("job.failed", "shop:1", user, f"/jobs/{job.number}/")
    assert event.text == f"Job #{job.number} on local failed: Build image shop:1. gone for good"


def test_a_job_that_is_tried_again_is_not() -> None:
    job = make_job("image.build", state="running", max_attempts=3)
    lose(job.number, attempt=1, why="gone")
    assert told() == []


def test_a_host_is_lost_once_and_back_once() -> None:
    host = make_host("local")
    note_lost_hosts()
    host_unreachable("local", reason="no socket")
    host_unreachable("local", reason="no socket")
    note_lost_hosts()
    host_seen("local", at=timezone.now(), info={})
    host_seen("local", at=timezone.now(), info={})
    assert told() == [("host.lost", "local", 1), ("host.back", "local", 1)]
    assert texts()[0] == "local does not answer. no socket"
    with writes_allowed("test"):
        host.refresh_from_db()
        host.last_seen_at = timezone.now() - timedelta(minutes=5)
        host.save()
    note_lost_hosts()
    note_lost_hosts()
    assert told()[0] == ("host.lost", "local", 2)


def test_a_host_that_was_never_seen_is_awaited() -> None:
    make_host("local", state="unknown", last_seen_at=None)
    note_lost_hosts()
    assert told() == []


def test_a_broken_log_is_told_until_it_says_something_else() -> None:
    from django.db import connection

    make_entry("one")
    make_entry("two")
    check()
    assert told() == []
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_auditentry SET target_name='else' WHERE target_name='one'")
    check()
    check()
    assert told() == [("audit.broken", "audit", 1)]


def test_a_grant_that_is_about_to_end_is_told_once_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_user(None)
    make_grant(user, Role.VIEWER, until=timezone.now() + timedelta(hours=3), reason="for a while")
    make_grant(user, Role.OPERATOR, until=timezone.now() + timedelta(days=3), reason="for longer")
    monkeypatch.setattr(recording, "WINDOW", timedelta(0))
    tell_ending_grants()
    tell_ending_grants()
    assert told() == [("grant.ending", user.username, 1)]
    assert Event.objects.get().user == user


def test_after_a_while_the_same_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    oom = Happening(EventKind.CONTAINER_OOM, "container:1", "web-1")
    for window in (timedelta(minutes=10), timedelta(minutes=10), timedelta(0)):
        monkeypatch.setattr(recording, "WINDOW", window)
        with observation(Actor.system()):
            happened(oom)
    assert told() == [("container.oom", "web-1", 2), ("container.oom", "web-1", 1)]


def test_what_is_undone_is_not_told(broker: Broker) -> None:
    def undone() -> None:
        with observation(Actor.system()):
            happened(Happening(EventKind.HOST_LOST, "host:1", "local"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undone()
    assert told() == []
    assert broker.of("notifications.deliver") == []


def test_names_from_hosts_become_one_line() -> None:
    evil = "web\r\nBcc: all@example.org\x1b]0;x\x07\u202e"
    with observation(Actor.system()):
        happened(Happening(EventKind.HOST_LOST, "host:1", evil, details={"reason": evil * 100}))
    event = Event.objects.get()
    assert event.name == "web Bcc: all@example.org ]0;x"
    assert len(event.text) < 1000
    assert event.text.isprintable()


def test_an_instance_begins_with_a_rule_for_people_in_the_console() -> None:
    rule = Rule.objects.get()
    assert (rule.tells_people, set(rule.events)) == (True, set(EventKind))


def test_a_job_that_is_pinned_has_not_failed_again() -> None:
    job = make_job(state="failed")
    pin_job(Actor.of_user(make_user(Role.ADMIN)), job.number)
    assert told() == []
