"""Programs in containers: execs with a terminal, and the main process itself, by Docker's API."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from console.hosts.gateway import Duplex, Engine
from console.operations.errors import Conflict, Missing, Unavailable

# keys by which an engine would let go of a client; its default, Ctrl-P Ctrl-Q, holds up what shells need Ctrl-P for
NO_DETACH_KEYS = "ctrl-@,ctrl-_,ctrl-@,ctrl-_,ctrl-@,ctrl-_"
# until an engine that has answered the start knows of the terminal
RESIZE_TRIES = 10
RESIZE_PAUSE_S = 0.05
NOT_FOUND = frozenset({126, 127})


@dataclass(frozen=True, slots=True)
class ExecSpec:
    """``user`` and ``working_dir`` empty: the container's own."""

    argv: Sequence[str]
    user: str = ""
    working_dir: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    has_tty: bool = True


@dataclass(frozen=True, slots=True)
class ExecState:
    """``exit_code`` is None while it runs."""

    is_running: bool
    exit_code: int | None


async def create_exec(engine: Engine, container_id: str, spec: ExecSpec) -> str:
    """Its id. Missing without the container; Conflict when that does not run."""
    body = {
        "Cmd": list(spec.argv),
        "User": spec.user,
        "WorkingDir": spec.working_dir,
        "Env": [f"{name}={value}" for name, value in spec.env.items()],
        "Tty": spec.has_tty,
        "AttachStdin": spec.has_tty,
        "AttachStdout": True,
        "AttachStderr": True,
        "DetachKeys": NO_DETACH_KEYS,
    }
    created: Mapping[str, Any] = await engine.json(f"containers/{container_id}/exec", "POST", body=body)
    return str(created["Id"])


@asynccontextmanager
async def started_exec(engine: Engine, exec_id: str, *, has_tty: bool = True) -> AsyncIterator[Duplex]:
    """The program begins with the block; leaving it does not end the program, nor does any call of the API."""
    path = f"exec/{exec_id}/start"
    async with engine.duplex(path, body={"Detach": False, "Tty": has_tty}, has_tty=has_tty) as duplex:
        yield duplex


@asynccontextmanager
async def attached(engine: Engine, container_id: str, *, has_tty: bool) -> AsyncIterator[Duplex]:
    """The main process's streams, from now on."""
    wanted = {"stream": 1, "stdin": 1, "stdout": 1, "stderr": 1, "detachKeys": NO_DETACH_KEYS}
    async with engine.duplex(f"containers/{container_id}/attach", params=wanted, has_tty=has_tty) as duplex:
        yield duplex


async def inspect_exec(engine: Engine, exec_id: str) -> ExecState:
    found: Mapping[str, Any] = await engine.json(f"exec/{exec_id}/json")
    is_running = bool(found.get("Running"))
    code = found.get("ExitCode")
    return ExecState(is_running, None if is_running or code is None else int(code))


async def resize_exec(engine: Engine, exec_id: str, *, columns: int, rows: int) -> None:
    await _resize(engine, f"exec/{exec_id}/resize", columns=columns, rows=rows)


async def resize_container(engine: Engine, container_id: str, *, columns: int, rows: int) -> None:
    await _resize(engine, f"containers/{container_id}/resize", columns=columns, rows=rows)


async def _resize(engine: Engine, path: str, *, columns: int, rows: int) -> None:
    """A program that has ended has no size any more (dockerd: 500); one that is just beginning may not have one yet."""
    for _ in range(RESIZE_TRIES):
        try:
            await engine.json(path, "POST", params={"h": rows, "w": columns})
            return
        except (Conflict, Missing, Unavailable):
            await asyncio.sleep(RESIZE_PAUSE_S)


async def run_quietly(engine: Engine, container_id: str, spec: ExecSpec) -> int | None:
    """Run a short command without a terminal to its end; its exit code."""
    exec_id = await create_exec(engine, container_id, spec)
    async with started_exec(engine, exec_id, has_tty=False) as duplex:
        while await duplex.read():
            pass
    return (await inspect_exec(engine, exec_id)).exit_code
