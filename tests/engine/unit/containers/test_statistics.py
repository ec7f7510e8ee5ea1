"""One sampler for all who watch, at work only while somebody does."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.containers import statistics
from engine.containers.statistics import Statistics
from engine.containers.waiting import Exit, Waiters
from engine.host.cgroups import Cgroups
from engine.model.container import Container, ContainerSpec, Status
from engine.model.digest import Digest

SPEC = ContainerSpec(Digest.of(b""), "busybox", network_mode="host")
_LIMIT_S = 5


class Watched:
    """Containers whose groups are directories, and how often one of them was read."""

    def __init__(self, root: Path) -> None:
        (root / "cgroup.controllers").touch()
        self.group = root / "naru-x"
        self.containers: dict[str, Container] = {}
        self.waiters = Waiters()
        self.reads = 0
        parts: Any = SimpleNamespace(cgroups=Cgroups("naru-x", root=root))
        registry: Any = SimpleNamespace(find_id=self._find)
        self.statistics = Statistics(parts, registry=registry, waiters=self.waiters, now=lambda: datetime.now(UTC))

    def run(self, name: str) -> None:
        (self.group / name).mkdir(parents=True, exist_ok=True)
        (self.group / name / "cpu.stat").write_text("usage_usec 1\n")
        made = Container(name, name, SPEC, datetime.now(UTC), status=Status.RUNNING)
        self.containers[name] = made

    def _find(self, name: str) -> Container | None:
        self.reads += 1
        return self.containers.get(name)


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setattr(statistics, "_EVERY_S", 0.02)
    watched = Watched(tmp_path)
    watched.run("box")
    return watched


def samplers() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "statistics"]


async def test_watchers_share_one_sampler_that_ends_with_the_last(watched: Watched) -> None:
    async with asyncio.timeout(_LIMIT_S):
        with watched.statistics.watching("box") as one, watched.statistics.watching("box") as other:
            first, second = await anext(one), await anext(other)
            assert first is second is not None
            assert samplers() == ["statistics"]
        while samplers():
            await asyncio.sleep(0.01)
        before = watched.reads
        with watched.statistics.watching("box") as again:
            assert await anext(again) is not None
        assert watched.reads == before + 1


async def test_what_does_not_run_is_none_and_what_is_removed_is_the_end(watched: Watched) -> None:
    async with asyncio.timeout(_LIMIT_S):
        with watched.statistics.watching("box") as watch:
            assert await anext(watch) is not None
            (watched.group / "box" / "cpu.stat").unlink()
            assert await anext(watch) is None
            watched.waiters.tell_removed("box", Exit(0))
            assert [sample async for sample in watch] == []
        await watched.statistics.close()
