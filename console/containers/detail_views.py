"""The tabs of a container's page that tell what it is made to be and how it is, by its engine."""

import json

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from console.containers.detail import Details, details_of, mounts_of
from console.containers.drawing import drawing_of
from console.containers.groups import check_group, config_groups, names_group
from console.containers.links import link_if_any, linked_ports
from console.containers.queries import get_container
from console.operations.permissions import Permission
from console.web.permits import require
from console.web.rendering import page_or_part

# what JSON.parse can take in at once without the page standing still
MOST_FOLDED = 512 * 1024


@never_cache
@require_safe
def health(request: HttpRequest, host: str, name: str) -> HttpResponse:
    details = _details(request, host, name)
    context = {
        **_frame(details, "health"),
        "health": details.health,
        "group": check_group(details.inspected.shape),
        "reads_output": details.reads_logs,
    }
    return page_or_part(request, "containers/health.html", "containers/_health.html", context)


@never_cache
@require_safe
def config(request: HttpRequest, host: str, name: str) -> HttpResponse:
    details = _details(request, host, name)
    groups = config_groups(details.inspected.shape, details.variables, details.container.labels)
    context = {
        **_frame(details, "config"),
        "groups": groups,
        "hides_values": any(one.value is None and not one.is_secret for one in details.variables),
        "has_secrets": any(one.is_secret for one in details.variables),
    }
    return page_or_part(request, "containers/config.html", "containers/_config.html", context)


@never_cache
@require_safe
def network(request: HttpRequest, host: str, name: str) -> HttpResponse:
    details = _details(request, host, name)
    container, shape = details.container, details.inspected.shape
    published = {f"{port['container_port']}/{port['protocol']}" for port in container.ports}
    networks = [
        {**one, "link": link_if_any("networks:network", host, one["network_id"])} for one in shape.get("networks", ())
    ]
    context = {
        **_frame(details, "network"),
        "networks": networks,
        "ports": linked_ports(request, container.host, container.ports),
        "exposed": [port for port in shape.get("exposed", ()) if port not in published],
        "names": names_group(shape),
        "mode": shape.get("network_mode", ""),
        "drawing": drawing_of(container.name, networks, container.ports),
    }
    return page_or_part(request, "containers/network.html", "containers/_network.html", context)


@never_cache
@require_safe
def storage(request: HttpRequest, host: str, name: str) -> HttpResponse:
    details = _details(request, host, name, with_size=True)
    mounts = [
        {**one, "link": link_if_any("volumes:volume", host, one["name"]) if one["name"] else ""}
        for one in mounts_of(details.inspected.shape)
    ]
    context = {**_frame(details, "storage"), "mounts": mounts, "sizes": details.sizes}
    return page_or_part(request, "containers/storage.html", "containers/_storage.html", context)


@never_cache
@require_safe
def inspect(request: HttpRequest, host: str, name: str) -> HttpResponse:
    details = _details(request, host, name)
    text = json.dumps(details.shown_document, indent=2, ensure_ascii=False)
    key = details.container.key
    context = {
        **_frame(details, "inspect"),
        "text": text,
        "is_foldable": len(text) <= MOST_FOLDED,
        "download": reverse("containers:inspect_download", args=[host, key]),
    }
    return page_or_part(request, "containers/inspect.html", "containers/_inspect.html", context)


@never_cache
@require_safe
def inspect_download(request: HttpRequest, host: str, name: str) -> HttpResponse:
    details = _details(request, host, name)
    text = json.dumps(details.shown_document, indent=2, ensure_ascii=False)
    answer = HttpResponse(text.encode(errors="replace"), content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="{details.container.short_id}.json"'
    return answer


def _details(request: HttpRequest, host: str, name: str, *, with_size: bool = False) -> Details:
    actor = require(request, Permission.CONTAINER_VIEW)
    return details_of(actor, get_container(actor, host, name), with_size=with_size)


def _frame(details: Details, tab: str) -> dict[str, object]:
    container = details.container
    return {"container": container, "tab": tab, "inspected": details.inspected, "hosts": [container.host]}
