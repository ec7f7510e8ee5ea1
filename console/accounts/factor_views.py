"""Adding and removing second factors, and what scripts need to talk to passkeys."""

from allauth.mfa.adapter import get_adapter
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from console.accounts import passkeys
from console.accounts.entering import awaiting
from console.accounts.forms import PasskeyForm, TotpForm
from console.accounts.models import User
from console.accounts.operations import add_passkey, add_totp, make_recovery_codes, remove_factor
from console.accounts.qr import qr_code
from console.accounts.queries import get_myself
from console.operations.actor import Actor
from console.operations.confirmation import require_confirmed
from console.operations.errors import Conflict, Invalid
from console.operations.permissions import OpenAction

# in the session, from showing the QR code until a code of it comes back
SECRET = "totp_secret"  # noqa: S105 - a key's name


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def totp(request: HttpRequest) -> HttpResponse:
    """Show a secret as QR code and in letters; take it when the app shows its code."""
    actor = Actor.of_request(request)
    user = get_myself(actor)
    require_confirmed(actor, OpenAction.FACTOR_ADD)
    secret = request.session.setdefault(SECRET, generate_totp_secret())
    form = TotpForm(request.POST or None)
    if form.is_valid():
        try:
            add_totp(actor, secret=secret, code=form.cleaned_data["code"])
        except (Invalid, Conflict) as error:
            form.blame(error)
        else:
            del request.session[SECRET]
            return _added(request, _("From now on signing in asks for a code of your app."))
    address = get_adapter().build_totp_url(user, secret)
    letters = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    context = {"form": form, "qr": qr_code(address), "letters": letters, "address": address}
    return render(request, "accounts/totp.html", context, status=400 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def passkey(request: HttpRequest) -> HttpResponse:
    actor = Actor.of_request(request)
    require_confirmed(actor, OpenAction.FACTOR_ADD)
    form = PasskeyForm(request.POST or None)
    if form.is_valid():
        try:
            add_passkey(actor, **form.cleaned_data)
        except Invalid as error:
            form.blame(error)
        else:
            return _added(request, _("You can sign in with this passkey."))
    impossible = passkeys.why_impossible(request.get_host(), is_secure=request.is_secure())
    context = {"form": form, "passkeys_impossible": impossible}
    return render(request, "accounts/passkey.html", context, status=400 if form.errors else 200)


@require_POST
def remove(request: HttpRequest, factor_pk: int) -> HttpResponse:
    name = remove_factor(Actor.of_request(request), factor_pk)
    messages.success(request, _("%(name)s is removed.") % {"name": name})
    return redirect("account:home")


@never_cache
@require_POST
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """They are in this answer and in no other."""
    codes = make_recovery_codes(Actor.of_request(request))
    return render(request, "accounts/recovery_codes.html", {"codes": codes})


@never_cache
@require_POST
def creation_options(request: HttpRequest) -> HttpResponse:
    """What the browser is to make a passkey for."""
    actor = Actor.of_request(request)
    require_confirmed(actor, OpenAction.FACTOR_ADD)
    return JsonResponse(passkeys.creation_options(get_myself(actor)))


@login_not_required
@never_cache
@require_POST
def request_options(request: HttpRequest) -> HttpResponse:
    """What the browser is to show a passkey for: of whoever is signed in or half-way so, else of anybody."""
    return JsonResponse(passkeys.request_options(_known(request)))


def _known(request: HttpRequest) -> User | None:
    if isinstance(request.user, User):
        return request.user
    waiting = awaiting(request)
    user: User | None = User.objects.filter(pk=waiting.user_pk).first() if waiting else None
    return user


def _added(request: HttpRequest, text: str) -> HttpResponse:
    messages.success(request, text)
    return redirect("account:home")
