from django.http import HttpRequest, HttpResponse
from ninja import Path, Router

from console.containers.detail import Details, details_of
from console.containers.detail_schemas import ConfigShown, HealthShown, InspectShown, NetworkingShown, StorageShown
from console.containers.queries import get_container
from console.operations.permissions import Permission
from console.rest.answers import not_kept
from console.rest.door import actor_of
from console.rest.schemas import Name, Slug
from console.web.permits import require_held

router = Router()
ONE = "containers/{host}/{name}"


@router.get(f"{ONE}/health", response=HealthShown)
def get_container_health(request: HttpRequest, host: Path[Slug], name: Path[Name]) -> HealthShown:
    """Its check, and what the latest ones gave."""
    return HealthShown.of(_details(request, host, name))


@router.get(f"{ONE}/config", response=ConfigShown)
def get_container_config(
    request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name]
) -> ConfigShown:
    """What it was made to be. Values of variables are for who holds container.secrets; secrets are for nobody."""
    not_kept(response)
    return ConfigShown.of(_details(request, host, name))


@router.get(f"{ONE}/network", response=NetworkingShown)
def get_container_network(request: HttpRequest, host: Path[Slug], name: Path[Name]) -> NetworkingShown:
    return NetworkingShown.of(_details(request, host, name))


@router.get(f"{ONE}/storage", response=StorageShown)
def get_container_storage(request: HttpRequest, host: Path[Slug], name: Path[Name]) -> StorageShown:
    """What is mounted, and how much it has written into its own layer."""
    return StorageShown.of(_details(request, host, name, with_size=True))


@router.get(f"{ONE}/inspect", response=InspectShown)
def inspect_container(request: HttpRequest, response: HttpResponse, host: Path[Slug], name: Path[Name]) -> InspectShown:
    """The engine's document, with the same hidden as in its parts."""
    not_kept(response)
    return InspectShown.of(_details(request, host, name))


def _details(request: HttpRequest, host: str, name: str, *, with_size: bool = False) -> Details:
    actor = require_held(actor_of(request), Permission.CONTAINER_VIEW)
    return details_of(actor, get_container(actor, host, name), with_size=with_size)
