"""Reading workspaces. Needs workspace.view, held over them by a grant that is wide enough."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from console.operations.actor import Actor
from console.operations.errors import Missing
from console.operations.permissions import Permission
from console.operations.policy import Paths, bounded
from console.workspaces.models import Workspace

PATHS = Paths(workspace="pk")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a list offers to narrow it by workspace: all that are visible, and the one that is chosen."""

    workspaces: list[Workspace]
    chosen: str

    @property
    def is_offered(self) -> bool:
        """Where there is only one workspace, nobody is asked."""
        return len(self.workspaces) > 1


def visible_workspaces(actor: Actor) -> QuerySet[Workspace]:
    return bounded(actor, Permission.WORKSPACE_VIEW, Workspace.objects.order_by("slug"), PATHS)


def workspaces_for(actor: Actor, permission: Permission) -> list[Workspace]:
    """Those in which the actor may make something new."""
    return list(bounded(actor, permission, Workspace.objects.order_by("pk"), PATHS))


def get_workspace(actor: Actor, slug: str) -> Workspace:
    workspace = visible_workspaces(actor).filter(slug=slug).first()
    if workspace is None:
        raise Missing(_("There is no workspace “%(slug)s”.") % {"slug": slug})
    return workspace


def choice_of(actor: Actor, chosen: str) -> Choice:
    return Choice(list(visible_workspaces(actor)), chosen)


def workspace_for_new(actor: Actor, slug: str, permission: Permission) -> Workspace | None:
    """Where something new goes: the workspace named, or without a name the first in which the actor may make it.

    None when there is no such workspace in sight; the operation is then refused like any other.
    """
    if slug:
        return get_workspace(actor, slug)
    return bounded(actor, permission, Workspace.objects.order_by("pk"), PATHS).first()
