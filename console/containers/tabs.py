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
    Tab("overview", _("Overview"), "info-circle", "containers:container", SEEN, of_gone=True),
    Tab("logs", _("Logs"), "file-text", "containers:logs", Permission.CONTAINER_LOGS),
    Tab("terminal", _("Terminal"), "terminal-2", "terminals:terminal", Permission.CONTAINER_EXEC),
    Tab("stats", _("Stats"), "chart-line", "stats:container", Permission.CONTAINER_STATS, of_gone=True),
    Tab("health", _("Health"), "stethoscope", "containers:health", SEEN, of=lambda one: bool(one.health)),
    Tab("files", _("Files"), "files", "files:browse", Permission.CONTAINER_FILES),
    Tab("config", _("Config"), "adjustments", "containers:config", SEEN, of_gone=True),
    Tab("network", _("Network"), "network", "containers:network", SEEN),
    Tab("storage", _("Storage"), "database", "containers:storage", SEEN),
    Tab("history", _("History"), "history", "timeline:history", SEEN, of_gone=True),
    Tab("revisions", _("Revisions"), "git-commit", "containers:revisions", SEEN, of_gone=True),
    Tab("inspect", _("Inspect"), "code", "containers:inspect", SEEN),
    Tab("edit", _("Edit"), "pencil", "containers:edit", Permission.CONTAINER_DEPLOY),
    Tab("clone", _("Clone"), "copy", "containers:clone", Permission.CONTAINER_RUN),
)


def url_of(tab: Tab, container: Container) -> str:
    """By its name while it has one; one that is gone has only its id."""
    return reverse(tab.url_name, args=[container.host.name, container.key])


def tabs_of(container: Container) -> list[Tab]:
    """Those that mean something for it, whoever looks."""
    return [tab for tab in TABS if (tab.of_gone or container.gone_at is None) and tab.of(container)]
