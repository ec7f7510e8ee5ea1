"""Making, changing and deleting a workspace's own templates. Stacks that were made of one stay as they are."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from console.blueprints.facts import Given, checked_facts
from console.blueprints.models import Blueprint
from console.blueprints.queries import get_blueprint
from console.operations.actor import Actor
from console.operations.errors import Conflict
from console.operations.permissions import Permission
from console.operations.policy import NOWHERE, Place
from console.operations.runner import operation, publish_on_commit
from console.workspaces.models import Workspace
from console.workspaces.placing import require_workspace
from console.workspaces.queries import workspace_for_new

MOST_IN_A_WORKSPACE = 100


def create_blueprint(actor: Actor, workspace: str, *, given: Given) -> Blueprint:
    """Needs template.manage in the workspace ("": the first in which the actor may).

    Invalid and Conflict name a field of Given; ComposeInvalid.
    """
    found = workspace_for_new(actor, workspace, Permission.TEMPLATE_MANAGE)
    where = Place(workspace_pk=found.pk) if found else NOWHERE
    about: dict[str, Any] = {"workspace": str(found or ""), "title": given.title[:80]}
    with operation(actor, Permission.TEMPLATE_MANAGE, at=where, **about) as op:
        owner = require_workspace(found).locked()
        if owner.blueprints.count() >= MOST_IN_A_WORKSPACE:
            raise Conflict(_("A workspace has at most 100 templates."))
        blueprint = Blueprint(workspace=owner, by_name=actor.name, **checked_facts(given))
        _require_free(owner, blueprint)
        blueprint.save()
        op.target(blueprint)
        publish_on_commit("rows.stacks")
    return blueprint


def change_blueprint(actor: Actor, blueprint_id: int, *, given: Given) -> Blueprint:
    """All of it anew. Needs template.manage. Errors as of create_blueprint."""
    blueprint = get_blueprint(actor, blueprint_id)
    with operation(actor, Permission.TEMPLATE_MANAGE, on=blueprint) as op:
        workspace = blueprint.workspace
        blueprint = blueprint.locked()
        facts = checked_facts(given)
        op.details["changed"] = sorted(name for name, value in facts.items() if getattr(blueprint, name) != value)
        for name, value in facts.items():
            setattr(blueprint, name, value)
        _require_free(workspace, blueprint)
        blueprint.by_name, blueprint.changed_at = actor.name, timezone.now()
        blueprint.save()
        publish_on_commit("rows.stacks")
    return blueprint


def delete_blueprint(actor: Actor, blueprint_id: int) -> None:
    """Needs template.manage."""
    blueprint = get_blueprint(actor, blueprint_id)
    with operation(actor, Permission.TEMPLATE_MANAGE, on=blueprint, deleted=True):
        blueprint.delete()
        publish_on_commit("rows.stacks")


def _require_free(workspace: Workspace, blueprint: Blueprint) -> None:
    if Blueprint.objects.filter(workspace=workspace, title=blueprint.title).exclude(pk=blueprint.pk).exists():
        message = _("There is a template “%(title)s” already.")
        raise Conflict(message % {"title": blueprint.title}, field="title")
