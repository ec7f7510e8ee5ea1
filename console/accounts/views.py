"""Signing in and out, joining by invitation, coming back by a reset link, and the people page."""

from django.contrib import auth, messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.accounts.devices import known_device
from console.accounts.entering import awaiting, enter, enter_or_ask, safe_next
from console.accounts.factors import Proof, factors_of
from console.accounts.forms import (
    CredentialForm,
    JoinForm,
    NewPasswordForm,
    ResetForm,
    RoleForm,
    SecondFactorForm,
    SignInForm,
)
from console.accounts.models import BrowserSession, User
from console.accounts.operations import (
    accept_invitation,
    change_role,
    create_invitation,
    create_reset_link,
    finish_sign_in,
    reset_password,
    set_active,
    sign_in_with_passkey,
)
from console.accounts.operations import sign_in as sign_in_person
from console.accounts.operations import sign_out as sign_out_person
from console.accounts.passkeys import why_impossible
from console.accounts.providers import providers
from console.accounts.queries import (
    find_open_invitation,
    find_open_reset_link,
    get_user,
    open_invitations,
    visible_people,
)
from console.accounts.tokens import hash_token
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Missing
from console.operations.permissions import Permission, Role
from console.web.forms import Form
from console.web.permits import require
from console.web.rendering import is_htmx
from console.web.states import role_word

Method = BrowserSession.Method


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    following = _following(request)
    form = SignInForm(request.POST or None)
    if not form.is_valid():
        return _sign_in_page(request, form, following)
    origin = known_device(request, form.cleaned_data["username"])
    try:
        shown = sign_in_person(Actor.of_request(request), **form.cleaned_data, origin=origin)
    except Denied as error:
        return _sign_in_page(request, form, following, denied=error)
    return enter_or_ask(request, shown, following, method=Method.PASSWORD)


@login_not_required
@never_cache
@require_POST
def sign_in_by_passkey(request: HttpRequest) -> HttpResponse:
    following = _following(request)
    answer = CredentialForm(request.POST)
    try:
        credential = _credential(answer)
        user = sign_in_with_passkey(Actor.of_request(request), credential)
    except Denied as error:
        return _sign_in_page(request, SignInForm(), following, denied=error)
    return enter(request, user, following, method=Method.PASSKEY)


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """The second step, for the browser in which the first was right just now."""
    waiting = awaiting(request)
    user = User.objects.filter(pk=waiting.user_pk).first() if waiting else None
    if waiting is None or user is None:
        messages.info(request, _("That took too long. Sign in again."))
        return redirect("accounts:sign_in")
    by_passkey = "credential" in request.POST
    form = SecondFactorForm(request.POST if request.method == "POST" and not by_passkey else None)
    status = 200
    if by_passkey or form.is_valid():
        try:
            proof = (
                Proof(credential=_credential(CredentialForm(request.POST)))
                if by_passkey
                else Proof(**form.cleaned_data)
            )
            origin = known_device(request, user.username)
            entered = finish_sign_in(Actor.of_request(request), user.pk, proof, origin=origin)
        except Denied as error:
            form = form if form.is_bound else SecondFactorForm({"code": ""})
            form.errors.clear()
            form.add_error(None, str(error))
            status = error.status
        else:
            return enter(request, entered, waiting.following, method=Method.TWO_STEPS)
    context = {"form": form, "factors": factors_of(user), "username": user.username}
    return render(request, "accounts/second_factor.html", context, status=status)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    sign_out_person(Actor.of_request(request), key=request.session.session_key or "")
    auth.logout(request)
    return redirect("accounts:sign_in")


@login_not_required
@never_cache
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Whoever has the link chooses a name and a password, and is signed in."""
    found = find_open_invitation(hash_token(token))
    form = JoinForm(request.POST or None)
    if found is None and request.method != "POST":
        raise Missing(_("This link is unknown, was used already, or has expired. Ask for a new one."))
    if form.is_valid():
        name, password = form.cleaned_data["username"], form.cleaned_data["password"]
        try:
            user = accept_invitation(Actor.of_request(request), token, username=name, password=password)
        except (Invalid, Conflict) as error:
            form.blame(error)
        else:
            messages.success(request, _("Welcome, %(name)s.") % {"name": user.username})
            return enter(request, user, "/", method=Method.LINK)
    context = {"form": form, "invited_as": found.role if found else "", "providers": providers(), "token": token}
    return render(request, "accounts/invitation.html", context, status=_status(form))


@login_not_required
@never_cache
@sensitive_post_parameters("new", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def reset(request: HttpRequest, token: str) -> HttpResponse:
    """Whoever has the link chooses a new password, and then signs in with it."""
    link = find_open_reset_link(hash_token(token))
    if link is None:
        raise Missing(_("This link is unknown, was used already, or has expired. Ask for a new one."))
    form = NewPasswordForm(request.POST or None)
    if form.is_valid():
        try:
            reset_password(Actor.of_request(request), token, new=form.cleaned_data["new"])
        except Invalid as error:
            form.blame(error)
        else:
            messages.success(request, _("The password is changed. Sign in with it."))
            return redirect("accounts:sign_in")
    context = {"form": form, "username": link.user.username}
    return render(request, "accounts/reset.html", context, status=_status(form))


@require_safe
def people(request: HttpRequest) -> HttpResponse:
    return _people(request, RoleForm(initial={"role": Role.VIEWER}))


@require_POST
def invite(request: HttpRequest) -> HttpResponse:
    """The link is in this answer and nowhere else: only its hash is kept."""
    form = RoleForm(request.POST)
    if not form.is_valid():
        return _people(request, form)
    issued = create_invitation(Actor.of_request(request), form.chosen)
    link = request.build_absolute_uri(issued.path)
    context = {"link": link, "invited_as": form.chosen, "expires_at": issued.invitation.expires_at}
    if is_htmx(request):
        return render(request, "accounts/_invited.html", context)
    return _people(request, RoleForm(initial={"role": form.chosen}), **context)


@require_POST
def role(request: HttpRequest, user_pk: int) -> HttpResponse:
    form = RoleForm(request.POST)
    if not form.is_valid():
        raise Invalid(_("There is no such role."), field="role")
    user = change_role(Actor.of_request(request), user_pk, form.chosen)
    words = {"name": user.username, "role": role_word(form.chosen)}
    messages.success(request, _("%(name)s is %(role)s now.") % words)
    return redirect("accounts:people")


@require_POST
def active(request: HttpRequest, user_pk: int) -> HttpResponse:
    is_active = request.POST.get("active") == "1"
    user = set_active(Actor.of_request(request), user_pk, is_active=is_active)
    text = _("%(name)s may sign in again.") if is_active else _("%(name)s is signed out and may not sign in.")
    messages.success(request, text % {"name": user.username})
    return redirect("accounts:people")


@require_http_methods(["GET", "HEAD", "POST"])
def help_back_in(request: HttpRequest, user_pk: int) -> HttpResponse:
    """A link for somebody who cannot sign in any more. It is in this answer and nowhere else."""
    actor = require(request, Permission.USER_MANAGE)
    person = get_user(actor, user_pk)
    form = ResetForm(request.POST or None)
    context: dict[str, object] = {"person": person, "form": form}
    if request.method == "POST" and form.is_valid():
        path = create_reset_link(actor, user_pk, **form.cleaned_data)
        context["link"] = request.build_absolute_uri(path)
    return render(request, "accounts/help_back_in.html", context)


def _people(request: HttpRequest, form: RoleForm, **more: object) -> HttpResponse:
    actor = require(request, Permission.USER_VIEW)
    people = [
        {"person": person, "form": RoleForm(initial={"role": person.role}, auto_id=f"role-{person.user.pk}-%s")}
        for person in visible_people(actor)
    ]
    context = {"people": people, "invitations": open_invitations(actor), "form": form, **more}
    return render(request, "accounts/people.html", context, status=_status(form))


def _sign_in_page(
    request: HttpRequest, form: SignInForm, following: str, *, denied: Denied | None = None
) -> HttpResponse:
    if denied is not None:
        form = form if form.is_bound else SignInForm({"username": "", "password": ""})
        form.errors.clear()
        form.add_error(None, str(denied))
    context = {
        "form": form,
        "next": following,
        "providers": providers(),
        "passkeys_work": not why_impossible(request.get_host(), is_secure=request.is_secure()),
    }
    return render(request, "accounts/sign_in.html", context, status=denied.status if denied else 200)


def _credential(form: CredentialForm) -> dict[str, object]:
    if not form.is_valid():
        raise Denied(_("The passkey was not accepted. Try again."))
    credential: dict[str, object] = form.cleaned_data["credential"]
    return credential


def _following(request: HttpRequest) -> str:
    return safe_next(request, request.POST.get("next") or request.GET.get("next") or "")


def _status(form: Form) -> int:
    return 400 if form.errors else 200
