from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Path, Query, Router

from console.hub import operations
from console.hub.names import repository_at, require_repository, require_tag
from console.hub.queries import client_of, visible_registries
from console.hub.queries import get_registry as find_registry
from console.hub.schemas import (
    NamesShown,
    NewRegistry,
    RegistryGiven,
    RegistryImageQuery,
    RegistryImageShown,
    RegistryQuery,
    RegistryShown,
    RepositoriesQuery,
    TagsQuery,
)
from console.operations.permissions import Permission
from console.rest.answers import accepted
from console.rest.door import actor_of
from console.rest.schemas import Listing, Slug, listing
from console.web.permits import require_held

router = Router()
ONE = "registries/{slug}/{name}"


@router.get("registries", response=Listing[RegistryShown])
def list_registries(request: HttpRequest, wanted: Query[RegistryQuery]) -> Listing[RegistryShown]:
    """By name, of all workspaces."""
    actor = require_held(actor_of(request), Permission.REGISTRY_VIEW)
    rows = visible_registries(actor, workspace=wanted.workspace)
    return listing(rows, wanted, by="name", show=RegistryShown.of)


@router.post("registries", response={201: RegistryShown})
def create_registry(request: HttpRequest, response: HttpResponse, given: NewRegistry) -> RegistryShown:
    made = operations.create_registry(actor_of(request), given.workspace, name=given.name, given=given.facts)
    accepted(response, reverse("api:get_registry", args=[made.workspace.slug, made.name]))
    return RegistryShown.of(made)


@router.get(ONE, response=RegistryShown)
def get_registry(request: HttpRequest, slug: Path[Slug], name: Path[Slug]) -> RegistryShown:
    """Of a workspace by its short name."""
    return RegistryShown.of(find_registry(require_held(actor_of(request), Permission.REGISTRY_VIEW), slug, name))


@router.put(ONE, response=RegistryShown)
def change_registry(request: HttpRequest, slug: Path[Slug], name: Path[Slug], given: RegistryGiven) -> RegistryShown:
    """All of it anew; what is left out has its default."""
    return RegistryShown.of(operations.change_registry(actor_of(request), slug, name, given=given.facts))


@router.delete(ONE, response={204: None})
def remove_registry(request: HttpRequest, slug: Path[Slug], name: Path[Slug]) -> None:
    """What was pulled from it stays."""
    operations.remove_registry(actor_of(request), slug, name)


@router.post(f"{ONE}/check", response=RegistryShown)
def check_registry(request: HttpRequest, slug: Path[Slug], name: Path[Slug]) -> RegistryShown:
    """Ask it whether it lets the console in. `trouble` says what is wrong."""
    return RegistryShown.of(operations.check_registry(actor_of(request), slug, name))


@router.get(f"{ONE}/repositories", response=NamesShown)
def list_repositories(
    request: HttpRequest, slug: Path[Slug], name: Path[Slug], wanted: Query[RepositoriesQuery]
) -> NamesShown:
    """As the registry tells them just now."""
    actor = require_held(actor_of(request), Permission.REGISTRY_VIEW)
    client = client_of(actor, find_registry(actor, slug, name))
    return NamesShown.of(client.search(wanted.text) if wanted.text else client.repositories(after=wanted.after))


@router.get(f"{ONE}/tags", response=NamesShown)
def list_registry_tags(
    request: HttpRequest, slug: Path[Slug], name: Path[Slug], wanted: Query[TagsQuery]
) -> NamesShown:
    actor = require_held(actor_of(request), Permission.REGISTRY_VIEW)
    found = find_registry(actor, slug, name)
    repository = repository_at(found.address, require_repository(wanted.repository))
    return NamesShown.of(client_of(actor, found).tags(repository, after=wanted.after))


@router.get(f"{ONE}/image", response=RegistryImageShown)
def get_registry_image(
    request: HttpRequest, slug: Path[Slug], name: Path[Slug], wanted: Query[RegistryImageQuery]
) -> RegistryImageShown:
    """What a tag is: its digest, platforms, sizes and dates."""
    actor = require_held(actor_of(request), Permission.REGISTRY_VIEW)
    found = find_registry(actor, slug, name)
    repository = repository_at(found.address, require_repository(wanted.repository))
    return RegistryImageShown.of(client_of(actor, found).image(repository, require_tag(wanted.reference)))
