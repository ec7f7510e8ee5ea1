"""Signing in at an OpenID provider. allauth speaks the protocol; who that makes somebody here is an operation's matter.

The way out is ``leave``, the way back ``callback``, which ends in ``arrived`` or ``failed`` (adapters.ProviderAdapter).
Why the browser left is in the state that allauth keeps in its session: to sign in, to join by an invitation, to link
the provider to one's account, or to confirm.
"""

from enum import StrEnum
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from requests import RequestException

from console.accounts.entering import enter_or_ask, note_confirmed, safe_next
from console.accounts.models import BrowserSession
from console.accounts.operations import (
    confirm_with_identity,
    link_identity,
    refuse_provider,
    sign_in_with_identity,
)
from console.accounts.providers import Claims, Provider, find_provider
from console.accounts.tokens import hash_token
from console.operations.actor import Actor
from console.operations.confirmation import require_confirmed
from console.operations.errors import Conflict, Denied, Missing, Unavailable
from console.operations.permissions import OpenAction

# what a provider sends is not ours to trust: allauth lets answers of the wrong shape through as these
WRONG_SHAPE = (ValueError, KeyError, TypeError, AttributeError)


class Process(StrEnum):
    SIGN_IN = "sign-in"
    JOIN = "join"
    LINK = "link"
    CONFIRM = "confirm"


class StrictAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # no stubs
    """Believes a provider less than allauth does: signatures are always checked, and the issuer is the one we named."""

    def get_access_token_data(self, *args: Any, **options: Any) -> dict[str, Any]:
        data: dict[str, Any] = super().get_access_token_data(*args, **options)
        # allauth skips the signature of a token that it fetched itself
        self.did_fetch_access_token = False
        return data

    @property
    def openid_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().openid_config
        wanted = _provider(self.provider_id).issuer
        if str(config.get("issuer", "")).rstrip("/") != wanted.rstrip("/"):
            raise OAuth2Error(f"the issuer calls itself {str(config.get('issuer'))[:100]!r}, not {wanted!r}")
        return config


@login_not_required
@never_cache
@require_safe
def leave(request: HttpRequest, provider_id: str) -> HttpResponse:
    """To the provider. By a link: a form that leads to another site would need a wider content policy."""
    provider = _provider(provider_id)
    process = _process(request)
    if process is Process.LINK:
        require_confirmed(Actor.of_request(request), OpenAction.IDENTITY_ADD)
    allauth_provider = get_adapter().get_provider(request, provider.id)
    allauth_provider.oauth2_adapter_class = StrictAdapter
    following = safe_next(request, request.GET.get("next", ""))
    invitation = request.GET.get("invitation", "")
    kept = {"process": process.value, "invitation_hash": hash_token(invitation) if process is Process.JOIN else ""}
    # somebody may be signed in there already: to confirm is to show it anew
    again = {"auth_params": {"prompt": "login", "max_age": "0"}} if process is Process.CONFIRM else {}
    try:
        answer: HttpResponse = allauth_provider.redirect(request, "redirect", next_url=following, data=kept, **again)
    except OAuth2Error as error:
        return failed(request, provider.name, AuthError.UNKNOWN, error)
    except (RequestException, *WRONG_SHAPE) as error:
        raise Unavailable(_("%(name)s does not answer.") % {"name": provider.name}) from error
    return answer


@login_not_required
@never_cache
@require_safe
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    provider = _provider(provider_id)
    try:
        answer: HttpResponse = OAuth2CallbackView.adapter_view(StrictAdapter(request, provider.id))(request)
    except ImmediateHttpResponse as done:
        answer = done.response
    except WRONG_SHAPE as error:
        return failed(request, provider.name, AuthError.UNKNOWN, error)
    return answer


def arrived(request: HttpRequest, login: SocialLogin) -> HttpResponse:
    """The provider says who it is."""
    kept: dict[str, str] = login.state.get("data") or {}
    claims = _claims(login)
    following = safe_next(request, login.state.get("next") or "")
    actor = Actor.of_request(request)
    match Process(kept.get("process", "")):
        case Process.LINK:
            try:
                link_identity(actor, claims)
            except Conflict as error:
                messages.error(request, str(error))
            else:
                messages.success(request, _("You can sign in by %(name)s now.") % {"name": claims.provider.name})
            return redirect("account:home")
        case Process.CONFIRM:
            confirm_with_identity(actor, claims)
            note_confirmed(request)
            return redirect(following)
        case _:
            return _sign_in(request, claims, following, invitation_hash=kept.get("invitation_hash", ""))


def failed(request: HttpRequest, provider_name: str, error: object, exception: object) -> HttpResponse:
    """Back to the sign-in page, which says so; why is in the audit log."""
    cancelled = error == AuthError.CANCELLED
    why = "cancelled there" if cancelled else f"{type(exception).__name__}: {exception}" if exception else str(error)
    try:
        refuse_provider(Actor.of_request(request), provider_name, why)
    except Denied as denied:
        messages.error(request, str(denied))
    return redirect("account:home" if request.user.is_authenticated else "accounts:sign_in")


def _sign_in(request: HttpRequest, claims: Claims, following: str, *, invitation_hash: str) -> HttpResponse:
    try:
        shown = sign_in_with_identity(Actor.of_request(request), claims, invitation_hash=invitation_hash)
    except (Denied, Missing) as error:
        messages.error(request, str(error))
        return redirect("accounts:sign_in")
    return enter_or_ask(request, shown, following, method=BrowserSession.Method.PROVIDER)


def _claims(login: SocialLogin) -> Claims:
    """Raises OAuth2Error when the two places that say who it is do not agree."""
    said = login.account.extra_data
    token, info = said.get("id_token") or {}, said.get("userinfo") or {}
    if not token.get("sub") or info.get("sub", token["sub"]) != token["sub"]:
        raise OAuth2Error("the token and the user information name different subjects")
    words = {**token, **info}
    return Claims(
        provider=_provider(login.account.provider),
        subject=str(token["sub"]),
        username=str(words.get("preferred_username") or ""),
        email=str(words.get("email") or "")[:254],
    )


def _process(request: HttpRequest) -> Process:
    """To link and to confirm one has to be signed in; everything else is signing in."""
    try:
        wanted = Process(request.GET.get("process", Process.SIGN_IN))
    except ValueError:
        return Process.SIGN_IN
    needs_person = wanted in (Process.LINK, Process.CONFIRM)
    return Process.SIGN_IN if needs_person and not request.user.is_authenticated else wanted


def _provider(provider_id: str) -> Provider:
    provider = find_provider(provider_id)
    if provider is None:
        raise Missing(_("There is no such provider."))
    return provider
