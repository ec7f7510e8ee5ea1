"""Tokens as the API is told of them and shows them."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from console.operations.permissions import Permission
from console.rest.schemas import Flag, Given, Shown, Whole, words
from console.tokens.models import ApiToken
from console.tokens.operations import NAME_LIMIT

Scope = Annotated[ApiToken.Scope, words(ApiToken.Scope)]


class TokenShown(Shown):
    id: int
    name: str
    prefix: str = Field(description="What it begins with.")
    state: Annotated[ApiToken.State, words(ApiToken.State)]
    scope: Scope
    permissions: list[str] = Field(description="Empty: all that the scope has.")
    workspace: str | None = Field(description="Null: everywhere.")
    is_confirmed: bool = Field(description="Also for acts that ask for a proof.")
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    last_used_from: str

    @classmethod
    def of(cls, token: ApiToken) -> Self:
        return cls(
            id=token.pk,
            name=token.name,
            prefix=f"naru_{token.prefix}",
            state=token.state,
            scope=ApiToken.Scope(token.scope),
            permissions=token.permissions,
            workspace=token.workspace.slug if token.workspace else None,
            is_confirmed=token.is_confirmed,
            created_at=token.created_at,
            expires_at=token.expires_at,
            last_used_at=token.last_used_at,
            last_used_from=token.last_used_from,
        )


class TokenMade(TokenShown):
    token: str = Field(description="Shown only now.")


class TokenGiven(Given):
    name: str = Field(min_length=1, max_length=NAME_LIMIT)
    scope: Scope
    permissions: list[Permission] = Field(default_factory=list, description="Empty: all that the scope has.")
    workspace: str = Field("", max_length=40, description="Empty: everywhere.")
    days: Whole | None = Field(None, ge=1, le=3660, description="How long it lasts; null: as long as is usual here.")
    is_confirmed: Flag = Field(False, description="Also for acts that ask for a proof.")
