"""A run that is cancelled or cannot start leaves no container behind."""

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest

from console.containers.jobs import run_container
from console.operations.errors import ConsoleError, Invalid, Missing

ARGS: dict[str, Any] = {
    "image": "hello-naru:latest",
    "name": "web-1",
    "command": [],
    "env": {},
    "ports": [],
    "memory_bytes": 0,
    "cpus": 0.0,
}


class StuckEngine:
    """An engine that creates containers; starting one raises ``refusal``, or never ends."""

    def __init__(self, refusal: ConsoleError | None = None) -> None:
        self.refusal = refusal
        self.present: set[str] = set()
        self.starting = asyncio.Event()

    async def find_labelled(self, _label: str, _value: str) -> str | None:
        return next(iter(self.present), None)

    async def create_container(self, _body: object, *, name: str, platform: str) -> str:
        self.present.add(name)
        return name

    async def start_container(self, _engine_id: str) -> None:
        self.starting.set()
        if self.refusal is not None:
            raise self.refusal
        await asyncio.Event().wait()

    async def remove_container(self, engine_id: str, *, force: bool) -> None:
        assert force
        await asyncio.sleep(0)
        if engine_id not in self.present:
            raise Missing(engine_id)
        self.present.remove(engine_id)


class Run:
    job = 7
    label = {"naru.job": "7"}

    def __init__(self, engine: StuckEngine) -> None:
        self._engine = engine
        self.text = ""

    @asynccontextmanager
    async def engine(self) -> Any:
        yield self._engine

    async def write(self, text: str) -> None:
        self.text += text


async def test_a_cancelled_run_removes_what_it_created() -> None:
    engine = StuckEngine()
    run: Any = Run(engine)
    work = asyncio.ensure_future(run_container(run, ARGS))
    async with asyncio.timeout(5):
        await engine.starting.wait()
    assert engine.present == {"web-1"}
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert engine.present == set()


async def test_a_container_that_cannot_start_is_removed_and_the_reason_kept() -> None:
    engine = StuckEngine(Invalid("exec: no such file"))
    run: Any = Run(engine)
    with pytest.raises(Invalid, match="no such file"):
        await run_container(run, ARGS)
    assert engine.present == set()
