"""What a link shows to whoever has it: a page without any navigation, and the lines as they come."""

from collections.abc import AsyncIterator

from asgiref.sync import async_to_sync
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from console.containers.log_text import log_piece, whole_log
from console.jobs import output as outputs
from console.live.frames import poll_body
from console.live.topics import Chunk, Line
from console.operations.actor import Actor
from console.shares.operations import open_share
from console.shares.queries import Opened, find_shown
from console.web.streaming import in_pieces


@login_not_required
@never_cache
@require_safe
def shared(request: HttpRequest, token: str) -> HttpResponse:
    opened = open_share(Actor.of_user(None, address=str(request.META.get("REMOTE_ADDR") or "")), token)
    return _alone(render(request, "shares/shared.html", {"opened": opened, "share": opened.share, "token": token}))


@login_not_required
@never_cache
@require_safe
def lines(request: HttpRequest, token: str) -> HttpResponse:
    """The lines after ``?since=``. Whether the link still works is asked anew each time."""
    opened = find_shown(token)
    since = request.GET.get("since")
    chunk = _job_chunk(opened, since) if opened.job is not None else _log_chunk(opened, since)
    return _alone(JsonResponse(poll_body(chunk)))


@login_not_required
@never_cache
@require_safe
def text(request: HttpRequest, token: str) -> StreamingHttpResponse:  # noqa: ARG001 - a view's signature
    """All there is until now."""
    found: AsyncIterator[str | bytes]
    opened = find_shown(token)
    if opened.job is not None:
        found = in_pieces(outputs.whole(opened.job.number))
    else:
        assert opened.container is not None
        found = whole_log(opened.container.host.address, opened.container.engine_id)
    response = StreamingHttpResponse(found, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{opened.share.kind}.txt"'
    _alone(response)
    return response


def _log_chunk(opened: Opened, since: str | None) -> Chunk:
    assert opened.container is not None
    return async_to_sync(log_piece)(opened.container.host.address, opened.container.engine_id, since)


def _job_chunk(opened: Opened, since: str | None) -> Chunk:
    assert opened.job is not None
    batch = outputs.read(opened.job.number, since=since)
    facts = {"state": str(opened.job.state)} if batch.is_end else {}
    return Chunk(batch.cursor, tuple(Line(line) for line in batch.lines), ended=batch.is_end, facts=facts)


def _alone(response: HttpResponse | StreamingHttpResponse) -> HttpResponse:
    """The address is the key: it goes to no other site, and into no search engine."""
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response  # type: ignore[return-value]  # what came in
