from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.access import operations
from console.access.answers import answer_why
from console.access.forms import GrantFilterForm, GrantForm, MemberForm, RoleForm, TeamForm, WhyForm
from console.access.queries import (
    get_custom_role,
    get_team,
    known_people,
    members_of,
    visible_custom_roles,
    visible_grants,
    visible_teams,
)
from console.access.roles import PERMISSIONS
from console.hosts.queries import visible_hosts
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.permissions import Permission
from console.web.permits import require
from console.web.rendering import page_or_part
from console.web.states import ROLES
from console.web.tables import table_of
from console.workspaces.queries import choice_of, visible_workspaces

GRANTS_SORTABLE = {"granted": "granted_at", "scope": "scope", "by": "granted_by_name"}

# --- teams ---


@require_safe
def teams(request: HttpRequest) -> HttpResponse:
    return _teams(request, TeamForm())


@require_POST
def new_team(request: HttpRequest) -> HttpResponse:
    form = TeamForm(request.POST)
    if form.is_valid():
        try:
            made = operations.create_team(Actor.of_request(request), **form.cleaned_data)
        except (Invalid, Conflict) as error:
            form.blame(error)
        else:
            return redirect("teams:team", made.slug)
    return _teams(request, form)


@require_safe
def team(request: HttpRequest, slug: str) -> HttpResponse:
    return _team(request, slug, MemberForm())


@require_POST
def add(request: HttpRequest, slug: str) -> HttpResponse:
    form = MemberForm(request.POST)
    if form.is_valid():
        try:
            operations.add_member(Actor.of_request(request), slug, form.cleaned_data["username"])
        except (Invalid, Conflict) as error:
            form.blame(error)
        else:
            return redirect("teams:team", slug)
    return _team(request, slug, form)


@require_POST
def remove(request: HttpRequest, slug: str, user_pk: int) -> HttpResponse:
    operations.remove_member(Actor.of_request(request), slug, user_pk)
    return redirect("teams:team", slug)


@require_POST
def drop_team(request: HttpRequest, slug: str) -> HttpResponse:
    operations.delete_team(Actor.of_request(request), slug)
    messages.success(request, _("“%(slug)s” is deleted.") % {"slug": slug})
    return redirect("teams:list")


# --- roles ---


@require_safe
def roles(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.ROLE_VIEW)
    custom = list(visible_custom_roles(actor))
    columns = [*PERMISSIONS.values(), *(role.held for role in custom)]
    table = [(permission.value, [permission in held for held in columns]) for permission in Permission]
    context = {"built_in": [(role.value, ROLES[role]) for role in PERMISSIONS], "custom": custom, "table": table}
    return render(request, "access/roles.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new_role(request: HttpRequest) -> HttpResponse:
    actor = Actor.of_request(request)
    form = RoleForm(request.POST or None, is_new=True)
    if form.is_valid():
        names = {name: form.cleaned_data[name] for name in ("slug", "title")}
        try:
            operations.create_role(actor, **names, permissions=form.wanted)
        except (Invalid, Conflict) as error:
            form.blame(error)
        else:
            return redirect("roles:list")
    require(request, Permission.ROLE_MANAGE)
    return render(request, "access/role.html", {"form": form, "role": None}, status=form.answer)


@require_http_methods(["GET", "HEAD", "POST"])
def role(request: HttpRequest, slug: str) -> HttpResponse:
    actor = require(request, Permission.ROLE_VIEW)
    found = get_custom_role(actor, slug)
    initial = {"title": found.title, "permissions": found.permissions}
    form = RoleForm(request.POST or None, is_new=False, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            operations.change_role(actor, slug, title=form.cleaned_data["title"], permissions=form.wanted)
        except Invalid as error:
            form.blame(error)
        else:
            messages.success(request, _("Saved. It counts at once for all who hold it."))
            return redirect("roles:role", slug)
    return render(request, "access/role.html", {"form": form, "role": found}, status=form.answer)


@require_POST
def drop_role(request: HttpRequest, slug: str) -> HttpResponse:
    operations.delete_role(Actor.of_request(request), slug)
    messages.success(request, _("“%(slug)s” is deleted.") % {"slug": slug})
    return redirect("roles:list")


# --- grants ---


@require_safe
def grants(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.GRANT_VIEW)
    form = GrantFilterForm(request.GET, roles=_custom_names(actor))
    wanted = form.wanted()
    table = table_of(request, visible_grants(actor, wanted), sortable=GRANTS_SORTABLE, default="-granted")
    context = {"table": table, "form": form, "choice": choice_of(actor, wanted.workspace)}
    return page_or_part(request, "access/grants.html", "access/_grants_rows.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new_grant(request: HttpRequest) -> HttpResponse:
    actor = Actor.of_request(request)
    choices = {
        "teams": [team.slug for team in visible_teams(actor)],
        "roles": _custom_names(actor),
        "workspaces": [workspace.slug for workspace in visible_workspaces(actor)],
        "hosts": [host.name for host in visible_hosts(actor)],
    }
    names = ("kind", "user", "team", "role", "scope", "workspace", "host")
    wanted = {name: request.GET[name] for name in names if name in request.GET}
    form = GrantForm(request.POST or None, **choices, initial={"scope": "workspace", **wanted})
    if form.is_valid():
        try:
            operations.give_grant(actor, form.wanted())
        except (Invalid, Conflict, Denied) as error:
            form.blame(error)
        else:
            messages.success(request, _("Granted."))
            return redirect("grants:list")
    require(request, Permission.GRANT_MANAGE)
    context = {"form": form, "known_people": known_people(actor)}
    return render(request, "access/new_grant.html", context, status=form.answer)


@require_POST
def revoke(request: HttpRequest, grant_id: int) -> HttpResponse:
    operations.revoke_grant(Actor.of_request(request), grant_id)
    messages.success(request, _("Taken away."))
    return redirect("grants:list")


@require_safe
def why(request: HttpRequest) -> HttpResponse:
    """``?who=kim&permission=container.restart&thing=shop/web``"""
    actor = require(request, Permission.GRANT_VIEW)
    form = WhyForm(request.GET or None)
    answer = None
    if form.is_valid():
        try:
            answer = answer_why(actor, **form.wanted)
        except Invalid as error:
            form.blame(error)
    context = {"form": form, "answer": answer, "known_people": known_people(actor)}
    return render(request, "access/why.html", context, status=form.answer)


# --- what they share ---


def _custom_names(actor: Actor) -> list[str]:
    return [role.slug for role in visible_custom_roles(actor)]


def _teams(request: HttpRequest, form: TeamForm) -> HttpResponse:
    actor = require(request, Permission.TEAM_VIEW)
    return render(request, "access/teams.html", {"teams": visible_teams(actor), "form": form}, status=form.answer)


def _team(request: HttpRequest, slug: str, form: MemberForm) -> HttpResponse:
    actor = require(request, Permission.TEAM_VIEW)
    found = get_team(actor, slug)
    context = {
        "team": found,
        "members": list(members_of(found)),
        "grants": list(visible_grants(actor).filter(team=found)),
        "form": form,
        "known_people": known_people(actor),
    }
    return render(request, "access/team.html", context, status=form.answer)
