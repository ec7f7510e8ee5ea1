"""Handlers of stack jobs. They run on the host's agent, without a database, and verify what they promise."""

from dataclasses import replace
from typing import Any

from console.hosts.gateway import Engine
from console.jobs.agent.run import JobRun
from console.jobs.kinds import Args, PartlyDone, handler
from console.operations.permissions import Permission
from console.stacks.compose.model import Project, Service
from console.stacks.compose.parts import UpdateConfig
from console.stacks.deploying import Deployment
from console.stacks.fetching import fetch_images
from console.stacks.finding import require_fresh, require_nothing, told
from console.stacks.looking import look
from console.stacks.making import Maker
from console.stacks.parcels import put_together, put_together_before
from console.stacks.planning.bodies import Contents
from console.stacks.planning.changes import Change
from console.stacks.planning.mending import Unwell, mending
from console.stacks.planning.plans import Action
from console.stacks.planning.steps import plan, plan_removal
from console.stacks.planning.updates import CONTINUE, ROLLBACK, way_back_of
from console.stacks.rolling import RolloutFailed

# as they should be, or their program's own affair
RIGHT = (Action.KEEP, Action.RESTART)


@handler("stack.deploy", permission=Permission.CONTAINER_DEPLOY, retryable=True, repeatable=False)
async def deploy(run: JobRun, args: Args) -> dict[str, Any]:
    """Conflict unless the host is as it was when the plan was agreed to; a later attempt goes on from what there is.

    A rollout that fails puts back what there was where it is to (``args["before"]``), and says so by PartlyDone.
    """
    project, texts = put_together(args)
    contents, images = Contents(args["digests"]), args.get("images", {})
    async with run.engine() as engine:
        found = plan(project, await look(engine, project, images=images.values()), contents=contents, images=images)
        if run.attempt == 1:
            found.require(args["plan"])
        await run.write(found.text())
        fetched = await fetch_images(run, engine, found, args.get("builds", {}))
        if fetched.ids:
            # what an image turned out to be decides which containers are made anew
            world = await look(engine, project, images=images.values())
            found = plan(project, world, contents=contents, images=images)
        deployment = Deployment(Maker(run, engine, project, found, str(args["release"]), texts))
        try:
            await deployment.apply()
        except RolloutFailed as error:
            if error.goes_back and "before" in args:
                await _go_back(run, engine, args, error)
            raise
        world = await look(engine, project, images=images.values())
    require_nothing(plan(project, world, contents=contents, images=images))
    return {"counts": found.counts, "release": args["release"], **fetched.told(), **told(world, deployment)}


async def _go_back(run: JobRun, engine: Engine, args: Args, error: RolloutFailed) -> None:
    """Never returns."""
    before = args["before"]
    (project, texts), images = put_together_before(args), before["images"]
    contents = Contents(before["digests"])
    await run.write(f"\n{error}\nGoing back to release {before['release']}.\n")
    found = plan(project, await look(engine, project, images=images.values()), contents=contents, images=images)
    await run.write(found.text())
    await fetch_images(run, engine, found, {})
    maker = Maker(run, engine, project, found, str(before["release"]), texts)
    deployment = Deployment(maker, _way_back)
    await deployment.apply()
    world = await look(engine, project, images=images.values())
    require_nothing(plan(project, world, contents=contents, images=images))
    message = f"{error}. Everything is as in release {before['release']} again."
    raise PartlyDone(message, result={"back_to": before["release"], **told(world, deployment)}) from error


def _way_back(service: Service) -> UpdateConfig | None:
    """What ran before is wanted, well or not, unless the file says that going back may stop."""
    config = way_back_of(service)
    is_said = service.deploy is not None and service.deploy.rollback_config is not None
    if config is None or (is_said and config.failure_action not in ("", ROLLBACK)):
        return config
    return replace(config, failure_action=CONTINUE)


@handler("stack.restore", permission=Permission.CONTAINER_DEPLOY, retryable=True, repeatable=False)
async def restore(run: JobRun, args: Args) -> dict[str, Any]:
    """Each container in ``args["unwell"]`` gives way to a fresh one, as the release says. Nothing else is touched."""
    project, texts = put_together(args)
    contents, images = Contents(args["digests"]), args["images"]
    unwell = [_unwell(one) for one in args["unwell"]]
    async with run.engine() as engine:
        world = await look(engine, project, images=images.values())
        found = mending(plan(project, world, contents=contents, images=images), project, unwell)
        await run.write(found.text())
        fetched = await fetch_images(run, engine, found, {})
        maker = Maker(run, engine, project, found, str(args["release"]), texts)
        # what is unwell has nothing to lose: its successor does not have to prove itself first
        await Deployment(maker, config_of=lambda _service: None).apply()
        world = await look(engine, project, images=images.values())
    require_fresh(world, unwell)
    return {"counts": found.counts, "release": args["release"], **fetched.told()}


def _unwell(fact: dict[str, Any]) -> Unwell:
    changes = {
        "missing": Change("container", after=fact["service"]),
        "dead": Change("state", before=f"ended with {fact['exit_code']}", after="running"),
        "unhealthy": Change("health", before="unhealthy", after="healthy"),
    }
    change = changes.get(fact["why"], Change("configuration"))
    return Unwell(fact["service"], fact["number"], fact["engine_id"], change)


@handler("stack.remove", permission=Permission.CONTAINER_REMOVE, retryable=True, repeatable=False)
async def remove(run: JobRun, args: Args) -> dict[str, Any]:
    """Volumes only with ``volumes``."""
    nothing = Project(name=args["project"], directory="/")
    async with run.engine() as engine:
        found = plan_removal(nothing.name, await look(engine, nothing), with_volumes=bool(args["volumes"]))
        await run.write(found.text())
        await Deployment(Maker(run, engine, nothing, found, "")).apply()
        left = plan_removal(nothing.name, await look(engine, nothing), with_volumes=bool(args["volumes"]))
    require_nothing(left)
    return {"counts": found.counts}
