"""Handlers of stack jobs. They run on the host's agent, without a database, and verify what they promise."""

from collections.abc import Mapping
from typing import Any

from console.hosts.gateway import Engine
from console.jobs.agent.run import JobRun
from console.jobs.kinds import Args, handler
from console.operations.errors import Unavailable
from console.operations.permissions import Permission
from console.stacks.compose.model import Project
from console.stacks.deploying import Deployment
from console.stacks.looking import look
from console.stacks.parcels import put_together
from console.stacks.planning.bodies import Contents
from console.stacks.planning.plans import Action, Plan
from console.stacks.planning.steps import plan, plan_removal


@handler("stack.deploy", permission=Permission.CONTAINER_DEPLOY, retryable=True, repeatable=False)
async def deploy(run: JobRun, args: Args) -> dict[str, Any]:
    """Conflict unless the host is as it was when the plan was agreed to; a later attempt goes on from what there is."""
    project, texts = put_together(args)
    contents = Contents(args["digests"])
    async with run.engine() as engine:
        found = plan(project, await look(engine, project), contents=contents)
        if run.attempt == 1:
            found.require(args["plan"])
        await _apply(run, engine, project, found, release=str(args["release"]), contents=texts)
        left = plan(project, await look(engine, project), contents=contents)
    _require_nothing(left)
    return {"counts": found.counts, "release": args["release"]}


@handler("stack.remove", permission=Permission.CONTAINER_REMOVE, retryable=True, repeatable=False)
async def remove(run: JobRun, args: Args) -> dict[str, Any]:
    """Volumes only with ``volumes``."""
    nothing = Project(name=args["project"], directory="/")
    async with run.engine() as engine:
        found = plan_removal(nothing.name, await look(engine, nothing), with_volumes=bool(args["volumes"]))
        await _apply(run, engine, nothing, found)
        left = plan_removal(nothing.name, await look(engine, nothing), with_volumes=bool(args["volumes"]))
    _require_nothing(left)
    return {"counts": found.counts}


async def _apply(
    run: JobRun,
    engine: Engine,
    project: Project,
    found: Plan,
    *,
    release: str = "",
    contents: Mapping[str, str] | None = None,
) -> None:
    await run.write(found.text())
    await Deployment(run, engine, project, found, release, contents or {}).apply()


def _require_nothing(left: Plan) -> None:
    """What ends again at once is the program's own affair, and told as such elsewhere."""
    wrong = [str(step) for step in left.steps if step.action not in (Action.KEEP, Action.RESTART, Action.PULL)]
    if wrong:
        raise Unavailable("the host is not as it should be after this: " + "; ".join(wrong[:5]))
