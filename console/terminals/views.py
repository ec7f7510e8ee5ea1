from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.containers.queries import get_container
from console.operations.actor import Actor
from console.operations.errors import Denied, Invalid, Unconfirmed
from console.operations.permissions import Permission
from console.terminals import recordings
from console.terminals.forms import OpenForm, RulesForm, TerminalFilterForm
from console.terminals.operations import change_terminal_rules, end_terminal, open_terminal, read_recording
from console.terminals.queries import get_terminal, own_open, rules_of, visible_terminals
from console.terminals.telling import cli_of, command_of
from console.web.permits import require
from console.web.rendering import go_to, is_htmx, page_or_part
from console.web.tables import table_of
from console.workspaces.queries import choice_of, get_workspace

SORTABLE = {"number": "pk", "who": "user_name", "container": "container_name", "host": "host__name"}


@require_safe
def terminal(request: HttpRequest, host: str, name: str) -> HttpResponse:
    """The tab of a container's page."""
    actor = require(request, Permission.CONTAINER_VIEW)
    container = get_container(actor, host, name)
    require(request, Permission.CONTAINER_EXEC, on=container)
    context = {
        "container": container,
        "tab": "terminal",
        "form": OpenForm(),
        "rules": rules_of(container.workspace),
        "open": [{"terminal": one, "command": command_of(one)} for one in own_open(actor, container)],
        "cli": cli_of(container),
    }
    return page_or_part(request, "terminals/terminal.html", "containers/_head.html", context)


@require_POST
def open_one(request: HttpRequest, host: str, name: str) -> JsonResponse:
    """A session for the page that asks: what its socket is called."""
    form = OpenForm(request.POST)
    if not form.is_valid():
        field, errors = next(iter(form.errors.items()))
        raise Invalid(str(errors[0]), field=field)
    opened = open_terminal(Actor.of_request(request), host, name, **form.cleaned_data)
    facts = {"number": opened.number, "key": opened.key, "command": command_of(opened)}
    return JsonResponse({**facts, "end_url": reverse("terminals:end", args=[opened.number])}, status=201)


@require_safe
def sessions(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.TERMINAL_VIEW)
    form = TerminalFilterForm(request.GET)
    wanted = form.wanted()
    table = table_of(request, visible_terminals(actor, wanted), sortable=SORTABLE, default="-number")
    context = {"table": table, "form": form, "choice": choice_of(actor, wanted.workspace)}
    return page_or_part(request, "terminals/list.html", "terminals/_rows.html", context)


@require_safe
def session(request: HttpRequest, number: int) -> HttpResponse:
    actor = require(request, Permission.TERMINAL_VIEW)
    found = get_terminal(actor, number)
    context = {"terminal": found, "command": command_of(found), "is_own": found.user_id == actor.user_pk}
    return page_or_part(request, "terminals/session.html", "terminals/_facts.html", context)


@require_POST
def end(request: HttpRequest, number: int) -> HttpResponse:
    end_terminal(Actor.of_request(request), number)
    if is_htmx(request):
        words = {"tone": "good", "title": _("Session %(number)d is being ended.") % {"number": number}}
        return render(request, "web/_toast.html", words)
    return go_to(request, reverse("terminals:session", args=[number]))


@never_cache
@require_safe
def recording(request: HttpRequest, number: int) -> HttpResponse:
    """For the player, and with ``?download`` to take away. That it is read is on record."""
    as_file = "download" in request.GET
    found = read_recording(Actor.of_request(request), number, as_file=as_file)
    response = HttpResponse(recordings.read(found.number), content_type=recordings.MEDIA_TYPE)
    if as_file:
        response["Content-Disposition"] = f'attachment; filename="session-{found.number}.cast"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def rules(request: HttpRequest, slug: str) -> HttpResponse:
    """What a workspace says about terminals in its containers."""
    actor = require(request, Permission.WORKSPACE_VIEW)
    workspace = get_workspace(actor, slug)
    require(request, Permission.POLICY_VIEW, on=workspace)
    form = RulesForm(request.POST or None, initial=RulesForm.values(rules_of(workspace)))
    if form.is_valid():
        try:
            change_terminal_rules(actor, slug, **form.cleaned_data)
        except Denied as error:
            # it has to be asked for anew with a proof of who asks, by a page of its own
            if isinstance(error, Unconfirmed):
                raise
            form.blame(error)
        else:
            messages.success(request, _("Saved."))
            return redirect("terminals:rules", slug)
    context = {"workspace": workspace, "form": form, "tab": "terminals"}
    return render(request, "terminals/rules.html", context, status=form.answer)
