"""A service's containers replaced a few at a time, each to prove itself before the next ones go (``update_config``).

An old container is there until its successor has proved itself, stopped or (start-first) running; where that fails it
is given back. So whatever runs when a rollout stops is an old one or a proven new one.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from console.hosts import projects
from console.operations.errors import Conflict
from console.stacks.compose.parts import UpdateConfig
from console.stacks.gating import flaw_of, monitor_s
from console.stacks.making import Maker, Placed
from console.stacks.planning.plans import Action, Step
from console.stacks.planning.updates import CONTINUE, ROLLBACK, width

MOST_NAMED = 3


class RolloutFailed(Conflict):
    """More failed than may. ``goes_back``: the release before is wanted back."""

    def __init__(self, message: str, *, goes_back: bool) -> None:
        super().__init__(message)
        self.goes_back = goes_back


@dataclass(slots=True)
class Rollout:
    """``failed`` says of each that failed what is wrong with it."""

    maker: Maker
    config: UpdateConfig
    failed: list[str] = field(default_factory=list)
    total: int = 0

    async def carry_out(self, steps: Sequence[Step]) -> None:
        """``steps`` are all of one service. RolloutFailed when it stopped."""
        replaced = [step for step in steps if step.action is Action.REPLACE]
        unproved = await self._unproved(steps)
        self.total = len(replaced) + len(unproved)
        await self._prove(unproved)
        at_once = width(self.config, len(replaced))
        for begin in range(0, len(replaced), at_once):
            if begin:
                await asyncio.sleep(self.config.delay_ns / 1e9)
            await self._prove(await self.maker.each(replaced[begin : begin + at_once], self.maker.put_in))

    async def _unproved(self, steps: Sequence[Step]) -> list[Placed]:
        """What an attempt that was cut short has put in, with whom it took the place of where that is still there."""
        if self.maker.run.attempt == 1:
            return []
        old = {step.number: step.engine_id for step in steps if step.action is Action.REMOVE}
        found = []
        for step in steps:
            if step.action in (Action.KEEP, Action.RESTART) and await self._is_of_this_job(step.engine_id):
                found.append(Placed(step.name, old.get(step.number, ""), step.engine_id, is_started=True))
        return found

    async def _is_of_this_job(self, engine_id: str) -> bool:
        document = await projects.find_container(self.maker.engine, engine_id) or {}
        marks = (document.get("Config") or {}).get("Labels") or {}
        return self.maker.run.label.items() <= marks.items()

    async def _prove(self, placed: Sequence[Placed]) -> None:
        await asyncio.gather(*(self._look(one) for one in placed))
        self.failed += [f"{one.name} {one.flaw}" for one in placed if one.flaw]
        is_tolerated = self._is_tolerated()
        for one in placed:
            if one.flaw:
                await self.maker.run.write(f"container {one.name}: {one.flaw}\n")
            if not one.flaw or (is_tolerated and one.is_started):
                await self.maker.settle(one)
            elif one.old_id or not one.is_started:
                await self.maker.give_back(one)
        if not is_tolerated:
            raise RolloutFailed(self._told(), goes_back=self.config.failure_action == ROLLBACK)

    async def _look(self, placed: Placed) -> None:
        if not placed.flaw:
            placed.flaw = await flaw_of(self.maker.engine, placed.new_id, monitor_s=monitor_s(self.config))

    def _is_tolerated(self) -> bool:
        if not self.failed or self.config.failure_action == CONTINUE:
            return True
        return len(self.failed) / self.total <= self.config.max_failure_ratio

    def _told(self) -> str:
        more = len(self.failed) - MOST_NAMED
        return "; ".join(self.failed[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
