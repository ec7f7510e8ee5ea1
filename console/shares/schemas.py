"""Links for others as the API is told of them and shows them."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from console.rest.schemas import Given, Shown, Whole, words
from console.shares.models import Share


class ShareShown(Shown):
    id: int
    kind: Annotated[Share.Kind, words(Share.Kind)]
    shows: str = Field(description="What it shows, as it was called when the link was made.")
    state: Annotated[Share.State, words(Share.State)]
    maker: str
    note: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_opened_at: datetime | None

    @classmethod
    def of(cls, share: Share) -> Self:
        return cls(
            id=share.pk,
            kind=Share.Kind(share.kind),
            shows=share.shown_name,
            state=share.state,
            maker=share.maker.username,
            note=share.note,
            created_at=share.created_at,
            expires_at=share.expires_at,
            revoked_at=share.revoked_at,
            last_opened_at=share.last_opened_at,
        )


class ShareMade(ShareShown):
    url: str = Field(description="The link. It is shown only now.")


class LinkGiven(Given):
    hours: Whole = Field(24, ge=1, le=720, description="How long it works.")
    note: str = Field("", max_length=120)
