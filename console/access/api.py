"""Teams, roles, grants, and why not."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Path, Query, Router

from console.access import operations
from console.access.answers import answer_why
from console.access.queries import (
    get_custom_role,
    members_of,
    visible_custom_roles,
    visible_grants,
    visible_teams,
)
from console.access.queries import get_grant as find_grant
from console.access.queries import get_team as find_team
from console.access.roles import PERMISSIONS
from console.access.schemas import (
    GrantGiven,
    GrantQuery,
    GrantShown,
    MemberGiven,
    NewRole,
    NewTeam,
    RoleChange,
    RoleShown,
    TeamShown,
    WholeTeam,
    WhyQuery,
    WhyShown,
)
from console.operations.permissions import Permission
from console.rest.answers import accepted
from console.rest.door import actor_of
from console.rest.schemas import Listing, Number, Paging, Slug, listing
from console.web.permits import require_held

teams, roles, grants = Router(), Router(), Router()


@teams.get("teams", response=Listing[TeamShown])
def list_teams(request: HttpRequest, wanted: Query[Paging]) -> Listing[TeamShown]:
    """By short name."""
    actor = require_held(actor_of(request), Permission.TEAM_VIEW)
    return listing(visible_teams(actor), wanted, by="slug", show=TeamShown.of)


@teams.post("teams", response={201: TeamShown})
def create_team(request: HttpRequest, response: HttpResponse, given: NewTeam) -> TeamShown:
    """Asks for a proof."""
    made = operations.create_team(actor_of(request), slug=given.slug, title=given.title)
    accepted(response, reverse("api:get_team", args=[made.slug]))
    return TeamShown.of(made)


@teams.get("teams/{slug}", response=WholeTeam)
def get_team(request: HttpRequest, slug: Path[Slug]) -> WholeTeam:
    """With its members, and those of its grants that you may see."""
    actor = require_held(actor_of(request), Permission.TEAM_VIEW)
    found = find_team(actor, slug)
    return WholeTeam.with_all(found, members_of(found), visible_grants(actor).filter(team=found))


@teams.delete("teams/{slug}", response={204: None})
def delete_team(request: HttpRequest, slug: Path[Slug]) -> None:
    """With its grants. Asks for a proof."""
    operations.delete_team(actor_of(request), slug)


@teams.post("teams/{slug}/members", response=WholeTeam)
def add_member(request: HttpRequest, slug: Path[Slug], given: MemberGiven) -> WholeTeam:
    """Asks for a proof."""
    operations.add_member(actor_of(request), slug, given.username)
    return get_team(request, slug)


@teams.delete("teams/{slug}/members/{person_id}", response={204: None})
def remove_member(request: HttpRequest, slug: Path[Slug], person_id: Path[Number]) -> None:
    """Asks for a proof."""
    operations.remove_member(actor_of(request), slug, person_id)


@roles.get("roles", response=list[RoleShown])
def list_roles(request: HttpRequest) -> list[RoleShown]:
    """The built-in ones, then those made here."""
    actor = require_held(actor_of(request), Permission.ROLE_VIEW)
    built_in = [
        RoleShown(slug=role.value, title="", is_built_in=True, permissions=sorted(held))
        for role, held in PERMISSIONS.items()
    ]
    return built_in + [RoleShown.of(role) for role in visible_custom_roles(actor)]


@roles.post("roles", response={201: RoleShown})
def create_role(request: HttpRequest, response: HttpResponse, given: NewRole) -> RoleShown:
    """Asks for a proof."""
    made = operations.create_role(actor_of(request), **given.model_dump())
    accepted(response, reverse("api:get_role", args=[made.slug]))
    return RoleShown.of(made)


@roles.get("roles/{slug}", response=RoleShown)
def get_role(request: HttpRequest, slug: Path[Slug]) -> RoleShown:
    """One that was made here."""
    return RoleShown.of(get_custom_role(require_held(actor_of(request), Permission.ROLE_VIEW), slug))


@roles.put("roles/{slug}", response=RoleShown)
def change_role(request: HttpRequest, slug: Path[Slug], given: RoleChange) -> RoleShown:
    """For all who hold it, at once. Asks for a proof."""
    return RoleShown.of(operations.change_role(actor_of(request), slug, **given.model_dump()))


@roles.delete("roles/{slug}", response={204: None})
def delete_role(request: HttpRequest, slug: Path[Slug]) -> None:
    """When nobody holds it any more. Asks for a proof."""
    operations.delete_role(actor_of(request), slug)


@grants.get("grants", response=Listing[GrantShown])
def list_grants(request: HttpRequest, wanted: Query[GrantQuery]) -> Listing[GrantShown]:
    """Newest first."""
    actor = require_held(actor_of(request), Permission.GRANT_VIEW)
    return listing(visible_grants(actor, wanted.wanted), wanted, by="-granted_at", show=GrantShown.of)


@grants.post("grants", response={201: GrantShown})
def give_grant(request: HttpRequest, response: HttpResponse, given: GrantGiven) -> GrantShown:
    """Asks for a proof."""
    made = operations.give_grant(actor_of(request), given.wish)
    accepted(response, reverse("api:get_grant", args=[made.pk]))
    return GrantShown.of(made)


@grants.get("grants/{grant_id}", response=GrantShown)
def get_grant(request: HttpRequest, grant_id: Path[Number]) -> GrantShown:
    return GrantShown.of(find_grant(require_held(actor_of(request), Permission.GRANT_VIEW), grant_id))


@grants.delete("grants/{grant_id}", response={204: None})
def revoke_grant(request: HttpRequest, grant_id: Path[Number]) -> None:
    """At once. Asks for a proof."""
    operations.revoke_grant(actor_of(request), grant_id)


@grants.get("why", response=WhyShown)
def why(request: HttpRequest, wanted: Query[WhyQuery]) -> WhyShown:
    """Why somebody may do something, or not, grant by grant."""
    actor = require_held(actor_of(request), Permission.GRANT_VIEW)
    return WhyShown.of(answer_why(actor, who=wanted.who, permission=wanted.permission, thing=wanted.thing))
