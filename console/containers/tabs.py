"""The tabs of a container's page, in their order. Apps above this one bring pages of their own, by their routes."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console.containers.models import Container
from console.operations.permissions import Permission


@dataclass(frozen=True, slots=True)
class Tab:
    """``url_name`` takes a host's name and a container's. ``of_gone``: it means something of one that is gone."""

    key: str
    title: str | Promise
    icon: str
    url_name: str
    permission: Permission
    of_gone: bool = False


TABS = (
    Tab("overview", _("Overview"), "info-circle", "containers:container", Permission.CONTAINER_VIEW, of_gone=True),
    Tab("logs", _("Logs"), "file-text", "containers:logs", Permission.CONTAINER_LOGS),
)


def url_of(tab: Tab, container: Container) -> str:
    """By its name while it has one; one that is gone has only its id."""
    return reverse(tab.url_name, args=[container.host.name, container.key])


def tabs_of(container: Container) -> list[Tab]:
    """Those that mean something for it, whoever looks."""
    return [tab for tab in TABS if tab.of_gone or container.gone_at is None]
