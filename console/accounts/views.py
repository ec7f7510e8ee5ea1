"""Signing in and out, joining by invitation, and the people page."""

from django.contrib import auth, messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.accounts.forms import JoinForm, RoleForm, SignInForm
from console.accounts.models import User
from console.accounts.operations import accept_invitation, change_role, create_invitation
from console.accounts.operations import sign_in as sign_in_person
from console.accounts.operations import sign_out as sign_out_person
from console.accounts.queries import find_open_invitation, open_invitations, visible_people
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Missing
from console.operations.permissions import Permission, Role
from console.web.permits import require
from console.web.rendering import is_htmx
from console.web.states import role_word

BACKEND = "django.contrib.auth.backends.ModelBackend"


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    following = _safe_next(request)
    form = SignInForm(request.POST or None)
    status = 200
    if form.is_valid():
        try:
            user = sign_in_person(Actor.of_request(request), **form.cleaned_data)
        except Denied as error:
            form.add_error(None, str(error))
            status = error.status
        else:
            _begin_session(request, user)
            return redirect(following)
    return render(request, "accounts/sign_in.html", {"form": form, "next": following}, status=status)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    sign_out_person(Actor.of_request(request))
    auth.logout(request)
    return redirect("accounts:sign_in")


@login_not_required
@never_cache
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Whoever has the link chooses a name and a password, and is signed in."""
    found = find_open_invitation(token)
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
            _begin_session(request, user)
            messages.success(request, _("Welcome, %(name)s.") % {"name": user.username})
            return redirect("dashboard:overview")
    role = found.role if found else ""
    return render(request, "accounts/invitation.html", {"form": form, "invited_as": role}, status=_status(form))


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


def _people(request: HttpRequest, form: RoleForm, **more: object) -> HttpResponse:
    actor = require(request, Permission.USER_VIEW)
    people = [
        {"person": person, "form": RoleForm(initial={"role": person.role}, auto_id=f"role-{person.user.pk}-%s")}
        for person in visible_people(actor)
    ]
    context = {"people": people, "invitations": open_invitations(actor), "form": form, **more}
    return render(request, "accounts/people.html", context, status=_status(form))


def _begin_session(request: HttpRequest, user: User) -> None:
    auth.login(request, user, backend=BACKEND)


def _safe_next(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else "/"


def _status(form: SignInForm | JoinForm | RoleForm) -> int:
    return 400 if form.errors else 200
