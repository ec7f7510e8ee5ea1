"""Reading a container's log while it is written: ``docker logs``."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from engine.containers.log_file import (
    STDERR,
    STDOUT,
    Selection,
    first_time,
    offset_of_time,
    place_of_last,
    time_text,
)
from engine.containers.open_logs import LogReader, Over
from engine.containers.waiting import WaitCondition, Waiters


@dataclass(frozen=True, slots=True)
class LogRequest:
    """``tail`` None means all lines. Times are nanoseconds since the epoch, both inclusive."""

    follow: bool = False
    since_ns: int | None = None
    until_ns: int | None = None
    tail: int | None = None
    stdout: bool = True
    stderr: bool = True

    @property
    def selection(self) -> Selection:
        wanted = ((STDOUT, self.stdout), (STDERR, self.stderr))
        return Selection(
            frozenset(stream for stream, is_wanted in wanted if is_wanted),
            b"" if self.since_ns is None else time_text(self.since_ns),
            b"~" if self.until_ns is None else time_text(self.until_ns),
        )


class FollowedEnd:
    """When a follower of a log is through: the container is over, and no restart policy is going to start it again.

    The one place that decides it. ``is_restarting`` is asked at each end of the container.
    """

    def __init__(self, waiters: Waiters, container_id: str, *, is_restarting: Callable[[str], bool]) -> None:
        self._waiters = waiters
        self._container_id = container_id
        self._is_restarting = is_restarting
        self._is_over = False
        self._calls: list[Callable[[], object]] = []
        self._wait()

    @property
    def is_over(self) -> bool:
        return self._is_over

    def on_end(self, call: Callable[[], object]) -> None:
        self._calls.append(call)
        if self._is_over:
            call()

    def cancel(self) -> None:
        self._is_over = True
        self._waiter.cancel()

    def _wait(self) -> None:
        self._waiter = self._waiters.register(self._container_id, WaitCondition.NEXT_EXIT)
        self._waiter.on_end(self._ended)

    def _ended(self) -> None:
        if not self._is_over and self._is_restarting(self._container_id):
            self._wait()
            return
        self._is_over = True
        for call in self._calls:
            call()


async def read_log(
    reader: LogReader, request: LogRequest, *, encode: Callable[[bytes], bytes], until_over: Over | None
) -> AsyncGenerator[bytes, None]:
    """The log as asked for, in pieces as ``encode`` gives them; it gets whole lines as they are in the file, in order.

    Of those it leaves out what ``request.selection`` does not select. Closes ``reader``, cancels ``until_over``.
    """
    selection = request.selection
    is_past = False

    def piece(data: bytes) -> bytes:
        nonlocal is_past
        is_past = selection.ends_in(data)
        return encode(data)

    try:
        await _go_to_begin(reader, request)
        async with aclosing(reader.pieces(piece, until_over=until_over)) as pieces:
            async for encoded in pieces:
                yield encoded
                del encoded
                if is_past:
                    return
    finally:
        reader.close()
        if until_over is not None:
            until_over.cancel()


async def _go_to_begin(reader: LogReader, request: LogRequest) -> None:
    if request.tail is not None or request.since_ns is not None:
        await reader.go_to(lambda fds: _begin(fds, request))
    else:
        reader.go_to_begin()


def _begin(fds: Sequence[int], request: LogRequest) -> tuple[int, int]:
    """Index of the file and offset in it, such that nothing asked for is before."""
    place = (0, 0)
    if request.since_ns is not None:
        since = time_text(request.since_ns)
        # not the first file whose lines may all be young enough, but the one before it
        index = max((at for at, fd in enumerate(fds) if b"" < first_time(fd) < since), default=0)
        place = (index, offset_of_time(fds[index], since))
    if request.tail is not None:
        place = max(place, place_of_last(fds, request.tail))
    return place
