"""People and invitations as the API is told of them and shows them."""

from datetime import datetime
from typing import Self

from pydantic import Field

from console.accounts.models import Invitation, User
from console.accounts.queries import Person
from console.operations.actor import Actor
from console.operations.permissions import Permission, Role
from console.rest.schemas import Flag, Given, Shown


class PersonShown(Shown):
    id: int
    username: str
    email: str
    role: Role | None = Field(description="Over everything and for good; other grants are in `grants`.")
    is_active: bool
    is_two_step: bool
    joined_at: datetime
    last_sign_in_at: datetime | None

    @classmethod
    def of(cls, person: Person) -> Self:
        user = person.user
        return cls(
            id=user.pk,
            username=user.username,
            email=user.email,
            role=person.role,
            is_active=user.is_active,
            is_two_step=person.is_two_step,
            joined_at=user.joined_at,
            last_sign_in_at=user.last_sign_in_at,
        )


class InvitationShown(Shown):
    id: int
    role: Role
    created_at: datetime
    expires_at: datetime
    created_by: str | None

    @classmethod
    def of(cls, invitation: Invitation) -> Self:
        return cls(
            id=invitation.pk,
            role=Role(invitation.role),
            created_at=invitation.created_at,
            expires_at=invitation.expires_at,
            created_by=invitation.created_by.username if invitation.created_by else None,
        )


class InvitationMade(InvitationShown):
    url: str = Field(description="Works once; shown only now.")


class RoleGiven(Given):
    role: Role


class ActiveGiven(Given):
    active: Flag


class ResetGiven(Given):
    drops_factors: Flag = Field(False, description="The second factor is lost too.")


class ResetMade(Shown):
    url: str = Field(description="Works once, for a day; shown only now.")


class MeShown(Shown):
    id: int
    username: str
    token: str | None = Field(description="The token by which this was asked.")
    reads_only: bool
    permissions: list[Permission] | None = Field(
        description="What the token leaves of your permissions; null: all. What you hold where is said by `why`."
    )

    @classmethod
    def of(cls, actor: Actor) -> Self:
        limits = actor.limits
        return cls(
            id=actor.user_pk or 0,
            username=actor.name,
            token=limits.label if limits else None,
            reads_only=limits.reads_only if limits else False,
            permissions=sorted(limits.permissions) if limits else None,
        )


class SettingsShown(Shown):
    theme: str = Field(description="system, light or dark; empty: never chosen.")
    language: str
    density: str
    time_zone: str
    hidden_columns: dict[str, list[str]] = Field(description="By table.")

    @classmethod
    def of(cls, user: User) -> Self:
        names = ("theme", "language", "density", "time_zone", "hidden_columns")
        return cls(**{name: getattr(user, name) for name in names})


class SettingsGiven(Given):
    theme: str | None = Field(None, max_length=8)
    language: str | None = Field(None, max_length=8)
    density: str | None = Field(None, max_length=12)
    time_zone: str | None = Field(None, max_length=64)
