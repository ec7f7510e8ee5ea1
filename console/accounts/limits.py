"""How often a proof may be tried. Kept in the database, so every web process counts together.

Three who try are told apart. A stranger is bounded by account, by account and address, and by address. A known device
(it holds a cookie from an earlier sign-in, see devices.py) or a session has a bound of its own and is not touched by
the strangers' count: who guesses from outside cannot lock the owner out.
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils.translation import gettext as _

from console.accounts.models import SignInAttempt
from console.operations.actor import Actor
from console.operations.runner import observation

WINDOW = timedelta(minutes=15)
ACCOUNT_WINDOW = timedelta(hours=1)
PER_ACCOUNT_AND_ADDRESS = 5
PER_ADDRESS = 30
PER_ACCOUNT = 30
PER_ORIGIN = 5
BAD_TOKENS_PER_ADDRESS = 20


class Kind(StrEnum):
    PASSWORD = "password"  # noqa: S105 - a kind's name
    CODE = "code"
    TOKEN = "token"  # noqa: S105 - a kind's name


@dataclass(frozen=True, slots=True)
class Bound:
    by: tuple[str, ...]
    most: int
    window: timedelta


STRANGERS = (
    Bound(("kind", "username", "address", "origin"), PER_ACCOUNT_AND_ADDRESS, WINDOW),
    Bound(("address", "origin"), PER_ADDRESS, WINDOW),
    Bound(("kind", "username", "origin"), PER_ACCOUNT, ACCOUNT_WINDOW),
)
KNOWN = (Bound(("kind", "username", "origin"), PER_ORIGIN, WINDOW),)
# bad tokens name nobody, and are counted apart from the rest
TOKENS = (Bound(("kind", "address", "origin"), BAD_TOKENS_PER_ADDRESS, WINDOW),)
ANY_TOKEN = "any-token"  # noqa: S105 - an origin's name


def admit(actor: Actor, username: str, *, now: datetime, origin: str = "", kind: Kind = Kind.PASSWORD) -> str:
    """Count one more attempt; why it is one too many, or empty.

    It is counted before the proof is looked at, so that attempts made at once cannot all slip through. One that is too
    many is taken off the count again: what bounds a guesser is how many were let through, and the owner can come back
    as soon as the window has passed. Of bad tokens, which have no owner to wait, the first too many stays: is_shut.
    """
    with observation(actor):
        SignInAttempt.objects.filter(at__lt=now - ACCOUNT_WINDOW).delete()
        attempt = SignInAttempt.objects.create(
            kind=kind.value,
            username=username[:150],
            origin=ANY_TOKEN if kind is Kind.TOKEN else origin,
            address=network_of(actor.address),
            at=now,
        )
    exceeded = next((bound for bound in _bounds(kind, origin) if _exceeds(attempt, bound, now)), None)
    if exceeded is None:
        return ""
    if kind is not Kind.TOKEN:
        with observation(actor):
            attempt.delete()
    minutes = int(exceeded.window.total_seconds() // 60)
    return _("Too many attempts. Try again in %(minutes)d minutes.") % {"minutes": minutes}


def is_shut(actor: Actor, *, kind: Kind, now: datetime) -> bool:
    """Were there too many already, and was that said? Looks only: whoever goes on trying costs one query each."""
    bound = TOKENS[0]
    same = SignInAttempt.objects.filter(kind=kind.value, address=network_of(actor.address), at__gt=now - bound.window)
    return same.count() > bound.most


def forget_attempts(actor: Actor, username: str, *, origin: str = "", kind: Kind = Kind.PASSWORD) -> None:
    """After a success, inside its operation: whoever got in here is no guesser."""
    mine = SignInAttempt.objects.filter(kind=kind.value, username=username[:150], origin=origin)
    mine.filter(address=network_of(actor.address)).delete()


def network_of(address: str) -> str:
    """What is counted as one address: in IPv6 a single machine has a whole /64 to try from."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address) + "/64"
    return str(parsed)


def _bounds(kind: Kind, origin: str) -> tuple[Bound, ...]:
    if kind is Kind.TOKEN:
        return TOKENS
    return KNOWN if origin else STRANGERS


def _exceeds(attempt: SignInAttempt, bound: Bound, now: datetime) -> bool:
    same = {name: getattr(attempt, name) for name in bound.by}
    recent = SignInAttempt.objects.filter(at__gt=now - bound.window)
    return recent.filter(**same).count() > bound.most  # names of the table above, never a request's
