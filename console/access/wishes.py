"""A grant as a person words it, and the row that this means."""

import re
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from console.access.models import Grant
from console.access.queries import find_user, get_team, visible_custom_roles
from console.hosts.queries import get_host
from console.operations.actor import Actor
from console.operations.errors import Invalid, Missing
from console.operations.permissions import Role
from console.workspaces.queries import get_workspace

LABEL_KEY = re.compile(r"[A-Za-z][A-Za-z0-9._/-]{0,127}")


@dataclass(frozen=True, slots=True)
class Wish:
    """A grant as a person words it. One of ``user`` and ``team``; ``role`` is a built-in or a custom one's name.

    ``scope`` is a value of Grant.Scope, with ``workspace``, ``host`` or ``label`` ("key=value") naming which.
    """

    role: str
    scope: str
    user: str = ""
    team: str = ""
    workspace: str = ""
    host: str = ""
    label: str = ""
    until: datetime | None = None
    reason: str = ""


def put_role(actor: Actor, grant: Grant, wish: Wish) -> None:
    if wish.role in {role.value for role in Role}:
        grant.role = wish.role
        return
    grant.custom_role = visible_custom_roles(actor).filter(slug=wish.role).first()
    if grant.custom_role is None:
        raise Invalid(_("There is no role “%(name)s”.") % {"name": wish.role[:80]}, field="role")


def put_holder(actor: Actor, grant: Grant, wish: Wish) -> None:
    if bool(wish.user) == bool(wish.team):
        raise Invalid(_("Name a person or a team."), field="user")
    if wish.team:
        try:
            grant.team = get_team(actor, wish.team)
        except Missing as error:
            raise Invalid(str(error), field="team") from error
        return
    user = find_user(wish.user)
    if user is None:
        raise Invalid(_("There is no person “%(name)s”.") % {"name": wish.user[:150]}, field="user")
    grant.user_id = user.pk


def put_scope(actor: Actor, grant: Grant, wish: Wish) -> None:
    """What the actor cannot see does not exist here either."""
    grant.scope = wish.scope
    try:
        match wish.scope:
            case Grant.Scope.EVERYTHING:
                pass
            case Grant.Scope.WORKSPACE:
                grant.workspace = get_workspace(actor, wish.workspace)
            case Grant.Scope.HOST:
                grant.host = get_host(actor, wish.host)
            case Grant.Scope.LABEL:
                grant.label_key, grant.label_value = _label(wish.label)
            case _:
                raise Invalid(_("Choose where the grant counts."), field="scope")
    except Missing as error:
        raise Invalid(str(error), field=wish.scope) from error


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not LABEL_KEY.fullmatch(key) or len(value) > 255 or "\0" in value:
        raise Invalid(_("Write a label as key=value."), field="label")
    return key, value
