"""What every page is drawn with: theme, sections, and what the person may do."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import HttpRequest
from django.urls import get_script_prefix, reverse
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.operations.policy import policy
from console.web.permits import Permits

THEME_COOKIE = "naru_theme"
THEMES = ("light", "dark")
SYSTEM = "system"
# by which letter after "g" a section is reached
JUMPS = {
    "dashboard:overview": "o",
    "containers:list": "c",
    "images:list": "i",
    "builds:list": "b",
    "secrets:list": "s",
    "networks:list": "n",
    "hosts:list": "h",
    "volumes:list": "v",
    "jobs:list": "j",
    "schedules:list": "t",
    "notifications:rules": "l",
    "workspaces:list": "w",
    "accounts:people": "p",
    "audit:list": "a",
}


@cache
def _address(url_name: str, _prefix: str) -> str:
    """Each page has all of them, twice."""
    return reverse(url_name)


@dataclass(frozen=True, slots=True)
class Section:
    group: str | Promise
    name: str | Promise
    icon: str
    url_name: str
    permission: Permission | None = None

    @property
    def url(self) -> str:
        return _address(self.url_name, get_script_prefix())

    @property
    def jump(self) -> str:
        return JUMPS.get(self.url_name, "")


SECTIONS = (
    Section("", _("Overview"), icon="layout-dashboard", url_name="dashboard:overview"),
    Section(_("Run"), _("Stacks"), icon="components", url_name="stacks:list", permission=Permission.STACK_VIEW),
    Section(_("Run"), _("Containers"), icon="box", url_name="containers:list", permission=Permission.CONTAINER_VIEW),
    Section(_("Build"), _("Images"), icon="stack-2", url_name="images:list", permission=Permission.IMAGE_VIEW),
    Section(_("Build"), _("Builds"), icon="hammer", url_name="builds:list", permission=Permission.JOB_VIEW),
    Section(_("Build"), _("Hub"), icon="building-warehouse", url_name="hub:list", permission=Permission.REGISTRY_VIEW),
    Section(_("Build"), _("Secrets"), icon="lock", url_name="secrets:list", permission=Permission.SECRET_VIEW),
    Section(_("Wire"), _("Networks"), icon="network", url_name="networks:list", permission=Permission.NETWORK_VIEW),
    Section(_("Wire"), _("Volumes"), icon="database", url_name="volumes:list", permission=Permission.VOLUME_VIEW),
    Section(_("Operate"), _("Jobs"), icon="list-check", url_name="jobs:list", permission=Permission.JOB_VIEW),
    Section(
        _("Operate"),
        _("Schedules"),
        icon="calendar-time",
        url_name="schedules:list",
        permission=Permission.SCHEDULE_VIEW,
    ),
    Section(_("Operate"), _("Logs"), icon="file-text", url_name="logs:merged", permission=Permission.CONTAINER_LOGS),
    Section(
        _("Operate"), _("What changed"), icon="history", url_name="timeline:list", permission=Permission.CONTAINER_VIEW
    ),
    Section(
        _("Operate"),
        _("Alerts"),
        icon="bell-ringing",
        url_name="notifications:rules",
        permission=Permission.NOTIFICATION_VIEW,
    ),
    Section(
        _("Operate"),
        _("Sessions"),
        icon="terminal-2",
        url_name="terminals:list",
        permission=Permission.TERMINAL_VIEW,
    ),
    Section(_("Operate"), _("Prune"), icon="eraser", url_name="prune:hosts", permission=Permission.HOST_PRUNE),
    Section(
        _("Control"), _("Workspaces"), icon="folders", url_name="workspaces:list", permission=Permission.WORKSPACE_VIEW
    ),
    Section(_("Control"), _("Hosts"), icon="server", url_name="hosts:list", permission=Permission.HOST_VIEW),
    Section(_("Control"), _("People"), icon="users", url_name="accounts:people", permission=Permission.USER_VIEW),
    Section(_("Control"), _("Teams"), icon="users-group", url_name="teams:list", permission=Permission.TEAM_VIEW),
    Section(_("Control"), _("Roles"), icon="id-badge-2", url_name="roles:list", permission=Permission.ROLE_VIEW),
    Section(_("Control"), _("Grants"), icon="key", url_name="grants:list", permission=Permission.GRANT_VIEW),
    Section(_("Control"), _("Audit"), icon="shield-check", url_name="audit:list", permission=Permission.AUDIT_VIEW),
)


@dataclass(frozen=True, slots=True)
class Entry:
    section: Section
    is_current: bool


def page(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    # a choice of the person's own goes before what this browser was told
    theme = getattr(user, "theme", "") or request.COOKIES.get(THEME_COOKIE, "")
    permits = Permits(request)
    return {
        "theme": theme if theme in THEMES else "light",
        # then a script looks what the system has, before anything is drawn (static/js/early.js)
        "follows_system": theme not in THEMES,
        "density": getattr(user, "density", "") or "comfortable",
        "may": permits,
        "sections": lazily(lambda: entries(request, permits)),
        "role": lazily(lambda: role_of(request)),
    }


def entries(request: HttpRequest, permits: Permits) -> list[Entry]:
    """The sections this person may see; one with nothing visible is hidden."""
    current = _current_section(request)
    return [
        Entry(section, is_current=section is current)
        for section in SECTIONS
        if section.permission is None or permits.has(section.permission)
    ]


def _current_section(request: HttpRequest) -> Section | None:
    """Under whose address the page lies, which may be a part that another app brings; else that of the page's app."""
    above = [section for section in SECTIONS if len(section.url) > 1 and request.path.startswith(section.url)]
    if above:
        return max(above, key=lambda section: len(section.url))
    match = request.resolver_match
    of_app = f"{match.app_name}:" if match and match.app_name else ""
    return next((section for section in SECTIONS if of_app and section.url_name.startswith(of_app)), None)


def role_of(request: HttpRequest) -> str:
    pk = Actor.of_request(request).user_pk
    role = policy().roles_of([pk]).get(pk) if pk is not None else None
    return role.value if role else ""


def lazily(make: Callable[[], Any]) -> Any:  # SimpleLazyObject is untyped by nature
    return SimpleLazyObject(make)
