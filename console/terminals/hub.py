"""The sessions that live in this process, and the ways to them.

A session begins in the process that its first socket reaches, and stays there. Sockets that reach another process are
carried to it (console.terminals.relay). When the process is stopped its sessions end; when it is killed, the sweep
finds them (docs/adr/0016).
"""

import asyncio
import contextlib
import os
import secrets
from collections.abc import Iterable
from functools import partial
from typing import Final, Protocol
from weakref import WeakKeyDictionary

import structlog
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import Error as DatabaseError
from redis.exceptions import RedisError

from console.live.doorbell import group_of
from console.live.frames import CloseCode
from console.operations.errors import Conflict
from console.terminals.admission import Admitted, Browser, Refused, admit, prepare, still_may
from console.terminals.frames import Attach, Said
from console.terminals.launching import Program
from console.terminals.models import Records, Why
from console.terminals.observations import Standing, claim, note_alive, note_program, standings
from console.terminals.operations import finish_terminal
from console.terminals.recordings import Recorder, Sealed
from console.terminals.relay import RemoteLine, serving
from console.terminals.running import Ending, RunningTerminal, Viewer

log = structlog.get_logger(__name__)

BEAT_S: Final = 10.0
AUTHORISE_EVERY_S: Final = 30.0
# a bell may ring before what it tells of is so: signing out rings, and then the session goes
LISTEN_AGAIN_S: Final = 1.0
RETRY_S: Final = 1.0
FINISH_TRIES: Final = 5
LINGER_S: Final = 60.0
STOP_S: Final = 4.0
BELLS: Final = ("access", "terminals")


class Line(Protocol):
    """A session as a socket sees it, wherever it lives."""

    async def attach(self, viewer: Viewer, asked: Attach) -> None: ...
    async def take(self, viewer: Viewer, said: Said) -> None: ...
    def detach(self, viewer: Viewer) -> None: ...


class _Held:
    """A session of this process: who came to it last, and from where."""

    def __init__(
        self, terminal: RunningTerminal, recorder: Recorder | None, admitted: Admitted, browser: Browser
    ) -> None:
        self.terminal = terminal
        self.recorder = recorder
        self.user_pk = admitted.user_pk
        self.browser = browser
        self.is_on_record = False


class Hub:
    """Of one process, which is one event loop. ``close`` it before that ends."""

    authorise_every_s = AUTHORISE_EVERY_S
    beat_s = BEAT_S

    def __init__(self) -> None:
        self.server = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._held: dict[int, _Held] = {}
        self._upkeep: list[asyncio.Task[None]] = []
        self._living: dict[int, asyncio.Task[None]] = {}
        self._closing = asyncio.Event()
        self._finding = asyncio.Lock()

    async def line_to(self, key: str, browser: Browser) -> Line:
        """The way to one's own session, which begins with the first. Raises Refused."""
        admitted, terminal = await self._find(key, browser)
        return terminal if terminal is not None else RemoteLine(admitted.server, key, browser)

    async def close(self) -> None:
        """End every session, and wait a moment until that is on record."""
        self._closing.set()
        for held in self._held.values():
            held.terminal.end(Why.STOPPED)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await asyncio.gather(*self._living.values(), return_exceptions=True)
        tasks = [*self._upkeep, *self._living.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._upkeep.clear()

    # --- finding and beginning ---

    async def _find(self, key: str, browser: Browser) -> tuple[Admitted, RunningTerminal | None]:
        """None where it lives elsewhere. One at a time: two sockets of a page must not both begin it."""
        async with self._finding:
            await self._come_up()
            try:
                admitted = await sync_to_async(admit)(key, browser)
            except Refused as refused:
                # what it said last may not have been read yet
                if refused.ended is None or (held := self._held.get(refused.ended.number)) is None:
                    raise
                return Admitted(refused.ended.number, self.server, held.user_pk), held.terminal
            if not admitted.server:
                if await sync_to_async(claim)(admitted.number, self.server):
                    return admitted, await self._begin(admitted, browser)
                # another process was quicker
                admitted = await sync_to_async(admit)(key, browser)
            if admitted.server != self.server:
                return admitted, None
            if (mine := self._held.get(admitted.number)) is None:
                raise Refused(CloseCode.GONE)
            mine.browser = browser
            return admitted, mine.terminal

    async def _find_own(self, key: str, browser: Browser) -> RunningTerminal | None:
        return (await self._find(key, browser))[1]

    async def _begin(self, admitted: Admitted, browser: Browser) -> RunningTerminal:
        number = admitted.number
        prepared = await sync_to_async(prepare)(number)
        recorder = None
        if prepared.records:
            recorder = Recorder(number, secrets=prepared.secrets, with_input=prepared.records == Records.BOTH)
        terminal = RunningTerminal(
            number,
            prepared.wanted,
            limits=prepared.limits,
            recorder=recorder,
            records=prepared.records,
            title=prepared.title,
        )
        held = self._held[number] = _Held(terminal, recorder, admitted, browser)
        self._living[number] = asyncio.create_task(self._live(number, held))
        return terminal

    # --- living and ending ---

    async def _live(self, number: int, held: _Held) -> None:
        """To its end, and a while longer for a page that has not read all of it."""
        terminal = held.terminal
        try:
            ending = await terminal.run(on_begun=partial(self._note_begun, number))
            await self._finish(number, held, ending)
            await self._linger(terminal)
        except Exception:
            # whoever is at the other end cannot tell us; the row is the sweep's
            log.error("terminal not finished", terminal=number, exc_info=True)
        finally:
            await terminal.close()
            self._held.pop(number, None)
            self._living.pop(number, None)

    async def _note_begun(self, number: int, program: Program) -> None:
        await sync_to_async(note_program)(number, exec_id=program.exec_id, pid=program.pid)

    async def _finish(self, number: int, held: _Held, ending: Ending) -> None:
        sealed, error = await _sealed(held.recorder)
        held.is_on_record = True
        finish = partial(
            finish_terminal,
            number,
            ending.why,
            error=ending.error or error,
            exit_code=ending.exit_code,
            passed=held.terminal.passed,
            recording=sealed,
        )
        for attempt in range(FINISH_TRIES):
            try:
                await sync_to_async(finish)()
                return
            except Conflict:
                return  # given up on meanwhile
            except DatabaseError:
                if attempt == FINISH_TRIES - 1:
                    raise
                await asyncio.sleep(RETRY_S)

    async def _linger(self, terminal: RunningTerminal) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (terminal.told, self._closing)]
        try:
            await asyncio.wait(waits, timeout=LINGER_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    # --- staying in touch ---

    async def _come_up(self) -> None:
        if not self._upkeep:
            is_up = asyncio.Event()
            work = [self._serve(is_up), self._beat(), self._authorise_again(), self._listen()]
            self._upkeep = [asyncio.create_task(part) for part in work]
            await is_up.wait()

    async def _serve(self, is_up: asyncio.Event) -> None:
        try:
            async with serving(self.server, self._find_own):
                is_up.set()
                await asyncio.Event().wait()
        except OSError as error:
            # sessions work, but for sockets that reach another process
            log.error("terminals cannot be reached by other processes", why=str(error))
            is_up.set()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.beat_s)
            passed = {number: held.terminal.passed for number, held in self._open().items()}
            if not passed:
                continue
            try:
                self._obey(await sync_to_async(note_alive)(self.server, passed), of=passed)
            except DatabaseError as error:
                log.warning("terminals not seen alive", why=str(error))

    def _obey(self, standing: dict[int, Standing], *, of: Iterable[int]) -> None:
        for number, held in self._open().items():
            now = standing.get(number)
            if now is not None and now.ended_by:
                held.terminal.end(Why.CLOSED if now.is_own else Why.ENDED)
            elif now is None and number in of:
                held.terminal.end(Why.LOST)

    async def _authorise_again(self) -> None:
        while True:
            await asyncio.sleep(self.authorise_every_s)
            await self._authorise(None)

    async def _authorise(self, user_pk: int | None) -> None:
        """May everybody, or this person, still be at their sessions?"""
        for number, held in self._open().items():
            if user_pk in (None, held.user_pk):
                try:
                    why = await sync_to_async(still_may)(number, held.browser)
                except DatabaseError as error:
                    log.warning("terminal not authorised again", terminal=number, why=str(error))
                    continue
                if why is not None:
                    held.terminal.end(why)

    async def _listen(self) -> None:
        """To bells; while Redis is away, what is done every few seconds has to do."""
        while True:
            try:
                await self._hear()
            except (RedisError, OSError, DatabaseError) as error:
                log.warning("terminals hear no bells", why=str(error))
                await asyncio.sleep(RETRY_S)

    async def _hear(self) -> None:
        layer = get_channel_layer()
        assert layer is not None
        channel = await layer.new_channel()
        for bell in BELLS:
            await layer.group_add(group_of(bell), channel)
        try:
            while True:
                event = await layer.receive(channel)
                if event.get("topic") == "access":
                    await self._authorise(event.get("user_pk"))
                    self._later(event.get("user_pk"))
                else:
                    numbers = list(self._open())
                    self._obey(await sync_to_async(standings)(numbers), of=())
        finally:
            with contextlib.suppress(RedisError, OSError):
                for bell in BELLS:
                    await layer.group_discard(group_of(bell), channel)

    def _later(self, user_pk: int | None) -> None:
        async def again() -> None:
            await asyncio.sleep(LISTEN_AGAIN_S)
            await self._authorise(user_pk)

        task = asyncio.create_task(again())
        self._upkeep.append(task)
        task.add_done_callback(lambda done: self._upkeep.remove(done) if done in self._upkeep else None)

    def _open(self) -> dict[int, _Held]:
        return {number: held for number, held in self._held.items() if not held.is_on_record}


async def _sealed(recorder: Recorder | None) -> tuple[Sealed | None, str]:
    if recorder is None:
        return None, ""
    try:
        return await recorder.finish(), ""
    except OSError as error:
        return None, f"the recording was not closed: {error.strerror or error}"


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """Of this process."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


async def close_hub() -> None:
    """When the process is stopped. Nothing happens where there was no session."""
    running = _hubs.pop(asyncio.get_running_loop(), None)
    if running is not None:
        await running.close()
