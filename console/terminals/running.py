"""One session as it runs: a program on one side, at most one page on the other, what lies between bounded.

What is printed goes into the replay buffer, and from there to the page. The program is read no faster than pages say
that they have shown things; without a page it is read until the window is full, and waits. A page that comes again goes
on at its cursor. What is typed waits in a queue of its own, since a program may have to be read before it takes input.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from console.live.frames import CloseCode
from console.operations.errors import ConsoleError, Invalid, Unavailable
from console.terminals.frames import (
    INPUT_WINDOW_BYTES,
    Attach,
    Resize,
    Said,
    Shown,
    Typed,
    attached_frame,
    end_frame,
    idle_frame,
    taken_frame,
)
from console.terminals.launching import Program, Wanted, begun, hang_up_quietly
from console.terminals.models import Why
from console.terminals.observations import Passed
from console.terminals.recordings import Recorder
from console.terminals.replay import Replay

log = structlog.get_logger(__name__)

PIECE_BYTES: Final = 16 * 1024
LOOK_S: Final = 1.0
ENDED: Final = 1000
# another page has taken the session over
TAKEN_OVER: Final = 4409
CODES: Final = {Why.REVOKED: CloseCode.FORBIDDEN, Why.SIGNED_OUT: CloseCode.SIGNED_OUT}


class Viewer(Protocol):
    """A page. Both wait while it is slow, and raise nothing that says that it has gone."""

    async def show(self, frame: str | bytes) -> None: ...
    async def dismiss(self, code: int, reason: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """In seconds. ``idle_s`` 0: no limit."""

    grace_s: float = 60.0
    idle_s: float = 0.0
    warn_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Ending:
    why: Why
    error: str = ""
    exit_code: int | None = None


class RunningTerminal:
    """``run`` once; the others meanwhile. Belongs to one event loop."""

    def __init__(
        self,
        number: int,
        wanted: Wanted,
        *,
        limits: Limits,
        recorder: Recorder | None = None,
        records: str = "",
        title: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.number = number
        self.wanted = wanted
        self.program: Program | None = None
        # it is over, and a page has shown all of it
        self.told = asyncio.Event()
        self.replay = Replay()
        self._limits = limits
        self._recorder = recorder
        self._records = records
        self._title = title
        self._clock = clock
        self._viewer: Viewer | None = None
        self._sending: asyncio.Task[None] | None = None
        self._sent = 0
        self._size = (80, 24)
        self._input = bytearray()
        self._taken = 0
        self._typed_at = self._left_at = clock()
        self._is_warned = False
        self._ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._is_over = False
        self._ended = Ending(Why.EXITED)
        # something for the page; something to type; the page has shown something; another page, or another size
        self._news, self._typed, self._shown, self._moved = (asyncio.Event() for _ in range(4))
        self._arrived = asyncio.Event()

    # --- from outside ---

    @property
    def passed(self) -> Passed:
        return Passed(self._taken, self.replay.head)

    def end(self, why: Why, *, error: str = "") -> None:
        """The first to say so is right."""
        if not self._ending.done():
            self._ending.set_result(Ending(why, error))

    async def attach(self, viewer: Viewer, asked: Attach) -> None:
        """From now on this page has it; one that had it before is sent away."""
        before, sending = self._viewer, self._sending
        self._viewer, self._sending = viewer, None
        await _stopped(sending)
        if before is not None:
            await before.dismiss(TAKEN_OVER)
        if self._viewer is not viewer:
            return
        cursor = self._sent = self.replay.place(asked.since)
        self._size = (asked.columns, asked.rows)
        self._is_warned = False
        self._sending = asyncio.create_task(self._send(viewer, cursor))
        self._moved.set()
        self._arrived.set()

    def detach(self, viewer: Viewer) -> None:
        """The page is gone; the session waits for another for a while."""
        if self._viewer is viewer:
            self._viewer = None
            self._left_at = self._clock()
            if self._sending is not None:
                self._sending.cancel()
            self._moved.set()

    async def take(self, viewer: Viewer, said: Said) -> None:
        """What the page says. Raises Invalid for more input than it may send; one that was sent away is not heard."""
        if self._viewer is not viewer:
            return
        match said:
            case Typed():
                self._type(said.data)
            case Shown():
                self.replay.show(min(said.cursor, self._sent))
                self._shown.set()
                self._note_told()
            case Resize():
                self._size = (said.columns, said.rows)
                self._moved.set()
            case Attach():
                raise Invalid("a socket attaches once")

    def _type(self, data: bytes) -> None:
        if len(self._input) + len(data) > INPUT_WINDOW_BYTES:
            raise Invalid(f"at most {INPUT_WINDOW_BYTES} bytes of input may wait")
        self._input += data
        self._typed_at = self._clock()
        self._is_warned = False
        self._typed.set()

    # --- the program ---

    async def run(self, *, on_begun: Callable[[Program], Coroutine[Any, Any, None]]) -> Ending:
        """From the first page to the end; the program is hung up then. ``on_begun`` writes down what that takes."""
        exec_id, pid = "", None
        try:
            columns, rows = await self._first_size()
            async with begun(self.wanted, columns=columns, rows=rows) as program:
                self.program = program
                exec_id, pid = program.exec_id, program.pid
                await on_begun(program)
                ending = await self._until_ended(program, size=(columns, rows))
        except ConsoleError as error:
            ending = Ending(Why.ENGINE if self.program is not None else Why.FAILED, str(error))
        self._over(ending)
        if ending.why is not Why.EXITED and (trouble := await hang_up_quietly(self.wanted, exec_id=exec_id, pid=pid)):
            log.warning("program not hung up", terminal=self.number, why=trouble)
        return ending

    async def _first_size(self) -> tuple[int, int]:
        """Once a page has come; the recording begins with it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.grace_s):
                await self._arrived.wait()
        columns, rows = self._size
        if self._recorder is not None:
            self._recorder.start()
            self._recorder.begin(columns=columns, rows=rows, title=self._title)
        return columns, rows

    async def _until_ended(self, program: Program, *, size: tuple[int, int]) -> Ending:
        work = [self._pump(program), self._hand_over(program), self._follow_size(program, size), self._watch()]
        tasks = [asyncio.create_task(part) for part in work]
        if self._recorder is not None and self._recorder.writing is not None:
            tasks.append(asyncio.create_task(self._guard(self._recorder.writing)))
        for task in tasks:
            task.add_done_callback(self._note_failure)
        try:
            ending = await asyncio.shield(self._ending)
            if ending.why is Why.EXITED:
                ending = Ending(Why.EXITED, exit_code=await program.exit_code())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if ending.why in CODES:
            await self._dismiss(CODES[ending.why])
        return ending

    def _note_failure(self, task: "asyncio.Task[None]") -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, ConsoleError):
            self.end(Why.ENGINE if isinstance(error, Unavailable) else Why.FAILED, error=str(error))
        else:
            log.error("terminal failed", terminal=self.number, exc_info=error)
            self.end(Why.FAILED, error=f"{type(error).__name__}: {error}"[:300])

    async def _pump(self, program: Program) -> None:
        """From the program into the buffer, while there is room."""
        while data := await program.read():
            self.replay.add(data)
            self._news.set()
            if self._recorder is not None:
                self._recorder.output(data)
                await self._recorder.caught_up()
            while not self.replay.room:
                self._shown.clear()
                await self._shown.wait()
        self.end(Why.EXITED)

    async def _hand_over(self, program: Program) -> None:
        """From the queue to the program, as it takes it."""
        while True:
            await self._typed.wait()
            self._typed.clear()
            while data := bytes(self._input[:PIECE_BYTES]):
                await program.write(data)
                del self._input[: len(data)]
                self._taken += len(data)
                if self._recorder is not None:
                    self._recorder.input(data)
                self._news.set()

    async def _follow_size(self, program: Program, size: tuple[int, int]) -> None:
        while True:
            if size != self._size:
                size = self._size
                columns, rows = size
                if self._recorder is not None:
                    self._recorder.resized(columns=columns, rows=rows)
                await program.resize(columns=columns, rows=rows)
            await self._moved.wait()
            self._moved.clear()

    async def _guard(self, writing: "asyncio.Task[None]") -> None:
        """A session that is to be recorded does not go on unrecorded."""
        try:
            await asyncio.shield(writing)
        except OSError as error:
            self.end(Why.FAILED, error=f"the recording cannot be written: {error.strerror or error}")

    # --- time ---

    async def _watch(self) -> None:
        """Ends it when nothing was typed for too long, or no page came back. That a page goes makes an end come nearer,
        so it looks often.
        """
        while True:  # noqa: ASYNC110 - it is time that is waited for
            await asyncio.sleep(min(self._look_at_the_clock(), LOOK_S, self._limits.grace_s / 4))

    def _look_at_the_clock(self) -> float:
        """How long nothing will be due."""
        now, due_s = self._clock(), [3600.0]
        if self._viewer is None:
            due_s.append(self._left_at + self._limits.grace_s - now)
            if due_s[-1] <= 0:
                self.end(Why.LEFT)
        if self._limits.idle_s:
            left_s = self._typed_at + self._limits.idle_s - now
            warn_in_s = left_s - min(self._limits.warn_s, self._limits.idle_s / 2)
            if left_s <= 0:
                self.end(Why.IDLE)
            elif warn_in_s <= 0 and not self._is_warned:
                self._is_warned = True
                self._news.set()
            due_s.append(warn_in_s if warn_in_s > 0 else left_s)
        return max(0.01, min(due_s))

    # --- the page ---

    async def _send(self, viewer: Viewer, cursor: int) -> None:
        """What the buffer holds after ``cursor``, and what comes. The backlog of a page that begins anew is copied: it
        was shown before, so the buffer may drop it meanwhile.
        """
        replay, taken_told, warned = self.replay, self._taken, False
        backlog = replay.after(cursor, most_bytes=replay.head - cursor)
        received = self._taken + len(self._input)
        facts = {"shown": replay.shown, "taken": self._taken, "received": received}
        await viewer.show(attached_frame(cursor=cursor, **facts, records=self._records, has_tty=self.wanted.has_tty))
        for start in range(0, len(backlog), PIECE_BYTES):
            await self._show(viewer, backlog[start : start + PIECE_BYTES])
        while True:
            while data := replay.after(self._sent, most_bytes=PIECE_BYTES):
                await self._show(viewer, data)
            self._news.clear()
            if taken_told != self._taken:
                taken_told = self._taken
                await viewer.show(taken_frame(taken_told))
            if self._is_warned and not warned:
                await viewer.show(idle_frame(max(0, round(self._typed_at + self._limits.idle_s - self._clock()))))
            warned = self._is_warned
            if self._is_over and self._sent == replay.head:
                await viewer.show(end_frame(self._ended.why, text=self._ended.error, exit_code=self._ended.exit_code))
                return
            if self._sent == replay.head:
                await self._news.wait()

    async def _show(self, viewer: Viewer, data: bytes) -> None:
        # counted first: the page may have said that it has shown it before sending returns
        self._sent += len(data)
        await viewer.show(data)

    async def _dismiss(self, code: int) -> None:
        viewer, sending = self._viewer, self._sending
        self._viewer = self._sending = None
        await _stopped(sending)
        if viewer is not None:
            await viewer.show(end_frame(self._ending.result().why))
            await viewer.dismiss(code)

    def _over(self, ending: Ending) -> None:
        self._ended, self._is_over = ending, True
        self._news.set()
        self._note_told()

    def _note_told(self) -> None:
        if self._is_over and self.replay.shown == self.replay.head:
            self.told.set()

    async def close(self) -> None:
        """Nobody will come for what is left."""
        viewer, sending = self._viewer, self._sending
        self._viewer = self._sending = None
        await _stopped(sending)
        if viewer is not None:
            await viewer.dismiss(ENDED)


async def _stopped(task: "asyncio.Task[None] | None") -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
