"""Who may do what, asked through an interface: the answer comes from the class named by ``NARU_POLICY``.

console.access implements it. Apps beside access (accounts) and below it (web) ask here, so that none imports another.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

from console.operations.actor import Actor
from console.operations.permissions import OpenAction, Permission, Role


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


class Policy(Protocol):
    def allows(self, actor: Actor, permission: Permission | OpenAction, *, on: Target | None) -> bool: ...

    def permissions_of(self, actor: Actor) -> frozenset[Permission]:
        """Permissions held over everything; those held over one's own things only are not among them."""
        ...

    def roles_of(self, user_pks: Iterable[int]) -> Mapping[int, Role]: ...

    def assign(self, user_pk: int, role: Role) -> None:
        """Give the user exactly this role. Inside an operation only. Conflict if no administrator would be left."""
        ...


@cache
def _load(path: str) -> Policy:
    return cast("Policy", import_string(path)())


def policy() -> Policy:
    return _load(settings.NARU_POLICY)


def may(actor: Actor, permission: Permission, *, on: Target | None = None) -> bool:
    """Would an operation with this permission be let through? For queries, and for buttons that explain themselves."""
    return policy().allows(actor, permission, on=on)
