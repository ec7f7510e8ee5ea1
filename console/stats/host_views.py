from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from console.containers.models import Container
from console.containers.queries import ContainerFilter, visible_containers
from console.hosts.models import Host
from console.hosts.queries import get_host, visible_hosts
from console.jobs.queries import JobFilter, visible_jobs
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.operations.policy import access_of
from console.stats.capacity import states_of
from console.stats.latest import ContainerUse, Latest, latest_of
from console.stats.queries import Span, host_history
from console.stats.showing import as_json, span_of, table_rows
from console.web.keyset import first_of
from console.web.permits import require
from console.web.rendering import page_or_part
from console.web.tables import table_of

ROWS = 8
SORTABLE = {"name": "name", "state": "state"}


@dataclass(frozen=True, slots=True)
class Used:
    """A container on a host's page; ``use`` is None where it is not known, or not for this person."""

    container: Container
    use: ContainerUse | None


@require_safe
def hosts(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.HOST_VIEW)
    table = table_of(request, visible_hosts(actor), sortable=SORTABLE, default="name")
    context = {"table": table, "states": states_of(table.rows)}
    return page_or_part(request, "hosts/list.html", "hosts/_rows.html", context)


@require_safe
def host(request: HttpRequest, host: str) -> HttpResponse:
    actor = require(request, Permission.HOST_VIEW)
    found = get_host(actor, host)
    latest = latest_of(found.name)
    span = span_of(request)
    (state,) = states_of([found], with_sparks=False)
    context = {
        "host": found,
        "hosts": [found],
        "state": state,
        "latest": latest,
        "busiest": busiest(actor, found, latest),
        "jobs": first_of(visible_jobs(actor, JobFilter(host=found.name)), ROWS),
        "span": span,
        "spans": list(Span),
        "samples": [] if request.headers.get("HX-Request") else table_rows(host_history(found, span)),
    }
    return page_or_part(request, "hosts/host.html", "hosts/_host.html", context)


@never_cache
@require_safe
def history(request: HttpRequest, host: str) -> JsonResponse:
    found = get_host(require(request, Permission.HOST_VIEW), host)
    return JsonResponse(as_json(host_history(found, span_of(request))))


def busiest(actor: Actor, host: Host, latest: Latest) -> list[Used]:
    """Of those that the actor sees there, running ones first that use most of the processors, then the newest."""
    access = access_of(actor)
    seen = {row.engine_id: row for row in visible_containers(actor, ContainerFilter(host=host.name, state="running"))}
    uses = {} if latest.is_stale else latest.containers
    told = [
        Used(row, uses.get(engine_id) if access.allows(Permission.CONTAINER_STATS, on=row) else None)
        for engine_id, row in seen.items()
    ]
    told.sort(key=lambda one: (one.use.cpu or 0) if one.use else -1.0, reverse=True)
    return told[:ROWS]
