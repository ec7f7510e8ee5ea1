"""Inviting, joining, signing in and out, proving who one is, changing roles, and one's own account."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth import authenticate
from django.utils import timezone
from django.utils.translation import gettext as _

from console.accounts import factors, limits, passkeys
from console.accounts.factors import Proof
from console.accounts.limits import Kind
from console.accounts.models import BrowserSession, Identity, Invitation, ResetLink, User
from console.accounts.people import checked_password, free_username, new_user
from console.accounts.providers import Claims
from console.accounts.queries import (
    find_open_invitation,
    find_open_reset_link,
    get_active,
    get_myself,
    get_own_factor,
    get_own_identity,
    get_own_session,
    get_user,
)
from console.accounts.sessions import end_session, end_sessions
from console.accounts.settings import checked_settings
from console.accounts.tokens import hash_token, new_token
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Missing
from console.operations.permissions import OpenAction, Permission, Role
from console.operations.policy import policy
from console.operations.runner import Operation, operation, publish_on_commit

INVITATION_LIFETIME = timedelta(days=3)
RESET_LIFETIME = timedelta(hours=24)
NAME_LIMIT = 60


@dataclass(frozen=True, slots=True)
class IssuedInvitation:
    """``token`` exists only here: the row keeps its hash. The link's path is ``/invitations/<token>/``."""

    invitation: Invitation
    token: str

    @property
    def path(self) -> str:
        return f"/invitations/{self.token}/"


@dataclass(frozen=True, slots=True)
class SignIn:
    """Whose first factor was right. They are in only when nothing is ``awaited``: a second factor, else."""

    user: User
    awaits_second: bool


# --- coming in -------------------------------------------------------------------------------------------------------


def create_invitation(actor: Actor, role: Role, *, valid_for: timedelta = INVITATION_LIFETIME) -> IssuedInvitation:
    """A one-time link that makes one new person with ``role``. Needs user.invite."""
    token = new_token()
    with operation(actor, Permission.USER_INVITE, role=role.value) as op:
        policy().require_may_give(actor, role)
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
        invitation = _open_invitation(op, hash_token(token))
        user = new_user(username=username, password=password, email=email)
        user.save()
        _use(invitation, user, op)
    return user


def sign_in(actor: Actor, *, username: str, password: str, origin: str = "") -> SignIn:
    """Whose name and password these are; the caller then begins the session, or asks for the second factor.

    Denied with one and the same message for a wrong name, a wrong password and a disabled person; with another once
    the limit on attempts is reached. Every attempt leaves an audit row. ``origin`` is the limiter's.
    """
    # as it was when the person chose it: the same name can be typed in several Unicode forms
    username = User.normalize_username(username)
    refusal = limits.admit(actor, username, now=timezone.now(), origin=origin)
    with operation(actor, OpenAction.SIGN_IN) as op:
        op.target_kind, op.target_name = "user", username[:150]
        if refusal:
            raise Denied(refusal)
        user = authenticate(request=None, username=username, password=password)
        if not isinstance(user, User):
            raise Denied(_("Name or password is wrong."))
        limits.forget_attempts(actor, username, origin=origin)
        return _first_factor_shown(op, user, method="password")


def finish_sign_in(actor: Actor, user_pk: int, proof: Proof, *, origin: str = "") -> User:
    """The second step, for the person whose first was right a moment ago. Denied when ``proof`` is wrong."""
    user = get_active(user_pk)
    refusal = limits.admit(actor, user.username, now=timezone.now(), origin=origin, kind=Kind.CODE)
    with operation(actor, OpenAction.SIGN_IN, on=user) as op:
        if refusal:
            raise Denied(refusal)
        op.details["method"] = factors.check_second(user, proof)
        limits.forget_attempts(actor, user.username, origin=origin, kind=Kind.CODE)
        _note_entry(user)
    return user


def sign_in_with_passkey(actor: Actor, credential: dict[str, Any]) -> User:
    """Both steps at once: the device holds the key, and knows its owner. Denied for a passkey that is not one of ours.

    No limit on attempts: there is nothing to guess.
    """
    with operation(actor, OpenAction.SIGN_IN, method="passkey") as op:
        user = passkeys.owner_of(credential)
        op.target(user)
        passkeys.check(user, credential)
        _note_entry(user)
    return user


def sign_in_with_identity(actor: Actor, claims: Claims, *, invitation_hash: str = "") -> SignIn:
    """The person a provider vouches for; a new one when a link or the provider's settings say so, else Denied.

    ``invitation_hash`` is of the link's token: who holds it has shown the token before leaving for the provider.
    """
    with operation(actor, OpenAction.SIGN_IN, method=f"provider:{claims.provider.id}") as op:
        op.target_kind, op.target_name = "user", claims.shown_name[:150]
        identity = Identity.objects.filter(issuer=claims.provider.issuer, subject=claims.subject).first()
        user = identity.user if identity else _person_by_provider(op, claims, invitation_hash)
        if not user.is_active:
            raise Denied(_("This account is disabled."))
        return _first_factor_shown(op, user, method=f"provider:{claims.provider.id}")


def refuse_provider(actor: Actor, provider_name: str, why: str) -> None:
    """Record that a provider did not vouch for somebody. Always raises Denied."""
    with operation(actor, OpenAction.SIGN_IN, method=provider_name[:100], cause=why[:300]):
        raise Denied(_("%(name)s did not sign you in.") % {"name": provider_name})


def sign_out(actor: Actor, *, key: str = "") -> None:
    """Record that the person leaves; the caller then ends the session (``auth.logout``), whose key this is."""
    if not actor.is_user:
        return
    with operation(actor, OpenAction.SIGN_OUT):
        BrowserSession.objects.filter(key=key).delete()
        # live sockets that were opened under the session look again whether they may go on
        publish_on_commit("access", {"user_pk": actor.user_pk})


# --- proving again ---------------------------------------------------------------------------------------------------


def confirm(actor: Actor, proof: Proof, *, origin: str) -> None:
    """Step-up: the caller then notes in the session that it was just now. ``origin`` names that session.

    Guesses are counted for the session alone, so that nobody else's can keep the owner out.
    """
    user = get_myself(actor)
    kind = Kind.PASSWORD if proof.kind == "password" else Kind.CODE
    refusal = limits.admit(actor, user.username, now=timezone.now(), origin=origin, kind=kind)
    with operation(actor, OpenAction.CONFIRM, on=user) as op:
        if refusal:
            raise Denied(refusal)
        op.details["method"] = factors.check_any(user, proof)
        limits.forget_attempts(actor, user.username, origin=origin, kind=kind)


def confirm_with_identity(actor: Actor, claims: Claims) -> None:
    """As ``confirm``, by signing in at a provider once more. Denied when it was as somebody else."""
    user = get_myself(actor)
    with operation(actor, OpenAction.CONFIRM, on=user, method=f"provider:{claims.provider.id}"):
        known = Identity.objects.filter(user=user, issuer=claims.provider.issuer, subject=claims.subject)
        if not known.exists():
            raise Denied(_("You signed in there as somebody else."))


# --- one's own account -----------------------------------------------------------------------------------------------


def change_password(actor: Actor, *, current: str, new: str, keep_key: str, origin: str) -> User:
    """Ends every other session. Denied when ``current`` is wrong; Invalid names ``new``.

    The caller carries its own session over (``update_session_auth_hash``), which is ``keep_key``.
    """
    user = get_myself(actor)
    refusal = limits.admit(actor, user.username, now=timezone.now(), origin=origin)
    with operation(actor, OpenAction.PASSWORD_CHANGE, on=user) as op:
        if refusal:
            raise Denied(refusal)
        factors.check_any(user, Proof(password=current))
        limits.forget_attempts(actor, user.username, origin=origin)
        _set_password(op, user, new, keep_key=keep_key)
    return user


def set_password(actor: Actor, *, new: str, keep_key: str) -> User:
    """For who has none and came by a provider. Step-up. Conflict when there is one already."""
    user = get_myself(actor)
    with operation(actor, OpenAction.PASSWORD_SET, on=user) as op:
        if user.has_usable_password():
            raise Conflict(_("You have a password: change it instead."))
        _set_password(op, user, new, keep_key=keep_key)
    return user


def add_totp(actor: Actor, *, secret: str, code: str) -> None:
    """Codes of an app from now on. Step-up. Conflict when there is one; Invalid names ``code``."""
    user = get_myself(actor)
    with operation(actor, OpenAction.FACTOR_ADD, on=user, factor="totp"):
        if factors.factors_of(user.locked()).totp is not None:
            raise Conflict(_("Codes from an app are on already. Remove them first."))
        factors.new_totp(user, secret, code)


def add_passkey(actor: Actor, *, name: str, credential: dict[str, Any]) -> None:
    """Step-up. Invalid names ``credential``."""
    user = get_myself(actor)
    name = name.strip()[:NAME_LIMIT] or _("Passkey")
    with operation(actor, OpenAction.FACTOR_ADD, on=user, factor="passkey", name=name):
        passkeys.new_passkey(user, name, credential)


def remove_factor(actor: Actor, factor_pk: int) -> str:
    """An app's codes or a passkey; recovery codes go with the last of these. Step-up. Returns the factor's name."""
    user = get_myself(actor)
    factor = get_own_factor(user, factor_pk)
    is_passkey = factor.type == factor.Type.WEBAUTHN
    name = str(factor) if is_passkey else _("Codes from an app")
    with operation(actor, OpenAction.FACTOR_REMOVE, on=user, factor="passkey" if is_passkey else "totp", name=name):
        factor.delete()
        left = factors.factors_of(user)
        if not left.is_two_step and left.recovery is not None:
            left.recovery.delete()
    return name


def make_recovery_codes(actor: Actor) -> list[str]:
    """New ones; those of before are void. Step-up. Conflict without a second factor to recover from losing."""
    user = get_myself(actor)
    with operation(actor, OpenAction.RECOVERY_CODES_MAKE, on=user):
        found = factors.factors_of(user.locked())
        if not found.is_two_step:
            raise Conflict(_("Recovery codes are for when a second factor is lost: add one first."))
        return factors.new_recovery_codes(user, instead_of=found.recovery)


def link_identity(actor: Actor, claims: Claims) -> Identity:
    """Sign in with a provider from now on. Step-up. Conflict when that identity is somebody's already."""
    user = get_myself(actor)
    with operation(actor, OpenAction.IDENTITY_ADD, on=user, provider=claims.provider.id, name=claims.shown_name[:255]):
        if Identity.objects.filter(issuer=claims.provider.issuer, subject=claims.subject).exists():
            raise Conflict(_("This sign-in is linked to an account already."))
        return _identity(user, claims)


def unlink_identity(actor: Actor, identity_pk: int) -> None:
    """Step-up. Conflict when nothing would be left to sign in with."""
    user = get_myself(actor)
    identity = get_own_identity(user, identity_pk)
    with operation(actor, OpenAction.IDENTITY_REMOVE, on=user, name=str(identity)):
        found = factors.factors_of(user.locked())
        if not found.has_password and not found.passkeys and user.identities.count() == 1:
            raise Conflict(_("You could not sign in any more. Set a password or add a passkey first."))
        identity.delete()


def revoke_session(actor: Actor, session_pk: int) -> None:
    """End one of one's own sessions, at once: its pages and sockets are signed out."""
    session = get_own_session(get_myself(actor), session_pk)
    with operation(actor, OpenAction.SESSION_REVOKE, on=session):
        end_session(session)


def revoke_other_sessions(actor: Actor, *, keep_key: str) -> int:
    """End all of one's own sessions but one; how many that were."""
    user = get_myself(actor)
    with operation(actor, OpenAction.SESSION_REVOKE, on=user) as op:
        ended = op.details["ended"] = end_sessions(user, but=keep_key)
    return ended


# --- other people ----------------------------------------------------------------------------------------------------


def change_role(actor: Actor, user_pk: int, role: Role) -> User:
    """Needs user.manage. Conflict if nobody would be left who is an administrator."""
    user = get_user(actor, user_pk)
    with operation(actor, Permission.USER_MANAGE, on=user, role=role.value):
        policy().assign(user.pk, role, by=actor)
    return user


def set_active(actor: Actor, user_pk: int, *, is_active: bool) -> User:
    """Let somebody in again, or no more: then they are signed out everywhere at once; grants stay as they are.

    Needs user.manage. Conflict for oneself, and if nobody would be left who is an administrator.
    """
    user = get_user(actor, user_pk)
    with operation(actor, Permission.USER_MANAGE, on=user, active=is_active):
        if user.pk == actor.user_pk:
            raise Conflict(_("You cannot disable yourself."))
        if not is_active:
            policy().require_administrator_without(user.pk)
            end_sessions(user)
        user = user.locked()
        user.is_active = is_active
        user.save()
        publish_on_commit("access", {"user_pk": user.pk})
    return user


def create_reset_link(actor: Actor, user_pk: int, *, drops_factors: bool) -> str:
    """A one-time link's path by which the person chooses a new password. Needs user.manage.

    ``drops_factors``: what was the second factor is lost too, and goes when the link is used.
    """
    user = get_user(actor, user_pk)
    token = new_token()
    with operation(actor, Permission.USER_MANAGE, on=user, reset_link=True, drops_factors=drops_factors):
        ResetLink.objects.filter(user=user, used_at=None).delete()
        ResetLink.objects.create(
            token_hash=hash_token(token),
            user=user,
            drops_factors=drops_factors,
            expires_at=timezone.now() + RESET_LIFETIME,
        )
    return f"/resets/{token}/"


def reset_password(actor: Actor, token: str, *, new: str) -> User:
    """Choose a new password by a link. Ends every session. Missing as for invitations; Invalid names ``new``."""
    with operation(actor, OpenAction.PASSWORD_RESET) as op:
        link = find_open_reset_link(hash_token(token), lock=True)
        if link is None:
            raise Missing(_("This link is unknown, was used already, or has expired. Ask for a new one."))
        op.target(link.user)
        op.details["drops_factors"] = link.drops_factors
        _set_password(op, link.user, new, keep_key="")
        if link.drops_factors:
            factors.drop_all(link.user)
        link.used_at = timezone.now()
        link.save()
    return link.user


# --- within an operation ---------------------------------------------------------------------------------------------


def _first_factor_shown(op: Operation, user: User, *, method: str) -> SignIn:
    op.target(user)
    op.details["method"] = method
    awaits_second = user.pk in factors.two_step_pks([user.pk])
    if awaits_second:
        # nobody has come in: the log must not read as if
        op.action = OpenAction.FIRST_FACTOR
    else:
        _note_entry(user)
    return SignIn(user, awaits_second=awaits_second)


def _note_entry(user: User) -> None:
    user.last_sign_in_at = timezone.now()
    user.save(update_fields=["last_sign_in_at"])


def _open_invitation(op: Operation, token_hash: str) -> Invitation:
    invitation = find_open_invitation(token_hash, lock=True)
    if invitation is None:
        raise Missing(_("This link is unknown, was used already, or has expired. Ask for a new one."))
    op.target(invitation)
    return invitation


def _use(invitation: Invitation, user: User, op: Operation) -> None:
    policy().assign(user.pk, Role(invitation.role))
    invitation.used_at = timezone.now()
    invitation.used_by = user
    invitation.save()
    op.details["role"] = invitation.role


def _person_by_provider(op: Operation, claims: Claims, invitation_hash: str) -> User:
    if not invitation_hash and claims.provider.role is None:
        raise Denied(_("Nobody here is linked to this sign-in. Ask an administrator for an invitation."))
    invitation = _open_invitation(op, invitation_hash) if invitation_hash else None
    user = new_user(username=free_username(claims), password=None, email=claims.email)
    user.save()
    _identity(user, claims)
    if invitation is not None:
        _use(invitation, user, op)
    elif claims.provider.role is not None:
        policy().assign(user.pk, claims.provider.role)
        op.details["role"] = claims.provider.role.value
    op.details["joined"] = True
    return user


def _identity(user: User, claims: Claims) -> Identity:
    return Identity.objects.create(
        user=user, issuer=claims.provider.issuer, subject=claims.subject[:255], shown_name=claims.shown_name[:255]
    )


def _set_password(op: Operation, user: User, new: str, *, keep_key: str) -> None:
    user.set_password(checked_password(new, user, field="new"))
    user.save(update_fields=["password"])
    op.details["ended_sessions"] = end_sessions(user, but=keep_key)


def change_settings(actor: Actor, **chosen: Any) -> User:
    """How the console looks to oneself (console.accounts.settings). What is not given stays. Invalid names a field."""
    user = get_myself(actor)
    with operation(actor, OpenAction.SETTINGS_CHANGE, on=user) as op:
        user = user.locked()
        checked = checked_settings(chosen, hidden_columns=user.hidden_columns)
        op.details["changed"] = sorted(checked)
        for name, value in checked.items():
            setattr(user, name, value)
        user.save(update_fields=list(checked))
    return user
