"""Reading secrets: their names and who set them when, where secret.view is held. Values only by revealing."""

from collections.abc import Iterable

from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from console.operations.actor import Actor
from console.operations.errors import Denied, Invalid, Missing
from console.operations.permissions import Permission
from console.operations.policy import Paths, bounded, may
from console.secrets.models import Secret
from console.workspaces.models import Workspace

PATHS = Paths(workspace="workspace_id")


def visible_secrets(actor: Actor, *, workspace: str = "") -> QuerySet[Secret]:
    """By name, workspaces along, with ``latest``: the newest version's number."""
    rows = Secret.objects.select_related("workspace").annotate(latest=Max("versions__number"))
    secrets = bounded(actor, Permission.SECRET_VIEW, rows.order_by("name", "pk"), PATHS)
    return secrets.filter(workspace__slug=workspace) if workspace else secrets


def get_secret(actor: Actor, workspace: str, name: str) -> Secret:
    secret = visible_secrets(actor, workspace=workspace).filter(name=name).first()
    if secret is None:
        raise Missing(_("There is no secret “%(name)s”.") % {"name": name[:80]})
    return secret


def usable_secrets(actor: Actor) -> list[Secret]:
    """Those that the actor may have something refer to."""
    rows = Secret.objects.select_related("workspace").order_by("workspace__slug", "name")
    return list(bounded(actor, Permission.SECRET_USE, rows, PATHS))


def require_usable(actor: Actor, workspace: Workspace, names: Iterable[str], *, field: str) -> list[Secret]:
    """The workspace's secrets of these names, held until the transaction ends, so that none is removed meanwhile.

    A rule of operations: Denied without secret.use there, Invalid (``field``) for a name that no secret has.
    """
    wanted = sorted(set(names))
    if not wanted:
        return []
    require_may_use(actor, workspace)
    found = list(Secret.objects.select_for_update().filter(workspace=workspace, name__in=wanted).order_by("pk"))
    missing = [name for name in wanted if name not in {secret.name for secret in found}]
    if missing:
        words = {"name": missing[0][:80], "workspace": workspace.slug}
        raise Invalid(_("There is no secret “%(name)s” in the workspace “%(workspace)s”.") % words, field=field)
    return found


def require_may_use(actor: Actor, workspace: Workspace) -> None:
    wanted = Permission.SECRET_USE
    if not may(actor, wanted, at=workspace.place):
        raise Denied(_("You need the permission “%(name)s”.") % {"name": wanted}, permission=wanted)
