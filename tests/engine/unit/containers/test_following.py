"""Logs read while somebody writes and rotates them, as conmon does: appended lines, new files, then the end."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from engine.containers import log_generations
from engine.containers.attach import AttachSession
from engine.containers.changes import Changes
from engine.containers.log_file import raw_output
from engine.containers.logs import FollowedEnd, LogRequest, read_log
from engine.containers.open_logs import OpenLogs
from engine.containers.waiting import Exit, WaitCondition, Waiters

AT = "2026-11-23T23:46:00.123456789+00:00"


def written(*numbers: int, stream: str = "stdout") -> bytes:
    return b"".join(f"{AT} {stream} F {number}\n".encode() for number in numbers)


class Log:
    """A log directory and the one who writes it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        log_generations.make_log(directory)

    def write(self, data: bytes) -> None:
        with (self.directory / log_generations.CURRENT).open("ab") as file:
            file.write(data)

    def rotate(self, *, keep: int) -> None:
        """conmon's part and the engine's, in their order."""
        (self.directory / log_generations.NEXT).touch()
        log_generations.link_next(self.directory)
        log_generations.drop(self.directory, log_generations.surplus(self.directory, keep=keep))
        (self.directory / log_generations.NEXT).replace(self.directory / log_generations.CURRENT)

    def remove(self) -> None:
        for path in self.directory.iterdir():
            path.unlink()
        self.directory.rmdir()


@pytest.fixture
def log(tmp_path: Path) -> Log:
    directory = tmp_path / "log"
    directory.mkdir()
    return Log(directory)


@pytest.fixture
async def logs(log: Log) -> AsyncIterator[OpenLogs]:
    changes = Changes()
    yield OpenLogs(lambda _: log.directory, changes)
    await changes.close()


def text(data: bytes) -> bytes:
    return b"".join(output for _, output in raw_output(data))


async def whole(logs: OpenLogs, request: LogRequest = LogRequest(), *, until_over: object = None) -> bytes:  # noqa: B008
    def encode(data: bytes) -> bytes:
        return b"".join(output for _, output in request.selection.output(data))

    pieces = read_log(logs.read("c"), request, encode=encode, until_over=until_over)  # type: ignore[arg-type]
    return b"".join([piece async for piece in pieces])


def lines(*numbers: int) -> bytes:
    return b"".join(b"%d\n" % number for number in numbers)


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("keep", [1, 3])
async def test_a_follower_gets_every_line_of_every_file_and_then_the_end(log: Log, logs: OpenLogs, keep: int) -> None:
    waiters = Waiters()
    log.write(written(0))
    over = waiters.register("c", WaitCondition.NEXT_EXIT)
    seen = b""

    async def follow() -> None:
        nonlocal seen
        async for piece in read_log(logs.read("c"), LogRequest(), encode=text, until_over=over):
            seen += piece

    follower = asyncio.create_task(follow())
    await until(lambda: seen)
    for number in range(1, 2000):
        log.write(written(number))
        if number % 100 == 0:
            log.rotate(keep=keep)
            await until(lambda: seen.endswith(b"\n%d\n" % number))  # noqa: B023 (it is called at once)
    waiters.tell_exited("c", Exit(0))
    async with asyncio.timeout(10):
        await follower
    assert seen == lines(*range(2000))


async def test_what_was_written_is_read_after_the_log_is_gone(log: Log, logs: OpenLogs) -> None:
    waiters = Waiters()
    log.write(written(1))
    log.rotate(keep=3)
    reader = logs.read("c")
    log.write(written(2))
    log.rotate(keep=3)
    log.write(written(3))
    await asyncio.sleep(0)
    over = waiters.register("c", WaitCondition.NEXT_EXIT)
    pieces = read_log(reader, LogRequest(), encode=text, until_over=over)
    assert await anext(pieces) == lines(1)
    log.remove()
    waiters.tell_removed("c", Exit(0))
    assert b"".join([piece async for piece in pieces]) == lines(2, 3)


async def test_tail_and_streams_choose_lines_across_files(log: Log, logs: OpenLogs) -> None:
    log.write(written(1, 2, 3))
    log.rotate(keep=3)
    log.write(written(4, stream="stderr") + written(5))
    assert await whole(logs, LogRequest(tail=3, stderr=False)) == lines(3, 5)
    assert await whole(logs, LogRequest(tail=0)) == b""
    assert await whole(logs) == lines(1, 2, 3, 4, 5)


async def test_since_begins_in_the_right_file(log: Log, logs: OpenLogs) -> None:
    for second in range(10):
        log.write(f"2026-11-23T23:46:{second:02}.000000000+00:00 stdout F {second}\n".encode())
        log.rotate(keep=20)
    epoch = 1_795_477_560 * 10**9
    for second in range(11):
        assert await whole(logs, LogRequest(since_ns=epoch + second * 10**9)) == lines(*range(second, 10))
        assert await whole(logs, LogRequest(until_ns=epoch + second * 10**9)) == lines(*range(min(10, second + 1)))


async def test_who_stands_still_keeps_one_deleted_file_and_is_told_what_it_missed(log: Log, logs: OpenLogs) -> None:
    waiters = Waiters()
    log.write(written(0))
    over = waiters.register("c", WaitCondition.NEXT_EXIT)
    pieces = read_log(logs.read("c"), LogRequest(), encode=text, until_over=over)
    assert await anext(pieces) == lines(0)
    other = logs.read("c").pieces(text, until_over=waiters.register("c", WaitCondition.NEXT_EXIT))
    for number in range(1, 10):
        log.rotate(keep=2)
        log.write(written(number))
        assert await anext(other) == lines(number)
        assert len(deleted(log)) <= 1
    assert deleted(log) == [f"{log.directory}/container.log.8 (deleted)"]
    assert b"rotated away" in await anext(pieces)
    assert await anext(pieces) == lines(7)
    await pieces.aclose()
    await other.aclose()


def deleted(log: Log) -> list[str]:
    """Deleted files of the log that this process holds open."""
    open_files = [Path(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
    names = [str(path.readlink()) for path in open_files if path.is_symlink()]
    return [name for name in names if name.startswith(str(log.directory)) and name.endswith("(deleted)")]


async def test_rotation_waits_for_readers_that_hold_it_and_for_no_other(log: Log, logs: OpenLogs) -> None:
    log.write(written(1))
    other, attached = logs.read("c"), logs.read("c", holds=True)
    async with asyncio.timeout(10):
        await logs.left_behind("c", 0)
    (log.directory / log_generations.NEXT).touch()
    log_generations.link_next(log.directory)
    waiting = asyncio.create_task(logs.left_behind("c", 1))
    await asyncio.sleep(0)
    assert not waiting.done()
    over = Waiters().register("c", WaitCondition.NEXT_EXIT)
    pieces = attached.pieces(raw_output, until_over=over)
    reading = asyncio.create_task(anext(pieces, None))
    async with asyncio.timeout(10):
        await waiting
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    other.close()
    attached.close()


async def test_a_rotation_that_held_for_a_client_goes_on_when_the_client_leaves(log: Log, logs: OpenLogs) -> None:
    attached = logs.read("c", holds=True)
    waiting = asyncio.create_task(logs.left_behind("c", 1))
    await asyncio.sleep(0)
    attached.close()
    async with asyncio.timeout(10):
        await waiting


async def test_a_follower_stays_while_a_policy_restarts_the_container(log: Log, logs: OpenLogs) -> None:
    waiters, restarting = Waiters(), {"c"}
    end = FollowedEnd(waiters, "c", is_restarting=restarting.__contains__)
    follower = asyncio.create_task(whole(logs, until_over=end))
    log.write(written(1))
    waiters.tell_exited("c", Exit(1))
    await asyncio.sleep(0.01)
    assert not follower.done()
    log.write(written(2))
    restarting.clear()
    waiters.tell_exited("c", Exit(1))
    async with asyncio.timeout(10):
        assert await follower == lines(1, 2)


async def test_an_attached_client_sees_only_what_comes_after_it(log: Log, logs: OpenLogs) -> None:
    waiters = Waiters()
    log.write(written(1))
    session = AttachSession(
        reader=logs.read("c"),
        until_over=waiters.register("c", WaitCondition.NEXT_EXIT),
        stdout=True,
        stderr=True,
        tty=False,
        standard_input=None,
        ends_input=False,
    )
    log.write(written(2) + written(3, stream="stderr"))
    assert await session.read() == (1, b"2\n")
    assert await session.read() == (2, b"3\n")
    waiters.tell_exited("c", Exit(0))
    assert await session.read() is None
    await session.close()


def test_a_file_that_came_while_nobody_looked_gets_the_newest_number(log: Log) -> None:
    log.write(written(1))
    (log.directory / "new").write_bytes(written(2))
    (log.directory / "new").replace(log.directory / log_generations.CURRENT)
    log_generations.settle(log.directory, is_written=True)
    assert log_generations.numbers(log.directory) == [1, 2]
    assert (log.directory / "container.log.2").read_bytes() == written(2)


def test_a_file_that_never_came_into_use_loses_its_number(log: Log) -> None:
    log.write(written(1)[:-5])
    (log.directory / log_generations.NEXT).touch()
    log_generations.link_next(log.directory)
    log_generations.settle(log.directory, is_written=True)
    assert log_generations.numbers(log.directory) == [1, 2]  # conmon is about to use it
    log_generations.settle(log.directory, is_written=False)
    assert log_generations.numbers(log.directory) == [1]
    assert not (log.directory / log_generations.NEXT).exists()
    assert (log.directory / log_generations.CURRENT).read_bytes() == written(1)[:-5] + b"\n"
