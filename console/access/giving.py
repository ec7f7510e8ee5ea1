"""How far granting goes: nobody gives, takes or makes a role of what they do not hold there themselves."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from console.access.models import Grant
from console.access.queries import held_by
from console.operations.actor import Actor, ActorKind
from console.operations.errors import Denied
from console.operations.permissions import EVERYWHERE_ONLY, Permission
from console.operations.policy import NOWHERE, Place


def require_holds(actor: Actor, permissions: Iterable[Permission], *, at: Place = NOWHERE) -> None:
    """Denied, naming what is missing, unless the actor holds all of them at ``at``."""
    missing = sorted(set(permissions) - _held(actor, at))
    if missing:
        words = {"names": ", ".join(missing)}
        raise Denied(_("Nobody gives what they do not hold themselves: %(names)s.") % words, permission=missing[0])


def require_may_handle(actor: Actor, grants: Iterable[Grant]) -> None:
    """Denied unless the actor could give each of ``grants``: for whoever gives, takes, or lets others share one."""
    for grant in grants:
        permissions = grant.permissions
        if grant.scope != Grant.Scope.EVERYTHING:
            permissions -= EVERYWHERE_ONLY
        require_holds(actor, {*permissions, Permission.GRANT_MANAGE}, at=grant.place)


def _held(actor: Actor, at: Place) -> frozenset[Permission]:
    if actor.kind is ActorKind.SYSTEM:
        return frozenset(Permission)
    return held_by(actor).over(at)
