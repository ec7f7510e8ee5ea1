"""Sessions that no process looks after any more, and those that are old."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.utils import timezone

from console.audit.models import AuditEntry
from console.containers.models import Container
from console.operations.governed import writes_allowed
from console.terminals import hub, recordings, retention, sweeping
from console.terminals.models import Terminal, Why
from console.terminals.operations import end_terminal, finish_terminal
from tests.console.terminals.conftest import set_rules, until
from tests.console.terminals.socket import Page
from tests.engine.conftest import RunningEngine
from tests.factories.console import actor_of

Open = Callable[..., Terminal]


def change(terminal: Terminal, **facts: Any) -> None:
    with writes_allowed("test"):
        Terminal.objects.filter(pk=terminal.pk).update(**facts)


def ago(**time: float) -> Any:
    return timezone.now() - timedelta(**time)


async def test_a_session_of_a_process_that_was_killed_is_hung_up_sealed_and_written_down(
    kim: Client, opened: Open, box: RunningEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = await sync_to_async(opened)(command="sh -c 'echo here; sleep 4721; true'")
    async with Page(kim, terminal.key) as page:
        await page.until_output(b"here")
        await until(lambda: recordings.part_path(terminal.pk).exists())
        await until(lambda: Terminal.objects.get(pk=terminal.pk).exec_id)
        # as if the process had gone: nothing is heard of it
        await sync_to_async(change)(terminal, seen_at=ago(minutes=2))
        assert await sync_to_async(sweeping.sweep)() == 1
        ended = await sync_to_async(Terminal.objects.get)(pk=terminal.pk)
        assert (ended.why, ended.has_recording, ended.error) == ("lost", True, "")
        await until(lambda: "4721" not in box.out("top", "box"), what="hung up")
        assert await sync_to_async(sweeping.sweep)() == 0
    entry = await sync_to_async(AuditEntry.objects.filter(action="terminal.end").latest)("seq")
    assert entry.details["recording_sha256"] == ended.recording_sha256


async def test_a_process_that_was_given_up_on_ends_what_it_still_has(
    kim: Client, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub.Hub, "beat_s", 0.1)
    terminal = await sync_to_async(opened)()
    async with Page(kim, terminal.key) as page:
        await page.until(lambda: page.facts)
        await sync_to_async(finish_terminal)(terminal.pk, Why.LOST)
        assert await page.until_ended() == "lost"


async def test_a_process_says_that_its_sessions_are_alive(
    kim: Client, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub.Hub, "beat_s", 0.1)
    terminal = await sync_to_async(opened)()
    async with Page(kim, terminal.key) as page:
        await page.until(lambda: page.facts)
        before = ago(minutes=1)
        await sync_to_async(change)(terminal, seen_at=before)
        await until(lambda: Terminal.objects.get(pk=terminal.pk).seen_at > before)
        await page.type("true\n")
        await until(lambda: Terminal.objects.get(pk=terminal.pk).in_bytes == 5)
    assert await sync_to_async(sweeping.sweep)() == 0


def test_a_session_that_no_page_ever_came_to_ends(opened: Open) -> None:
    fresh, old = opened(), opened()
    change(old, opened_at=ago(minutes=5))
    assert sweeping.sweep() == 1
    old.refresh_from_db()
    fresh.refresh_from_db()
    assert (old.why, fresh.is_open) == ("left", True)


def test_a_session_that_is_ended_before_it_began_ends(opened: Open, kim: Client) -> None:
    terminal = opened()
    assert terminal.user is not None
    end_terminal(actor_of(terminal.user), terminal.pk)
    assert sweeping.sweep() == 1
    terminal.refresh_from_db()
    assert terminal.why == "closed"


def test_old_sessions_go_with_their_recordings_and_open_ones_stay(container: Container, opened: Open) -> None:
    set_rules(container, keep_days=30)
    old, young, still_open = opened(), opened(), opened()
    for terminal, days in ((old, 31), (young, 29)):
        path = recordings.part_path(terminal.pk)
        path.parent.mkdir(exist_ok=True)
        path.write_text('{"version":2}\n')
        finish_terminal(terminal.pk, Why.EXITED, recording=recordings.seal(terminal.pk))
        change(terminal, ended_at=ago(days=days))
    assert retention.prune() == 1
    assert set(Terminal.objects.values_list("pk", flat=True)) == {young.pk, still_open.pk}
    assert [path.name for path in recordings.folder().iterdir()] == [f"{young.pk}.cast"]
    entry = AuditEntry.objects.latest("seq")
    assert (entry.action, entry.details["removed"], entry.details["first"]) == ("terminal.end", 1, old.pk)


def test_with_zero_days_sessions_stay_for_ever(container: Container, opened: Open) -> None:
    set_rules(container, keep_days=0)
    terminal = opened()
    finish_terminal(terminal.pk, Why.EXITED)
    change(terminal, ended_at=ago(days=4000))
    assert retention.prune() == 0
