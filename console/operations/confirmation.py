"""Step-up: dangerous acts are for whoever proved lately that it is still the same person in front of the browser.

What is dangerous is one table here; the runner asks it for every operation, so no door can forget to. A door that is
told :class:`~console.operations.errors.Unconfirmed` asks for a proof and then goes on with what was wanted
(setting ``NARU_CONFIRMATION``, for pages).
"""

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from console.operations.actor import Actor
from console.operations.errors import Unconfirmed
from console.operations.permissions import OpenAction, Permission

LASTS = timedelta(minutes=10)

DANGEROUS: frozenset[Permission | OpenAction] = frozenset(
    {
        # who may do what
        Permission.USER_INVITE,
        Permission.USER_MANAGE,
        Permission.GRANT_MANAGE,
        Permission.ROLE_MANAGE,
        Permission.TEAM_MANAGE,
        # what has a machine act on what it is sent
        Permission.HOST_MANAGE,
        # what hosts may be asked for
        Permission.POLICY_MANAGE,
        # what is gone for good
        Permission.HOST_PRUNE,
        # what cannot be brought back
        Permission.STACK_PURGE,
        # what is kept from everybody
        Permission.SECRET_REVEAL,
        # what is gone for good
        Permission.VOLUME_REMOVE,
        # how one gets in
        OpenAction.PASSWORD_SET,
        OpenAction.FACTOR_ADD,
        OpenAction.FACTOR_REMOVE,
        OpenAction.RECOVERY_CODES_MAKE,
        OpenAction.IDENTITY_ADD,
        OpenAction.IDENTITY_REMOVE,
        OpenAction.TOKEN_MAKE,
    }
)


def is_confirmed(actor: Actor, action: Permission | OpenAction, *, now: datetime) -> bool:
    """True for what is not dangerous, and for actors that are no people: they have nobody to ask."""
    return action not in DANGEROUS or not actor.is_user or _is_fresh(actor, now=now)


def _is_fresh(actor: Actor, *, now: datetime) -> bool:
    # a proof "from the future" is one from before the clock was set back
    return actor.confirmed_at is not None and timedelta() <= now - actor.confirmed_at < LASTS


def require_confirmed(actor: Actor, action: Permission | OpenAction) -> None:
    """Raises Unconfirmed. For the runner, and for a page that leads to a dangerous act, to ask before and not after."""
    if action in DANGEROUS:
        require_proof(actor)


def require_proof(actor: Actor) -> None:
    """As ``require_confirmed``, for what is dangerous only in the way it is asked for."""
    if not actor.is_user or _is_fresh(actor, now=timezone.now()):
        return
    if actor.limits is not None:
        raise Unconfirmed(_("This token was not made for acts that ask for a proof of who you are."))
    raise Unconfirmed(_("Confirm that it is you: this needs a proof from the last few minutes."))
