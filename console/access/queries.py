"""Roles and permissions of people."""

from collections.abc import Iterable

from console.access.models import Grant
from console.access.roles import PERMISSIONS
from console.operations.permissions import Permission, Role


def role_of(user_pk: int) -> Role | None:
    return roles_of([user_pk]).get(user_pk)


def roles_of(user_pks: Iterable[int]) -> dict[int, Role]:
    """Disabled people have no role."""
    grants = Grant.objects.filter(user_id__in=list(user_pks), user__is_active=True)
    return {user_pk: Role(role) for user_pk, role in grants.values_list("user_id", "role")}


def permissions_of(user_pk: int) -> frozenset[Permission]:
    role = role_of(user_pk)
    return PERMISSIONS[role] if role else frozenset()
