"""Which containers' files may be looked at: those over which container.files is held."""

from django.utils.translation import gettext as _

from console.containers.models import Container
from console.containers.queries import get_container
from console.files.drift import NOISE
from console.files.models import DriftRules
from console.operations.actor import Actor
from console.operations.errors import Denied
from console.operations.permissions import Permission
from console.operations.policy import may
from console.workspaces.models import Workspace


def get_container_for_files(actor: Actor, host_name: str, name: str) -> Container:
    """Needs container.files besides container.view, else Denied. Conflict for one that is gone."""
    container = get_container(actor, host_name, name)
    if not may(actor, Permission.CONTAINER_FILES, on=container):
        words = {"name": Permission.CONTAINER_FILES}
        raise Denied(_("You need the permission “%(name)s”.") % words, permission=Permission.CONTAINER_FILES)
    container.require_present()
    return container


def noise_of(workspace: Workspace) -> list[str]:
    """The patterns of what is left out when the workspace's containers have changed."""
    rules = DriftRules.objects.filter(workspace=workspace).first()
    return list(NOISE) if rules is None else list(rules.noise)
