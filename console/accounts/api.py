"""People. One's own account is changed by its pages alone, and nobody's by a token."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Path, Query, Router

from console.accounts.operations import change_role, change_settings, create_invitation, create_reset_link, set_active
from console.accounts.queries import get_myself, get_user, open_invitations, persons, visible_users
from console.accounts.schemas import (
    ActiveGiven,
    InvitationMade,
    InvitationShown,
    MeShown,
    PersonShown,
    ResetGiven,
    ResetMade,
    RoleGiven,
    SettingsGiven,
    SettingsShown,
)
from console.operations.permissions import Permission
from console.rest.answers import accepted
from console.rest.door import actor_of
from console.rest.schemas import Listing, Number, Paging, paged
from console.web.permits import require_held

router = Router()
ONE = "people/{person_id}"


@router.get("me", response=MeShown)
def get_me(request: HttpRequest) -> MeShown:
    """Who asks, and by which token."""
    return MeShown.of(actor_of(request))


@router.get("me/settings", response=SettingsShown)
def get_my_settings(request: HttpRequest) -> SettingsShown:
    """How the console looks to who asks."""
    return SettingsShown.of(get_myself(actor_of(request)))


@router.put("me/settings", response=SettingsShown)
def change_my_settings(request: HttpRequest, given: SettingsGiven) -> SettingsShown:
    """What is left out stays. Never by a token."""
    chosen = {name: value for name, value in given.model_dump().items() if value is not None}
    return SettingsShown.of(change_settings(actor_of(request), **chosen))


@router.get("people", response=Listing[PersonShown])
def list_people(request: HttpRequest, wanted: Query[Paging]) -> Listing[PersonShown]:
    """By name."""
    page = paged(visible_users(require_held(actor_of(request), Permission.USER_VIEW)), wanted, by="username")
    items = [PersonShown.of(person) for person in persons(page.rows)]
    return Listing[PersonShown](items=items, next=page.next_after or None)


@router.get(ONE, response=PersonShown)
def get_person(request: HttpRequest, person_id: Path[Number]) -> PersonShown:
    """Yourself, too, without the permission to see others."""
    return _shown(request, person_id)


@router.put(f"{ONE}/role", response=PersonShown)
def change_person_role(request: HttpRequest, person_id: Path[Number], given: RoleGiven) -> PersonShown:
    """The role over everything. Asks for a proof; never by a token."""
    change_role(actor_of(request), person_id, given.role)
    return _shown(request, person_id)


@router.put(f"{ONE}/active", response=PersonShown)
def set_person_active(request: HttpRequest, person_id: Path[Number], given: ActiveGiven) -> PersonShown:
    """Let somebody in no more, or again. Asks for a proof; never by a token."""
    set_active(actor_of(request), person_id, is_active=given.active)
    return _shown(request, person_id)


@router.post(f"{ONE}/reset-link", response={201: ResetMade})
def make_reset_link(request: HttpRequest, person_id: Path[Number], given: ResetGiven) -> ResetMade:
    """By which somebody who cannot sign in chooses a new password. Asks for a proof; never by a token."""
    path = create_reset_link(actor_of(request), person_id, drops_factors=given.drops_factors)
    return ResetMade(url=request.build_absolute_uri(path))


@router.get("invitations", response=list[InvitationShown])
def list_invitations(request: HttpRequest) -> list[InvitationShown]:
    """Those that still work, newest first."""
    actor = require_held(actor_of(request), Permission.USER_VIEW)
    return [InvitationShown.of(invitation) for invitation in open_invitations(actor)]


@router.post("invitations", response={201: InvitationMade})
def invite(request: HttpRequest, response: HttpResponse, given: RoleGiven) -> InvitationMade:
    """A link that makes one new person. Asks for a proof; never by a token."""
    issued = create_invitation(actor_of(request), given.role)
    accepted(response, reverse("api:list_invitations"))
    facts = InvitationShown.of(issued.invitation).model_dump()
    return InvitationMade(**facts, url=request.build_absolute_uri(issued.path))


def _shown(request: HttpRequest, person_id: int) -> PersonShown:
    return PersonShown.of(persons([get_user(actor_of(request), person_id)])[0])
