"""What a deployment has come to, as it is found on the host."""

from typing import Any

from console.operations.errors import Unavailable
from console.stacks.deploying import Deployment
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
