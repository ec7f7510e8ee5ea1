"""Known devices: a cookie that a browser keeps from a successful sign-in, also when it has signed out.

It opens nothing. It only says "somebody got in as this person from here before", for which the limiter gives the
device a count of its own. The text is signed, names the person and eight random bytes, and is good for half a year.
"""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from console.accounts.models import User

SALT = "console.accounts.devices"
LASTS_S = 180 * 24 * 3600


def remember_device(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Keeps the device's name where it has one for this person, so that failures before stay counted."""
    name = _name(request, user.pk) or secrets.token_hex(8)
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        signing.dumps([user.pk, name], salt=SALT),
        max_age=LASTS_S,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def known_device(request: HttpRequest, username: str) -> str:
    """The limiter's origin for a sign-in as ``username`` from this browser; empty for a stranger's."""
    user: User | None = User.objects.filter(username=User.normalize_username(username)).only("pk").first()
    name = _name(request, user.pk) if user is not None else ""
    return f"device:{name}" if name else ""


def _name(request: HttpRequest, user_pk: int) -> str:
    try:
        pk, name = signing.loads(request.COOKIES.get(settings.DEVICE_COOKIE_NAME, ""), salt=SALT, max_age=LASTS_S)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    return str(name) if pk == user_pk else ""
