"""Pages of the templates: which there are, and what one of them asks for."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from console.hosts.queries import places_for
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.permissions import Permission
from console.stacks.catalogue.templates import TEMPLATES, Template, find_template, offered_templates
from console.stacks.forms import TemplateForm
from console.stacks.operations import create_stack
from console.web.permits import require


@require_safe
def templates(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.CONTAINER_DEPLOY)
    return render(request, "stacks/templates.html", {"templates": TEMPLATES, "own": offered_templates(actor)})


@require_http_methods(["GET", "HEAD", "POST"])
def template(request: HttpRequest, slug: str) -> HttpResponse:
    """What it asks for becomes a stack's ``.env``; the plan comes next."""
    actor = require(request, Permission.CONTAINER_DEPLOY)
    return asked_for(request, actor, find_template(slug), places_for(actor, Permission.CONTAINER_DEPLOY))


def asked_for(
    request: HttpRequest,
    actor: Actor,
    found: Template,
    places: dict[str, list[str]],
    *,
    more: dict[str, Any] | None = None,
) -> HttpResponse:
    """For any template; ``places`` is where the stack may be made, ``more`` is for the page."""
    form = TemplateForm(request.POST or None, template=found, **places)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            files = found.files(form.values)
            made = create_stack(actor, given["host"], name=given["stack"], workspace=given["workspace"], files=files)
        except (Invalid, Conflict, Denied) as error:
            form.blame(error)
            form.status = error.status
        else:
            return redirect("stacks:plan", made.pk)
    context = {"form": form, "template": found, "text": found.text, **(more or {})}
    return render(request, "stacks/template.html", context, status=form.answer)
