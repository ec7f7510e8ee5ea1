from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Path, Query, Router

from console.blueprints import operations
from console.blueprints.queries import get_blueprint, visible_blueprints
from console.blueprints.schemas import NewOwnTemplate, OwnTemplateGiven, OwnTemplateQuery, OwnTemplateShown
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.rest.answers import accepted
from console.rest.door import actor_of
from console.rest.schemas import Listing, Number, listing
from console.web.permits import require_held

router = Router()
ALL = "stacks/templates/own"
ONE = f"{ALL}/{{template_id}}"


@router.get(ALL, response=Listing[OwnTemplateShown])
def list_own_templates(request: HttpRequest, wanted: Query[OwnTemplateQuery]) -> Listing[OwnTemplateShown]:
    """Of workspaces in which you may deploy, by title."""
    rows = visible_blueprints(_user(request), workspace=wanted.workspace)
    return listing(rows, wanted, by="title", show=OwnTemplateShown.of)


@router.post(ALL, response={201: OwnTemplateShown})
def create_own_template(request: HttpRequest, response: HttpResponse, given: NewOwnTemplate) -> OwnTemplateShown:
    made = operations.create_blueprint(actor_of(request), given.workspace, given=given.facts)
    accepted(response, reverse("api:get_own_template", args=[made.pk]))
    return OwnTemplateShown.of(made)


@router.get(ONE, response=OwnTemplateShown)
def get_own_template(request: HttpRequest, template_id: Path[Number]) -> OwnTemplateShown:
    return OwnTemplateShown.of(get_blueprint(_user(request), template_id))


@router.put(ONE, response=OwnTemplateShown)
def change_own_template(request: HttpRequest, template_id: Path[Number], given: OwnTemplateGiven) -> OwnTemplateShown:
    """All of it anew. Stacks that were made of it stay as they are."""
    return OwnTemplateShown.of(operations.change_blueprint(actor_of(request), template_id, given=given.facts))


@router.delete(ONE, response={204: None})
def delete_own_template(request: HttpRequest, template_id: Path[Number]) -> None:
    operations.delete_blueprint(actor_of(request), template_id)


def _user(request: HttpRequest) -> Actor:
    return require_held(actor_of(request), Permission.CONTAINER_DEPLOY)
