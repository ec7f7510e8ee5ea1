"""The policy the operations runner asks (setting ``NARU_POLICY``): roles, and one's own things."""

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _

from console.access.models import Grant
from console.access.queries import permissions_of, role_of, roles_of
from console.access.roles import OWN_PERMISSIONS, PERMISSIONS
from console.operations.actor import Actor, ActorKind
from console.operations.errors import Conflict
from console.operations.permissions import OpenAction, Permission, Role
from console.operations.policy import Target
from console.operations.runner import publish_on_commit


class RolePolicy:
    def allows(self, actor: Actor, permission: Permission | OpenAction, *, on: Target | None) -> bool:
        if isinstance(permission, OpenAction) or actor.kind is ActorKind.SYSTEM:
            return True
        if actor.kind is not ActorKind.USER or actor.user_pk is None:
            return False
        role = role_of(actor.user_pk)
        if role is None:
            return False
        own = on is not None and on.owner_pk == actor.user_pk
        return permission in PERMISSIONS[role] or (own and permission in OWN_PERMISSIONS[role])

    def permissions_of(self, actor: Actor) -> frozenset[Permission]:
        if actor.kind is ActorKind.SYSTEM:
            return frozenset(Permission)
        return permissions_of(actor.user_pk) if actor.is_user and actor.user_pk is not None else frozenset()

    def roles_of(self, user_pks: Iterable[int]) -> Mapping[int, Role]:
        return roles_of(user_pks)

    def assign(self, user_pk: int, role: Role) -> None:
        # all administrators are locked, so that two of them cannot demote each other at once
        admins = Grant.objects.select_for_update().filter(role=Role.ADMIN, user__is_active=True)
        admin_pks = set(admins.values_list("user_id", flat=True))
        if role is not Role.ADMIN and admin_pks == {user_pk}:
            raise Conflict(_("This is the last administrator. Make someone else one first."), field="role")
        Grant.objects.update_or_create(user_id=user_pk, defaults={"role": role})
        publish_on_commit("access", {"user_pk": user_pk})
