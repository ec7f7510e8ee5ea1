from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from console.containers.models import Container
from console.live.frames import poll_body
from console.operations.permissions import Permission
from console.stats.live_use import use_piece
from console.stats.queries import Span, container_history, get_container_for_stats
from console.stats.showing import as_json, span_of, table_rows
from console.web.permits import require
from console.web.rendering import page_or_part


@require_safe
def container_stats(request: HttpRequest, host: str, name: str) -> HttpResponse:
    container = _for_stats(request, host, name)
    span = span_of(request)
    history = container_history(container, span)
    # without a span the page follows: what is drawn first is of the last hour
    is_live = container.is_alive and not request.GET.get("span")
    context = {
        "is_live": is_live,
        "container": container,
        "tab": "stats",
        "hosts": [container.host],
        "span": span,
        "spans": list(Span),
        "cpu_limit": container.cpus * 100,
        "samples": table_rows(history),
        "topic": f"container.{container.pk}.stats" if is_live else "",
    }
    return page_or_part(request, "stats/container.html", "stats/_container_state.html", context)


@never_cache
@require_safe
def history(request: HttpRequest, host: str, name: str) -> JsonResponse:
    container = _for_stats(request, host, name)
    return JsonResponse(as_json(container_history(container, span_of(request))))


@never_cache
@require_safe
def samples(request: HttpRequest, host: str, name: str) -> JsonResponse:
    """A sample of now, for pages whose websocket is away."""
    container = _for_stats(request, host, name)
    read = async_to_sync(use_piece)
    piece = read(container.host.address, container.engine_id, request.GET.get("since"), host_name=container.host.name)
    return JsonResponse(poll_body(piece))


def _for_stats(request: HttpRequest, host: str, name: str) -> Container:
    return get_container_for_stats(require(request, Permission.CONTAINER_VIEW), host, name)
