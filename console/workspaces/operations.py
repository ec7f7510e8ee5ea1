"""Making, renaming and deleting workspaces, and what they may ask of hosts."""

import re

from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid
from console.operations.permissions import Permission
from console.operations.runner import operation, publish_on_commit
from console.workspaces.models import Workspace
from console.workspaces.queries import get_workspace
from console.workspaces.rules import Rules

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


def create_workspace(actor: Actor, *, slug: str, title: str = "") -> Workspace:
    """With the default rules, which give nothing of a host away. Needs workspace.manage.

    Invalid or Conflict names ``slug``.
    """
    with operation(actor, Permission.WORKSPACE_MANAGE, slug=slug[:80]) as op:
        if not SLUG.fullmatch(slug):
            raise Invalid(_("A short name: small letters, digits and “-”, at most 40."), field="slug")
        if Workspace.objects.filter(slug=slug).exists():
            raise Conflict(_("There is a workspace “%(slug)s” already.") % {"slug": slug}, field="slug")
        workspace = Workspace.objects.create(slug=slug, title=title[:80], rules_json=Rules().as_json())
        op.target(workspace)
        publish_on_commit("rows.workspaces")
    return workspace


def retitle_workspace(actor: Actor, slug: str, *, title: str) -> Workspace:
    """Its short name stays, since it is in the names of volumes and networks. Needs workspace.manage."""
    workspace = get_workspace(actor, slug)
    with operation(actor, Permission.WORKSPACE_MANAGE, on=workspace, title=title[:80]):
        workspace = workspace.locked()
        workspace.title = title[:80]
        workspace.save()
        publish_on_commit("rows.workspaces")
    return workspace


def delete_workspace(actor: Actor, slug: str) -> None:
    """With its grants. Conflict while it owns anything, and for the last one. Needs workspace.manage."""
    workspace = get_workspace(actor, slug)
    with operation(actor, Permission.WORKSPACE_MANAGE, on=workspace, deleted=True):
        others = list(Workspace.objects.select_for_update().exclude(pk=workspace.pk)[:1])
        if not others:
            raise Conflict(_("This is the last workspace."))
        try:
            workspace.delete()
        except ProtectedError as error:
            raise Conflict(_("“%(slug)s” still owns containers, images or jobs.") % {"slug": slug}) from error
        publish_on_commit("rows.workspaces")
        publish_on_commit("access")


def change_rules(actor: Actor, slug: str, rules: Rules) -> Workspace:
    """What the workspace may ask of hosts from now on; what runs already goes on. Needs policy.manage.

    Invalid names the field of Rules.
    """
    workspace = get_workspace(actor, slug)
    with operation(actor, Permission.POLICY_MANAGE, on=workspace) as op:
        workspace = workspace.locked()
        before, after = workspace.rules.as_json(), rules.checked().as_json()
        op.details["changed"] = {name: after[name] for name in after if after[name] != before[name]}
        workspace.rules_json = after
        workspace.save()
        publish_on_commit("rows.workspaces")
        publish_on_commit("access")
    return workspace
