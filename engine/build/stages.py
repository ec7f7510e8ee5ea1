"""The stages of a plan carried out: each as soon as those are done that it needs, a few at a time."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace

from engine.build.arguments import BuildArguments
from engine.build.ordered_output import OrderedOutput
from engine.build.plan import PlannedStage
from engine.build.stage_run import run_stage
from engine.build.workshop import Workshop
from engine.model.errors import Invalid
from engine.model.image import Image

_AT_ONCE = max(2, os.cpu_count() or 1)


async def run_stages(workshop: Workshop, arguments: BuildArguments) -> Image:
    """The target's image. The first stage that fails ends the others; all have ended when this returns or raises."""
    for argument in workshop.plan.arguments:
        await workshop.begin_step(argument.text)
    with ExitStack() as held:
        await _Run(workshop, arguments, held).all()
    image = workshop.results[workshop.plan.stages[-1].index]
    if image is None:
        raise Invalid("No image was generated. Is your Dockerfile empty?")
    return image


class _Run:
    def __init__(self, workshop: Workshop, arguments: BuildArguments, held: ExitStack) -> None:
        self._workshop = workshop
        self._arguments = arguments
        self._room = asyncio.Semaphore(_AT_ONCE)
        stages = [stage.index for stage in workshop.plan.stages]
        spool_root = workshop.services.rooms.root
        self._output = OrderedOutput(workshop.emit, stages, spool_root=spool_root, held=held)
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def all(self) -> None:
        begins_at = self._workshop.step_number
        for planned in self._workshop.plan.stages:
            needed = [self._tasks[index] for index in planned.needs]
            self._tasks[planned.index] = asyncio.create_task(self._stage(planned, needed, begins_at))
            begins_at += 1 + len(planned.stage.instructions)
        try:
            done, _ = await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_EXCEPTION)
        finally:
            await _end(self._tasks)
        failed = [index for index, task in self._tasks.items() if task in done and task.exception()]
        if failed:
            await self._output.fail(failed[0])
            self._tasks[failed[0]].result()

    async def _stage(self, planned: PlannedStage, needed: list["asyncio.Task[None]"], begins_at: int) -> None:
        if needed:
            await asyncio.wait(needed, return_when=asyncio.FIRST_EXCEPTION)
            if any(task.cancelled() or task.exception() for task in needed):
                return  # the build ends by that one
        async with self._room:
            own = replace(self._workshop, emit=self._output.of(planned.index), step_number=begins_at)
            self._workshop.results[planned.index] = await run_stage(own, planned, self._arguments.stage())
        await self._output.end(planned.index)


async def _end(tasks: Mapping[int, "asyncio.Task[None]"]) -> None:
    for task in tasks.values():
        task.cancel()
    if tasks:
        await asyncio.wait(tasks.values())
