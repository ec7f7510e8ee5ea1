from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import template
from django.template.context import Context
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from console.containers.buttons import Buttons
from console.containers.models import Container
from console.containers.tabs import Tab, tabs_of, url_of
from console.web.permits import Permits
from console.web.templatetags.naru import state

register = template.Library()
PORTS_SHOWN = 3
# of one that is healthy its state says enough
WORTH_SAYING = ("unhealthy", "starting")


@dataclass(frozen=True, slots=True)
class Entry:
    tab: Tab
    url: str


@register.simple_tag(takes_context=True)
def container_tabs(context: Context, container: Container) -> list[Entry]:
    """The tabs that this person may open."""
    permits: Permits = context["may"]
    return [Entry(tab, url_of(tab, container)) for tab in tabs_of(container) if permits.over(tab.permission, container)]


@register.simple_tag(takes_context=True)
def container_actions(
    context: Context, container: Container, css: str = "", *, only_icon: bool = False, page: str = ""
) -> SafeString:
    buttons = Buttons(container, context["may"], css, only_icon, page).all()
    token = str(context.get("csrf_token", ""))
    return format_html_join("\n", "{}", ((button.html(token),) for button in buttons))


@register.simple_tag
def container_state(container: Container, *, with_health: bool = True) -> SafeString:
    """And how its health check stands, where there is something to know."""
    shown = state("gone" if container.gone_at else container.state)
    if with_health and container.is_alive and container.health in WORTH_SAYING:
        shown += format_html(" {}", state(container.health, "health"))
    return shown


@register.simple_tag
def port_list(ports: Sequence[Mapping[str, Any]]) -> SafeString:
    """Those that are published, the first few with their addresses in the title and the others in that of a dot."""
    shown = format_html_join(
        "",
        '<span class="port" title="{}:{} → {}/{}">{}→{}</span>',
        (
            (*(port[name] for name in ("host_address", "host_port", "container_port", "protocol")), *_short(port))
            for port in ports[:PORTS_SHOWN]
        ),
    )
    if not ports:
        shown = format_html('<span class="text-secondary">{}</span>', "—")
    elif len(ports) > PORTS_SHOWN:
        all_of_them = " ".join("{}→{}/{}".format(*_short(port), port["protocol"]) for port in ports)
        shown += format_html('<span class="port" title="{}">…</span>', all_of_them)
    return format_html('<span class="ports">{}</span>', shown)


def _short(port: Mapping[str, Any]) -> tuple[Any, Any]:
    return port["host_port"], port["container_port"]
