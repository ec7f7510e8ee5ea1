"""A session's program, begun: what it prints, what it is given, its size, its end. Talks to the engine."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from django.utils.translation import gettext as _

from console.hosts.execs import (
    NOT_FOUND,
    ExecSpec,
    attached,
    create_exec,
    inspect_exec,
    resize_container,
    resize_exec,
    run_quietly,
    started_exec,
)
from console.hosts.gateway import Duplex, Engine, connect
from console.operations.errors import Conflict, ConsoleError, Invalid, Missing
from console.terminals.programs import PidReader, argv_of, hang_up_argv

HANG_UP_S = 10.0
# from the end of the output to the engine's knowing how it ended
END_TRIES = 40
END_PAUSE_S = 0.05
TERM = "xterm-256color"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to begin, and where. ``command`` empty: a shell; ``attach``: the main process instead."""

    address: str
    container_id: str
    command: Sequence[str] = ()
    run_as: str = ""
    working_dir: str = ""
    attach: bool = False
    has_tty: bool = True

    def spec(self, argv: Sequence[str]) -> ExecSpec:
        return ExecSpec(argv, self.run_as, self.working_dir, {"TERM": TERM})


class Program:
    """``exec_id`` is empty for the main process; ``pid``, inside the container, is known where it has a shell."""

    def __init__(self, engine: Engine, wanted: Wanted, duplex: Duplex, *, exec_id: str = "") -> None:
        self.exec_id = exec_id
        self.reader = PidReader()
        self._engine = engine
        self._wanted = wanted
        self._duplex = duplex
        self._first = b""

    @property
    def pid(self) -> int | None:
        return self.reader.pid

    async def read(self) -> bytes:
        """What it printed; empty at its end. Unavailable when the connection breaks."""
        if self._first:
            first, self._first = self._first, b""
            return first
        return await self._duplex.read()

    async def write(self, data: bytes) -> None:
        await self._duplex.write(data)

    async def resize(self, *, columns: int, rows: int) -> None:
        if self.exec_id:
            await resize_exec(self._engine, self.exec_id, columns=columns, rows=rows)
        elif self._wanted.has_tty:
            await resize_container(self._engine, self._wanted.container_id, columns=columns, rows=rows)

    async def exit_code(self) -> int | None:
        """Of a program whose output has ended; None where it goes on nevertheless."""
        for _try in range(END_TRIES):
            if not self.exec_id:
                fact = await self._engine.get_container(self._wanted.container_id)
                if fact.state not in ("running", "paused", "restarting"):
                    return fact.exit_code
            elif not (state := await inspect_exec(self._engine, self.exec_id)).is_running:
                return state.exit_code
            await asyncio.sleep(END_PAUSE_S)
        return None

    async def tell_pid(self) -> bool:
        """Read until the program has begun; False when there is none of that name."""
        while self.pid is None:
            data = await self._duplex.read()
            self._first = self.reader.feed(data) if data else self.reader.finish()
            if self._first or not data:
                break
        # what comes instead of an id is the runtime's complaint, or that of a shell that cannot tell ids
        return self.pid is not None or await self.exit_code() not in NOT_FOUND


@asynccontextmanager
async def begun(wanted: Wanted, *, columns: int, rows: int) -> AsyncIterator[Program]:
    """The program runs in the block. Leaving it closes the connection, and ends no program.

    Missing when the container has no shell to begin, or no such command; other errors as the engine gives them.
    """
    async with connect(wanted.address) as engine, AsyncExitStack() as stack:
        if wanted.attach:
            duplex = await stack.enter_async_context(attached(engine, wanted.container_id, has_tty=wanted.has_tty))
            program = Program(engine, wanted, duplex)
        else:
            program = await _executed(engine, wanted, stack)
        await program.resize(columns=columns, rows=rows)
        yield program


async def _executed(engine: Engine, wanted: Wanted, stack: AsyncExitStack) -> Program:
    """By the shell that tells its id, if the container has one."""
    program = await _find_begun(engine, wanted, stack, argv_of(wanted.command))
    if program is not None:
        return program
    if not wanted.command:
        raise Missing(_("There is no shell in this container. Give a command."))
    exec_id = await create_exec(engine, wanted.container_id, wanted.spec(wanted.command))
    duplex = await stack.enter_async_context(started_exec(engine, exec_id))
    return Program(engine, wanted, duplex, exec_id=exec_id)


async def _find_begun(engine: Engine, wanted: Wanted, stack: AsyncExitStack, argv: Sequence[str]) -> Program | None:
    """None when the container has no such program."""
    exec_id = await create_exec(engine, wanted.container_id, wanted.spec(argv))
    async with AsyncExitStack() as attempt:
        try:
            duplex = await attempt.enter_async_context(started_exec(engine, exec_id))
        except (Invalid, Missing, Conflict):
            # dockerd says so by the status of its answer, where our engine says so in the output
            if (await inspect_exec(engine, exec_id)).exit_code in NOT_FOUND:
                return None
            raise
        program = Program(engine, wanted, duplex, exec_id=exec_id)
        if not await program.tell_pid():
            return None
        stack.push_async_exit(attempt.pop_all())
        return program


async def hang_up(wanted: Wanted, *, exec_id: str, pid: int | None) -> None:
    """End the program as a terminal that is closed would, and kill it if it does not care. Fine if it has ended.

    Where its id is not known, nothing can be done but to close the connection. Raises what the engine says.
    """
    if not exec_id or pid is None:
        return
    async with connect(wanted.address) as engine:
        if not (await inspect_exec(engine, exec_id)).is_running:
            return
        # by the same user, who may always signal what is theirs
        spec = ExecSpec(hang_up_argv(pid), wanted.run_as, has_tty=False)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HANG_UP_S):
                await run_quietly(engine, wanted.container_id, spec)


async def hang_up_quietly(wanted: Wanted, *, exec_id: str, pid: int | None) -> str:
    """As ``hang_up``; what went wrong, in words, and not raised: the session is over in any case."""
    try:
        await hang_up(wanted, exec_id=exec_id, pid=pid)
    except Missing:
        return ""
    except ConsoleError as error:
        return str(error)
    return ""
