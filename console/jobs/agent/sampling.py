"""The latest samples of what runs, so that there are some when it has ended. A few containers each round, in turn."""

import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from console.hosts.gateway import Engine
from console.hosts.samples import Sample, sample_of, told_of
from console.operations.errors import ConsoleError

PER_ROUND = 8


class Sampler:
    """For the watcher's event loop alone."""

    def __init__(self) -> None:
        # engine id → the one before the latest, and the latest; who waits longest is first
        self._samples: OrderedDict[str, tuple[Sample | None, Sample | None]] = OrderedDict()

    async def sample(self, engine: Engine, alive: Iterable[str]) -> None:
        """One round. What is not alive any more keeps its last samples until it is gone for a round."""
        self._turn(list(alive))
        for engine_id in list(self._samples)[:PER_ROUND]:
            try:
                latest = await sample_of(engine, engine_id, at_ns=time.time_ns())
            except ConsoleError:  # it has ended meanwhile, or the engine is busy: it keeps what it has
                self._samples.move_to_end(engine_id)
                continue
            self._samples[engine_id] = (self._samples[engine_id][1], latest)
            self._samples.move_to_end(engine_id)

    def last_of(self, engine_id: str) -> dict[str, Any]:
        """Empty where there is none."""
        before, latest = self._samples.get(engine_id, (None, None))
        return told_of(latest, before) if latest is not None else {}

    def _turn(self, alive: list[str]) -> None:
        for engine_id in self._samples.keys() - set(alive):
            del self._samples[engine_id]
        for engine_id in alive:
            if engine_id not in self._samples:
                self._samples[engine_id] = (None, None)
                self._samples.move_to_end(engine_id, last=False)
