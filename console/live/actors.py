"""Who a websocket belongs to, as the session store has it at this moment."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

from console.operations.actor import Actor


def session_key_of(scope: Mapping[str, Any]) -> str:
    """Of the browser session that the socket was opened with; empty without one."""
    return getattr(scope.get("session"), "session_key", None) or ""


def address_of(scope: Mapping[str, Any]) -> str:
    return str((scope.get("client") or ("",))[0])


def actor_of_session(session_key: str, *, address: str) -> Actor:
    """Nobody, when the session has ended or its person is disabled. Reads the database."""
    if not session_key:
        return Actor.of_user(None)
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    return Actor.of_user(user if user.is_active else None, address=address)
