"""Reading people and invitations."""

from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from console.accounts.models import Invitation, User
from console.accounts.tokens import hash_token
from console.operations.actor import Actor
from console.operations.errors import Missing
from console.operations.permissions import Permission, Role
from console.operations.policy import may, policy


@dataclass(frozen=True, slots=True)
class Person:
    user: User
    role: Role | None


def visible_people(actor: Actor) -> list[Person]:
    """Everyone, by name. Needs user.view; without it, nobody."""
    if not may(actor, Permission.USER_VIEW):
        return []
    users = list(User.objects.order_by("username"))
    roles = policy().roles_of([user.pk for user in users])
    return [Person(user, roles.get(user.pk)) for user in users]


def get_user(actor: Actor, user_pk: int) -> User:
    """Yourself always; others with user.view."""
    if actor.user_pk == user_pk or may(actor, Permission.USER_VIEW):
        user: User | None = User.objects.filter(pk=user_pk).first()
        if user is not None:
            return user
    raise Missing(_("There is no such person."))


def open_invitations(actor: Actor) -> list[Invitation]:
    """Links that still work, newest first. Needs user.view."""
    if not may(actor, Permission.USER_VIEW):
        return []
    now = timezone.now()
    return list(Invitation.objects.filter(used_at=None, expires_at__gt=now).select_related("created_by"))


def find_open_invitation(token: str, *, lock: bool = False) -> Invitation | None:
    """The invitation this link is for, while it can still be used. Knowing the token is the permission."""
    rows = Invitation.objects.select_for_update() if lock else Invitation.objects.all()
    invitation = rows.filter(token_hash=hash_token(token)).first()
    return invitation if invitation is not None and invitation.is_open(timezone.now()) else None


def has_people() -> bool:
    return bool(User.objects.exists())
