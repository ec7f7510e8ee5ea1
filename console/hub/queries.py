"""Reading registries: those of workspaces where registry.view is held."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from console.hub.client import Client
from console.hub.models import Registry
from console.operations.actor import Actor
from console.operations.errors import Denied, Missing
from console.operations.permissions import Permission
from console.operations.policy import Paths, bounded, may
from console.secrets.models import Secret
from console.secrets.references import name_in
from console.secrets.uses import UNSEEN, finds_uses
from console.secrets.values import resolve
from console.workspaces.asked import Asked
from console.workspaces.models import Workspace
from console.workspaces.placing import require_by_rules
from console.workspaces.rules import Used, judge

PATHS = Paths(workspace="workspace_id")


def visible_registries(actor: Actor, *, workspace: str = "") -> QuerySet[Registry]:
    """By name, workspaces along."""
    rows = Registry.objects.select_related("workspace").order_by("name", "pk")
    registries = bounded(actor, Permission.REGISTRY_VIEW, rows, PATHS)
    return registries.filter(workspace__slug=workspace) if workspace else registries


def usable_registries(actor: Actor) -> list[Registry]:
    """Those with which the actor may pull and push."""
    rows = Registry.objects.select_related("workspace").order_by("workspace__slug", "name")
    return list(bounded(actor, Permission.REGISTRY_USE, rows, PATHS))


def get_registry(actor: Actor, workspace: str, name: str) -> Registry:
    registry = visible_registries(actor, workspace=workspace).filter(name=name).first()
    if registry is None:
        raise Missing(_("There is no registry “%(name)s”.") % {"name": name[:80]})
    return registry


def find_registry(workspace: Workspace, address: str) -> Registry | None:
    """The workspace's own entry for an address. A rule of operations, so it asks for no permission."""
    return Registry.objects.select_related("workspace").filter(workspace=workspace, address=address).first()


def client_of(actor: Actor, registry: Registry) -> Client:
    """To look into the registry, with its password in hand. Denied without registry.use, and by the workspace's rules.

    It is opened here and not in a worker, since a page waits for the answer.
    """
    wanted = Permission.REGISTRY_USE
    if not may(actor, wanted, on=registry):
        raise Denied(_("You need the permission “%(name)s”.") % {"name": wanted}, permission=wanted)
    require_registry(registry.workspace, registry.address)
    password = registry.password
    if (name := name_in(password)) is not None:
        password = resolve(registry.workspace_id, [name])[name]
    return Client(registry.address, registry.username, password, registry.is_plain, registry.ca_pem)


def require_registry(workspace: Workspace, address: str, *, host: str = "") -> None:
    """Denied unless the workspace's rules let it go to that registry (and use ``host``, where one is named)."""
    asked = Asked(registries=(address,))
    refusals = judge(workspace.rules, asked, workspace=workspace.slug, host=host, used=Used())
    require_by_rules([one for one in refusals if host or one.rule != "hosts"])


def account_for(workspace: Workspace, address: str, *, actor: Actor) -> dict[str, Any]:
    """For a job's arguments: who signs in at that registry, the password as a reference. Empty where nobody does, and
    for who may not use the workspace's entry: they come as anyone does.
    """
    registry = find_registry(workspace, address)
    if registry is None or not registry.username or not may(actor, Permission.REGISTRY_USE, on=registry):
        return {}
    return account(registry)


def account(registry: Registry) -> dict[str, Any]:
    return {"address": registry.address, "username": registry.username, "password": registry.password}


def secrets_of(given: Mapping[str, Any]) -> list[str]:
    """Names of the secrets that an account refers to."""
    name = name_in(str(given.get("password", "")))
    return [name] if name else []


@finds_uses
def registries_with(actor: Actor, secret: Secret) -> list[str]:
    """Registries that sign in with the secret; UNSEEN for one that the actor cannot see."""
    rows = Registry.objects.filter(workspace_id=secret.workspace_id, password=secret.reference)
    seen = set(visible_registries(actor).filter(password=secret.reference).values_list("pk", flat=True))
    return [name if pk in seen else UNSEEN for pk, name in rows.values_list("pk", "name")]
