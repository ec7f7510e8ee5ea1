"""Tokens at the door of the JSON API (a console.rest.door.Bearers)."""

from django.utils import timezone
from django.utils.translation import gettext as _

from console.accounts import limits
from console.operations.actor import Actor
from console.operations.errors import ConsoleError
from console.rest.credentials import Credential
from console.rest.errors import TooMany, Unauthorised
from console.tokens.models import ApiToken
from console.tokens.observations import note_use
from console.tokens.operations import note_bad_token, note_reading, note_refusal
from console.tokens.queries import find_token


class TokenBearers:
    def actor_of(self, text: str, *, address: str, is_reading: bool) -> Actor:
        """Who asks by the token ``text``. Unauthorised when nobody does, TooMany when that happened too often.

        A good token is let through however many bad ones came from the same address: who guesses from there must not
        keep others out, and there is nothing to be guessed.
        """
        credential = Credential.parse(text)
        token = find_token(credential) if credential else None
        if token is None or not token.is_active or not token.user.is_active:
            raise _refused(credential, token, address=address)
        confirmed_at = timezone.now() if token.is_confirmed else None
        actor = Actor.of_user(token.user, address=address, confirmed_at=confirmed_at, limits=token.limits)
        if is_reading and not token.has_read_from(limits.network_of(address), timezone.now()):
            note_reading(actor, token)
        note_use(actor, token)
        return actor

    def note_refusal(self, actor: Actor, error: ConsoleError, *, asked: str) -> None:
        note_refusal(actor, error, asked=asked)


def _refused(credential: Credential | None, token: ApiToken | None, *, address: str) -> ConsoleError:
    """Each is on record until there are too many; then one row stands for all until the window has passed."""
    stranger = Actor.of_user(None, address=address)
    shown = f"naru_{credential.prefix}" if credential else ""
    if limits.is_shut(stranger, kind=limits.Kind.TOKEN, now=timezone.now()):
        return _too_many()
    if limits.admit(stranger, "", now=timezone.now(), kind=limits.Kind.TOKEN):
        note_bad_token(stranger, None, shown=shown, why="too many bad tokens from there; those that follow have no row")
        return _too_many()
    note_bad_token(stranger, token, shown=shown, why=_why(token))
    return Unauthorised(_told(token), is_bad_token=True)


def _why(token: ApiToken | None) -> str:
    """For the audit log."""
    if token is None:
        return "there is no such token"
    return "its person is disabled" if not token.user.is_active else f"it is {token.state}"


def _told(token: ApiToken | None) -> str:
    """Only whoever has the secret learns that the token was one."""
    if token is not None and token.state == ApiToken.State.EXPIRED:
        return _("This token has expired.")
    if token is not None and token.state == ApiToken.State.REVOKED:
        return _("This token was revoked.")
    return _("This token is not valid.")


def _too_many() -> TooMany:
    seconds = int(limits.WINDOW.total_seconds())
    return TooMany(_("Too many requests with bad tokens came from your address."), retry_after_s=seconds)
