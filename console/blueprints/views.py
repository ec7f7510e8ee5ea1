"""Pages of a workspace's own templates. The list is the catalogue's (console.stacks.template_views)."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from console.blueprints import operations
from console.blueprints.facts import Given, given_by
from console.blueprints.forms import BlueprintForm, VariableForms, initial_of
from console.blueprints.models import Blueprint
from console.blueprints.queries import get_blueprint
from console.hosts.queries import places_for
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.permissions import Permission
from console.stacks.compose.problems import ComposeInvalid
from console.stacks.queries import get_stack
from console.stacks.template_views import asked_for
from console.web.permits import require
from console.web.rendering import go_to
from console.workspaces.queries import workspaces_for

MANAGE = Permission.TEMPLATE_MANAGE
Save = Callable[[str, Given], Blueprint]


@require_http_methods(["GET", "HEAD", "POST"])
def use(request: HttpRequest, blueprint_id: int) -> HttpResponse:
    """What it asks for becomes a stack's ``.env``, in its own workspace."""
    actor = require(request, Permission.CONTAINER_DEPLOY)
    found = get_blueprint(actor, blueprint_id)
    places = {**places_for(actor, Permission.CONTAINER_DEPLOY), "workspaces": [found.workspace.slug]}
    return asked_for(request, actor, found.template, places, more={"blueprint": found})


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    actor = require(request, MANAGE)
    return _form(request, lambda workspace, given: operations.create_blueprint(actor, workspace, given=given))


@require_http_methods(["GET", "HEAD", "POST"])
def from_stack(request: HttpRequest, stack_id: int) -> HttpResponse:
    """Its file, and what it has for the variables in it. Files are for who may see what is secret in them."""
    actor = require(request, Permission.STACK_VIEW)
    stack = get_stack(actor, stack_id)
    require(request, Permission.CONTAINER_SECRETS, on=stack)
    require(request, MANAGE, on=stack.workspace)
    given, slug = given_by(stack), stack.workspace.slug
    initial = {"title": given.title, "about": given.about, "compose": given.compose}
    return _form(
        request,
        lambda _workspace, wanted: operations.create_blueprint(actor, slug, given=wanted),
        initial=(initial, [asdict(one) for one in given.variables]),
        more={"stack": stack},
        workspaces=[slug],
    )


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, blueprint_id: int) -> HttpResponse:
    actor = require(request, Permission.CONTAINER_DEPLOY)
    found = get_blueprint(actor, blueprint_id)
    require(request, MANAGE, on=found)
    return _form(
        request,
        lambda _workspace, given: operations.change_blueprint(actor, blueprint_id, given=given),
        initial=initial_of(found),
        more={"blueprint": found},
        workspaces=[found.workspace.slug],
    )


@require_POST
def delete(request: HttpRequest, blueprint_id: int) -> HttpResponse:
    operations.delete_blueprint(require(request, Permission.CONTAINER_DEPLOY), blueprint_id)
    messages.success(request, _("The template is deleted. Stacks that were made of it stay."))
    return go_to(request, reverse("stacks:templates"))


def _form(
    request: HttpRequest,
    save: Save,
    *,
    initial: tuple[dict[str, Any], list[dict[str, Any]]] = ({}, []),
    more: dict[str, Any] | None = None,
    workspaces: list[str] | None = None,
) -> HttpResponse:
    if workspaces is None:
        workspaces = [one.slug for one in workspaces_for(Actor.of_request(request), MANAGE)]
    form = BlueprintForm(request.POST or None, initial=initial[0], workspaces=workspaces)
    rows = VariableForms(request.POST or None, initial=initial[1], prefix="v")
    if request.method == "POST" and form.is_valid() & rows.is_valid():
        try:
            made = save(form.cleaned_data["workspace"], form.given(rows))
        except ComposeInvalid as error:
            form.blame_file(error)
        except (Invalid, Conflict, Denied) as error:
            form.blame(error)
        else:
            messages.success(request, _("“%(title)s” is kept.") % {"title": made.title})
            return redirect("blueprints:use", made.pk)
    status = form.answer if form.errors else 400 if rows.is_bound and not rows.is_valid() else 200
    return render(request, "blueprints/form.html", {"form": form, "rows": rows, **(more or {})}, status=status)
