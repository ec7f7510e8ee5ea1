"""Pages by which what docker compose runs becomes a stack as it runs."""

import re

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from console.operations.errors import Conflict, Denied, Invalid
from console.operations.permissions import Permission
from console.stacks.compose.problems import ComposeInvalid
from console.stacks.forms import AdoptForm
from console.stacks.operations import create_stack
from console.stacks.queries import adoptable_projects, get_adoptable
from console.stacks.views import files_in
from console.web.permits import require


@require_safe
def projects(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.CONTAINER_DEPLOY)
    return render(request, "stacks/adoptable.html", {"projects": adoptable_projects(actor)})


@require_http_methods(["GET", "HEAD", "POST"])
def adopt(request: HttpRequest, host: str, project: str) -> HttpResponse:
    """Its files are pasted; what follows is the plan, which tells whether they are those that it was made from."""
    actor = require(request, Permission.CONTAINER_DEPLOY)
    found = get_adoptable(actor, host, project)
    initial = {"name": _name_for(project), "directory": found.directory}
    form = AdoptForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            made = create_stack(
                actor,
                host,
                name=given["name"],
                workspace=found.workspace,
                files=files_in(form),
                adopt=project,
                directory=given["directory"],
            )
        except ComposeInvalid as error:
            form.blame_files(error)
        except (Invalid, Conflict, Denied) as error:
            form.blame(error)
            form.status = error.status
        else:
            return redirect("stacks:plan", made.pk)
    return render(request, "stacks/form.html", {"form": form, "project": found}, status=form.answer)


def _name_for(project: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "-", project.lower()).strip("-_")[:63]
