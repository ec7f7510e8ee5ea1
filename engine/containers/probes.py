"""Probes: one run of a container's health check, as an exec that nobody hears of but by events."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.containers.exec_session import ExecSession
from engine.containers.execs import Execs
from engine.containers.health import Check
from engine.model.durations import format_duration
from engine.model.errors import EngineError
from engine.model.exec import ExecSpec
from engine.model.health import Probe

_LONGEST_OUTPUT: Final = 4096
_WITHOUT_RESULT: Final = -1


class Probes:
    def __init__(self, execs: Execs, *, now: Callable[[], datetime]) -> None:
        self._execs = execs
        self._now = now
        # bringing a program into a container is processor bound; how long it runs then is its own affair, and one that
        # hangs must not keep other containers from being checked
        self._room = asyncio.Semaphore(2 * (os.cpu_count() or 1))

    async def run(self, container_id: str, check: Check) -> Probe:
        """Ends within the check's time limit, counted from when the program runs. Cancelled, it kills the program."""
        output = _Output()
        begun = _Begun(self._now())
        exit_code = await self._exit_code(container_id, check, begun, output)
        return Probe(begun.at, self._now(), exit_code, str(output))

    async def _exit_code(self, container_id: str, check: Check, begun: "_Begun", output: "_Output") -> int:
        try:
            async with self._program(container_id, check.argv, begun) as (exec_id, session):
                async with asyncio.timeout(check.timeout_ns / 1e9):
                    while (piece := await session.read()) is not None:
                        output.add(piece[1])
                if session.failure is not None:
                    raise session.failure
                code = self._execs.get(exec_id).exit_code
                return _WITHOUT_RESULT if code is None else code
        except TimeoutError:
            output.explain(f"Health check exceeded timeout ({format_duration(check.timeout_ns)})")
        except EngineError as error:
            output.replace(str(error))
        return _WITHOUT_RESULT

    @contextlib.asynccontextmanager
    async def _program(
        self, container_id: str, argv: tuple[str, ...], begun: "_Begun"
    ) -> AsyncIterator[tuple[str, ExecSession]]:
        """It runs, or ExecFailed or another EngineError is raised. Afterwards it does not, and is forgotten."""
        async with contextlib.AsyncExitStack() as undo:
            async with self._room:
                begun.at = self._now()
                made = self._execs.create(container_id, ExecSpec(argv=argv, attach_stdout=True, attach_stderr=True))
                undo.push_async_callback(self._execs.discard, made.id)
                session = self._execs.start(made.id, with_input=False)
                undo.push_async_callback(session.close)
                await session.started()
            yield made.id, session


@dataclass(slots=True)
class _Begun:
    at: datetime


class _Output:
    """What a program wrote, of both streams as it came, cut short as Docker cuts it."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._is_cut = False
        self._explanation = ""

    def add(self, data: bytes) -> None:
        room = _LONGEST_OUTPUT - len(self._kept)
        self._kept += data[:room]
        self._is_cut = self._is_cut or len(data) > room

    def explain(self, why: str) -> None:
        self._explanation = f"{why}: " if self._kept else why

    def replace(self, text: str) -> None:
        self._kept, self._is_cut = bytearray(), False
        self.add(text.encode())

    def __str__(self) -> str:
        """Bytes that are no UTF-8 become the replacement character, as Go's JSON has it."""
        return self._explanation + self._kept.decode(errors="replace") + ("..." if self._is_cut else "")
