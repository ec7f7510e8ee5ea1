"""Who may come to a session, and whether they still may. Reads the database; nothing here waits for anything else."""

from dataclasses import dataclass

from console.containers.queries import get_container_by_pk
from console.live.actors import actor_of_session
from console.live.frames import CloseCode
from console.operations.actor import Actor
from console.operations.errors import Denied, Missing
from console.operations.permissions import Permission
from console.operations.policy import may
from console.terminals.launching import Wanted
from console.terminals.models import Terminal, Why
from console.terminals.queries import get_own, rules_of, values_to_hide
from console.terminals.running import Limits


class Refused(Exception):
    """With the code that a socket is closed with. ``ended``: the session is over, and this is how."""

    def __init__(self, code: CloseCode, *, ended: Terminal | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.ended = ended


@dataclass(frozen=True, slots=True)
class Browser:
    """Where somebody comes from: the session of the browser, whose person is looked up each time."""

    session_key: str
    address: str = ""

    def actor(self) -> Actor:
        return actor_of_session(self.session_key, address=self.address)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A session that its own person has come to. ``server``: where it lives; empty: nowhere yet."""

    number: int
    server: str
    user_pk: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """What it takes to begin. ``secrets`` are not to be seen in the recording."""

    wanted: Wanted
    limits: Limits
    records: str
    secrets: tuple[str, ...]
    title: str


def admit(key: str, browser: Browser) -> Admitted:
    """Raises Refused: signed out, not permitted any more, or no such session of theirs that is open."""
    actor = browser.actor()
    if not actor.is_user:
        raise Refused(CloseCode.SIGNED_OUT)
    try:
        terminal = get_own(actor, key)
    except Missing as error:
        raise Refused(CloseCode.GONE) from error
    _require_may(actor, terminal)
    if not terminal.is_open:
        raise Refused(CloseCode.GONE, ended=terminal)
    return Admitted(terminal.number, terminal.server, actor.user_pk or 0)


def still_may(number: int, browser: Browser) -> Why | None:
    """Why the session has to end; None when it may go on."""
    actor = browser.actor()
    if not actor.is_user:
        return Why.SIGNED_OUT
    terminal = Terminal.objects.filter(pk=number, user_id=actor.user_pk or 0).first()
    if terminal is None:
        return Why.REVOKED
    try:
        _require_may(actor, terminal)
    except Refused:
        return Why.REVOKED
    return None


def prepare(number: int) -> Prepared:
    """Reads how the container is now. Refused when it is not there any more."""
    terminal = Terminal.objects.select_related("container__host", "workspace").get(pk=number)
    container = terminal.container
    if container is None:
        raise Refused(CloseCode.GONE)
    wanted = Wanted(
        address=container.host.address,
        container_id=container.engine_id,
        command=tuple(terminal.command),
        run_as=terminal.run_as,
        working_dir=terminal.working_dir,
        attach=terminal.is_attached,
        has_tty=container.has_tty if terminal.is_attached else True,
    )
    limits = Limits(idle_s=rules_of(terminal.workspace).idle_minutes * 60.0)
    hidden = tuple(values_to_hide(container)) if terminal.records else ()
    title = f"{terminal.user_name} · {terminal.container_name}"
    return Prepared(wanted, limits, terminal.records, hidden, title)


def wanted_of(terminal: Terminal) -> Wanted | None:
    """To hang up what is left of a session; None when the container's row is gone."""
    if terminal.container is None:
        return None
    return Wanted(terminal.host.address, terminal.container.engine_id, run_as=terminal.run_as)


def _require_may(actor: Actor, terminal: Terminal) -> None:
    try:
        container = get_container_by_pk(actor, terminal.container_id or 0)
        if not may(actor, Permission.CONTAINER_EXEC, on=container):
            raise Refused(CloseCode.FORBIDDEN)
    except Missing as error:
        raise Refused(CloseCode.GONE) from error
    except Denied as error:
        raise Refused(CloseCode.FORBIDDEN) from error
