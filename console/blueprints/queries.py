"""Reading templates of workspaces: those of workspaces in which stacks may be deployed."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from console.blueprints.models import Blueprint
from console.operations.actor import Actor
from console.operations.errors import Missing
from console.operations.permissions import Permission
from console.operations.policy import Paths, bounded
from console.stacks.catalogue.templates import Template, offers_templates

PATHS = Paths(workspace="workspace_id")


def visible_blueprints(actor: Actor, *, workspace: str = "") -> QuerySet[Blueprint]:
    """By title, workspaces along."""
    rows = Blueprint.objects.select_related("workspace").order_by("title", "pk")
    found = bounded(actor, Permission.CONTAINER_DEPLOY, rows, PATHS)
    return found.filter(workspace__slug=workspace) if workspace else found


def get_blueprint(actor: Actor, blueprint_id: int) -> Blueprint:
    found = visible_blueprints(actor).filter(pk=blueprint_id).first()
    if found is None:
        raise Missing(_("There is no such template."))
    return found


@offers_templates
def own_templates(actor: Actor) -> list[Template]:
    return [blueprint.template for blueprint in visible_blueprints(actor)]
