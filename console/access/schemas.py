"""Teams, roles, grants and answers as the API is told of them and shows them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from console.access.models import CustomRole, Grant, Membership, Team
from console.access.queries import GrantFilter
from console.access.why import Answer, Verdict
from console.access.wishes import Wish
from console.operations.permissions import Permission
from console.rest.schemas import Given, Moment, Paging, Shown, words

Scope = Annotated[Grant.Scope, words(Grant.Scope)]


class GrantShown(Shown):
    id: int
    user: str | None
    team: str | None
    role: str
    scope: Scope
    workspace: str | None
    host: str | None
    label: str | None
    until: datetime | None
    reason: str
    granted_at: datetime
    granted_by: str

    @classmethod
    def of(cls, grant: Grant) -> Self:
        return cls(
            id=grant.pk,
            user=str(grant.user) if grant.user else None,
            team=grant.team.slug if grant.team else None,
            role=grant.role_name,
            scope=Grant.Scope(grant.scope),
            workspace=grant.workspace.slug if grant.workspace else None,
            host=grant.host.name if grant.host else None,
            label=f"{grant.label_key}={grant.label_value}" if grant.label_key else None,
            until=grant.until,
            reason=grant.reason,
            granted_at=grant.granted_at,
            granted_by=grant.granted_by_name,
        )


class GrantQuery(Paging):
    holder: str = Field("", max_length=150, description="The name of a person or a team.")
    workspace: str = Field("", max_length=40)
    role: str = Field("", max_length=40)

    @property
    def wanted(self) -> GrantFilter:
        return GrantFilter(self.holder, self.workspace, self.role)


class GrantGiven(Given):
    """One of `user` and `team`; of `workspace`, `host` and `label` the one that `scope` names."""

    role: str = Field(min_length=1, max_length=40)
    scope: Scope
    user: str = Field("", max_length=150)
    team: str = Field("", max_length=40)
    workspace: str = Field("", max_length=40)
    host: str = Field("", max_length=63)
    label: str = Field("", max_length=400, description="`key=value`")
    until: Moment | None = Field(None, description="It ends then by itself; null: for good.")
    reason: str = Field("", max_length=500)

    @property
    def wish(self) -> Wish:
        return Wish(**{**self.model_dump(), "scope": self.scope.value})


class MemberShown(Shown):
    id: int = Field(description="Of the person.")
    username: str
    since: datetime

    @classmethod
    def of(cls, membership: Membership) -> Self:
        return cls(id=membership.user_id, username=str(membership.user), since=membership.since)


class TeamShown(Shown):
    slug: str
    title: str
    created_at: datetime

    @classmethod
    def of(cls, team: Team) -> Self:
        return cls(slug=team.slug, title=team.title, created_at=team.created_at)


class WholeTeam(TeamShown):
    members: list[MemberShown]
    grants: list[GrantShown]

    @classmethod
    def with_all(cls, team: Team, members: Iterable[Membership], grants: Iterable[Grant]) -> Self:
        shown = TeamShown.of(team).model_dump()
        return cls(
            **shown,
            members=[MemberShown.of(member) for member in members],
            grants=[GrantShown.of(grant) for grant in grants],
        )


class NewTeam(Given):
    slug: str = Field(max_length=40, description="Small letters, digits and “-”. It stays as it is.")
    title: str = Field("", max_length=80)


class MemberGiven(Given):
    username: str = Field(min_length=1, max_length=150)


class RoleShown(Shown):
    slug: str
    title: str
    is_built_in: bool
    permissions: list[Permission]

    @classmethod
    def of(cls, role: CustomRole) -> Self:
        return cls(slug=role.slug, title=role.title, is_built_in=False, permissions=sorted(role.held))


class RoleChange(Given):
    title: str = Field("", max_length=80)
    permissions: list[Permission] = Field(min_length=1)


class NewRole(RoleChange):
    slug: str = Field(max_length=40, description="Small letters, digits and “-”. It stays as it is.")


class WhyQuery(Given):
    who: str = Field(min_length=1, max_length=150)
    permission: Permission
    thing: str = Field(
        "",
        max_length=400,
        description="A container or image as `workspace/name`, a workspace as `shop/`, a job as `#7`; empty: all.",
    )


class StepShown(Shown):
    grant: GrantShown
    verdict: Verdict


class WhyShown(Shown):
    allowed: bool
    is_disabled: bool = Field(description="Then no grant gives anything.")
    steps: list[StepShown]
    hidden: int = Field(description="How many grants are in scopes that you may not look into.")
    grantors: list[str] = Field(description="Who could grant it.")

    @classmethod
    def of(cls, answer: Answer) -> Self:
        steps = [StepShown(grant=GrantShown.of(step.grant), verdict=step.verdict) for step in answer.steps]
        return cls(
            allowed=answer.allowed,
            is_disabled=answer.is_disabled,
            steps=steps,
            hidden=answer.hidden,
            grantors=list(answer.grantors),
        )
