"""Having a stack's files come from a repository, asking for them, and letting go of it; and a hook that rings.

It is looked at in the name of whoever saved it last (console.origins.rounds), as schedules are.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from console.hosts.queries import get_host
from console.jobs.models import Job
from console.jobs.operations import add_job
from console.operations.actor import Actor, ActorKind
from console.operations.errors import Conflict, Missing
from console.operations.permissions import OpenAction, Permission
from console.operations.runner import Operation, operation, publish_on_commit
from console.origins.facts import Given, checked_facts, directory_of
from console.origins.keys import hook_secret, new_nonce
from console.origins.models import Origin
from console.origins.queries import find_origin, get_origin
from console.origins.signatures import is_signed
from console.secrets.queries import require_usable
from console.secrets.references import names_in
from console.stacks.models import Stack
from console.stacks.operations import new_stack
from console.stacks.queries import get_stack, present
from console.workspaces.placing import place_for_new, require_workspace
from console.workspaces.queries import workspace_for_new

# a hook that rings more often than that is heard once
RINGS_APART = timedelta(seconds=5)
MOST_VARIABLES_BYTES = 1 << 16


def create_from_git(actor: Actor, host_name: str, *, name: str, workspace: str = "", given: Given) -> Stack:
    """A stack whose files are fetched by a job. Needs container.deploy, and secret.use for a password.

    Invalid and Conflict name ``name`` or a field of Given.
    """
    host = get_host(actor, host_name)
    owner = workspace_for_new(actor, workspace, Permission.CONTAINER_DEPLOY)
    about = {**_told(given), "host": host.name, "workspace": str(owner) if owner else None, "name": name[:63]}
    with operation(actor, Permission.CONTAINER_DEPLOY, at=place_for_new(owner, host), **about) as op:
        owner = require_workspace(owner).locked()
        facts = checked_facts(actor, owner, given)
        stack = new_stack(owner, host, name=name, sources=None)
        op.target(stack)
        _follow(op, stack, Origin(stack=stack), given, facts)
    return stack


def follow_repository(actor: Actor, stack_id: int, *, given: Given) -> Origin:
    """From now on the stack's files come from there, in the actor's name; they are fetched at once. What runs stays.

    Needs container.deploy, and secret.use for a password. Invalid names a field of Given.
    """
    stack = get_stack(actor, stack_id)
    with operation(actor, Permission.CONTAINER_DEPLOY, on=stack, **_told(given)) as op:
        stack = stack.locked()
        facts = checked_facts(actor, stack.workspace, given)
        origin = find_origin(stack) or Origin(stack=stack)
        _follow(op, stack, origin, given, facts)
    return origin


def fetch_now(actor: Actor, stack_id: int) -> Job:
    """Whatever is there. Needs container.deploy, and secret.use for a password. Conflict while it is being fetched."""
    origin = get_origin(actor, stack_id)
    with operation(actor, Permission.CONTAINER_DEPLOY, on=origin.stack) as op:
        origin = _held(origin)
        if origin.is_fetching:
            raise Conflict(_("It is being fetched."))
        require_usable(actor, origin.stack.workspace, names_in([origin.password]), field="password")
        job = _fetch(op, origin)
        origin.save()
    return job


def detach_repository(actor: Actor, stack_id: int) -> Stack:
    """The files stay as they are, and are changed by hand from now on. Needs container.deploy."""
    origin = get_origin(actor, stack_id)
    with operation(actor, Permission.CONTAINER_DEPLOY, on=origin.stack, detached=True):
        stack = origin.stack.locked()
        stack.repository, stack.commit = "", {}
        stack.save()
        origin.delete()
        _publish(stack)
    return stack


def make_hook(actor: Actor, stack_id: int) -> str:
    """Its secret, which is shown this once; one that was there before is none any more. Needs container.deploy."""
    return _set_hook(actor, stack_id, new_nonce())


def remove_hook(actor: Actor, stack_id: int) -> None:
    """Nobody rings any more. Needs container.deploy."""
    _set_hook(actor, stack_id, "")


def _set_hook(actor: Actor, stack_id: int, nonce: str) -> str:
    origin = get_origin(actor, stack_id)
    with operation(actor, Permission.CONTAINER_DEPLOY, on=origin.stack, hook=bool(nonce)):
        origin = _held(origin)
        origin.hook_nonce = nonce
        origin.save(update_fields=["hook_nonce"])
        _publish(origin.stack)
    return hook_secret(origin.pk, nonce) if nonce else ""


def ring(stack_id: int, *, body: bytes, headers: Mapping[str, str], address: str = "") -> None:
    """Have it looked at now. Knowing the secret is the permission: Missing, whatever is wrong.

    Ringing again does nothing more: what rings is only a bell, and says nothing that is believed.
    """
    rows = Origin.objects.select_related("stack").exclude(hook_nonce="")
    origin = rows.filter(stack__in=Stack.objects.filter(present(), pk=stack_id)).first()
    # as much work for one that is none
    secret = hook_secret(origin.pk, origin.hook_nonce) if origin else hook_secret(0, secrets.token_hex(16))
    if not is_signed(body, headers, secret=secret) or origin is None:
        raise Missing(_("There is no such hook."))
    now = timezone.now()
    if _is_heard(origin, now):
        return
    # nobody in particular: whoever knows the secret
    actor = Actor(ActorKind.SYSTEM, "hook", address=address)
    with operation(actor, OpenAction.HOOK_RING, on=origin.stack):
        origin = _held(origin)
        origin.next_at = max(now, (origin.rung_at or now - RINGS_APART) + RINGS_APART)
        origin.rung_at, origin.failures = now, 0
        origin.save(update_fields=["next_at", "rung_at", "failures"])


def _is_heard(origin: Origin, now: datetime) -> bool:
    """Somebody has rung a moment ago, and it is still to be looked at for that."""
    is_near = origin.next_at is not None and origin.next_at <= now + RINGS_APART
    return is_near and origin.rung_at is not None and now - origin.rung_at < RINGS_APART


def pause(origin: Origin, *, trouble: str) -> None:
    """By the system: nobody's rights are used any longer than they are held."""
    with operation(Actor.system("origins"), Permission.CONTAINER_DEPLOY, on=origin.stack, paused=True, why=trouble):
        origin = _held(origin)
        origin.state, origin.trouble = Origin.State.PAUSED, trouble
        origin.next_at = origin.deploy_at = None
        origin.save()
        _publish(origin.stack)


def _follow(op: Operation, stack: Stack, origin: Origin, given: Given, facts: Mapping[str, Any]) -> None:
    if sum(len(name) + len(value) for name, value in given.variables.items()) > MOST_VARIABLES_BYTES:
        raise Conflict(_("Variables are at most 64 KiB long."), field="variables")
    for name, value in facts.items():
        setattr(origin, name, value)
    origin.owner_id, origin.owner_name = op.actor.user_pk, op.actor.name
    origin.state, origin.trouble, origin.held, origin.failures = Origin.State.ACTIVE, "", "", 0
    # until the files are there for sure, there is nothing that could be deployed
    origin.deploy_at = None
    stack.repository, stack.variables = origin.url, dict(given.variables)
    stack.save()
    origin.stack = stack
    _fetch(op, origin)
    origin.save()


def _fetch(op: Operation, origin: Origin) -> Job:
    """The row is not saved."""
    stack = origin.stack
    git = {name: getattr(origin, name) for name in ("url", "ref", "username", "password")}
    args: dict[str, Any] = {
        "git": git,
        "begin": directory_of(origin.paths),
        "paths": origin.paths,
        "directory": stack.directory,
        "project": stack.project,
        "env": stack.variables,
        "profiles": stack.profiles,
    }
    if names := names_in([origin.password]):
        args["secrets"] = names
    origin.job = add_job(op, "stack.fetch", host=stack.host, workspace=stack.workspace, args=args, on=stack)
    origin.next_at = timezone.now() + timedelta(seconds=origin.every_s) if origin.every_s else None
    _publish(stack)
    return origin.job


def _held(origin: Origin) -> Origin:
    """The row as it is now, held until the transaction ends."""
    stack = origin.stack
    origin = origin.locked()
    origin.stack = stack
    return origin


def _told(given: Given) -> dict[str, Any]:
    """For the audit log."""
    return {
        "repository": given.url[:200],
        "ref": given.ref[:80] or None,
        "paths": [path[:80] for path in given.paths][:10],
        "every_s": given.every_s,
        "on_change": str(given.on_change)[:8],
    }


def _publish(stack: Stack) -> None:
    publish_on_commit("rows.stacks", {"host": stack.host.name})
