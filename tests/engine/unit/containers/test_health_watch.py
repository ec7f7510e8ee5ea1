"""Who is watched, when, and what becomes of what a probe found."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from engine.containers.health_watch import HealthWatch
from engine.host import processes
from engine.model.container import Container, ContainerSpec, ProcessIdentity, Status
from engine.model.digest import Digest
from engine.model.health import Health, HealthStatus, Probe
from engine.model.image import Healthcheck

NOW = datetime(2026, 11, 24, tzinfo=UTC)
PROCESS = ProcessIdentity(42, 1000, "boot")


class Fakes:
    """Probes that wait for their results, a registry of one, and the lifecycle's lock and events."""

    def __init__(self, container: Container) -> None:
        self.container: Container | None = container
        self.results: asyncio.Queue[int] = asyncio.Queue()
        self.is_running = False
        self.told: list[str] = []
        self.followed: list[Container] = []
        self.saved: list[Container] = []

    async def run(self, container_id: str, check: object) -> Probe:
        self.is_running = True
        try:
            return Probe(NOW, NOW, await self.results.get())
        finally:
            self.is_running = False

    def find_id(self, container_id: str) -> Container | None:
        return self.container

    def note(self, container: Container) -> None:
        self.container = container

    async def save(self, container: Container) -> Container:
        self.saved.append(container)
        self.container = container
        return container

    @contextlib.asynccontextmanager
    async def held_still(self, container_id: str) -> AsyncIterator[None]:
        yield

    def follow(self, container: Container) -> None:
        self.followed.append(container)

    def emit(self, action: str, container: Container) -> None:
        self.told.append(action)

    @property
    def health(self) -> Health | None:
        return self.container.health if self.container else None


def running(test: tuple[str, ...], **fields: Any) -> Container:
    check = Healthcheck(test, interval_ns=1_000_000, retries=2)
    return replace(
        Container(
            id="a" * 64,
            name="quay",
            spec=ContainerSpec(image_id=Digest("0" * 64), image_name="busybox", healthcheck=check),
            created_at=NOW,
            status=Status.RUNNING,
            process=processes.identity(1),
            started_at=NOW,
            health=Health(),
        ),
        **fields,
    )


@pytest.fixture
def fakes() -> Fakes:
    return Fakes(running(("CMD", "true")))


@contextlib.asynccontextmanager
async def watching(fakes: Fakes) -> AsyncIterator[HealthWatch]:
    parts = cast("Any", fakes)
    watch = HealthWatch(parts, registry=parts, lifecycle=parts, sharing=parts, now=lambda: NOW)
    try:
        yield watch
    finally:
        await watch.close()


async def until(is_so: Any) -> None:
    async with asyncio.timeout(5):
        while not is_so():
            await asyncio.sleep(0.001)


def tasks() -> Iterator[str]:
    return (task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("health"))


@pytest.mark.parametrize(
    "container",
    [
        running(("NONE",)),
        running(()),
        running(("CMD", "true"), status=Status.PAUSED),
        running(("CMD", "true"), status=Status.EXITED),
        running(("CMD", "true"), hidden=True),
    ],
)
async def test_what_is_not_checked_has_no_task(container: Container, fakes: Fakes) -> None:
    async with watching(fakes) as watch:
        watch.follow(container)
        assert list(tasks()) == []


async def test_only_changes_of_the_status_are_saved_and_told(fakes: Fakes) -> None:
    async with watching(fakes) as watch:
        watch.follow(running(("CMD", "true")))
        for exit_code in (0, 0, 1, 1, 1, 0):
            fakes.results.put_nowait(exit_code)
        await until(lambda: fakes.health and len(fakes.health.probes) == 5 and fakes.told[2:])
    told = [f"health_status: {status}" for status in ("healthy", "unhealthy", "healthy")]
    assert fakes.told == told
    assert [saved.health.status for saved in fakes.saved if saved.health] == ["healthy", "unhealthy", "healthy"]


async def test_a_probe_of_a_run_that_is_over_tells_nothing(fakes: Fakes) -> None:
    async with watching(fakes) as watch:
        watch.follow(running(("CMD", "true")))
        await until(lambda: fakes.is_running)
        fakes.container = running(("CMD", "true"), process=PROCESS)  # it was started anew
        fakes.results.put_nowait(0)
        await until(fakes.results.empty)
        await until(lambda: fakes.is_running)
    assert (fakes.told, fakes.saved) == ([], [])
    assert fakes.health == Health(HealthStatus.STARTING)


async def test_following_anew_and_closing_end_a_probe_under_way(fakes: Fakes) -> None:
    async with watching(fakes) as watch:
        container = running(("CMD", "true"))
        watch.follow(container)
        await until(lambda: fakes.is_running)
        watch.follow(replace(container, status=Status.PAUSED))
        await until(lambda: not fakes.is_running)
        assert list(tasks()) == []
        watch.follow(container)
        await until(lambda: fakes.is_running)
    assert not fakes.is_running
