from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Body, Path, Query, Router

from console.operations.permissions import Permission
from console.rest.answers import accepted, not_kept
from console.rest.door import actor_of
from console.rest.schemas import Listing, Name, Paging, Slug, listing
from console.secrets import operations
from console.secrets.queries import get_secret as find_secret
from console.secrets.queries import visible_secrets
from console.secrets.schemas import (
    NewSecret,
    RevealedShown,
    RevealGiven,
    SecretQuery,
    SecretShown,
    SecretValueGiven,
    SecretVersionShown,
    WholeSecret,
)
from console.secrets.uses import uses_of
from console.web.permits import require_held

router = Router()
ONE = "secrets/{slug}/{name}"


@router.get("secrets", response=Listing[SecretShown])
def list_secrets(request: HttpRequest, wanted: Query[SecretQuery]) -> Listing[SecretShown]:
    """By name, of all workspaces. Without values."""
    actor = require_held(actor_of(request), Permission.SECRET_VIEW)
    rows = visible_secrets(actor, workspace=wanted.workspace)
    return listing(rows, wanted, by="name", show=SecretShown.listed)


@router.post("secrets", response={201: SecretShown})
def create_secret(request: HttpRequest, response: HttpResponse, given: NewSecret) -> SecretShown:
    made = operations.create_secret(
        actor_of(request), given.workspace, name=given.name, value=given.secret_value, note=given.note
    )
    accepted(response, reverse("api:get_secret", args=[made.workspace.slug, made.name]))
    return SecretShown.of(made)


@router.get(ONE, response=WholeSecret)
def get_secret(request: HttpRequest, slug: Path[Slug], name: Path[Name]) -> WholeSecret:
    """Of a workspace by its short name. With what uses it, without its value."""
    actor = require_held(actor_of(request), Permission.SECRET_VIEW)
    found = find_secret(actor, slug, name)
    return WholeSecret.with_uses(found, uses_of(actor, found))


@router.delete(ONE, response={204: None})
def remove_secret(request: HttpRequest, slug: Path[Slug], name: Path[Name]) -> None:
    """With all its versions, when nothing uses it."""
    operations.remove_secret(actor_of(request), slug, name)


@router.get(f"{ONE}/versions", response=Listing[SecretVersionShown])
def list_secret_versions(
    request: HttpRequest, slug: Path[Slug], name: Path[Name], wanted: Query[Paging]
) -> Listing[SecretVersionShown]:
    """Newest first. The values of the latest ten are kept."""
    found = find_secret(require_held(actor_of(request), Permission.SECRET_VIEW), slug, name)
    return listing(found.shown_versions, wanted, by="-number", show=SecretVersionShown.of)


@router.post(f"{ONE}/versions", response={201: SecretVersionShown})
def set_secret(request: HttpRequest, slug: Path[Slug], name: Path[Name], given: SecretValueGiven) -> SecretVersionShown:
    """A new version, used from now on; what runs already has the value it was started with."""
    version = operations.set_secret(actor_of(request), slug, name, value=given.secret_value)
    return SecretVersionShown.of(version)


@router.post(f"{ONE}/reveal", response=RevealedShown)
def reveal_secret(
    request: HttpRequest,
    response: HttpResponse,
    slug: Path[Slug],
    name: Path[Name],
    given: Body[RevealGiven] = RevealGiven(version=None),  # noqa: B008 - what is meant when there is no body
) -> RevealedShown:
    """Its value. On record each time, and asks for a proof: the answer is not kept for an `Idempotency-Key`."""
    actor = actor_of(request)
    number = given.version or find_secret(actor, slug, name).newest.number
    not_kept(response)
    return RevealedShown(version=number, secret_value=operations.reveal_secret(actor, slug, name, version=number))
