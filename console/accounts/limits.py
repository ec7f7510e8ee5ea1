"""How often signing in may be tried. Kept in the database, so every web process counts together."""

from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from console.accounts.models import SignInAttempt
from console.operations.actor import Actor
from console.operations.errors import Denied
from console.operations.runner import observation

WINDOW = timedelta(minutes=15)
PER_ACCOUNT_AND_ADDRESS = 5
PER_ADDRESS = 30
PER_ACCOUNT = 50


def note_attempt(actor: Actor, username: str, *, now: datetime) -> None:
    """Count this attempt before its password is looked at, so that attempts made at once cannot all slip through."""
    with observation(actor):
        SignInAttempt.objects.filter(at__lt=now - WINDOW).delete()
        SignInAttempt.objects.create(username=username[:150], address=actor.address, at=now)


def require_below_limit(actor: Actor, username: str, *, now: datetime) -> None:
    """Raises Denied when the attempt just noted is one too many."""
    recent = SignInAttempt.objects.filter(at__gte=now - WINDOW)
    by_account = recent.filter(username=username[:150])
    exceeded = (
        by_account.filter(address=actor.address).count() > PER_ACCOUNT_AND_ADDRESS
        or recent.filter(address=actor.address).count() > PER_ADDRESS
        or by_account.count() > PER_ACCOUNT
    )
    if exceeded:
        minutes = int(WINDOW.total_seconds() // 60)
        raise Denied(_("Too many attempts. Try again in %(minutes)d minutes.") % {"minutes": minutes})


def forget_attempts(actor: Actor, username: str) -> None:
    """After a success, inside its operation."""
    SignInAttempt.objects.filter(username=username[:150], address=actor.address).delete()
