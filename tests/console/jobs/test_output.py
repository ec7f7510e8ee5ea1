"""A job's output by cursor: the same answer from the stream and from the sealed file."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest
import redis

from console.jobs import output, streams
from console.jobs.agent.run import JobRun
from console.operations.errors import Invalid, Unavailable

JOB = 7


@pytest.fixture(autouse=True)
def server(redis_server: "redis.Redis") -> "redis.Redis":
    return redis_server


def put(server: "redis.Redis", cursor: str, *lines: str) -> None:
    server.xadd(streams.output_key(JOB), {"at": "1700000000000", "lines": json.dumps(lines)}, id=cursor)


@pytest.fixture
def two_attempts(server: "redis.Redis") -> list[str]:
    """Output of an attempt that was lost and of the next. Returns the cursors."""
    put(server, "1-1", "one", "two")
    put(server, "1-2", "three")
    put(server, "2-1", "-- attempt 2 of 3 --")
    put(server, "2-10", "one")
    return ["0-0", "1-1", "1-2", "2-1", "2-10"]


def everything(*, since: str | None = None, limit_bytes: int = 1) -> list[str]:
    lines: list[str] = []
    while (batch := output.read(JOB, since=since, limit_bytes=limit_bytes)).lines:
        lines += batch.lines
        since = batch.cursor
    return lines


ALL = ["one", "two", "three", "-- attempt 2 of 3 --", "one"]


def test_cursors_go_on_over_attempts(two_attempts: list[str]) -> None:
    assert everything() == ALL
    assert [len(everything(since=cursor)) for cursor in two_attempts] == [5, 3, 2, 1, 0]


def test_the_sealed_file_answers_to_the_same_cursors(two_attempts: list[str]) -> None:
    before = [(output.read(JOB, since=c, limit_bytes=1), everything(since=c)) for c in two_attempts]
    output.seal(JOB)
    after = [(output.read(JOB, since=c, limit_bytes=1), everything(since=c)) for c in two_attempts]
    assert [rest for _batch, rest in after] == [rest for _batch, rest in before]
    assert [batch.cursor for batch, _rest in after] == [batch.cursor for batch, _rest in before]
    assert [batch.is_end for batch, _rest in before] == [False] * 5
    assert [batch.is_end for batch, _rest in after] == [False, False, False, True, True]


def test_once_sealed_the_stream_is_gone(server: "redis.Redis", two_attempts: list[str]) -> None:
    server.set(streams.cancel_key(JOB), "1")
    output.seal(JOB)
    assert server.keys(f"naru:job:{JOB}:*") == []


def test_sealing_twice_is_harmless(two_attempts: list[str]) -> None:
    output.seal(JOB)
    output.seal(JOB)
    assert everything() == ALL


def test_sealing_twice_at_once_loses_nothing(
    two_attempts: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The second begins while the first has read the stream half, and goes on once the first is done."""
    whole = output._whole_stream
    other: list[threading.Thread] = []
    begun = threading.Event()

    def the_other() -> None:
        begun.set()
        output.seal(JOB)

    def slowly(job_id: int) -> Any:
        entries = list(whole(job_id))
        yield entries[0]
        if not other:
            monkeypatch.setattr(output, "_whole_stream", whole)
            other.append(threading.Thread(target=the_other))
            other[0].start()
            assert begun.wait(10)
            # where nothing holds the second back, it is through before the first goes on
            other[0].join(0.3)
        yield from entries[1:]

    monkeypatch.setattr(output, "_whole_stream", slowly)
    output.seal(JOB)
    other[0].join(10)
    assert everything() == ALL
    assert [path.name for path in (tmp_path / "jobs").iterdir()] == [f"{JOB}.jsonl"]


def test_what_a_crash_left_half_sealed_is_sealed_anew(two_attempts: list[str], tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / f"{JOB}.part").write_text('{"c": "1-1", "at": 1, "lines": ["half')
    output.seal(JOB)
    assert everything() == ALL


def test_a_job_that_wrote_nothing_is_sealed_and_ends() -> None:
    output.seal(JOB)
    assert output.read(JOB) == output.OutputBatch("0-0", [], is_end=True)


def test_text_that_is_no_unicode_is_sealed_all_the_same(server: "redis.Redis") -> None:
    put(server, "1-1", "caf\ud800", "plain")
    before = everything()
    output.seal(JOB)
    assert everything() == before == ["caf?", "plain"]


def test_an_entry_written_twice_is_not_doubled(server: "redis.Redis") -> None:
    put(server, "1-1", "one")
    with pytest.raises(redis.exceptions.ResponseError):
        put(server, "1-1", "one")
    assert everything() == ["one"]


@pytest.mark.parametrize(
    "cursor", ["x", "1", "1-", "-1", "1-1-1", "1 -1", "(1-1", "+", "$", "-", "１-１", "1-1\n", "9" * 30]
)
@pytest.mark.parametrize("is_sealed", [False, True])
def test_a_malformed_cursor_is_invalid(cursor: str, is_sealed: bool) -> None:
    if is_sealed:
        output.seal(JOB)
    with pytest.raises(Invalid) as invalid:
        output.read(JOB, since=cursor)
    assert invalid.value.field == "since"


def test_without_redis_the_output_is_unavailable_until_it_is_sealed(
    two_attempts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise redis.exceptions.ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(streams, "connection", away)
        with pytest.raises(Unavailable):
            output.read(JOB)
    output.seal(JOB)
    monkeypatch.setattr(streams, "connection", away)
    assert everything() == ALL


async def test_following_gives_every_line_as_it_comes_and_then_the_end(server: "redis.Redis") -> None:
    got: list[str] = []
    put(server, "1-1", "one")
    async with asyncio.timeout(10):
        async for batch in output.follow(JOB):
            got += batch.lines
            if got == ["one"]:
                put(server, "1-2", "two")
            elif got == ["one", "two"] and not batch.is_end:
                put(server, "2-1", "three")
                await asyncio.to_thread(output.seal, JOB)
    assert batch.is_end
    assert got == ["one", "two", "three"]


async def test_following_goes_on_after_a_cursor(two_attempts: list[str]) -> None:
    output.seal(JOB)
    got = [line async for batch in output.follow(JOB, since="1-2", limit_bytes=1) for line in batch.lines]
    assert got == ALL[3:]


async def test_following_a_malformed_cursor_is_invalid() -> None:
    with pytest.raises(Invalid):
        await anext(output.follow(JOB, since="x"))


async def test_ten_thousand_lines_come_in_order() -> None:
    run = JobRun(job=JOB, attempt=1, host_name="local", engine_address="")
    flusher = asyncio.create_task(run.flush_for_ever())
    wanted = [f"line {n}" for n in range(10_000)]
    text = "".join(f"{line}\n" for line in wanted)
    # in pieces that begin and end anywhere
    for start in range(0, len(text), 997):
        await run.write(text[start : start + 997])
        await asyncio.sleep(0)
    flusher.cancel()
    await run.finish_output()
    assert await asyncio.to_thread(everything, limit_bytes=100_000) == wanted


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("10%\r20%\r30%\n", ["30%"]),
        ("10%\r20%\r\n", ["20%"]),
        ("plain\r\n", ["plain"]),
        ("\n\n", ["", ""]),
        ("no end", ["no end"]),
        ("\r\n", [""]),
    ],
)
async def test_a_line_written_over_is_shown_as_it_was_in_the_end(written: str, shown: list[str]) -> None:
    run = JobRun(job=JOB, attempt=1, host_name="local", engine_address="")
    await run.write(written)
    await run.finish_output()
    batch = await asyncio.to_thread(output.read, JOB)
    assert batch.lines == shown
