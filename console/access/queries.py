"""Reading teams, roles and grants."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from console.access.holdings import Granting, Held, Holding
from console.access.models import CustomRole, Grant, Membership, Team
from console.operations.actor import Actor, Limits
from console.operations.errors import Missing
from console.operations.permissions import Permission, Role
from console.operations.policy import Paths, bounded, may, may_somewhere
from console.workspaces.models import Workspace

PATHS = Paths(workspace="workspace_id", host="host_id")


@dataclass(frozen=True, slots=True)
class GrantFilter:
    """Each given field narrows. ``holder`` is the name of a person or a team."""

    holder: str = ""
    workspace: str = ""
    role: str = ""


def held_by(actor: Actor) -> Held:
    """What a person holds now, as far as the token by which they ask reaches. Nothing for one who is disabled."""
    if not actor.is_user or actor.user_pk is None:
        return Held(0, ())
    grants = Grant.objects.of_users([actor.user_pk]).in_force(timezone.now())
    holdings = [Holding.of(grant) for grant in grants.select_related("custom_role", "workspace").order_by()]
    if actor.limits is None:
        return Held(actor.user_pk, holdings)
    return _limited(Held(actor.user_pk, holdings), actor.limits)


def _limited(held: Held, limits: Limits) -> Held:
    holdings = [holding.of_only(limits.permissions) for holding in held.holdings]
    if limits.workspace_pk is None:
        return Held(held.user_pk, holdings)
    workspace = Workspace.objects.filter(pk=limits.workspace_pk).first()
    hosts = workspace.rules.hosts if workspace else ()
    inside = [part for one in holdings if (part := one.inside(limits.workspace_pk, hosts)) is not None]
    return Held(held.user_pk, inside, within=limits.workspace_pk)


def granting() -> Granting:
    """Everyone who holds grant.manage somewhere, by name."""
    direct, member = F("user__username"), F("team__memberships__user__username")
    grants = (
        Grant.objects.in_force(timezone.now())
        .select_related("custom_role", "workspace")
        .annotate(person=Coalesce(direct, member))
        .annotate(is_active=Coalesce(F("user__is_active"), F("team__memberships__user__is_active")))
        .filter(is_active=True)
        .order_by("person")
    )
    people: dict[str, list[Holding]] = {}
    for grant in grants:
        # the name that the query put there
        people.setdefault(str(vars(grant)["person"]), []).append(Holding.of(grant))
    held = [(name, Held(0, holdings)) for name, holdings in people.items()]
    return Granting([(name, one) for name, one in held if one.somewhere(Permission.GRANT_MANAGE)])


def roles_of(user_pks: Iterable[int]) -> dict[int, Role]:
    """The built-in role people hold themselves, over everything and for good. Disabled people have none."""
    grants = base_grants().filter(user_id__in=list(user_pks), user__is_active=True)
    return {user_pk: Role(role) for user_pk, role in grants.values_list("user_id", "role")}


def role_of(user_pk: int) -> Role | None:
    return roles_of([user_pk]).get(user_pk)


def base_grants() -> QuerySet[Grant]:
    """Each person has at most one: what the people page shows and changes."""
    return Grant.objects.filter(scope=Grant.Scope.EVERYTHING, until=None, team=None).exclude(role="").order_by()


def administrators() -> set[int]:
    """Those who are administrators of everything, for good, themselves or by a team, and not disabled."""
    grants = Grant.objects.filter(scope=Grant.Scope.EVERYTHING, until=None, role=Role.ADMIN).order_by()
    direct = grants.filter(user__is_active=True).values_list("user_id", flat=True)
    by_team = grants.filter(team__memberships__user__is_active=True).values_list(
        "team__memberships__user_id", flat=True
    )
    return {*direct, *by_team}


def visible_grants(actor: Actor, wanted: GrantFilter | None = None) -> QuerySet[Grant]:
    """Newest first, with all that a line about one needs."""
    related = ("user", "team", "custom_role", "workspace", "host")
    all_grants = Grant.objects.select_related(*related).order_by("-granted_at", "-pk")
    grants = bounded(actor, Permission.GRANT_VIEW, all_grants, PATHS)
    wanted = wanted or GrantFilter()
    if wanted.holder:
        grants = grants.filter(user__username=wanted.holder) | grants.filter(team__slug=wanted.holder)
    if wanted.workspace:
        grants = grants.filter(workspace__slug=wanted.workspace)
    if wanted.role:
        grants = grants.filter(role=wanted.role) | grants.filter(custom_role__slug=wanted.role)
    return grants


def get_grant(actor: Actor, grant_id: int) -> Grant:
    grant = visible_grants(actor).filter(pk=grant_id).first()
    if grant is None:
        raise Missing(_("There is no such grant."))
    return grant


def due_grants(now: datetime) -> QuerySet[Grant]:
    """Those whose time is over. For the system alone."""
    return Grant.objects.filter(until__lte=now).order_by("until", "pk")


def visible_teams(actor: Actor) -> QuerySet[Team]:
    """With ``size``, the number of members."""
    if not may_somewhere(actor, Permission.TEAM_VIEW):
        return Team.objects.none()
    return Team.objects.annotate(size=Count("memberships")).order_by("slug")


def get_team(actor: Actor, slug: str) -> Team:
    team = visible_teams(actor).filter(slug=slug).first()
    if team is None:
        raise Missing(_("There is no team “%(slug)s”.") % {"slug": slug})
    return team


def members_of(team: Team) -> QuerySet[Membership]:
    return Membership.objects.filter(team=team).select_related("user").order_by("user__username")


def visible_custom_roles(actor: Actor) -> QuerySet[CustomRole]:
    """With ``uses``, the number of grants."""
    if not may_somewhere(actor, Permission.ROLE_VIEW):
        return CustomRole.objects.none()
    return CustomRole.objects.annotate(uses=Count("grants")).order_by("slug")


def get_custom_role(actor: Actor, slug: str) -> CustomRole:
    role = visible_custom_roles(actor).filter(slug=slug).first()
    if role is None:
        raise Missing(_("There is no role “%(slug)s”.") % {"slug": slug})
    return role


def find_user(name: str) -> AbstractBaseUser | None:
    """The person with this user name, disabled or not. A rule of operations, so it asks for no permission."""
    found: AbstractBaseUser | None = get_user_model()._default_manager.filter(username=name).first()
    return found


def grants_held_by(user_pk: int) -> QuerySet[Grant]:
    """Everything given to the person or to a team of theirs, also what is over or of no use to the disabled."""
    mine = Q(user_id=user_pk) | Q(team__memberships__user_id=user_pk)
    related = ("user", "team", "custom_role", "workspace", "host")
    return Grant.objects.filter(mine).select_related(*related).order_by("pk")


def known_people(actor: Actor) -> list[str]:
    """Names to choose from, for who may see people; others have to know them."""
    if not may(actor, Permission.USER_VIEW):
        return []
    return list(get_user_model()._default_manager.order_by("username").values_list("username", flat=True)[:500])
