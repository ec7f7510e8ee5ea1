"""What engines tell is written down once, in its order, with its reason, whoever was away meanwhile."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.hosts.events import heard
from console.hosts.observations import host_seen, host_unreachable
from console.timeline import retention
from console.timeline.models import Change
from console.timeline.noting import time_of
from console.timeline.observations import changes_placed
from tests.console.timeline.conftest import Told, fact
from tests.factories.console import digits, make_container, make_host, make_image
from tests.factories.timeline import make_change

A, B = digits(), digits()
Seen = Callable[..., None]


def kinds(engine_id: str = A) -> list[str]:
    return list(Change.objects.filter(engine_id=engine_id).order_by("at", "pk").values_list("kind", flat=True))


def test_a_life_is_told_in_its_order(told: Told) -> None:
    for action in ("create", "start", "pause", "unpause"):
        told.event(action, A)
    told.event("kill", A, signal="15")
    told.event("die", A, exitCode="143")
    told.event("stop", A)
    told.event("destroy", A)
    told.report()
    assert kinds() == ["created", "started", "paused", "unpaused", "killed", "died", "stopped", "removed"]
    died = Change.objects.get(kind="died")
    assert (died.details["exit_code"], died.is_trouble) == (143, False)
    assert Change.objects.get(kind="killed").details == {"signal": "SIGTERM"}


def test_what_is_told_again_after_a_pause_is_there_once(told: Told) -> None:
    first = told.event("create", A)
    second = told.event("start", A)
    told.report()
    told.event("create", A, at_ns=first)
    told.event("start", A, at_ns=second)
    told.event("die", A, exitCode="1")
    told.report()
    assert kinds() == ["created", "started", "died"]


def test_an_end_that_nobody_asked_for_is_trouble(told: Told) -> None:
    told.event("die", A, exitCode="1")
    told.event("start", A)
    told.event("kill", A, signal="9")
    told.event("die", A, exitCode="137")
    told.event("start", A)
    told.event("die", A, exitCode="0")
    told.report()
    ends = Change.objects.filter(kind="died").order_by("at").values_list("is_trouble", flat=True)
    assert list(ends) == [True, True, False]


def test_a_signal_that_was_survived_excuses_no_later_end(told: Told) -> None:
    told.event("kill", A, signal="15")
    told.event("die", A, exitCode="143")
    told.event("start", A)
    told.event("die", A, exitCode="1")
    told.report()
    assert list(Change.objects.filter(kind="died").order_by("at").values_list("is_trouble", flat=True)) == [False, True]


def test_one_removed_by_force_was_wanted_gone_and_one_that_goes_by_itself_was_not(told: Told) -> None:
    told.event("kill", A, signal="9")
    told.event("die", A, exitCode="137")
    told.event("destroy", A)
    told.event("die", B, exitCode="1")
    told.event("destroy", B)
    told.report()
    ends = Change.objects.filter(kind="died").order_by("at").values_list("is_trouble", flat=True)
    assert list(ends) == [False, True]


def test_want_of_memory_is_the_reason_of_the_end(told: Told) -> None:
    told.event("oom", A)
    told.event("die", A, exitCode="137")
    told.report()
    assert Change.objects.get(kind="died").details == {"exit_code": 137, "is_oom": True}


def test_health_flips(told: Told) -> None:
    told.event("health_status: healthy", A)
    told.event("health_status: unhealthy", A)
    told.report()
    flips = Change.objects.order_by("at").values_list("details__status", "is_trouble")
    assert list(flips) == [("healthy", False), ("unhealthy", True)]


def test_what_was_run_inside_is_one_entry_by_the_program_s_name(told: Told) -> None:
    told.event("exec_start: /usr/bin/mysql --password=hunter2", A, execID="e1")
    told.event("exec_die", A, execID="e1", exitCode="3")
    told.event("exec_die", A, execID="never-begun", exitCode="0")
    told.report()
    change = Change.objects.get()
    assert (change.kind, change.details["program"], change.details["exit_code"]) == ("exec", "mysql", 3)
    assert "hunter2" not in str(change.details)


def test_a_name_that_comes_to_mean_another_image(told: Told) -> None:
    old, new = digits(), digits()
    for image in (old, old, new):
        told.event("tag", f"sha256:{image}", kind="image", name="app")
    told.report()
    moves = list(Change.objects.filter(kind="tagged").order_by("at").values_list("details", flat=True))
    assert moves == [{"to": old[:12]}, {"to": new[:12], "from": old[:12]}]
    assert Change.objects.filter(image="app:latest").count() == 2


def test_events_that_come_before_the_container_is_known_become_its(told: Told, seen: Seen) -> None:
    told.event("create", A, at_ns=1_790_000_000 * 10**9)
    told.event("start", A, at_ns=1_790_000_001 * 10**9)
    told.report()
    assert not Change.objects.exclude(container=None).exists()
    seen(fact(A))
    assert kinds() == ["created", "started"]
    assert not Change.objects.filter(container=None).exists()


def test_events_of_a_host_say_nothing_of_another(told: Told) -> None:
    make_container(host=make_host("b2"), engine_id=A)
    told.event("start", A)
    told.report()
    assert Change.objects.get().container is None


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"Type": "container", "Action": "die"},
        {"Type": "container", "Action": "die", "Actor": {"ID": A, "Attributes": {"exitCode": "-1" * 40}}},
        {"Type": "container", "Action": "kill", "Actor": {"ID": A, "Attributes": {"signal": "\0\ud800" * 400}}},
        {"Type": "container", "Action": "exec_start:", "Actor": {"ID": A, "Attributes": None}, "timeNano": 5},
        {"Type": "image", "Action": "tag", "Actor": {"ID": "sha256:x", "Attributes": {"name": "no image at all"}}},
    ],
)
def test_odd_messages_break_nothing(told: Told, odd: dict[str, Any]) -> None:
    event = heard(odd).event
    told.facts += [event.as_json()] if event else []
    told.event("start", A)
    told.report()
    assert "started" in kinds()


# --- what is found by looking ---


def test_what_no_event_told_is_found(seen: Seen) -> None:
    seen(fact(A))
    seen(fact(A, state="exited", exit_code=1, finished_at="2026-09-21T15:00:00+00:00"))
    seen(fact(A, started_at="2026-09-21T15:10:00+00:00", restart_count=1, health="unhealthy"))
    seen()
    assert kinds() == ["created", "started", "died", "started", "health", "removed"]
    assert Change.objects.filter(is_observed=True).count() == 6
    assert Change.objects.filter(kind="started").latest("at").details == {"restarts": 1}


def test_an_event_that_comes_after_the_look_is_the_same_one(told: Told, seen: Seen) -> None:
    seen(fact(A))
    at_ns = 1_790_000_001_250_000_000
    told.event("start", A, at_ns=at_ns)
    told.report()
    started = Change.objects.get(kind="started")
    assert (started.is_observed, started.at) == (False, time_of(at_ns))
    seen(fact(A, health="healthy"))
    assert Change.objects.filter(kind="started").count() == 1


def test_a_replaced_container_s_differences_are_told(seen: Seen) -> None:
    before = {"env": ["A", "B"], "limits": {"memory": 1}, "mounts": [], "restart": "no", "command": ["a", "b"]}
    after = {"env": ["B", "C"], "limits": {"memory": 2}, "mounts": [], "restart": "no", "command": ["a", "c"]}
    seen(fact(A, shape=before))
    seen(fact(B, shape=after, image_engine_id="ef" * 32, created_at="2026-09-21T16:00:00+00:00"))
    replaced = Change.objects.get(kind="replaced")
    assert replaced.engine_id == B
    assert replaced.details["earlier"] == A[:12]
    assert replaced.details["changes"] == [
        {"what": "digest", "from": "cd" * 6, "to": "ef" * 6},
        {"what": "command", "from": "a b", "to": "a c"},
        {"what": "env", "added": ["C"], "removed": ["A"]},
        {"what": "limits.memory", "from": 1, "to": 2},
    ]


def test_one_that_made_room_was_replaced_too(told: Told, seen: Seen) -> None:
    now = timezone.now()
    seen(fact(A, shape={"env": ["A"]}))
    told.event("rename", A, at_ns=int(now.timestamp() * 1e9), oldName="/web-1", name="web-1-old")
    told.report()
    made_at = (now + timedelta(seconds=1)).isoformat()
    seen(fact(A, "web-1-old", shape={"env": ["A"]}), fact(B, shape={"env": ["B"]}, created_at=made_at))
    assert Change.objects.get(kind="replaced").details["earlier"] == A[:12]
    assert Change.objects.filter(kind="renamed").count() == 1


def test_an_update_is_told_and_a_new_address_is_not(seen: Seen) -> None:
    shape = {"limits": {"memory": 1}, "networks": [{"name": "n", "address": "10.0.0.2", "aliases": []}]}
    seen(fact(A, shape=shape))
    seen(fact(A, shape={**shape, "networks": [{"name": "n", "address": "10.0.0.9", "aliases": [A[:12]]}]}))
    assert not Change.objects.filter(kind="reconfigured").exists()
    seen(fact(A, shape={**shape, "limits": {"memory": 2}}))
    assert Change.objects.get(kind="reconfigured").details["changes"] == [{"what": "limits.memory", "from": 1, "to": 2}]


def test_hosts_that_are_lost_and_back() -> None:
    host_unreachable("local", reason="no socket")
    host_seen("local", at=time_of(1_900_000_000 * 10**9), info={})
    found = list(Change.objects.order_by("pk").values_list("kind", "is_trouble"))
    assert found == [("host-lost", True), ("host-back", False)]


def test_an_image_s_events_find_its_workspace(told: Told) -> None:
    image = make_image("app:1")
    told.event("tag", image.engine_id, kind="image", name="app:1", at_ns=int(timezone.now().timestamp() * 1e9))
    told.report()
    changes_placed("local", {})
    assert Change.objects.get().workspace_id == image.workspace_id


# --- how long ---


def test_what_is_too_old_or_too_much_goes(settings: Any) -> None:
    settings.NARU_TIMELINE_DAYS = 90
    container, other = make_container(), make_container()
    now = container.seen_at
    for days in (1, 2, 3, 4, 100):
        make_change(container, "started", at=now - timedelta(days=days))
    make_change(other, "started", at=now)
    assert retention.tidy(per_thing=3) == 2
    assert Change.objects.filter(container=container).count() == 3
    assert retention.tidy(in_all=2) == 2
    assert list(Change.objects.values_list("container", flat=True)) == [other.pk, container.pk]
