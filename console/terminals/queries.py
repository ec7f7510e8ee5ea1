"""Reading sessions: where terminal.view is held, and one's own as long as it is held anywhere."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from console.containers.models import Container
from console.operations.actor import Actor
from console.operations.errors import Missing
from console.operations.permissions import Permission
from console.operations.policy import Paths, bounded
from console.secrets.models import SecretVersion
from console.secrets.values import decrypt
from console.terminals.models import Terminal, TerminalRules
from console.workspaces.models import Workspace

PATHS = Paths(workspace="workspace_id", host="host_id", labels="labels", owner="user_id")


@dataclass(frozen=True, slots=True)
class TerminalFilter:
    """Each given field narrows. ``state`` is open or ended."""

    state: str = ""
    user_name: str = ""
    container: str = ""
    host: str = ""
    workspace: str = ""


def visible_terminals(actor: Actor, wanted: TerminalFilter | None = None) -> QuerySet[Terminal]:
    """Newest first; hosts, workspaces and containers come along."""
    rows = Terminal.objects.select_related("host", "workspace", "container").order_by("-pk")
    terminals = bounded(actor, Permission.TERMINAL_VIEW, rows, PATHS)
    wanted = wanted or TerminalFilter()
    if wanted.state:
        terminals = terminals.filter(ended_at__isnull=wanted.state == "open")
    if wanted.user_name:
        terminals = terminals.filter(user_name=wanted.user_name)
    if wanted.container:
        terminals = terminals.filter(container_name=wanted.container)
    if wanted.host:
        terminals = terminals.filter(host__name=wanted.host)
    if wanted.workspace:
        terminals = terminals.filter(workspace__slug=wanted.workspace)
    return terminals


def get_terminal(actor: Actor, number: int) -> Terminal:
    terminal = visible_terminals(actor).filter(pk=number).first()
    if terminal is None:
        raise Missing(_("There is no session %(number)s.") % {"number": number})
    return terminal


def own_open(actor: Actor, container: Container) -> QuerySet[Terminal]:
    """The actor's open sessions in the container, oldest first."""
    return Terminal.objects.filter(user_id=actor.user_pk or 0, container=container, ended_at=None).order_by("pk")


def get_own(actor: Actor, key: str) -> Terminal:
    """The actor's own session with that key; nobody else's is ever found by it."""
    rows = Terminal.objects.select_related("host", "workspace", "container")
    terminal = rows.filter(key=key, user_id=actor.user_pk or 0).first()
    if terminal is None:
        raise Missing(_("There is no such session."))
    return terminal


def rules_of(workspace: Workspace) -> TerminalRules:
    """As they are; the defaults where nothing was needed or chosen yet."""
    return TerminalRules.objects.filter(workspace=workspace).first() or TerminalRules(workspace=workspace)


def values_to_hide(container: Container | None) -> list[str]:
    """Every kept value of the secrets that the container was made with: it may have been made with an earlier one."""
    if container is None:
        return []
    versions = SecretVersion.objects.filter(secret__containers=container).exclude(sealed=None)
    return list(_decrypted(versions.select_related("secret")))


def _decrypted(versions: Iterable[SecretVersion]) -> Iterable[str]:
    for version in versions:
        try:
            yield decrypt(version)
        except Missing:
            # damaged: nobody can be shown it, nor did the container get it
            continue
