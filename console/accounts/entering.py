"""The session's side of signing in: begun, waiting for a second factor, and how lately its owner proved to be one."""

import time
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from console.accounts.devices import remember_device
from console.accounts.models import User
from console.accounts.observations import note_session
from console.accounts.operations import SignIn
from console.operations.actor import CONFIRMED_AT, Actor

BACKEND = "django.contrib.auth.backends.ModelBackend"
AWAITING = "awaiting_second_factor"
AWAITING_LASTS_S = 300
SEEN_AT = "seen_at"


@dataclass(frozen=True, slots=True)
class Awaiting:
    """Whose first factor this browser has shown, and where they wanted to go."""

    user_pk: int
    following: str


def enter(request: HttpRequest, user: User, following: str, *, method: str) -> HttpResponse:
    """Begin the session of somebody an operation has let in, and lead them on."""
    request.session.pop(AWAITING, None)
    auth.login(request, user, backend=BACKEND)
    # a point in time: however busy the session is, it ends then
    request.session.set_expiry(timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE))
    note_confirmed(request)
    agent = request.headers.get("User-Agent", "")
    note_session(Actor.of_request(request), key=request.session.session_key or "", user_agent=agent, method=method)
    request.session[SEEN_AT] = time.time()
    response = redirect(following)
    remember_device(request, response, user)
    return response


def enter_or_ask(request: HttpRequest, shown: SignIn, following: str, *, method: str) -> HttpResponse:
    """After the first factor: in, or on to the page that asks for the second."""
    if not shown.awaits_second:
        return enter(request, shown.user, following, method=method)
    if request.user.is_authenticated:
        auth.logout(request)
    request.session.cycle_key()
    request.session[AWAITING] = {"user_pk": shown.user.pk, "following": following, "at": time.time()}
    return redirect("accounts:second_factor")


def awaiting(request: HttpRequest) -> Awaiting | None:
    """None when nobody has shown a first factor here in the last five minutes."""
    kept = request.session.get(AWAITING)
    if not kept or not 0 <= time.time() - kept["at"] < AWAITING_LASTS_S:
        return None
    return Awaiting(kept["user_pk"], kept["following"])


def note_confirmed(request: HttpRequest) -> None:
    request.session[CONFIRMED_AT] = time.time()


def origin_of(request: HttpRequest) -> str:
    """The limiter's name of this session."""
    return f"session:{request.session.session_key}"


def safe_next(request: HttpRequest, wanted: str) -> str:
    """``wanted``, if it is an address of ours, else the overview."""
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else "/"
