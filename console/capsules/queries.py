"""Reading capsules and locks: those over which stack.view is held. What is in them wants stack.take besides."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from console.capsules.models import EnvironmentLock, StackCapsule
from console.images.models import Image
from console.operations.actor import Actor
from console.operations.errors import Denied, Missing
from console.operations.permissions import Permission
from console.operations.policy import Paths, Target, bounded, may
from console.stacks.models import Stack
from console.volumes.models import Volume

PATHS = Paths(workspace="workspace_id", host="host_id")


def visible_capsules(actor: Actor, *, workspace: str = "", stack: Stack | None = None) -> QuerySet[StackCapsule]:
    """Newest first, hosts and workspaces along; without their indexes, which are large."""
    rows = StackCapsule.objects.select_related("host", "workspace", "job", "stack").order_by("-pk")
    capsules = bounded(actor, Permission.STACK_VIEW, rows, PATHS).defer("index")
    if workspace:
        capsules = capsules.filter(workspace__slug=workspace)
    return capsules.filter(stack=stack) if stack is not None else capsules


def get_capsule(actor: Actor, number: int) -> StackCapsule:
    found = visible_capsules(actor).filter(pk=number).first()
    if found is None:
        raise Missing(_("There is no such capsule."))
    return found


def find_lock(stack: Stack) -> EnvironmentLock | None:
    """The newest one."""
    return stack.locks.order_by("-pk").first()


def require_taking(actor: Actor, on: Target) -> None:
    """Denied where a stack or capsule may be seen, but not what is in it."""
    require_also(actor, Permission.STACK_TAKE, on)


def require_reading(actor: Actor, capsule: StackCapsule) -> None:
    """As above, also for the data in it."""
    require_taking(actor, capsule)
    if capsule.volumes:
        require_also(actor, Permission.VOLUME_BACKUP, capsule)


def require_also(actor: Actor, wanted: Permission, on: Target) -> None:
    if not may(actor, wanted, on=on):
        raise Denied(_("You need the permission “%(name)s”.") % {"name": wanted}, permission=wanted)


def sizes_of(stack: Stack) -> tuple[int, dict[str, int | None]]:
    """About how many bytes its images are, and its volumes by key; None for one that nobody has measured. What the
    console knows, so nothing is asked for it.
    """
    release = stack.current
    if release is None:
        return 0, {}
    names = {service.image for service in release.project.services.values()}
    images = {
        image.engine_id: image.size_bytes
        for image in Image.objects.filter(host=stack.host)
        if names & {*image.references, *(one.removesuffix(":latest") for one in image.references)}
    }
    known = {one.name: one.size_bytes for one in Volume.objects.filter(host=stack.host, gone_at=None)}
    volumes = {key: known.get(one.name) for key, one in release.project.volumes.items() if not one.external}
    return sum(images.values()), volumes
