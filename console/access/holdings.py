"""What a person holds, put together from grants: answers for one thing in Python, for many rows in SQL.

A token's part of it is narrower: fewer permissions, and perhaps one workspace alone (``Held.within``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from django.db.models import F, Model, Q, QuerySet, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.lookups import Exact

from console.access.models import Grant
from console.operations.permissions import EVERYWHERE_ONLY, OWN, Permission
from console.operations.policy import NOWHERE, Paths, Place, Target

Row = TypeVar("Row", bound=Model)
Scope = Grant.Scope


@dataclass(frozen=True, slots=True)
class Holding:
    """One grant, as far as it matters to decisions."""

    permissions: frozenset[Permission]
    scope: Scope
    workspace_pk: int | None = None
    # hosts the workspace may use; empty: all
    workspace_hosts: tuple[str, ...] = ()
    host_pk: int | None = None
    label: tuple[str, str] = ("", "")

    @classmethod
    def of(cls, grant: Grant) -> "Holding":
        scope = Scope(grant.scope)
        permissions = grant.permissions
        return cls(
            permissions if scope is Scope.EVERYTHING else permissions - EVERYWHERE_ONLY,
            scope,
            grant.workspace_id,
            grant.workspace.rules.hosts if grant.workspace else (),
            grant.host_id,
            (grant.label_key, grant.label_value),
        )

    def of_only(self, permissions: frozenset[Permission]) -> "Holding":
        return replace(self, permissions=self.permissions & permissions)

    def inside(self, workspace_pk: int, workspace_hosts: tuple[str, ...]) -> "Holding | None":
        """The part of it that lies in one workspace, as far as scopes can say; Held sees to the rest."""
        match self.scope:
            case Scope.EVERYTHING:
                permissions, hosts = self.permissions - EVERYWHERE_ONLY, workspace_hosts
                return Holding(permissions, Scope.WORKSPACE, workspace_pk, hosts)
            case Scope.WORKSPACE:
                return self if self.workspace_pk == workspace_pk else None
        return self

    def covers(self, place: Place) -> bool:
        match self.scope:
            case Scope.EVERYTHING:
                return True
            case Scope.WORKSPACE:
                return place.workspace_pk is not None and place.workspace_pk == self.workspace_pk
            case Scope.HOST:
                return place.host_pk is not None and place.host_pk == self.host_pk
            case Scope.LABEL:
                key, value = self.label
                return place.labels.get(key) == value

    def condition(self, paths: Paths) -> Q | None:
        """The same in SQL, for a scope that is not everything. None where no row of that table can be covered."""
        match self.scope:
            case Scope.WORKSPACE if paths.workspace:
                return Q(**{paths.workspace: self.workspace_pk})
            case Scope.WORKSPACE if paths.host_name:
                return Q(**{f"{paths.host_name}__in": self.workspace_hosts}) if self.workspace_hosts else Q(pk__gt=0)
            case Scope.HOST if paths.host:
                return Q(**{paths.host: self.host_pk})
            case Scope.LABEL if paths.labels:
                key, value = self.label
                return Q(Exact(KeyTextTransform(key, F(paths.labels)), Value(value)))
        return None


class Held:
    """The console.operations.policy.Access of a person; of a token for one workspace, ``within`` that one."""

    def __init__(self, user_pk: int, holdings: Sequence[Holding], *, within: int | None = None) -> None:
        self.user_pk = user_pk
        self.holdings = holdings
        self.within = within

    def allows(self, permission: Permission, *, on: Target | None = None, at: Place = NOWHERE) -> bool:
        place = on.place if on is not None else at
        if not self._reaches(place):
            return False
        wanted = {permission}
        if on is not None and on.owner_pk == self.user_pk and permission in OWN:
            wanted.add(OWN[permission])
        return any(wanted & holding.permissions and holding.covers(place) for holding in self.holdings)

    def somewhere(self, permission: Permission) -> bool:
        return any(permission in holding.permissions for holding in self.holdings)

    def bound(self, rows: QuerySet[Row], permission: Permission, paths: Paths) -> QuerySet[Row]:
        if self.within is not None:
            rows = _narrowed(rows, paths, self.within)
        holdings = [holding for holding in self.holdings if permission in holding.permissions]
        if any(holding.scope is Scope.EVERYTHING for holding in holdings):
            return rows
        conditions = [condition for holding in holdings if (condition := holding.condition(paths)) is not None]
        if holdings and paths.owner:
            conditions.append(Q(**{paths.owner: self.user_pk}))
        if not conditions:
            return rows.none()
        any_of_them = conditions[0]
        for condition in conditions[1:]:
            any_of_them |= condition
        return rows.filter(any_of_them)

    def over(self, place: Place) -> frozenset[Permission]:
        """Everything held over a thing at ``place``."""
        found: frozenset[Permission] = frozenset()
        if not self._reaches(place):
            return found
        return found.union(*(holding.permissions for holding in self.holdings if holding.covers(place)))

    def _reaches(self, place: Place) -> bool:
        return self.within is None or place.workspace_pk == self.within


def _narrowed(rows: QuerySet[Row], paths: Paths, workspace_pk: int) -> QuerySet[Row]:
    """Hosts are of no workspace: which of them are shown is decided by each holding."""
    if paths.workspace:
        return rows.filter(**{paths.workspace: workspace_pk})
    return rows if paths.host_name else rows.none()


# of the system itself
EVERYTHING = Held(0, [Holding(frozenset(Permission), Scope.EVERYTHING)])


@dataclass(frozen=True, slots=True)
class Granting:
    """Of each person who may give grants, what they hold."""

    people: Sequence[tuple[str, Held]]

    def over(self, place: Place, permission: Permission) -> list[str]:
        """Nobody gives what they do not hold themselves."""
        wanted = {Permission.GRANT_MANAGE, permission}
        return [name for name, held in self.people if wanted <= held.over(place)]
