"""Logs read while somebody writes them, as conmon does: appended lines, then the end."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.containers.attach import AttachSession
from engine.containers.changes import Changes
from engine.containers.logs import LogRequest, OpenLog, read_records
from engine.containers.waiting import Exit, WaitCondition, Waiters

AT = "2026-11-23T23:46:00.123456789+00:00"


def written(*numbers: int, stream: str = "stdout") -> bytes:
    return b"".join(f"{AT} {stream} F {number}\n".encode() for number in numbers)


@pytest.fixture
async def changes() -> AsyncIterator[Changes]:
    changes = Changes()
    yield changes
    await changes.close()


async def test_a_follower_gets_every_line_and_then_the_end(tmp_path: Path, changes: Changes) -> None:
    waiters = Waiters()
    path = tmp_path / "log"
    path.write_bytes(written(0))
    over = waiters.register("c", WaitCondition.NEXT_EXIT)

    async def follow() -> list[bytes]:
        batches = read_records(OpenLog(path, changes), LogRequest(), until_over=over)
        return [record.payload async for batch in batches for record in batch]

    follower = asyncio.create_task(follow())
    with path.open("ab", buffering=0) as log:
        for number in range(1, 2000):
            log.write(written(number))
            if number % 100 == 0:
                await asyncio.sleep(0)
    waiters.tell_exited("c", Exit(0))
    assert await asyncio.wait_for(follower, 10) == [b"%d\n" % number for number in range(2000)]


async def test_what_was_written_is_read_after_the_file_is_gone(tmp_path: Path, changes: Changes) -> None:
    waiters = Waiters()
    path = tmp_path / "log"
    log = OpenLog(path, changes)
    path.write_bytes(written(1, 2))
    path.unlink()
    over = waiters.register("c", WaitCondition.NEXT_EXIT)
    waiters.tell_removed("c", Exit(0))
    batches = read_records(log, LogRequest(), until_over=over)
    assert [record.payload async for batch in batches for record in batch] == [b"1\n", b"2\n"]


async def test_tail_and_streams_choose_lines(tmp_path: Path, changes: Changes) -> None:
    path = tmp_path / "log"
    path.write_bytes(written(1, 2, 3) + written(4, stream="stderr") + written(5))
    batches = read_records(OpenLog(path, changes), LogRequest(tail=3, stderr=False), until_over=None)
    assert [record.payload async for batch in batches for record in batch] == [b"3\n", b"5\n"]


async def test_an_attached_client_sees_only_what_comes_after_it(tmp_path: Path, changes: Changes) -> None:
    waiters = Waiters()
    path = tmp_path / "log"
    path.write_bytes(written(1))
    log = OpenLog(path, changes)
    session = AttachSession(
        log=log,
        offset=log.size_bytes,
        until_over=waiters.register("c", WaitCondition.NEXT_EXIT),
        stdout=True,
        stderr=True,
        tty=False,
        standard_input=None,
        ends_input=False,
    )
    with path.open("ab") as file:
        file.write(written(2) + written(3, stream="stderr"))
    assert await session.read() == (1, b"2\n")
    assert await session.read() == (2, b"3\n")
    waiters.tell_exited("c", Exit(0))
    assert await session.read() is None
    await session.close()
