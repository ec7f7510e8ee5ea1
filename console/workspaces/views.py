from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid
from console.operations.permissions import Permission
from console.web.permits import require
from console.web.rendering import page_or_part
from console.workspaces.forms import RulesForm, TitleForm, WorkspaceForm
from console.workspaces.models import Workspace
from console.workspaces.operations import change_rules, create_workspace, delete_workspace, retitle_workspace
from console.workspaces.queries import get_workspace, visible_workspaces


@require_safe
def workspaces(request: HttpRequest) -> HttpResponse:
    return _list(request, WorkspaceForm())


@require_POST
def new(request: HttpRequest) -> HttpResponse:
    form = WorkspaceForm(request.POST)
    if form.is_valid():
        try:
            made = create_workspace(Actor.of_request(request), **form.cleaned_data)
        except (Invalid, Conflict) as error:
            form.blame(error)
        else:
            return redirect("workspaces:workspace", made.slug)
    return _list(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
def workspace(request: HttpRequest, slug: str) -> HttpResponse:
    actor = require(request, Permission.WORKSPACE_VIEW)
    found = get_workspace(actor, slug)
    form = TitleForm(request.POST or None, initial={"title": found.title})
    if request.method == "POST" and form.is_valid():
        retitle_workspace(actor, slug, title=form.cleaned_data["title"])
        messages.success(request, _("Saved."))
        return redirect("workspaces:workspace", slug)
    context = {"workspace": found, "form": form, "rules": _told(found), "tab": "overview"}
    return render(request, "workspaces/workspace.html", context, status=form.answer)


@require_POST
def delete(request: HttpRequest, slug: str) -> HttpResponse:
    delete_workspace(Actor.of_request(request), slug)
    messages.success(request, _("“%(slug)s” is deleted.") % {"slug": slug})
    return redirect("workspaces:list")


@require_http_methods(["GET", "HEAD", "POST"])
def rules(request: HttpRequest, slug: str) -> HttpResponse:
    actor = require(request, Permission.WORKSPACE_VIEW)
    found = get_workspace(actor, slug)
    require(request, Permission.POLICY_VIEW, on=found)
    form = RulesForm(request.POST or None, initial=RulesForm.values(found.rules))
    if form.is_valid():
        try:
            change_rules(actor, slug, form.wanted())
        except (Invalid, Denied) as error:
            form.blame(error)
        else:
            messages.success(request, _("Saved. What runs already goes on as it is."))
            return redirect("workspaces:policy", slug)
    return render(
        request, "workspaces/policy.html", {"workspace": found, "form": form, "tab": "policy"}, status=form.answer
    )


def _list(request: HttpRequest, form: WorkspaceForm) -> HttpResponse:
    actor = require(request, Permission.WORKSPACE_VIEW)
    rows = list(visible_workspaces(actor))
    context = {"workspaces": rows, "form": form}
    response = page_or_part(request, "workspaces/list.html", "workspaces/_rows.html", context)
    response.status_code = form.answer
    return response


def _told(workspace: Workspace) -> list[tuple[str, str]]:
    """The rules in a few words: only what is allowed beyond the least."""
    fields, values = RulesForm().fields, RulesForm.values(workspace.rules)
    shown = [(str(fields[name].label), value) for name, value in values.items() if value and value != "0"]
    return [(label, _("yes") if value is True else _joined(value)) for label, value in shown]


def _joined(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value).replace("\n", ", ")
