"""Teams, custom roles and grants: making, changing, ending."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import ProtectedError
from django.utils import timezone
from django.utils.translation import gettext as _

from console.access.giving import require_holds, require_may_handle
from console.access.models import CustomRole, Grant, Membership, Team
from console.access.policy import keeping_an_administrator
from console.access.queries import due_grants, find_user, get_custom_role, get_grant, get_team
from console.access.wishes import Wish, put_holder, put_role, put_scope
from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid, Missing
from console.operations.permissions import Permission, Role
from console.operations.runner import operation, publish_on_commit

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
REASON_LIMIT = 500


# --- grants ---


def give_grant(actor: Actor, wish: Wish) -> Grant:
    """Needs grant.manage in the scope, and there everything that the role holds.

    Invalid and Conflict name a field of Wish.
    """
    grant = Grant(reason=wish.reason.strip()[:REASON_LIMIT], until=wish.until, granted_by_name=actor.name)
    put_scope(actor, grant, wish)
    who = wish.user[:150] or wish.team[:40]
    with operation(actor, Permission.GRANT_MANAGE, at=grant.place, holder=who, role=wish.role[:40]) as op:
        put_holder(actor, grant, wish)
        put_role(actor, grant, wish)
        require_may_handle(actor, [grant])
        _check_time(grant)
        _require_new(grant)
        grant.save()
        op.target(grant)
        op.details = _details(grant)
        _tell(grant)
    return grant


def revoke_grant(actor: Actor, grant_id: int) -> None:
    """At once: open pages are told to look again. Needs what giving it takes. Conflict for the last administrator's."""
    grant = get_grant(actor, grant_id)
    with operation(actor, Permission.GRANT_MANAGE, on=grant, **_details(grant), revoked=True):
        require_may_handle(actor, [grant])
        with keeping_an_administrator():
            grant.delete()
        _tell(grant)


def end_due_grants(now: datetime | None = None) -> int:
    """Take away the grants whose time is over, one audit row each. Returns how many. Safe to repeat.

    They give nothing from their moment on, whether or not this runs: it ends what was opened before.
    """
    ended = 0
    for grant in due_grants(now or timezone.now()).select_related("user", "team", "custom_role", "workspace", "host"):
        system = Actor.system("time")
        with operation(system, Permission.GRANT_MANAGE, on=grant, **_details(grant), ended="due"):
            Grant.objects.filter(pk=grant.pk).delete()
            _tell(grant)
        ended += 1
    return ended


# --- teams ---


def create_team(actor: Actor, *, slug: str, title: str = "") -> Team:
    """Needs team.manage. Invalid or Conflict names ``slug``."""
    with operation(actor, Permission.TEAM_MANAGE, slug=slug[:80]) as op:
        _check_slug(slug)
        if Team.objects.filter(slug=slug).exists():
            raise Conflict(_("There is a team “%(slug)s” already.") % {"slug": slug}, field="slug")
        team = Team.objects.create(slug=slug, title=title[:80])
        op.target(team)
    return team


def delete_team(actor: Actor, slug: str) -> None:
    """With its grants. Needs team.manage, and what taking its grants takes."""
    team = get_team(actor, slug)
    with operation(actor, Permission.TEAM_MANAGE, on=team, deleted=True):
        require_may_handle(actor, _grants_of(team))
        with keeping_an_administrator():
            team.delete()
        publish_on_commit("access")


def add_member(actor: Actor, slug: str, username: str) -> Membership:
    """Needs team.manage, and what giving each of the team's grants takes. Invalid or Conflict names ``username``."""
    team = get_team(actor, slug)
    with operation(actor, Permission.TEAM_MANAGE, on=team, member=username[:150]):
        require_may_handle(actor, _grants_of(team))
        user = find_user(username)
        if user is None:
            raise Invalid(_("There is no person “%(name)s”.") % {"name": username[:150]}, field="username")
        membership, is_new = Membership.objects.get_or_create(team=team, user_id=user.pk)
        if not is_new:
            raise Conflict(_("“%(name)s” is in the team already.") % {"name": username}, field="username")
        publish_on_commit("access", {"user_pk": user.pk})
    return membership


def remove_member(actor: Actor, slug: str, user_pk: int) -> None:
    """Needs team.manage, and what taking the team's grants takes. Conflict for the last administrator."""
    team = get_team(actor, slug)
    membership = Membership.objects.filter(team=team, user_id=user_pk).select_related("user").first()
    if membership is None:
        raise Missing(_("There is no such member."))
    with operation(actor, Permission.TEAM_MANAGE, on=team, removed=str(membership.user)):
        require_may_handle(actor, _grants_of(team))
        with keeping_an_administrator():
            membership.delete()
        publish_on_commit("access", {"user_pk": user_pk})


# --- roles ---


def create_role(actor: Actor, *, slug: str, title: str = "", permissions: Iterable[Permission]) -> CustomRole:
    """Needs role.manage, and over everything all that the role shall hold. Invalid or Conflict names the parameter."""
    wanted = sorted(set(permissions))
    with operation(actor, Permission.ROLE_MANAGE, slug=slug[:80], permissions=wanted) as op:
        _check_slug(slug)
        if slug in {role.value for role in Role} or CustomRole.objects.filter(slug=slug).exists():
            raise Conflict(_("There is a role “%(slug)s” already.") % {"slug": slug}, field="slug")
        _require_some(wanted)
        require_holds(actor, wanted)
        role = CustomRole.objects.create(slug=slug, title=title[:80], permissions=[one.value for one in wanted])
        op.target(role)
    return role


def change_role(actor: Actor, slug: str, *, title: str, permissions: Iterable[Permission]) -> CustomRole:
    """For all who hold it, at once. Needs role.manage, and over everything all that it held and shall hold."""
    role = get_custom_role(actor, slug)
    wanted = sorted(set(permissions))
    with operation(actor, Permission.ROLE_MANAGE, on=role, permissions=wanted):
        role = role.locked()
        require_holds(actor, role.held)
        _require_some(wanted)
        require_holds(actor, wanted)
        role.title, role.permissions = title[:80], [one.value for one in wanted]
        role.save()
        publish_on_commit("access")
    return role


def delete_role(actor: Actor, slug: str) -> None:
    """Needs role.manage. Conflict while a grant gives it."""
    role = get_custom_role(actor, slug)
    with operation(actor, Permission.ROLE_MANAGE, on=role, deleted=True):
        try:
            role.delete()
        except ProtectedError as error:
            raise Conflict(
                _("Somebody still holds “%(slug)s”: take those grants away first.") % {"slug": slug}
            ) from error


# --- what they share ---


def _check_time(grant: Grant) -> None:
    if grant.until is None:
        return
    if grant.until <= timezone.now():
        raise Invalid(_("The end lies in the past."), field="until")
    if not grant.reason:
        raise Invalid(_("Say what it is for: it ends by itself, and others will ask."), field="reason")


def _require_new(grant: Grant) -> None:
    same = (
        "user_id",
        "team_id",
        "role",
        "custom_role_id",
        "scope",
        "workspace_id",
        "host_id",
        "label_key",
        "label_value",
    )
    twins = Grant.objects.in_force(timezone.now()).filter(**{name: getattr(grant, name) for name in same})
    if grant.until is None and twins.filter(until=None).exists():
        raise Conflict(_("They hold this already."), field="role")


def _check_slug(slug: str) -> None:
    if not SLUG.fullmatch(slug):
        raise Invalid(_("A short name: small letters, digits and “-”, at most 40."), field="slug")


def _require_some(wanted: Sequence[Permission]) -> None:
    if not wanted:
        raise Invalid(_("Choose at least one permission."), field="permissions")


def _grants_of(team: Team) -> list[Grant]:
    return list(Grant.objects.filter(team=team).select_related("custom_role"))


def _details(grant: Grant) -> dict[str, Any]:
    facts = {
        "holder": grant.holder_name,
        "role": grant.role_name,
        "scope": grant.scope_name,
        "until": grant.until.isoformat() if grant.until else None,
        "why": grant.reason,
    }
    return {name: value for name, value in facts.items() if value}


def _tell(grant: Grant) -> None:
    """Open pages of those it is about look again what they may; of a team's grant, all pages do."""
    publish_on_commit("access", {"user_pk": grant.user_id})
    publish_on_commit("rows.grants")
