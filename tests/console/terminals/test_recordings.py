"""What is recorded, what is hidden in it, and that it is what was sealed."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from console.audit.models import AuditEntry
from console.containers.models import Container
from console.operations.errors import Denied, Missing
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.terminals import recordings
from console.terminals.models import Terminal, Why
from console.terminals.operations import end_terminal, finish_terminal, read_recording
from console.terminals.recordings import Recorder
from tests.console.terminals.conftest import set_rules, until_ended
from tests.console.terminals.socket import Page
from tests.factories.console import actor_of, make_secret, make_user

Open = Callable[..., Terminal]


def lines_of(number: int) -> list[Any]:
    return [json.loads(line) for line in recordings.read(number).splitlines()]


def text_of(number: int, kind: str) -> str:
    return "".join(entry[2] for entry in lines_of(number)[1:] if entry[1] == kind)


def ending_of(terminal: Terminal) -> AuditEntry:
    entry = AuditEntry.objects.filter(action="terminal.end", target_id=str(terminal.pk)).latest("seq")
    assert entry.actor_kind == "system"
    return entry


async def test_what_is_shown_is_recorded_and_sealed_into_the_audit_log(kim: Client, opened: Open) -> None:
    terminal = await sync_to_async(opened)(command="sh -c 'echo here; read x; stty size'")
    async with Page(kim, terminal.key, columns=101, rows=33) as page:
        await page.until_output(b"here")
        assert page.facts["records"] == "output"
        await page.say(op="resize", columns=120, rows=40)
        await page.type("typed\n")
        await page.until(lambda: page.end)
    ended = await until_ended(terminal)
    head, *events = lines_of(terminal.pk)
    assert (head["version"], head["width"], head["height"]) == (2, 101, 33)
    assert "here\r\n" in text_of(terminal.pk, "o")
    # what is typed is there only where the terminal shows it
    assert {event[1] for event in events} == {"o", "r"}
    assert [event[0] for event in events] == sorted(event[0] for event in events)
    assert [event[2] for event in events if event[1] == "r"] == ["120x40"]
    digest = hashlib.sha256(recordings.sealed_path(terminal.pk).read_bytes()).hexdigest()
    assert ended.recording_sha256 == digest
    details = (await sync_to_async(ending_of)(terminal)).details
    assert (details["recording_sha256"], details["why"], details["of"]) == (digest, "exited", "kim")


async def test_what_is_typed_is_recorded_where_the_workspace_says_so(
    kim: Client, opened: Open, container: Container
) -> None:
    await sync_to_async(set_rules)(container, records="both")
    terminal = await sync_to_async(opened)(command="sh -c 'stty -echo; echo ready; read x'")
    async with Page(kim, terminal.key) as page:
        await page.until_output(b"ready")
        assert page.facts["records"] == "both"
        await page.type("nobody sees it\n")
        await page.until(lambda: page.end)
    await until_ended(terminal)
    assert text_of(terminal.pk, "i") == "nobody sees it\n"
    assert "nobody" not in text_of(terminal.pk, "o")


async def test_nothing_is_recorded_where_the_workspace_says_so(kim: Client, opened: Open, container: Container) -> None:
    await sync_to_async(set_rules)(container, records="")
    terminal = await sync_to_async(opened)(command="echo here")
    async with Page(kim, terminal.key) as page:
        await page.until(lambda: page.end)
    ended = await until_ended(terminal)
    assert not ended.has_recording
    assert not recordings.folder().exists()


async def test_secrets_of_the_container_are_hidden_in_the_recording_and_not_on_the_screen(
    kim: Client, opened: Open, container: Container
) -> None:
    def give_secret() -> None:
        secret = make_secret("db-password", "quay-side-lantern", workspace=container.workspace)
        with writes_allowed("test"):
            container.secrets.add(secret)

    await sync_to_async(give_secret)()
    await sync_to_async(set_rules)(container, records="both")
    command = "sh -c 'echo -n quay-; sleep 0.2; echo -n side-lan; sleep 0.2; echo tern; read x; echo \"$x\"'"
    terminal = await sync_to_async(opened)(command=command)
    async with Page(kim, terminal.key) as page:
        await page.until_output(b"lantern")
        for letter in "quay-side-lantern\n":
            await page.type(letter)
        await page.until(lambda: page.end)
        assert b"quay-side-lantern" in page.output
    await until_ended(terminal)
    assert "lantern" not in recordings.read(terminal.pk).decode()
    assert "••••••" in text_of(terminal.pk, "o")
    assert "••••••" in text_of(terminal.pk, "i")


async def test_a_session_that_cannot_be_recorded_does_not_go_on(kim: Client, opened: Open, settings: Settings) -> None:
    (settings.NARU_DATA / "terminals").write_text("no folder")
    terminal = await sync_to_async(opened)()
    async with Page(kim, terminal.key) as page:
        assert await page.until_ended() == "failed"
        assert "recording" in page.end["text"]


async def test_a_recording_has_a_limit_and_says_so() -> None:
    recorder = Recorder(7, most_bytes=2000)
    recorder.start()
    recorder.begin(columns=80, rows=24, title="kim")
    for _ in range(100):
        recorder.output(b"0123456789" * 10)
        await recorder.caught_up()
    await recorder.finish()
    lines = lines_of(7)
    assert lines[-1][1:] == ["m", recordings.CUT_SHORT]
    assert recordings.sealed_path(7).stat().st_size < 2200


async def test_a_recording_of_a_process_that_was_killed_is_sealed_without_its_half_line() -> None:
    path = recordings.part_path(8)
    path.parent.mkdir()
    path.write_bytes(b'{"version":2}\n[0.1,"o","whole"]\n[0.2,"o","ha')
    sealed = recordings.seal(8)
    assert sealed is not None
    assert recordings.read(8) == b'{"version":2}\n[0.1,"o","whole"]\n'
    assert recordings.seal(8) == sealed


@given(pieces=st.lists(st.binary(max_size=8), max_size=8))
def test_pieces_of_characters_come_together(pieces: list[bytes]) -> None:
    text = recordings._Text([])
    assert "".join(text.feed(piece) for piece in pieces) + text.finish() == b"".join(pieces).decode(errors="replace")


# --- reading ---


def ended_with_recording(opened: Open) -> Terminal:
    terminal = opened()
    path = recordings.part_path(terminal.pk)
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"version":2,"width":80,"height":24}\n[0.1,"o","hello"]\n')
    finish_terminal(terminal.pk, Why.EXITED, recording=recordings.seal(terminal.pk))
    return terminal


def test_reading_a_recording_is_on_record(container: Container, kim: Client, opened: Open) -> None:
    terminal = ended_with_recording(opened)
    answer = kim.get(f"/sessions/{terminal.pk}/recording")
    assert answer.status_code == 200
    assert b"hello" in answer.content
    entry = AuditEntry.objects.latest("seq")
    assert (entry.action, entry.details["terminal"], entry.actor_name) == ("terminal.replay", terminal.pk, "kim")


@pytest.mark.parametrize(
    ("role", "may"), [(Role.AUDITOR, True), (Role.ADMIN, True), (Role.DEVELOPER, False), (Role.VIEWER, None)]
)
def test_who_may_read_anothers_recording(container: Container, opened: Open, role: Role, may: bool | None) -> None:
    terminal = ended_with_recording(opened)
    reader = actor_of(make_user(role))
    if may:
        assert read_recording(reader, terminal.pk).pk == terminal.pk
    else:
        with pytest.raises(Denied if may is False else Missing):
            read_recording(reader, terminal.pk)


async def test_a_session_that_is_ended_by_hand_is_sealed_too(kim: Client, opened: Open) -> None:
    terminal = await sync_to_async(opened)()
    async with Page(kim, terminal.key) as page:
        await page.type("echo $((40 + 2))\n")
        await page.until_output(b"42\r\n")
        admin = actor_of(await sync_to_async(make_user)(Role.ADMIN))
        await sync_to_async(end_terminal)(admin, terminal.pk)
        await page.until(lambda: page.end)
    ended = await until_ended(terminal)
    assert ended.has_recording
    assert "42\r\n" in text_of(terminal.pk, "o")
