"""What containers use, once a second for whoever watches: one sampler for all, at work only while somebody does."""

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, Self

from engine.containers.parts import Parts
from engine.containers.registry import Registry
from engine.containers.waiting import WaitCondition, Waiter, Waiters
from engine.host.cgroup_stats import read_use
from engine.host.machine_stats import interfaces, machine_cpu
from engine.model.container import Container
from engine.model.errors import Missing
from engine.model.stats import MachineCpu, Sample

_log = logging.getLogger(__name__)
_EVERY_S: Final = 1.0


class Watch:
    """One client's. Iterating gives the newest sample, each at most once, or None for "it does not run".

    A client that reads slowly misses some. It ends when the container is removed.
    """

    def __init__(self, removed: Waiter) -> None:
        self._removed = removed
        self._news = asyncio.Event()
        self._newest: Sample | None = None
        removed.on_end(self._news.set)

    def offer(self, sample: Sample | None) -> None:
        self._newest = sample
        self._news.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sample | None:
        await self._news.wait()
        if self._removed.is_over:
            raise StopAsyncIteration
        self._news.clear()
        return self._newest


class Statistics:
    def __init__(self, parts: Parts, *, registry: Registry, waiters: Waiters, now: Callable[[], datetime]) -> None:
        self._parts = parts
        self._registry = registry
        self._waiters = waiters
        self._now = now
        self._watches: dict[str, set[Watch]] = defaultdict(set)
        self._sampler: asyncio.Task[None] | None = None

    async def sample(self, container_id: str) -> Sample | None:
        """Of this moment; None while it does not run."""
        return (await asyncio.to_thread(self._samples, self._running([container_id]))).get(container_id)

    @contextlib.contextmanager
    def watching(self, container_id: str) -> Iterator[Watch]:
        """Samples from the next second on, until the block ends."""
        removed = self._waiters.register(container_id, WaitCondition.REMOVED)
        watch = Watch(removed)
        self._watches[container_id].add(watch)
        if self._sampler is None:
            self._sampler = asyncio.create_task(self._run(), name="statistics")
        try:
            yield watch
        finally:
            removed.cancel()
            self._watches[container_id].discard(watch)
            if not self._watches[container_id]:
                del self._watches[container_id]

    async def close(self) -> None:
        if self._sampler is not None:
            self._sampler.cancel()
            await asyncio.gather(self._sampler, return_exceptions=True)

    async def _run(self) -> None:
        next_at = time.monotonic()
        while True:
            next_at = max(next_at + _EVERY_S, time.monotonic())  # a machine too busy for it gets fewer samples
            await asyncio.sleep(next_at - time.monotonic())
            if not self._watches:
                self._sampler = None
                return
            try:
                self._offer(await asyncio.to_thread(self._samples, self._running(self._watches)))
            except Exception:  # noqa: BLE001 (outermost loop: those who watch wait for the next one)
                _log.exception("statistics could not be read")

    def _offer(self, samples: Mapping[str, Sample]) -> None:
        for container_id, watches in self._watches.items():
            for watch in watches:
                watch.offer(samples.get(container_id))

    def _running(self, container_ids: Iterable[str]) -> list[Container]:
        found = [self._registry.find_id(container_id) for container_id in container_ids]
        return [container for container in found if container is not None and container.is_running]

    def _samples(self, containers: list[Container]) -> dict[str, Sample]:
        """Those that have ended meanwhile are left out. Blocks."""
        if not containers:
            return {}
        machine = machine_cpu()
        samples = {}
        for container in containers:
            with contextlib.suppress(Missing):
                samples[container.id] = self._sample(container, machine)
        return samples

    def _sample(self, container: Container, machine: MachineCpu) -> Sample:
        use = read_use(self._parts.cgroups, container.id)
        has_own_network = container.spec.network_mode != "host" and container.process is not None
        return Sample(
            at=self._now(),
            machine=machine,
            use=use,
            interfaces=interfaces(container.process.pid) if has_own_network and container.process else {},
        )
