"""Passkeys (WebAuthn), by allauth and fido2.

Each is discoverable and asks its owner (finger, face or PIN), so it is both steps of signing in. What a browser
answers to is kept in its session between the two halves of a ceremony; allauth finds it by the request at hand.
"""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from console.accounts.models import User
from console.operations.errors import Denied, Invalid


def creation_options(user: User) -> dict[str, Any]:
    """For ``navigator.credentials.create``."""
    return dict(auth.begin_registration(user, passwordless=True))


def request_options(user: User | None) -> dict[str, Any]:
    """For ``navigator.credentials.get``; without a user the browser offers whose passkeys it has."""
    return dict(auth.begin_authentication(user))


def new_passkey(user: User, name: str, credential: dict[str, Any]) -> Authenticator:
    """Invalid when the browser's answer does not fit what it was asked. Inside an operation only."""
    with _understood():
        auth.parse_registration_response(credential)
        auth.complete_registration(credential)
        row: Authenticator = auth.WebAuthn.add(user, name, credential).instance
    return row


def owner_of(credential: dict[str, Any]) -> User:
    """Who the passkey says it belongs to: a claim, until it was checked. Raises Denied."""
    with _believed():
        user = auth.extract_user_from_response(credential)
    if not isinstance(user, User) or not user.is_active:
        raise Denied(_("This passkey is not known here."))
    return user


def check(user: User, credential: dict[str, Any]) -> Authenticator:
    """Raises Denied. Inside an operation only: its use is noted."""
    with _believed():
        auth.parse_authentication_response(credential)
        row = auth.complete_authentication(user, credential)
    row.record_usage()
    return row


def why_impossible(host: str, *, is_secure: bool) -> str:
    """Browsers make passkeys for names alone, and only over https or on this very machine; empty when all is well."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        local = name == "localhost" or name.endswith(".localhost")
        return "" if is_secure or local else _("Passkeys need https.")
    return _("Passkeys need a name: open this page by a host name, not by an IP address.")


@contextmanager
def _understood() -> Iterator[None]:
    # whatever a browser may send: fido2 raises these for text that is no answer at all
    try:
        yield
    except (ValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Invalid(_("The passkey was not accepted. Try again."), field="credential") from error


@contextmanager
def _believed() -> Iterator[None]:
    try:
        with _understood():
            yield
    except Invalid as error:
        raise Denied(_("This passkey is not known here.")) from error
