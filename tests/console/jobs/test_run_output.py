"""What a handler writes arrives once and in order, whatever Redis does meanwhile."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import redis

from console.jobs import output, streams
from console.jobs.agent import outgoing
from console.jobs.agent import run as run_module
from console.jobs.agent.run import JobRun


class Wire:
    """A connection whose answers get lost ``lost`` times after the entry was written."""

    def __init__(self, connection: "redis.Redis", *, lost: int = 0) -> None:
        self.connection = connection
        self.lost = lost

    def register_script(self, text: str) -> Callable[..., object]:
        return partial(self.call, self.connection.register_script(text))

    def call(self, script: Callable[..., object], **given: Any) -> object:
        answer = script(**given)
        if self.lost:
            self.lost -= 1
            raise redis.exceptions.TimeoutError("no answer")
        return answer


@pytest.fixture
def wire(redis_server: "redis.Redis", monkeypatch: pytest.MonkeyPatch) -> Wire:
    wire = Wire(redis_server)
    use(wire, monkeypatch)
    return wire


def use(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    class Streams:
        output_key = staticmethod(streams.output_key)
        connection = staticmethod(lambda: wire)

    monkeypatch.setattr(outgoing, "streams", Streams)


def new_run(*, job: int = 7, attempt: int = 1) -> JobRun:
    return JobRun(job=job, attempt=attempt, host_name="local", engine_address="unix:///nowhere")


def arrived(redis_server: "redis.Redis", job: int = 7) -> list[str]:
    return output.read(job).lines


async def test_an_unfinished_line_is_written_at_the_end(wire: Wire, redis_server: "redis.Redis") -> None:
    run = new_run()
    await run.write("one\ntw")
    await run.write("o\nthree")
    await run.finish_output()
    assert arrived(redis_server) == ["one", "two", "three"]


async def test_an_answer_that_gets_lost_neither_doubles_nor_drops_lines(
    wire: Wire, redis_server: "redis.Redis"
) -> None:
    wire.lost = 1
    run = new_run()
    await run.write("one\n")
    flusher = asyncio.create_task(run.flush_for_ever())
    while wire.lost:
        await asyncio.sleep(0.01)
    await run.write("two\nthree\n")
    flusher.cancel()
    await run.finish_output()
    assert arrived(redis_server) == ["one", "two", "three"]


class Crossing(Wire):
    """The first write is done, but has not returned yet when a second one, if there is any, begins and ends."""

    calls = 0

    def __init__(self, connection: "redis.Redis") -> None:
        super().__init__(connection)
        self.first_begun, self.second_ended = threading.Event(), threading.Event()

    def call(self, script: Callable[..., object], **given: Any) -> object:
        self.calls += 1
        is_first = self.calls == 1
        try:
            return super().call(script, **given)
        finally:
            if is_first:
                self.first_begun.set()
                self.second_ended.wait(0.5)
                time.sleep(0.05)
            else:
                self.second_ended.set()


async def test_a_flush_under_way_when_the_attempt_ends_does_not_clash_with_the_last_one(
    redis_server: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Crossing(redis_server)
    use(wire, monkeypatch)
    run = new_run()
    await run.write("one\n")
    flusher = asyncio.create_task(run.flush_for_ever())
    assert await asyncio.to_thread(wire.first_begun.wait, 5)
    await run.write("two\n")
    flusher.cancel()
    async with asyncio.timeout(10):
        await run.finish_output()
    assert arrived(redis_server) == ["one", "two"]


async def test_output_kept_back_by_an_error_goes_out_without_another_line(
    wire: Wire, redis_server: "redis.Redis"
) -> None:
    wire.lost = 2
    run = new_run()
    await run.write("one\n")
    flusher = asyncio.create_task(run.flush_for_ever())
    async with asyncio.timeout(5):
        while run._lines:
            await asyncio.sleep(0.02)
    flusher.cancel()
    assert arrived(redis_server) == ["one"]


async def test_an_attempt_given_up_cannot_write_behind_the_next_one(wire: Wire, redis_server: "redis.Redis") -> None:
    second = new_run(attempt=2)
    await second.write("second\n")
    await second.finish_output()
    first = new_run(attempt=1)
    await first.write("late\n")
    await first.finish_output()
    assert arrived(redis_server) == ["second"]


async def write_entries(run: JobRun, words: list[str]) -> None:
    for word in words:
        await run.write(f"{word}\n")
        run._flush()


def lose_all_but(redis_server: "redis.Redis", count: int) -> None:
    """As a Redis that died does, which has on disk what was written first."""
    key = streams.output_key(7)
    entries: Any = redis_server.xrange(key)
    redis_server.delete(key)
    for entry_id, fields in entries[:count]:
        redis_server.xadd(key, fields, id=entry_id)


@pytest.mark.parametrize("left", [0, 1, 2, 3])
@pytest.mark.parametrize("more", [[], ["four"], ["four", "five"]])
async def test_what_redis_forgot_is_written_again(
    redis_server: "redis.Redis", wire: Wire, left: int, more: list[str]
) -> None:
    run = new_run(attempt=2)
    await write_entries(run, ["one", "two", "three"])
    lose_all_but(redis_server, left)
    await write_entries(run, more)
    await run.finish_output()
    assert arrived(redis_server) == ["one", "two", "three", *more]


async def test_of_what_redis_forgot_the_newest_is_written_again(
    redis_server: "redis.Redis", wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "KEPT_BYTES", 20)
    run = new_run()
    await write_entries(run, ["one", "two", "three", "four"])
    lose_all_but(redis_server, 0)
    await write_entries(run, ["five"])
    await run.finish_output()
    assert arrived(redis_server) == ["three", "four", "five"]


async def test_entries_hold_whole_lines_and_stay_small(wire: Wire, redis_server: "redis.Redis") -> None:
    run = new_run()
    lines = [f"{number:05d} " + "x" * 1000 for number in range(200)]
    await run.write("\n".join(lines))
    await run.finish_output()
    entries: Any = redis_server.xrange(streams.output_key(7))
    sizes = [sum(len(line) + 1 for line in json.loads(fields[b"lines"])) for _id, fields in entries]
    assert max(sizes) <= run_module.ENTRY_BYTES + 1007
    cursor: str | None = None
    got: list[str] = []
    while (batch := output.read(7, since=cursor)).lines:
        cursor = batch.cursor
        got += batch.lines
    assert got == lines
