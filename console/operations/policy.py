"""Who may do what, asked through an interface: the answer comes from the class named by ``NARU_POLICY``.

console.access implements it. Apps below access ask here, so that none of them imports it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol, TypeVar, cast

from django.conf import settings
from django.db.models import Model, QuerySet
from django.utils.module_loading import import_string

from console.operations.actor import Actor, Limits
from console.operations.permissions import BY_TOKEN, OpenAction, Permission, Role

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a thing is, as the scopes of grants see it. What is nowhere is covered by "everything" alone."""

    workspace_pk: int | None = None
    host_pk: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class Paths:
    """The same in SQL: from a table's rows to the columns that say where they are. An empty one: there is none.

    ``host_name`` is for hosts themselves: a workspace's grant shows the hosts that the workspace may use.
    ``owner`` leads to the user a row belongs to, who sees it wherever it is.
    """

    workspace: str = ""
    host: str = ""
    host_name: str = ""
    labels: str = ""
    owner: str = ""


class Target(Protocol):
    """What an operation acts on. ``owner_pk`` is the user it belongs to, where that matters (a job), else None."""

    @property
    def target_kind(self) -> str: ...
    @property
    def target_id(self) -> str: ...
    @property
    def target_name(self) -> str: ...
    @property
    def owner_pk(self) -> int | None: ...
    @property
    def place(self) -> Place: ...


class Access(Protocol):
    """What an actor holds at one moment. For one request or one check; never kept."""

    def allows(self, permission: Permission, *, on: Target | None = None, at: Place = NOWHERE) -> bool:
        """Over ``on``, or for something new at ``at``; with neither, over everything."""
        ...

    def somewhere(self, permission: Permission) -> bool:
        """Over anything at all: enough to be shown a list, which then holds only what is covered."""
        ...

    def bound(self, rows: QuerySet[Row], permission: Permission, paths: Paths) -> QuerySet[Row]:
        """Those of ``rows`` over which ``permission`` is held, decided by the database."""
        ...


class Grantors(Protocol):
    """Who can give permissions, as of one moment."""

    def over(self, place: Place, permission: Permission) -> Sequence[str]:
        """Names of people who could grant ``permission`` for a thing at ``place``."""
        ...


class Policy(Protocol):
    def access_of(self, actor: Actor) -> Access:
        """One query."""
        ...

    def grantors(self) -> Grantors: ...

    def roles_of(self, user_pks: Iterable[int]) -> Mapping[int, Role]:
        """The role each person holds over everything, for good. Disabled people have none."""
        ...

    def require_may_give(self, actor: Actor, role: Role) -> None:
        """Denied unless the actor holds over everything all that the role holds."""
        ...

    def assign(self, user_pk: int, role: Role, *, by: Actor | None = None) -> None:
        """Let the person hold exactly this role over everything; what they hold in narrower scopes stays.

        Inside an operation only. Conflict if no administrator would be left; Denied if ``by`` may give or take less
        than that. Nobody is asked for an invitation that was allowed when it was made.
        """
        ...

    def require_administrator_without(self, user_pk: int) -> None:
        """Conflict if nobody else is an administrator. For whoever disables or deletes a person, inside its operation.

        Those who ask at the same time wait for one another.
        """
        ...


@cache
def _load(path: str) -> Policy:
    return cast("Policy", import_string(path)())


def policy() -> Policy:
    return _load(settings.NARU_POLICY)


_looked_up: ContextVar[dict[tuple[str, Limits | None], Access] | None] = ContextVar("looked_up", default=None)


@contextmanager
def looked_up_once() -> Iterator[None]:
    """For one request that only reads: all it asks about an actor is answered by what was held when it first asked."""
    token = _looked_up.set({})
    try:
        yield
    finally:
        _looked_up.reset(token)


def access_of(actor: Actor) -> Access:
    """As of now, or within ``looked_up_once`` as of the first time that it was asked for."""
    known = _looked_up.get()
    if known is None:
        return policy().access_of(actor)
    # what somebody holds does not depend on where they ask from or when they proved who they are
    key = (actor.id, actor.limits)
    if key not in known:
        known[key] = policy().access_of(actor)
    return known[key]


def may(actor: Actor, permission: Permission | OpenAction, *, on: Target | None = None, at: Place = NOWHERE) -> bool:
    """Would an operation with this permission be let through? Over ``on`` or at ``at``; else over everything."""
    if isinstance(permission, OpenAction):
        return actor.limits is None or permission in BY_TOKEN
    return access_of(actor).allows(permission, on=on, at=at)


def may_somewhere(actor: Actor, permission: Permission) -> bool:
    """Is there anything over which the actor holds it? For pages and topics that show what is covered."""
    return access_of(actor).somewhere(permission)


def bounded(actor: Actor, permission: Permission, rows: QuerySet[Row], paths: Paths) -> QuerySet[Row]:
    """Those of ``rows`` over which the actor holds ``permission``."""
    return access_of(actor).bound(rows, permission, paths)
