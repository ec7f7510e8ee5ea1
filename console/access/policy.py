"""What the operations runner and all queries ask (setting ``NARU_POLICY``): grants."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from django.utils.translation import gettext as _

from console.access.giving import require_holds, require_may_handle
from console.access.holdings import EVERYTHING, Granting
from console.access.models import Grant
from console.access.queries import administrators, base_grants, granting, held_by, roles_of
from console.access.roles import PERMISSIONS
from console.operations.actor import Actor, ActorKind
from console.operations.errors import Conflict
from console.operations.permissions import Role
from console.operations.policy import Access
from console.operations.runner import publish_on_commit


class GrantPolicy:
    def access_of(self, actor: Actor) -> Access:
        if actor.kind is ActorKind.SYSTEM:
            return EVERYTHING
        return held_by(actor)

    def grantors(self) -> Granting:
        return granting()

    def roles_of(self, user_pks: Iterable[int]) -> Mapping[int, Role]:
        return roles_of(user_pks)

    def require_may_give(self, actor: Actor, role: Role) -> None:
        require_holds(actor, PERMISSIONS[role])

    def assign(self, user_pk: int, role: Role, *, by: Actor | None = None) -> None:
        with keeping_an_administrator():
            grant = base_grants().filter(user_id=user_pk).first() or Grant(user_id=user_pk)
            if by is not None:
                require_may_handle(by, [grant] if grant.role else [])
                self.require_may_give(by, role)
            grant.role, grant.granted_by_name = role.value, by.name if by is not None else ""
            grant.save()
        publish_on_commit("access", {"user_pk": user_pk})

    def require_administrator_without(self, user_pk: int) -> None:
        _lock_administrators()
        if administrators() <= {user_pk}:
            raise _last()


@contextmanager
def keeping_an_administrator() -> Iterator[None]:
    """Conflict if the block takes the last administrator away. Inside an operation, which then undoes the block.

    Whoever changes who is one waits here for others that do, so that two of them cannot demote each other at once.
    """
    _lock_administrators()
    before = administrators()
    yield
    if before and not administrators():
        raise _last()


def _lock_administrators() -> None:
    grants = Grant.objects.filter(scope=Grant.Scope.EVERYTHING, role=Role.ADMIN).order_by("pk")
    list(grants.select_for_update().values_list("pk", flat=True))


def _last() -> Conflict:
    return Conflict(_("This is the last administrator. Make someone else one first."), field="role")
