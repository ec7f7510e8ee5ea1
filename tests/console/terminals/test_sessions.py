"""A session over its socket, with a real program in a real container."""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import replace

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from console.access.models import Grant
from console.accounts.models import User
from console.accounts.operations import revoke_other_sessions
from console.containers.models import Container
from console.live.doorbell import ring
from console.operations.errors import Conflict, Denied
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.terminals import admission, hub, replay
from console.terminals.models import Terminal
from console.terminals.operations import end_terminal, open_terminal
from console.terminals.running import TAKEN_OVER, Limits
from tests.console.terminals.conftest import set_rules, until, until_ended
from tests.console.terminals.socket import Page
from tests.engine.conftest import RunningEngine
from tests.factories.console import actor_of, make_container, make_user, sign_in_browser

Open = Callable[..., Terminal]
MANY = int(os.environ.get("NARU_TERMINAL_LINES", "20000"))
NUMBERS = b"".join(b"%d\r\n" % n for n in range(1, MANY + 1))


def limited(monkeypatch: pytest.MonkeyPatch, **limits: float) -> None:
    """Sessions that begin from now on have these limits."""
    real = admission.prepare
    given = Limits(**limits)

    def prepare(number: int) -> admission.Prepared:
        return replace(real(number), limits=given)

    monkeypatch.setattr(hub, "prepare", prepare)


def running_in(box: RunningEngine, words: str) -> bool:
    """Whether a program with these words in its command line runs in the container."""
    return words in box.out("top", "box")


# --- in and out ---


async def test_what_is_typed_is_done_and_shown(kim: Client, opened: Open) -> None:
    terminal = await sync_to_async(opened)()
    async with Page(kim, terminal.key, columns=101, rows=33) as page:
        await page.type("stty size; echo $((6 * 7)); exit 7\n")
        await page.until_output(b"33 101\r\n42\r\n")
        assert await page.until_ended() == "exited"
        assert page.end["exit_code"] == 7
    ended = await until_ended(terminal)
    assert (ended.why, ended.exit_code) == ("exited", 7)


async def test_a_page_that_changes_its_size_changes_the_programs(kim: Client, opened: Open) -> None:
    terminal = await sync_to_async(opened)(command="sh -c 'while read x; do stty size; done'")
    async with Page(kim, terminal.key) as page:
        await page.type("\n")
        await page.until_output(b"24 80")
        await page.say(op="resize", columns=132, rows=50)
        while b"50 132" not in page.output:
            await page.type("\n")
            await page.hear()


async def test_bytes_that_are_no_text_pass_both_ways(kim: Client, opened: Open) -> None:
    terminal = await sync_to_async(opened)(
        command="sh -c 'stty raw -echo; echo ready; head -c 256 | od -An -v -tx1; printf \"\\\\377\\\\000\"'"
    )
    async with Page(kim, terminal.key) as page:
        await page.until_output(b"ready")
        await page.type(bytes(range(256)))
        await page.until(lambda: page.end)
    digits = b"".join(page.output.partition(b"ready")[2].split())
    assert bytes.fromhex(digits[:512].decode()) == bytes(range(256))
    assert page.output.endswith(b"\xff\x00")


async def test_a_command_a_user_and_a_directory_are_as_they_were_asked_for(kim: Client, opened: Open) -> None:
    command = "sh -c 'id -u; pwd; echo \"$1\"' name 'a  b'"
    terminal = await sync_to_async(opened)(command=command, user="1234", working_dir="/tmp")
    async with Page(kim, terminal.key) as page:
        await page.until(lambda: page.end)
    assert page.output == b"1234\r\n/tmp\r\na  b\r\n"


async def test_the_main_process_can_be_attached_to_and_is_left_alive(
    kim: Client, box: RunningEngine, container: Container, opened: Open
) -> None:
    box.docker("run", "-dit", "--name", "main", "--network", "none", "bb:1", "sh")
    engine_id = box.out("inspect", "--format", "{{.Id}}", "main")
    make = sync_to_async(make_container)
    await make("main", host=container.host, engine_id=engine_id, has_tty=True)
    try:
        kims = actor_of(await User.objects.aget(username="kim"))
        terminal = await sync_to_async(open_terminal)(kims, "local", "main", attach=True)
        async with Page(kim, terminal.key, columns=90, rows=20) as page:
            await page.type("stty size; cat /proc/$$/comm; echo pid $$\n")
            await page.until_output(b"pid 1\r\n")
            assert b"20 90" in page.output
            await sync_to_async(end_terminal)(kims, terminal.number)
            assert await page.until_ended() == "closed"
        assert box.out("inspect", "--format", "{{.State.Running}}", "main") == "true"
    finally:
        box.docker("rm", "-f", "main")


async def test_a_container_without_a_shell_says_so(
    kim: Client, box: RunningEngine, container: Container, busybox_tar: bytes
) -> None:
    box.docker("create", "--name", "bare", "--network", "none", "bb:1", "sleep", "1000")
    try:
        box.docker("start", "bare")
        box.docker("exec", "bare", "rm", "/bin/sh", "/bin/ash")
        engine_id = box.out("inspect", "--format", "{{.Id}}", "bare")
        await sync_to_async(make_container)("bare", host=container.host, engine_id=engine_id)
        kims = actor_of(await User.objects.aget(username="kim"))
        terminal = await sync_to_async(open_terminal)(kims, "local", "bare")
        async with Page(kim, terminal.key) as page:
            assert await page.until_ended() == "failed"
            assert "no shell" in page.end["text"]
        terminal = await sync_to_async(open_terminal)(kims, "local", "bare", command="busybox echo as it is")
        async with Page(kim, terminal.key) as page:
            assert await page.until_ended() == "exited"
            assert page.output == b"as it is\r\n"
    finally:
        box.docker("rm", "-f", "bare")


# --- pages that come and go ---


async def test_a_page_that_is_lost_in_the_middle_of_much_output_gets_the_rest(kim: Client, opened: Open) -> None:
    terminal = await sync_to_async(opened)(command=f"seq 1 {MANY}")
    output, cursor = b"", None
    while len(output) < len(NUMBERS):
        async with Page(kim, terminal.key, since=cursor) as page:
            await page.until(lambda: page.facts)
            assert page.cursor == (cursor or 0)
            await page.until_more_than(30_000)
        output, cursor = output + page.output, page.cursor
    assert output == NUMBERS


async def test_a_page_that_begins_anew_is_shown_the_latest_output(kim: Client, opened: Open) -> None:
    terminal = await sync_to_async(opened)(command=f"sh -c 'seq 1 {MANY}; sleep 1000'")
    async with Page(kim, terminal.key) as page:
        await page.until(lambda: len(page.output) == len(NUMBERS))
        await page.shown()
    async with Page(kim, terminal.key) as page:
        await page.until(lambda: page.cursor == len(NUMBERS))
    assert NUMBERS.endswith(page.output)
    assert len(page.output) > 64 * 1024


async def test_what_a_lost_page_had_typed_is_neither_lost_nor_doubled(kim: Client, opened: Open) -> None:
    terminal = await sync_to_async(opened)(command="sh -c 'stty -echo; echo ready; sleep 0.3; cat'")
    async with Page(kim, terminal.key) as page:
        await page.until_output(b"ready")
        await page.type("one\n")
    async with Page(kim, terminal.key, since=page.cursor) as again:
        await again.until(lambda: again.facts)
        typed = b"one\ntwo\n"
        await again.type(typed[again.facts["received"] :])
        await again.until_output(b"two\r\n")
    assert (page.output + again.output).endswith(b"one\r\ntwo\r\n")
    assert (page.output + again.output).count(b"one") == 1


async def test_another_page_takes_the_session_over(kim: Client, opened: Open) -> None:
    terminal = await sync_to_async(opened)()
    async with Page(kim, terminal.key) as first:
        await first.until(lambda: first.facts)
        async with Page(kim, terminal.key) as second:
            assert await first.until_closed() == TAKEN_OVER
            await first.type("echo from the first\n")
            await second.type("echo from $((1 + 1))\n")
            await second.until_output(b"from 2\r\n")
            assert b"first" not in second.output


async def test_the_program_waits_for_a_slow_page_and_loses_nothing(kim: Client, opened: Open) -> None:
    terminal = await sync_to_async(opened)(command=f"sh -c 'seq 1 {MANY * 10}'")
    async with Page(kim, terminal.key, is_slow=True) as page:
        await page.until(lambda: page.cursor >= replay.WINDOW_BYTES)
        while not await page.is_silent(for_s=0.2):
            await page.hear()
        # one piece may go beyond the window
        assert page.cursor <= 2 * replay.WINDOW_BYTES
        running = hub.hub()._held[terminal.pk].terminal
        assert running.replay.head - running.replay.tail <= replay.KEPT_BYTES
        page._is_slow = False
        await page.shown()
        await page.until(lambda: page.end)
    assert page.output == b"".join(b"%d\r\n" % n for n in range(1, MANY * 10 + 1))


async def test_a_page_may_not_send_more_than_the_program_takes(kim: Client, opened: Open) -> None:
    terminal = await sync_to_async(opened)(command="sh -c 'stty raw -echo; echo ready; sleep 1000'")
    async with Page(kim, terminal.key) as page:
        await page.until_output(b"ready")
        # engines and the kernel hold some, too
        for _ in range(256):
            await page.type(b"x" * 8192)
        assert await page.until_closed() == 4400


# --- ends ---


async def test_a_page_that_stays_away_ends_it_and_its_program(
    kim: Client, opened: Open, box: RunningEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, grace_s=0.3)
    terminal = await sync_to_async(opened)(command="sleep 4711")
    async with Page(kim, terminal.key) as page:
        await page.until(lambda: page.facts)
        await until(lambda: running_in(box, "4711"))
    assert (await until_ended(terminal)).why == "left"
    await until(lambda: not running_in(box, "4711"), what="hung up")


async def test_a_session_nobody_types_into_is_warned_and_ends(
    kim: Client, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, idle_s=1.5, warn_s=1.0)
    terminal = await sync_to_async(opened)()
    async with Page(kim, terminal.key) as page:
        assert await page.until_ended() == "idle"
    assert page.idle and page.idle[0]["ends_in_s"] <= 1
    assert (await until_ended(terminal)).why == "idle"


async def test_an_administrator_ends_it(kim: Client, opened: Open, box: RunningEngine) -> None:
    terminal = await sync_to_async(opened)(command="sleep 4712")
    admin = await sync_to_async(make_user)(Role.ADMIN)
    async with Page(kim, terminal.key) as page:
        await page.until(lambda: page.facts)
        await sync_to_async(end_terminal)(actor_of(admin), terminal.number)
        assert await page.until_ended() == "ended"
    ended = await until_ended(terminal)
    assert (ended.why, ended.ended_by_name) == ("ended", admin.username)
    await until(lambda: not running_in(box, "4712"), what="hung up")
    with pytest.raises(Conflict):
        await sync_to_async(end_terminal)(actor_of(admin), terminal.number)


async def test_a_grant_that_is_taken_away_ends_it(kim: Client, opened: Open, box: RunningEngine) -> None:
    terminal = await sync_to_async(opened)(command="sleep 4713")
    async with Page(kim, terminal.key) as page:
        await page.until(lambda: page.facts)

        def revoke() -> None:
            with writes_allowed("test"):
                Grant.objects.filter(user__username="kim").update(role=Role.VIEWER)
            ring("access", {})

        await sync_to_async(revoke)()
        assert await page.until_closed() == 4403
        assert page.end["why"] == "revoked"
    assert (await until_ended(terminal)).why == "revoked"
    await until(lambda: not running_in(box, "4713"), what="hung up")


async def test_a_browser_session_that_ends_ends_it(kim: Client, opened: Open) -> None:
    terminal = await sync_to_async(opened)()
    async with Page(kim, terminal.key) as page:
        await page.until(lambda: page.facts)
        kims = actor_of(await User.objects.aget(username="kim"))
        await sync_to_async(revoke_other_sessions)(kims, keep_key="another browser")
        assert await page.until_closed() == 4401
    assert (await until_ended(terminal)).why == "signed-out"


async def test_without_any_bell_it_is_looked_at_from_time_to_time(
    kim: Client, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub.Hub, "authorise_every_s", 0.1)
    terminal = await sync_to_async(opened)()
    async with Page(kim, terminal.key) as page:
        await page.until(lambda: page.facts)
        with writes_allowed("test"):
            await Grant.objects.all().aupdate(role=Role.VIEWER)
        assert await page.until_closed() == 4403


async def test_a_program_that_is_killed_ends_it_with_its_code(kim: Client, opened: Open, box: RunningEngine) -> None:
    terminal = await sync_to_async(opened)(command="sleep 4714")
    async with Page(kim, terminal.key) as page:
        await page.until(lambda: page.facts)
        await until(lambda: running_in(box, "4714"))
        lines = [line.split() for line in box.out("top", "box", "-eo", "pid,args").splitlines()]
        pid = next(int(words[0]) for words in lines if words[1:] == ["sleep", "4714"])
        os.kill(pid, signal.SIGKILL)
        assert await page.until_ended() == "exited"
        assert page.end["exit_code"] == 137


async def test_a_process_that_is_stopped_ends_its_sessions(kim: Client, opened: Open, box: RunningEngine) -> None:
    terminal = await sync_to_async(opened)(command="sleep 4715")
    async with Page(kim, terminal.key) as page:
        await page.until(lambda: page.facts)
        await until(lambda: running_in(box, "4715"))
        await hub.close_hub()
        assert await page.until_ended() == "stopped"
    assert (await until_ended(terminal)).why == "stopped"
    await until(lambda: not running_in(box, "4715"), what="hung up")


async def test_what_a_lost_page_missed_of_the_end_is_kept_for_it(kim: Client, opened: Open) -> None:
    terminal = await sync_to_async(opened)(command="sh -c 'read x; echo the end; exit 3'")
    async with Page(kim, terminal.key) as page:
        await page.until(lambda: page.facts)
        await page.type("\n")
    await until_ended(terminal)
    async with Page(kim, terminal.key, since=page.cursor) as again:
        assert await again.until_ended() == "exited"
        assert (page.output + again.output).endswith(b"the end\r\n")
    await asyncio.sleep(0)
    async with Page(kim, terminal.key, since=again.cursor) as late:
        assert await late.until_closed() in (1000, 4404)
        assert late.end["exit_code"] == 3


# --- who may ---


async def test_a_key_is_of_use_to_its_own_person_only(kim: Client, opened: Open) -> None:
    terminal = await sync_to_async(opened)()
    admin = await sync_to_async(lambda: sign_in_browser(Client(), make_user(Role.ADMIN)))()
    for client, code in ((admin, 4404), (Client(), 4401)):
        async with Page(client, terminal.key) as page:
            assert await page.until_closed() == code
    async with Page(kim, "no-such-key") as page:
        assert await page.until_closed() == 4404


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", '{"op":"shown","cursor":1}', '{"op":"attach","columns":0,"rows":1}']
)
async def test_a_malformed_frame_closes_with_4400(kim: Client, opened: Open, text: str) -> None:
    terminal = await sync_to_async(opened)()
    page = Page(kim, terminal.key)
    await page._wire.send_input({"type": "websocket.connect"})
    await page._wire.receive_output(3)
    await page.say_raw(text=text)
    assert await page.until_closed() == 4400
    await page.leave()


def test_no_more_sessions_are_open_than_the_workspace_allows(container: Container, opened: Open) -> None:
    set_rules(container, most_per_person=1, most_open=2)
    opened()
    with pytest.raises(Conflict, match="You have 1 session open"):
        opened()
    other = actor_of(make_user(Role.DEVELOPER))
    open_terminal(other, "local", "box")
    with pytest.raises(Conflict, match="2 sessions are open"):
        open_terminal(actor_of(make_user(Role.DEVELOPER)), "local", "box")


def test_who_may_only_look_opens_none(container: Container) -> None:
    with pytest.raises(Denied):
        open_terminal(actor_of(make_user(Role.OPERATOR)), "local", "box")
    assert not Terminal.objects.exists()


# --- two processes ---


async def test_a_socket_that_reaches_another_process_is_carried_to_the_session(
    kim: Client, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = await sync_to_async(opened)()
    async with Page(kim, terminal.key) as page:
        await page.type("echo $((40 + 2))\n")
        await page.until_output(b"42\r\n")
    first, second = hub.hub(), hub.Hub()
    monkeypatch.setattr("console.terminals.consumers.hub", lambda: second)
    try:
        async with Page(kim, terminal.key, since=page.cursor) as elsewhere:
            await elsewhere.type("echo $((42 + 1)); stty size\n")
            await elsewhere.until_output(b"43\r\n24 80")
            assert b"42\r\n" not in elsewhere.output
            assert terminal.pk in first._held and not second._held
            await elsewhere.type("exit 5\n")
            assert await elsewhere.until_ended() == "exited"
            assert await elsewhere.until_closed() == 1000
    finally:
        await second.close()
    assert (await until_ended(terminal)).exit_code == 5
