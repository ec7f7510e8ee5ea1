"""The live websocket: who may listen, bells, text by cursor, credit."""

import json
from collections.abc import AsyncGenerator

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.test import Client

from console.access.models import Grant
from console.accounts.models import User
from console.accounts.operations import revoke_other_sessions
from console.live.credit import WINDOW_BYTES
from console.live.doorbell import group_of
from console.live.topics import Chunk, Line, Words, register
from console.operations.actor import Actor
from console.operations.errors import Unavailable
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from tests.console.live.socket import Closed, Socket
from tests.factories.console import actor_of

pytestmark = pytest.mark.django_db(transaction=True)

LINES = [f"line {n}" for n in range(1, 101)]


def anybody(_actor: Actor, _words: Words) -> None:
    pass


class Text:
    """A log of LINES whose cursor is the number of lines read; counts what was asked of it."""

    def __init__(self, lines: list[str] | None = None, *, breaks_at: int = -1) -> None:
        self.lines = LINES if lines is None else lines
        self.breaks_at = breaks_at
        self.produced = 0
        register(r"test\.text", anybody, self.follow)

    async def follow(self, _actor: Actor, _words: Words, since: str | None) -> AsyncGenerator[Chunk, None]:
        for number in range(int(since or 0), len(self.lines)):
            if number == self.breaks_at:
                self.breaks_at = -1
                raise Unavailable("the engine went away")
            self.produced += 1
            yield Chunk(str(number + 1), (Line(self.lines[number]),))
        yield Chunk(str(len(self.lines)), ended=True, facts={"state": "succeeded"})


async def ring(topic: str, **facts: object) -> None:
    layer = get_channel_layer()
    assert layer
    await layer.group_send(group_of(topic), {"type": "live.rung", "topic": topic, **facts})


async def read(socket: Socket, count: int) -> tuple[list[str], str]:
    lines: list[str] = []
    cursor = ""
    while len(lines) < count:
        frame = await socket.hear()
        assert frame["kind"] == "data"
        lines += [line[2] for line in frame["lines"]]
        cursor = frame["cursor"]
    return lines, cursor


# --- who may listen ---


async def test_a_stranger_is_closed_with_4401() -> None:
    async with Socket(Client()) as socket:
        with pytest.raises(Closed) as closed:
            await socket.hear()
    assert closed.value.code == 4401


async def test_a_forbidden_topic_is_named_when_closing(viewer: Client) -> None:
    async with Socket(viewer) as socket:
        await socket.say(op="subscribe", topic="rows.audit")
        with pytest.raises(Closed) as closed:
            await socket.hear()
    assert (closed.value.code, closed.value.reason) == (4403, "rows.audit")


@pytest.mark.parametrize("topic", ["rows.nothing", "job.7.output", "container.7.log", "container.x.log"])
async def test_an_unknown_topic_is_gone(viewer: Client, topic: str) -> None:
    async with Socket(viewer) as socket:
        await socket.say(op="subscribe", topic=topic)
        with pytest.raises(Closed) as closed:
            await socket.hear()
    assert (closed.value.code, closed.value.reason) == (4404, topic)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "{}",
        json.dumps({"op": "fly", "topic": "rows.jobs"}),
        json.dumps({"op": "subscribe", "topic": "rows.jobs", "since": 7}),
        json.dumps({"op": "credit", "topic": "rows.jobs", "bytes": True}),
        json.dumps({"op": "credit", "topic": "rows.jobs", "bytes": -1}),
        json.dumps({"op": "subscribe", "topic": "x" * 10_000}),
        "[" * 5_000,
    ],
)
async def test_a_malformed_frame_closes_with_4400(viewer: Client, text: str) -> None:
    async with Socket(viewer) as socket:
        await socket.say_raw(text)
        with pytest.raises(Closed) as closed:
            await socket.hear()
    assert closed.value.code == 4400


async def test_a_session_that_ended_closes_the_open_socket(viewer: Client) -> None:
    async with Socket(viewer, authorise_every_s=0.05) as socket:
        await sync_to_async(viewer.logout)()
        with pytest.raises(Closed) as closed:
            await socket.hear()
    assert closed.value.code == 4401


async def test_a_role_taken_away_closes_at_once(admin: Client) -> None:
    def demote() -> int:
        pk = int(admin.session["_auth_user_id"])
        with writes_allowed("test"):
            Grant.objects.filter(user_id=pk).update(role=Role.VIEWER.value)
        return pk

    async with Socket(admin) as socket:
        await socket.say(op="subscribe", topic="rows.audit")
        assert (await socket.hear())["kind"] == "changed"
        pk = await sync_to_async(demote)()
        await ring("access", user_pk=pk)
        with pytest.raises(Closed) as closed:
            await socket.hear()
    assert (closed.value.code, closed.value.reason) == (4403, "rows.audit")


async def test_a_session_that_is_ended_elsewhere_closes_at_once(admin: Client) -> None:
    def end_it() -> None:
        user = User.objects.get(pk=admin.session["_auth_user_id"])
        assert revoke_other_sessions(actor_of(user), keep_key="another browser's") == 1

    async with Socket(admin) as socket:
        await socket.say(op="subscribe", topic="rows.jobs")
        assert (await socket.hear())["kind"] == "changed"
        await sync_to_async(end_it)()
        with pytest.raises(Closed) as closed:
            await socket.hear()
    assert closed.value.code == 4401


# --- bells ---


async def test_a_page_drawn_before_it_listened_is_told_to_look_again(viewer: Client) -> None:
    await ring("rows.jobs")
    async with Socket(viewer) as socket:
        await socket.say(op="subscribe", topic="rows.jobs")
        assert await socket.hear() == {"topic": "rows.jobs", "kind": "changed"}


async def test_a_burst_of_rings_is_one_bell(viewer: Client) -> None:
    async with Socket(viewer) as socket:
        await socket.say(op="subscribe", topic="rows.jobs")
        assert await socket.hear() == {"topic": "rows.jobs", "kind": "changed"}
        for _ in range(20):
            await ring("rows.jobs")
        assert await socket.hear() == {"topic": "rows.jobs", "kind": "changed"}
        assert await socket.is_silent()


async def test_what_was_unsubscribed_rings_no_more(viewer: Client) -> None:
    async with Socket(viewer) as socket:
        await socket.say(op="subscribe", topic="rows.jobs")
        assert (await socket.hear())["kind"] == "changed"
        await socket.say(op="unsubscribe", topic="rows.jobs")
        assert await socket.is_silent()
        await ring("rows.jobs")
        assert await socket.is_silent(for_s=0.5)


# --- text ---


async def test_text_comes_in_order_and_ends(viewer: Client) -> None:
    Text()
    async with Socket(viewer) as socket:
        await socket.say(op="subscribe", topic="test.text", since=None)
        lines, _cursor = await read(socket, len(LINES))
        end = await socket.hear()
    assert lines == LINES
    assert (end["kind"], end["state"]) == ("end", "succeeded")


async def test_a_reconnect_with_the_cursor_misses_nothing(viewer: Client) -> None:
    Text()
    async with Socket(viewer) as first:
        await first.say(op="subscribe", topic="test.text", since=None)
        before, cursor = await read(first, 37)
    async with Socket(viewer) as second:
        await second.say(op="subscribe", topic="test.text", since=cursor)
        after, _cursor = await read(second, len(LINES) - len(before))
    assert before + after == LINES


async def test_a_source_that_breaks_off_is_resumed(viewer: Client) -> None:
    Text(breaks_at=50)
    async with Socket(viewer) as socket:
        await socket.say(op="subscribe", topic="test.text", since=None)
        before, _cursor = await read(socket, 50)
        complaint = await socket.hear()
        after, _cursor = await read(socket, 50)
    assert (complaint["kind"], complaint["message"]) == ("error", "the engine went away")
    assert before + after == LINES


async def test_no_credit_stops_the_sender(viewer: Client) -> None:
    text = Text(["x" * 10_000] * 500)
    async with Socket(viewer) as socket:
        await socket.say(op="subscribe", topic="test.text", since=None)
        sent, frames = 0, 0
        while not await socket.is_silent():
            sent += (await socket.hear())["bytes"]
            frames += 1
        assert WINDOW_BYTES <= sent < WINDOW_BYTES + 11_000
        assert text.produced == frames

        await socket.say(op="credit", topic="test.text", bytes=30_000)
        again = 0
        while not await socket.is_silent():
            again += (await socket.hear())["bytes"]
        assert 0 < again < 45_000
