"""Inviting, joining, signing in and out, changing roles."""

from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from console.accounts import limits
from console.accounts.models import Invitation, User
from console.accounts.queries import find_open_invitation, get_user
from console.accounts.tokens import hash_token, new_token
from console.operations.actor import Actor
from console.operations.errors import Denied, Invalid, Missing
from console.operations.permissions import OpenAction, Permission, Role
from console.operations.policy import policy
from console.operations.runner import operation, publish_on_commit

INVITATION_LIFETIME = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class IssuedInvitation:
    """``token`` exists only here: the row keeps its hash. The link's path is ``/invitations/<token>/``."""

    invitation: Invitation
    token: str

    @property
    def path(self) -> str:
        return f"/invitations/{self.token}/"


def create_invitation(actor: Actor, role: Role, *, valid_for: timedelta = INVITATION_LIFETIME) -> IssuedInvitation:
    """A one-time link that makes one new person with ``role``. Needs user.invite."""
    token = new_token()
    with operation(actor, Permission.USER_INVITE, role=role.value) as op:
        now = timezone.now()
        invitation = Invitation.objects.create(
            token_hash=hash_token(token),
            role=role.value,
            created_at=now,
            expires_at=now + valid_for,
            created_by_id=actor.user_pk,
        )
        op.target(invitation)
    return IssuedInvitation(invitation, token)


def accept_invitation(actor: Actor, token: str, *, username: str, password: str, email: str = "") -> User:
    """Make the person the invitation is for. Missing if the link is unknown, used or expired: the same answer.

    Invalid names ``username``, ``email`` or ``password``. The caller signs the person in.
    """
    with operation(actor, OpenAction.ACCEPT_INVITATION, username=username[:150]) as op:
        invitation = find_open_invitation(token, lock=True)
        if invitation is None:
            raise Missing(_("This link is unknown, was used already, or has expired. Ask for a new one."))
        op.target(invitation)
        user = _new_user(username=username, password=password, email=email)
        user.save()
        policy().assign(user.pk, Role(invitation.role))
        invitation.used_at = timezone.now()
        invitation.used_by = user
        invitation.save()
        op.details["role"] = invitation.role
    return user


def sign_in(actor: Actor, *, username: str, password: str) -> User:
    """The person whose name and password these are; the caller then begins the session (``auth.login``).

    Denied with one and the same message for a wrong name, a wrong password and a disabled person; with another once
    the limit on attempts is reached. Every attempt leaves an audit row.
    """
    # as it was when the person chose it: the same name can be typed in several Unicode forms
    username = User.normalize_username(username)
    now = timezone.now()
    limits.note_attempt(actor, username, now=now)
    with operation(actor, OpenAction.SIGN_IN) as op:
        op.target_kind, op.target_name = "user", username[:150]
        limits.require_below_limit(actor, username, now=now)
        user = authenticate(request=None, username=username, password=password)
        if not isinstance(user, User):
            raise Denied(_("Name or password is wrong."))
        op.target(user)
        limits.forget_attempts(actor, username)
        user.last_sign_in_at = now
        user.save(update_fields=["last_sign_in_at"])
    return user


def sign_out(actor: Actor) -> None:
    """Record that the person leaves; the caller then ends the session (``auth.logout``)."""
    if not actor.is_user:
        return
    with operation(actor, OpenAction.SIGN_OUT):
        # live sockets that were opened under the session look again whether they may go on
        publish_on_commit("access", {"user_pk": actor.user_pk})


def change_role(actor: Actor, user_pk: int, role: Role) -> User:
    """Needs user.manage. Conflict if nobody would be left who is an administrator."""
    user = get_user(actor, user_pk)
    with operation(actor, Permission.USER_MANAGE, on=user, role=role.value):
        policy().assign(user.pk, role)
    return user


def _new_user(*, username: str, password: str, email: str) -> User:
    user = User(username=User.normalize_username(username), email=User.objects.normalize_email(email))
    user.set_password(password)
    try:
        user.full_clean()
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise Invalid(" ".join(messages), field=name) from error
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field="password") from error
    return user
