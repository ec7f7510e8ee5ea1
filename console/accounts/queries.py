"""Reading people and invitations."""

from collections.abc import Iterable
from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from console.accounts.factors import two_step_pks
from console.accounts.models import BrowserSession, Identity, Invitation, ResetLink, User
from console.operations.actor import Actor
from console.operations.errors import Denied, Missing
from console.operations.permissions import Permission, Role
from console.operations.policy import may, policy


@dataclass(frozen=True, slots=True)
class Person:
    user: User
    role: Role | None
    is_two_step: bool


def visible_people(actor: Actor) -> list[Person]:
    """Everyone, by name. Needs user.view; without it, nobody."""
    return persons(visible_users(actor))


def visible_users(actor: Actor) -> QuerySet[User]:
    """By name. Needs user.view; without it, nobody."""
    users: QuerySet[User] = User.objects.order_by("username")
    return users if may(actor, Permission.USER_VIEW) else users.none()


def persons(users: Iterable[User]) -> list[Person]:
    """With what the people page says of each."""
    users = list(users)
    roles = policy().roles_of([user.pk for user in users])
    two_step = two_step_pks([user.pk for user in users])
    return [Person(user, roles.get(user.pk), user.pk in two_step) for user in users]


def get_user(actor: Actor, user_pk: int) -> User:
    """Yourself always; others with user.view."""
    if actor.user_pk == user_pk or may(actor, Permission.USER_VIEW):
        user: User | None = User.objects.filter(pk=user_pk).first()
        if user is not None:
            return user
    raise Missing(_("There is no such person."))


def get_myself(actor: Actor) -> User:
    """Whoever asks, when they are signed in. Raises Denied."""
    return get_active(actor.user_pk or 0)


def get_active(user_pk: int) -> User:
    user: User | None = User.objects.filter(pk=user_pk, is_active=True).first()
    if user is None:
        raise Denied(_("Sign in first."))
    return user


def open_invitations(actor: Actor) -> list[Invitation]:
    """Links that still work, newest first. Needs user.view."""
    if not may(actor, Permission.USER_VIEW):
        return []
    now = timezone.now()
    return list(Invitation.objects.filter(used_at=None, expires_at__gt=now).select_related("created_by"))


def find_open_invitation(token_hash: str, *, lock: bool = False) -> Invitation | None:
    """The invitation this link is for, while it can still be used. Knowing the token is the permission."""
    rows = Invitation.objects.select_for_update() if lock else Invitation.objects.all()
    invitation = rows.filter(token_hash=token_hash).first()
    return invitation if invitation is not None and invitation.is_open(timezone.now()) else None


def find_open_reset_link(token_hash: str, *, lock: bool = False) -> ResetLink | None:
    """As for invitations: knowing the token is the permission."""
    rows = ResetLink.objects.select_for_update(of=("self",)) if lock else ResetLink.objects.all()
    link = rows.select_related("user").filter(token_hash=token_hash).first()
    return link if link is not None and link.is_open(timezone.now()) else None


def own_sessions(user: User) -> list[BrowserSession]:
    """Where somebody is signed in, the latest first. Those whose time is over are not among them."""
    alive = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    return list(BrowserSession.objects.filter(user=user, key__in=alive))


def get_own_session(user: User, pk: int) -> BrowserSession:
    session = BrowserSession.objects.filter(user=user, pk=pk).first()
    if session is None:
        raise Missing(_("This session has ended already."))
    return session


def get_own_factor(user: User, pk: int) -> Authenticator:
    """An app's codes or a passkey."""
    rows = Authenticator.objects.filter(user_id=user.pk, pk=pk).exclude(type=Authenticator.Type.RECOVERY_CODES)
    factor = rows.first()
    if factor is None:
        raise Missing(_("You have no such factor."))
    return factor


def get_own_identity(user: User, pk: int) -> Identity:
    identity = Identity.objects.filter(user=user, pk=pk).first()
    if identity is None:
        raise Missing(_("You have no such sign-in."))
    return identity


def has_people() -> bool:
    return bool(User.objects.exists())
