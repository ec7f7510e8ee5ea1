"""The tabs of a container's page, in their order. Apps above this one bring pages of their own, by their routes."""

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console.containers.models import Container
from console.operations.permissions import Permission


@dataclass(frozen=True, slots=True)
class Tab:
    """``url_name`` takes a host's name and a container's. ``of_gone``: it means something of one that is gone.

    ``of``: of which containers it means something at all.
    """

    key: str
    title: str | Promise
    icon: str
    url_name: str
    permission: Permission
    of_gone: bool = False
    of: Callable[[Container], bool] = lambda _container: True


SEEN = Permission.CONTAINER_VIEW

TABS = (
    Tab("overview", _("Overview"), icon="info-circle", url_name="containers:container", permission=SEEN, of_gone=True),
    Tab(
        "logs",
        _("Logs"),
        icon="file-text",
        url_name="containers:logs",
        permission=Permission.CONTAINER_LOGS,
        of_gone=True,
    ),
    Tab(
        "terminal",
        _("Terminal"),
        icon="terminal-2",
        url_name="terminals:terminal",
        permission=Permission.CONTAINER_EXEC,
    ),
    Tab(
        "stats",
        _("Stats"),
        icon="chart-line",
        url_name="stats:container",
        permission=Permission.CONTAINER_STATS,
        of_gone=True,
    ),
    Tab(
        "health",
        _("Health"),
        icon="stethoscope",
        url_name="containers:health",
        permission=SEEN,
        of=lambda one: bool(one.health),
    ),
    Tab("files", _("Files"), icon="files", url_name="files:browse", permission=Permission.CONTAINER_FILES),
    Tab("config", _("Config"), icon="adjustments", url_name="containers:config", permission=SEEN, of_gone=True),
    Tab("network", _("Network"), icon="network", url_name="containers:network", permission=SEEN),
    Tab("storage", _("Storage"), icon="database", url_name="containers:storage", permission=SEEN),
    Tab("history", _("History"), icon="history", url_name="timeline:history", permission=SEEN, of_gone=True),
    Tab("revisions", _("Revisions"), icon="git-commit", url_name="containers:revisions", permission=SEEN, of_gone=True),
    Tab("inspect", _("Inspect"), icon="code", url_name="containers:inspect", permission=SEEN),
)


def url_of(tab: Tab, container: Container) -> str:
    """By its name while it has one; one that is gone has only its id."""
    return reverse(tab.url_name, args=[container.host.name, container.key])


def tabs_of(container: Container) -> list[Tab]:
    """Those that mean something for it, whoever looks."""
    return [tab for tab in TABS if (tab.of_gone or container.gone_at is None) and tab.of(container)]
