"""What a deployment has come to, as it is found on the host."""

from collections.abc import Iterable
from typing import Any

from console.operations.errors import Unavailable
from console.stacks.deploying import Deployment
from console.stacks.planning.mending import Unwell
from console.stacks.planning.plans import Action, Plan
from console.stacks.planning.world import World


def told(world: World, deployment: Deployment) -> dict[str, Any]:
    """For the job's result: what runs now, and what was put in though it is not well."""
    return {"running": world.running_images, **({"failed": deployment.failed} if deployment.failed else {})}


def require_nothing(left: Plan) -> None:
    """What ends again at once is the program's own affair, and told as such elsewhere."""
    wrong = [
        str(step) for step in left.steps if step.action not in (Action.KEEP, Action.RESTART, Action.PULL, Action.BUILD)
    ]
    if wrong:
        raise Unavailable("the host is not as it should be after this: " + "; ".join(wrong[:5]))


def require_fresh(world: World, unwell: Iterable[Unwell]) -> None:
    """Each place has a container, and it is another one."""
    there = {(one.service, one.number): one.engine_id for one in world.containers}
    wrong = [
        f"{one.service} {one.number}" for one in unwell if there.get((one.service, one.number), "") == one.engine_id
    ]
    if wrong:
        raise Unavailable("not replaced: " + "; ".join(wrong[:5]))
