"""Reading where stacks come from: whoever sees a stack sees that."""

from django.utils.translation import gettext as _

from console.operations.actor import Actor
from console.operations.errors import Missing
from console.operations.permissions import Permission
from console.operations.policy import may
from console.origins.models import Origin
from console.secrets.models import Secret
from console.secrets.uses import UNSEEN, finds_uses
from console.stacks.models import Stack
from console.stacks.queries import get_stack, present, visible_stacks


def find_origin(stack: Stack) -> Origin | None:
    """None for a stack whose files were given."""
    return Origin.objects.select_related("job", "owner").filter(stack=stack).first()


def get_origin(actor: Actor, stack_id: int) -> Origin:
    """With its stack."""
    stack = get_stack(actor, stack_id)
    origin = find_origin(stack)
    if origin is None:
        raise Missing(_("The files of “%(name)s” come from no repository.") % {"name": stack.name})
    origin.stack = stack
    return origin


def find_owner(origin: Origin) -> Actor | None:
    """In whose name it is looked at, as long as that person may: None else. With workspace and owner in one query
    each.
    """
    owner = origin.owner
    if owner is None or not owner.is_active:
        return None
    actor, stack = Actor.of_user(owner), origin.stack
    if not may(actor, Permission.CONTAINER_DEPLOY, on=stack):
        return None
    if origin.password and not may(actor, Permission.SECRET_USE, at=stack.workspace.place):
        return None
    return actor


@finds_uses
def origins_with(actor: Actor, secret: Secret) -> list[str]:
    """Names of stacks that fetch with the secret; UNSEEN for one that the actor cannot see."""
    seen = set(visible_stacks(actor).values_list("pk", flat=True))
    stacks = Stack.objects.filter(present(), workspace=secret.workspace_id, origin__password=secret.reference)
    return [stack.name if stack.pk in seen else UNSEEN for stack in stacks]
