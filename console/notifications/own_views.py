"""Everybody's own list, and the bell that counts it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from console.notifications.observations import note_read
from console.notifications.queries import own_notes
from console.operations.actor import Actor
from console.web.rendering import go_to, page_or_part


@require_safe
def notes(request: HttpRequest) -> HttpResponse:
    actor = Actor.of_request(request)
    if request.GET.get("part") == "count":
        return HttpResponse(len(own_notes(actor, unread=True)) or "")
    if request.GET.get("part") == "bell":
        return render(request, "notifications/_bell.html", {"notes": own_notes(actor)[:8]})
    found = own_notes(actor)
    context = {"notes": found, "newest": found[0].pk if found else 0}
    return page_or_part(request, "notifications/notes.html", "notifications/_notes.html", context)


@require_POST
def read(request: HttpRequest) -> HttpResponse:
    """Up to the newest that the page showed: what came since stays unread."""
    up_to = request.POST.get("up_to", "")
    note_read(Actor.of_request(request), up_to=int(up_to) if up_to.isdecimal() and len(up_to) < 19 else 0)
    return go_to(request, "/notifications/")
