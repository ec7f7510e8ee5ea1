"""Images that a plan wants fetched or built, before anything else is done. On the host's agent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from console.hosts import projects
from console.hosts.gateway import Engine
from console.images.jobs import build
from console.jobs.agent.run import JobRun
from console.operations.errors import Conflict, Unavailable
from console.stacks.planning.plans import Action, Plan, Step


@dataclass(slots=True)
class Fetched:
    """Ids of what was fetched or built, and of those that the host did not have under that name."""

    ids: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        return {"images": self.ids, "new": self.new} if self.ids else {}


async def fetch_images(run: JobRun, engine: Engine, plan: Plan, builds: Mapping[str, dict[str, Any]]) -> Fetched:
    """``builds`` is what each build is given, by service. Conflict for one that nobody gave."""
    found = Fetched()
    for step in plan.steps:
        if step.kind == "image":
            engine_id = await _fetched(run, engine, step, builds)
            found.ids.append(engine_id)
            found.new.extend([engine_id] if engine_id != step.engine_id else [])
            await run.write(f"image {step.name}: {'built' if step.action is Action.BUILD else 'pulled'}\n")
    return found


async def _fetched(run: JobRun, engine: Engine, step: Step, builds: Mapping[str, dict[str, Any]]) -> str:
    if step.action is Action.PULL:
        async for line in projects.pull(engine, step.name):
            await run.write(f"{line}\n")
    elif step.service in builds:
        await run.write(f"\nBuilding {step.name}\n")
        await build(run, builds[step.service])
    else:
        raise Conflict(f"{step.name} has to be built before {step.service} is deployed")
    engine_id = await engine.find_image_id(step.name)
    if engine_id is None:
        raise Unavailable(f"the engine said that it has {step.name} now, and does not")
    return engine_id
