"""Where something new goes, and saying no when its workspace's rules do not allow it."""

from collections.abc import Sequence
from typing import Protocol

from django.utils.translation import gettext as _

from console.operations.errors import Denied, Missing
from console.operations.policy import Place
from console.workspaces.models import Workspace
from console.workspaces.rules import Refusal


class HasKey(Protocol):
    @property
    def pk(self) -> int: ...


def place_for_new(workspace: Workspace | None, host: HasKey) -> Place:
    return Place(workspace.pk if workspace else None, host.pk)


def require_workspace(workspace: Workspace | None) -> Workspace:
    """Who may everywhere may make things in some workspace, so this is none only where there is none at all."""
    if workspace is None:
        raise Missing(_("There is no workspace yet."))
    return workspace


def require_by_rules(refusals: Sequence[Refusal]) -> None:
    if refusals:
        raise Denied(" ".join(refusal.message for refusal in refusals))
