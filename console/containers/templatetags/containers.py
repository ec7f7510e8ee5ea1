from dataclasses import dataclass

from django import template
from django.template.context import Context

from console.containers.models import Container
from console.containers.tabs import Tab, tabs_of, url_of
from console.web.permits import Permits

register = template.Library()


@dataclass(frozen=True, slots=True)
class Entry:
    tab: Tab
    url: str


@register.simple_tag(takes_context=True)
def container_tabs(context: Context, container: Container) -> list[Entry]:
    """The tabs that this person may open."""
    permits: Permits = context["may"]
    return [Entry(tab, url_of(tab, container)) for tab in tabs_of(container) if permits.over(tab.permission, container)]
