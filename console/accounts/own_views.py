"""Your account: password, sessions, and what leads to the factors (factor_views)."""

from dataclasses import dataclass

from django.contrib import auth, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.accounts.entering import note_confirmed, origin_of
from console.accounts.factors import factors_of
from console.accounts.forms import ChangePasswordForm, NewPasswordForm
from console.accounts.models import BrowserSession, User
from console.accounts.observations import move_session
from console.accounts.operations import (
    change_password,
    revoke_other_sessions,
    revoke_session,
    set_password,
    unlink_identity,
)
from console.accounts.passkeys import why_impossible
from console.accounts.providers import providers
from console.accounts.queries import get_myself, own_sessions
from console.accounts.user_agents import name_of
from console.operations.actor import Actor
from console.operations.confirmation import require_confirmed
from console.operations.errors import Denied, Invalid
from console.operations.permissions import OpenAction


@dataclass(frozen=True, slots=True)
class ShownSession:
    row: BrowserSession
    browser: str
    is_this: bool


@never_cache
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    user = get_myself(Actor.of_request(request))
    key = request.session.session_key
    sessions = [ShownSession(row, name_of(row.user_agent), row.key == key) for row in own_sessions(user)]
    linked = list(user.identities.all())
    context = {
        "factors": factors_of(user),
        "sessions": sorted(sessions, key=lambda shown: not shown.is_this),
        "identities": linked,
        "providers": [p for p in providers() if p.issuer not in {identity.issuer for identity in linked}],
        "passkeys_impossible": why_impossible(request.get_host(), is_secure=request.is_secure()),
    }
    return render(request, "accounts/account.html", context)


@never_cache
@sensitive_post_parameters("current", "new", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """Change it, or choose the first one."""
    actor = Actor.of_request(request)
    user = get_myself(actor)
    has_one = user.has_usable_password()
    if not has_one:
        require_confirmed(actor, OpenAction.PASSWORD_SET)
    form = (ChangePasswordForm if has_one else NewPasswordForm)(request.POST or None)
    status = 200
    if form.is_valid():
        given, key = form.cleaned_data, request.session.session_key or ""
        try:
            if has_one:
                origin = origin_of(request)
                user = change_password(actor, current=given["current"], new=given["new"], keep_key=key, origin=origin)
            else:
                user = set_password(actor, new=given["new"], keep_key=key)
        except Invalid as error:
            form.blame(error)
        except Denied as error:
            form.add_error("current", str(error))
            status = error.status
        else:
            return _password_changed(request, user, key)
    status = 400 if form.errors and status == 200 else status
    return render(request, "accounts/password.html", {"form": form, "has_one": has_one}, status=status)


def _password_changed(request: HttpRequest, user: User, old_key: str) -> HttpResponse:
    auth.update_session_auth_hash(request, user)
    move_session(Actor.of_request(request), old_key=old_key, new_key=request.session.session_key or "")
    note_confirmed(request)
    messages.success(request, _("The password is changed. You were signed out everywhere else."))
    return redirect("account:home")


@require_POST
def end_session(request: HttpRequest, session_pk: int) -> HttpResponse:
    revoke_session(Actor.of_request(request), session_pk)
    messages.success(request, _("That session has ended."))
    return redirect("account:home")


@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    ended = revoke_other_sessions(Actor.of_request(request), keep_key=request.session.session_key or "")
    text = ngettext("%(count)d other session has ended.", "%(count)d other sessions have ended.", ended)
    messages.success(request, text % {"count": ended})
    return redirect("account:home")


@require_POST
def unlink(request: HttpRequest, identity_pk: int) -> HttpResponse:
    unlink_identity(Actor.of_request(request), identity_pk)
    messages.success(request, _("That sign-in is unlinked."))
    return redirect("account:home")
