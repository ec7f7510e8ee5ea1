"""How far a new token may be narrowed: to what its person holds, and nothing that no token can have."""

from collections.abc import Collection

from django.utils.translation import gettext as _

from console.operations.actor import Actor
from console.operations.errors import Invalid, Missing
from console.operations.permissions import NEVER_BY_TOKEN, READ_ONLY, Permission
from console.operations.policy import may, may_somewhere
from console.tokens.models import ApiToken
from console.workspaces.models import Workspace
from console.workspaces.queries import get_workspace


def chosen_workspace(actor: Actor, slug: str) -> Workspace | None:
    if not slug:
        return None
    try:
        return get_workspace(actor, slug)
    except Missing as error:
        raise Invalid(str(error), field="workspace") from error


def chosen_permissions(
    actor: Actor, permissions: Collection[Permission], scope: ApiToken.Scope, workspace: Workspace | None
) -> Collection[Permission]:
    """Nobody makes a token for what they do not hold. Whether they still do is asked at each use."""
    wanted = set(permissions)
    if never := wanted & NEVER_BY_TOKEN:
        raise Invalid(_("No token can have %(names)s.") % {"names": ", ".join(sorted(never))}, field="permissions")
    if scope == ApiToken.Scope.READ and (beyond := wanted - READ_ONLY):
        message = _("A token for reading cannot have %(names)s.")
        raise Invalid(message % {"names": ", ".join(sorted(beyond))}, field="permissions")
    missing = sorted(one for one in wanted if not _holds(actor, one, workspace))
    if missing:
        raise Invalid(_("You do not hold %(names)s there.") % {"names": ", ".join(missing)}, field="permissions")
    return wanted


def _holds(actor: Actor, permission: Permission, workspace: Workspace | None) -> bool:
    return may(actor, permission, on=workspace) if workspace is not None else may_somewhere(actor, permission)
