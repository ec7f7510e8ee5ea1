from typing import Any
from urllib.parse import urlencode

from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from console.containers.models import Container
from console.logs import searching
from console.logs.forms import LogsForm, SearchForm
from console.logs.queries import MOST_SOURCES, chosen, key_of, offered
from console.operations.actor import Actor
from console.operations.errors import Invalid
from console.operations.permissions import Permission
from console.web.permits import require
from console.workspaces.queries import choice_of


@never_cache
@require_safe
def merged(request: HttpRequest) -> HttpResponse:
    """Logs of several containers in the order of their times, as they are written."""
    actor = require(request, Permission.CONTAINER_LOGS)
    form = LogsForm(request.GET)
    context, containers = _picked(actor, form, shows="show" in request.GET)
    begins_at = form.begins_at
    since = "" if begins_at is None else f"{int(begins_at.timestamp() * 1e9)}.0.0"
    told = urlencode([("c", key_of(one)) for one in containers])
    markers = f"{reverse('timeline:markers_of_those')}?{told}"
    context |= {"part": "merged", "since_cursor": since, "sources": containers, "markers": markers}
    return render(request, "logs/merged.html", context)


@never_cache
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """What logs hold, looked for where they are."""
    actor = require(request, Permission.CONTAINER_LOGS)
    form = SearchForm(request.GET)
    wanted = form.wanted()
    context, containers = _picked(actor, form, shows=bool(wanted.query))
    context |= {"part": "search", "has_asked": bool(wanted.query), "most_hits": searching.MOST_HITS}
    if wanted.query and containers:
        places = [(one.host.address, one.engine_id) for one in containers]
        try:
            found = async_to_sync(searching.search)(places, wanted)
        except Invalid as error:
            form.blame(error)
        else:
            context["results"] = list(zip(containers, found, strict=True))
            context["hits"] = sum(len(one.hits) for one in found)
    return render(request, "logs/search.html", context, status=form.answer)


def _picked(actor: Actor, form: LogsForm, *, shows: bool) -> tuple[dict[str, Any], list[Container]]:
    """The chooser's context, and the containers whose logs are wanted: none before anything was chosen."""
    choice = form.choice()
    among = offered(actor, choice)
    containers = chosen(actor, choice, among) if choice.keys or shows else []
    picked = {key_of(one) for one in containers}
    offers = [{"container": one, "key": key_of(one), "is_picked": key_of(one) in picked} for one in among]
    context = {
        "form": form,
        "offers": offers,
        "most_sources": MOST_SOURCES,
        "are_more": not choice.keys and shows and len(among) > MOST_SOURCES,
        "hosts": list({one.host.pk: one.host for one in containers}.values()),
        "choice": choice_of(actor, choice.workspace),
    }
    return context, containers
