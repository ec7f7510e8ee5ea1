"""Samples of each second: by the websocket, by asking, and from one road to the other without a gap."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from console.hosts.stats import Counters
from console.operations.errors import Invalid, Missing
from console.operations.permissions import Role
from console.stats import live_use
from console.stats.latest import container_ring
from console.stats.live_use import follow_use, use_piece
from tests.console.live.socket import Socket
from tests.console.stats.conftest import USE
from tests.factories.console import make_container, make_user, sign_in_browser

pytestmark = pytest.mark.django_db(transaction=True)
ENGINE_ID = "ab" * 32


def at(second: float, *, cpu_s: float = 0.0) -> Counters:
    """On one processor, from a moment that is a whole ten seconds on."""
    ms = 1_800_000_000_000 + int(second * 1000)
    return Counters(ms, int(cpu_s * 1e9), int(second * 1e9), 1, 50, 100, int(second * 8), 0, 0, 0, 2)


class Engine:
    """What follows is said in order; then the container is gone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *said: Counters | None) -> None:
        self.said = list(said)

        @asynccontextmanager
        async def connect(_address: str) -> AsyncIterator["Engine"]:
            yield self

        async def follow(_engine: Engine, _engine_id: str) -> AsyncGenerator[Counters | None, None]:
            while self.said:
                yield self.said.pop(0)

        async def read(_engine: Engine, _engine_id: str) -> Counters | None:
            return self.said.pop(0)

        for name, value in {"connect": connect, "follow_counters": follow, "read_counters": read}.items():
            monkeypatch.setattr(live_use, name, value)

    async def get_container(self, engine_id: str) -> object:
        raise Missing(engine_id)


async def followed(since: str | None = None) -> list[list[Any]]:
    """[seconds, sample] until the container is gone."""
    told: list[list[Any]] = []

    async def read() -> None:
        async for chunk in follow_use("unix:///x", ENGINE_ID, since, host_name="local"):
            for line in chunk.lines:
                assert line.at_ms is not None
                told.append([line.at_ms / 1000 - 1_800_000_000, json.loads(line.text)])

    with pytest.raises(Missing):
        await read()
    return told


async def test_each_sample_tells_what_was_used_since_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(monkeypatch, at(1), at(2, cpu_s=0.25), at(4, cpu_s=1.25))
    told = await followed()
    assert [second for second, _ in told] == [1, 2, 4]
    assert [sample[0] for _, sample in told] == [None, 25.0, 50.0]
    assert told[2][1][3] == 8.0


async def test_one_that_does_not_run_says_nothing_until_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(monkeypatch, at(1, cpu_s=9), None, None, at(5, cpu_s=0.1), at(6, cpu_s=0.6))
    told = await followed()
    # it counts from 0 again
    assert [sample[0] for _, sample in told] == [None, None, 50.0]


async def test_whoever_goes_on_by_asking_is_told_what_was_used_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(monkeypatch, at(1), at(3, cpu_s=1.0))
    first = await use_piece("unix:///x", ENGINE_ID, None, host_name="local")
    then = await use_piece("unix:///x", ENGINE_ID, first.cursor, host_name="local")
    assert json.loads(then.lines[0].text)[0] == 50.0


async def test_what_was_missed_comes_from_the_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    for second in range(0, 120, 10):
        container_ring("local", ENGINE_ID).add(1_800_000_000 + second, USE.values)
    Engine(monkeypatch, at(100.5), at(101.5))
    told = await followed(at(35).cursor)
    assert [second for second, _ in told] == [40, 50, 60, 70, 80, 90, 100, 100.5, 101.5]
    assert told[0][1] == [12.5, 40e6, 256e6, 1000, 2000, 0, 4096, 7]


async def test_a_stopped_container_has_nothing_to_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(monkeypatch, None)
    piece = await use_piece("unix:///x", ENGINE_ID, at(1).cursor, host_name="local")
    assert (piece.cursor, piece.lines) == (at(1).cursor, ())


async def test_a_cursor_nobody_was_given_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(monkeypatch, at(1))
    with pytest.raises(Invalid):
        await use_piece("unix:///x", ENGINE_ID, "7", host_name="local")


async def test_a_page_hears_samples_by_its_websocket(monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(monkeypatch, at(1), at(2, cpu_s=0.5))
    container = await sync_to_async(make_container)("web-1")
    viewer = await sync_to_async(lambda: sign_in_browser(Client(), make_user(Role.VIEWER)))()
    topic = f"container.{container.pk}.stats"
    async with Socket(viewer) as socket:
        await socket.say(op="subscribe", topic=topic)
        frames = [await socket.hear(), await socket.hear()]
    assert [frame["kind"] for frame in frames] == ["data", "data"]
    assert json.loads(frames[1]["lines"][0][2])[0] == 50.0
    assert Counters.parse(frames[1]["cursor"]).at_ms == at(2).at_ms
