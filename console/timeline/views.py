from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from console.audit.operations import note_reading
from console.audit.queries import AuditFilter, visible_entries
from console.containers.models import Container
from console.containers.queries import get_container, require_logs
from console.containers.reasons import reason_of
from console.hosts.queries import visible_hosts
from console.images.queries import visible_images
from console.jobs.queries import jobs_on
from console.operations.actor import Actor
from console.operations.errors import Denied, Missing
from console.operations.permissions import Permission
from console.operations.policy import may_somewhere
from console.timeline import files
from console.timeline.forms import ChangeFilterForm
from console.timeline.markers import markers_of, markers_of_several
from console.timeline.queries import ChangeFilter, Shown, get_capsule, timeline, visible_capsules
from console.web.permits import require
from console.web.rendering import is_htmx, page_or_part
from console.web.tables import Table
from console.workspaces.queries import choice_of

# beside the timeline
FEW = 5
# logs that are shown together
MOST_MARKED = 12


@require_safe
def changes(request: HttpRequest) -> HttpResponse:
    actor = require(request, Permission.CONTAINER_VIEW)
    form = ChangeFilterForm(request.GET)
    wanted = form.wanted()
    context: dict[str, Any] = {
        "table": _table(request, actor, wanted),
        "form": form,
        "hosts": list(visible_hosts(actor)),
    }
    if not is_htmx(request):
        context["choice"] = choice_of(actor, wanted.workspace)
    return page_or_part(request, "timeline/list.html", "timeline/_entries.html", context)


@require_safe
def history(request: HttpRequest, host: str, name: str) -> HttpResponse:
    actor, container = _container(request, host, name)
    form = ChangeFilterForm(request.GET)
    wanted = replace(form.wanted(), container=container, host="", workspace="")
    context = {"container": container, "table": _table(request, actor, wanted), "form": form}
    if not is_htmx(request):
        context |= {
            "tab": "history",
            "hosts": [container.host],
            "jobs": jobs_on(actor, container)[:FEW],
            "capsules": list(visible_capsules(actor, container)[:FEW]),
            "audit": _audit_of(actor, container),
        }
    return page_or_part(request, "timeline/history.html", "timeline/_entries.html", context)


@never_cache
@require_safe
def crash(request: HttpRequest, host: str, name: str, number: int) -> HttpResponse:
    actor, container = _container(request, host, name)
    capsule = get_capsule(actor, container, number)
    contents = files.read(capsule.number)
    image = visible_images(actor, host=host).filter(engine_id=capsule.image_engine_id).first()
    context = {
        "container": container,
        "tab": "history",
        "capsule": capsule,
        "contents": contents,
        "reason": reason_of(capsule.exit_code, is_oom=bool(contents.get("is_oom")) or capsule.what == "oom"),
        "image": image,
    }
    return render(request, "timeline/crash.html", context)


@never_cache
@require_safe
def markers(request: HttpRequest, host: str, name: str) -> JsonResponse:
    actor, container = _container(request, host, name)
    require_logs(actor, container)
    return JsonResponse({"markers": [asdict(marker) for marker in markers_of(container)]})


@never_cache
@require_safe
def markers_of_those(request: HttpRequest) -> JsonResponse:
    """Of the containers named by ``c``, as far as their logs may be read."""
    actor = require(request, Permission.CONTAINER_VIEW)
    names = dict.fromkeys(request.GET.getlist("c")[:MOST_MARKED])
    containers = [one for name in names if (one := _find_readable(actor, name)) is not None]
    return JsonResponse({"markers": [asdict(marker) for marker in markers_of_several(containers)]})


def _find_readable(actor: Actor, key: str) -> Container | None:
    host, _slash, name = key.partition("/")
    try:
        container = get_container(actor, host, name)
        require_logs(actor, container)
    except (Denied, Missing):
        return None
    return container


def _container(request: HttpRequest, host: str, name: str) -> tuple[Actor, Container]:
    actor = require(request, Permission.CONTAINER_VIEW)
    return actor, get_container(actor, host, name)


def _table(request: HttpRequest, actor: Actor, wanted: ChangeFilter) -> Table[Any]:
    after = request.GET.get("after", "")
    shown = timeline(actor, wanted, after=after)
    _note_reading(request, actor, wanted, shown)
    filters: Mapping[str, Any] = {key: value for key, value in request.GET.items() if value and key != "after"}
    return Table(
        rows=shown.entries,
        sort="",
        sortable={},
        query=request.GET,
        next_after=shown.next_after,
        is_first=not after,
        is_filtered=bool(filters),
    )


def _note_reading(request: HttpRequest, actor: Actor, wanted: ChangeFilter, shown: Shown) -> None:
    """Of the audit log, as its own page does: when somebody opens it, not when it is drawn anew."""
    if shown.has_audit and not is_htmx(request) and not request.GET.get("after"):
        container = wanted.container
        about = AuditFilter(target_kind="container", target=str(container.pk)) if container else AuditFilter()
        note_reading(actor, about)


def _audit_of(actor: Actor, container: Container) -> list[Any] | None:
    """None for who reads no audit log at all."""
    if not may_somewhere(actor, Permission.AUDIT_VIEW):
        return None
    mine = visible_entries(actor).filter(target_kind=container.target_kind, target_id=container.target_id)
    return list(mine[:FEW])
