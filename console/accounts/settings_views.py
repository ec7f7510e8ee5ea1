"""How the console looks to oneself: the page, and the buttons of every page that change one thing of it."""

from collections.abc import Callable

from django.conf import settings as django_settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_http_methods, require_POST

from console.accounts.forms import SettingsForm
from console.accounts.models import User
from console.accounts.operations import change_settings
from console.accounts.queries import get_myself
from console.accounts.settings import time_zones
from console.operations.actor import Actor
from console.operations.errors import Invalid
from console.web.context import SYSTEM, THEME_COOKIE, THEMES

A_YEAR_S = 365 * 24 * 3600
FIELDS = ("theme", "language", "density", "time_zone")


@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest) -> HttpResponse:
    actor = Actor.of_request(request)
    user = get_myself(actor)
    initial = {name: getattr(user, name) for name in FIELDS} | {"theme": user.theme or SYSTEM}
    form = SettingsForm(request.POST or None, initial=initial)
    if form.is_valid():
        try:
            user = change_settings(actor, **form.cleaned_data)
        except Invalid as error:
            form.blame(error)
        else:
            with override(user.language or None):
                messages.success(request, _("Saved."))
            return _remembered(request, redirect("account:settings"), user)
    context = {"form": form, "zones": time_zones(), "hidden": sum(map(len, user.hidden_columns.values()))}
    return render(request, "accounts/settings.html", context, status=form.answer)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    return _one(request, lambda actor: change_settings(actor, theme=request.POST.get("theme", "")))


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    return _one(request, lambda actor: change_settings(actor, language=request.POST.get("language", "")))


@require_POST
def columns(request: HttpRequest) -> HttpResponse:
    """The columns of one table that are not wanted; without a table, all are wanted again."""
    given = request.POST
    table, hidden = given.get("table", ""), given.getlist("hidden")
    actor = Actor.of_request(request)
    if not table:
        change_settings(actor, hidden_columns={})
        return redirect("account:settings")
    change_settings(actor, table=table, hidden=hidden)
    return HttpResponse(status=204)


def _one(request: HttpRequest, change: Callable[[Actor], User]) -> HttpResponse:
    user = change(Actor.of_request(request))
    following = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(following, {request.get_host()}, require_https=request.is_secure())
    return _remembered(request, redirect(following) if safe else HttpResponse(status=204), user)


def _remembered(request: HttpRequest, response: HttpResponse, user: User) -> HttpResponse:
    """By this browser too, for the pages before one is signed in."""
    theme = user.theme if user.theme in THEMES else ""
    marks = {THEME_COOKIE: theme, django_settings.LANGUAGE_COOKIE_NAME: user.language}
    for name, value in marks.items():
        if value:
            response.set_cookie(name, value, max_age=A_YEAR_S, samesite="Lax", secure=request.is_secure())
        else:
            response.delete_cookie(name, samesite="Lax")
    return response
