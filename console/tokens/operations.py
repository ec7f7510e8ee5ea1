"""Making and revoking tokens, and putting on record what is asked by them."""

import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from console.accounts.limits import network_of
from console.accounts.queries import get_myself
from console.operations.actor import Actor
from console.operations.errors import Conflict, ConsoleError, Denied, Invalid
from console.operations.permissions import OpenAction, Permission
from console.operations.runner import operation
from console.rest.credentials import Credential
from console.tokens.models import READINGS_LAST_S, ApiToken
from console.tokens.narrowing import chosen_permissions, chosen_workspace
from console.tokens.queries import active_tokens, ended_before, get_own_token, get_token_of

MOST_ACTIVE = 50
# then the row of one that has ended goes, when its person makes another
KEPT = timedelta(days=30)
NAME_LIMIT = 60


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """``text`` exists only here: the row keeps a hash."""

    token: ApiToken
    text: str


def make_token(
    actor: Actor,
    *,
    name: str,
    scope: ApiToken.Scope,
    workspace: str = "",
    permissions: Collection[Permission] = (),
    days: int | None = None,
    is_confirmed: bool = False,
) -> IssuedToken:
    """A token of one's own. Step-up. Never by a token.

    It gives what its person holds at the time of asking, of that only what changes nothing (``scope`` read), only
    ``permissions`` (none chosen: all), only in ``workspace`` (empty: anywhere). ``is_confirmed``: acts that ask a
    browser for a proof, too. Invalid and Conflict name a parameter.
    """
    user = get_myself(actor)
    credential = Credential.new()
    inputs: dict[str, Any] = {"name": name[:NAME_LIMIT], "scope": scope.value, "workspace": workspace[:40] or None}
    with operation(actor, OpenAction.TOKEN_MAKE, on=user, **inputs) as op:
        place = chosen_workspace(actor, workspace)
        lifetime = _checked_days(days)
        token = ApiToken(
            user=user.locked(),
            name=_checked_name(name),
            prefix=credential.prefix,
            secret_hash=credential.secret_hash,
            scope=scope.value,
            permissions=sorted(one.value for one in chosen_permissions(actor, permissions, scope, place)),
            workspace=place,
            is_confirmed=is_confirmed and scope == ApiToken.Scope.WRITE,
            expires_at=timezone.now() + timedelta(days=lifetime),
        )
        if active_tokens(user).count() >= MOST_ACTIVE:
            raise Conflict(_("You have 50 tokens that are active. Revoke some first."))
        ended_before(user, timezone.now() - KEPT).delete()
        token.save()
        op.details |= {"token": str(token), "days": lifetime, "permissions": token.permissions or "all"}
        op.details["confirmed"] = token.is_confirmed
    return IssuedToken(token, credential.text)


def revoke_token(actor: Actor, token_pk: int) -> ApiToken:
    """One's own. At once, for good. Never by a token. Conflict when it has ended already."""
    token = get_own_token(actor, token_pk)
    with operation(actor, OpenAction.TOKEN_REVOKE, on=token):
        return _revoke(token)


def revoke_token_of(actor: Actor, user_pk: int, token_pk: int) -> ApiToken:
    """Another's. Needs user.manage, and step-up."""
    token = get_token_of(actor, user_pk, token_pk)
    with operation(actor, Permission.USER_MANAGE, on=token, person=str(token.user), revoked=True):
        return _revoke(token)


def note_reading(actor: Actor, token: ApiToken) -> None:
    """One row for all that is read by the token from this network within an hour."""
    now_s, network = timezone.now().timestamp(), network_of(actor.address)
    with operation(actor, OpenAction.TOKEN_USE, on=token, reading="for an hour"):
        token = token.locked()
        recent = {name: at for name, at in token.readings.items() if 0 <= now_s - at < READINGS_LAST_S}
        token.readings = {**recent, network: now_s}
        token.save(update_fields=["readings"])


def note_refusal(actor: Actor, error: ConsoleError, *, asked: str) -> None:
    """That something was refused which no operation has recorded: one may not even look at it."""
    with contextlib.suppress(ConsoleError), operation(actor, OpenAction.TOKEN_USE, asked=asked[:300]) as op:
        if actor.limits is not None:
            op.target_kind, op.target_id = "apitoken", str(actor.limits.token_pk)
            op.target_name = actor.limits.label
        raise error


def note_bad_token(actor: Actor, token: ApiToken | None, *, shown: str, why: str) -> None:
    """That somebody came with a token that is none, or none any more. ``shown`` is its public part, if it has one."""
    with contextlib.suppress(Denied), operation(actor, OpenAction.TOKEN_USE, on=token, shown=shown or None):
        raise Denied(why)


def _revoke(token: ApiToken) -> ApiToken:
    token = token.locked()
    if not token.is_active:
        raise Conflict(_("This token has ended already."))
    token.revoked_at = timezone.now()
    token.save(update_fields=["revoked_at"])
    return token


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > NAME_LIMIT or not name.isprintable():
        raise Invalid(_("Give it a name of at most 60 characters, to tell it apart."), field="name")
    return name


def _checked_days(days: int | None) -> int:
    most = settings.NARU_TOKEN_MOST_DAYS
    days = min(settings.NARU_TOKEN_DAYS, most) if days is None else days
    if not 1 <= days <= most:
        raise Invalid(_("A token lasts from 1 to %(most)d days.") % {"most": most}, field="days")
    return days
