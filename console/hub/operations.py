"""Making, changing, trying and removing registries."""

import re
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from console.hub.facts import Given, checked_facts
from console.hub.models import Registry
from console.hub.queries import client_of, get_registry
from console.operations.actor import Actor
from console.operations.errors import Conflict, ConsoleError, Invalid
from console.operations.permissions import Permission
from console.operations.policy import NOWHERE, Place
from console.operations.runner import operation, publish_on_commit
from console.workspaces.models import Workspace
from console.workspaces.placing import require_workspace
from console.workspaces.queries import workspace_for_new

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def create_registry(actor: Actor, workspace: str, *, name: str, given: Given) -> Registry:
    """Needs registry.manage in the workspace ("": the first in which the actor may), and secret.use for a password.

    Invalid and Conflict name ``name`` or a field of Given; Denied by the workspace's rules.
    """
    found = workspace_for_new(actor, workspace, Permission.REGISTRY_MANAGE)
    where = Place(workspace_pk=found.pk) if found else NOWHERE
    about: dict[str, Any] = {"workspace": str(found or ""), "name": name[:63], "address": given.address[:255]}
    with operation(actor, Permission.REGISTRY_MANAGE, at=where, **about) as op:
        owner = require_workspace(found)
        if not NAME.fullmatch(name):
            raise Invalid(_("A name: lower-case letters, digits and “-”, at most 63."), field="name")
        facts = checked_facts(actor, owner, given)
        if Registry.objects.filter(workspace=owner, name=name).exists():
            raise Conflict(_("There is a registry “%(name)s” already.") % {"name": name}, field="name")
        _require_only(owner, facts["address"])
        registry = Registry.objects.create(workspace=owner, name=name, **facts)
        op.target(registry)
        publish_on_commit("rows.registries")
    return registry


def change_registry(actor: Actor, workspace: str, name: str, *, given: Given) -> Registry:
    """All of it anew. Needs registry.manage. Errors as of create_registry."""
    registry = get_registry(actor, workspace, name)
    with operation(actor, Permission.REGISTRY_MANAGE, on=registry) as op:
        registry = Registry.objects.select_related("workspace").select_for_update(of=("self",)).get(pk=registry.pk)
        facts = checked_facts(actor, registry.workspace, given)
        _require_only(registry.workspace, facts["address"], besides=registry)
        op.details["changed"] = sorted(key for key, value in facts.items() if getattr(registry, key) != value)
        for key, value in facts.items():
            setattr(registry, key, value)
        registry.checked_at, registry.trouble = None, ""
        registry.save()
        publish_on_commit("rows.registries")
    return registry


def remove_registry(actor: Actor, workspace: str, name: str) -> None:
    """What was pulled from it stays. Needs registry.manage."""
    registry = get_registry(actor, workspace, name)
    with operation(actor, Permission.REGISTRY_MANAGE, on=registry, deleted=True):
        registry.delete()
        publish_on_commit("rows.registries")


def check_registry(actor: Actor, workspace: str, name: str) -> Registry:
    """Ask it, as the console itself, and write down what came of it. Needs registry.use."""
    registry = get_registry(actor, workspace, name)
    client = client_of(actor, registry)
    trouble = ""
    try:
        # before the transaction: it may take as long as the other side likes
        client.check()
    except ConsoleError as error:
        trouble = str(error)
    with operation(actor, Permission.REGISTRY_USE, on=registry, trouble=trouble or None):
        registry = Registry.objects.select_related("workspace").select_for_update(of=("self",)).get(pk=registry.pk)
        registry.checked_at, registry.trouble = timezone.now(), trouble[:400]
        registry.save(update_fields=["checked_at", "trouble"])
        publish_on_commit("rows.registries")
    return registry


def _require_only(workspace: Workspace, address: str, *, besides: Registry | None = None) -> None:
    others = Registry.objects.filter(workspace=workspace, address=address)
    other = others.exclude(pk=besides.pk).first() if besides is not None else others.first()
    if other is not None:
        words = {"name": other.name}
        raise Conflict(_("The registry “%(name)s” of this workspace has that address.") % words, field="address")
