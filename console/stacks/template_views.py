"""Pages of the templates: which there are, and what one of them asks for."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from console.hosts.queries import places_for
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.permissions import Permission
from console.stacks.catalogue.templates import TEMPLATES, find_template, text_of
from console.stacks.forms import TemplateForm
from console.stacks.operations import create_stack
from console.web.permits import require


@require_safe
def templates(request: HttpRequest) -> HttpResponse:
    require(request, Permission.CONTAINER_DEPLOY)
    return render(request, "stacks/templates.html", {"templates": TEMPLATES})


@require_http_methods(["GET", "HEAD", "POST"])
def template(request: HttpRequest, slug: str) -> HttpResponse:
    """What it asks for becomes a stack's ``.env``; the plan comes next."""
    actor = require(request, Permission.CONTAINER_DEPLOY)
    found = find_template(slug)
    form = TemplateForm(request.POST or None, template=found, **places_for(actor, Permission.CONTAINER_DEPLOY))
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
    context = {"form": form, "template": found, "text": text_of(slug)}
    return render(request, "stacks/template.html", context, status=form.answer)
