"""What could go from hosts, and what is held, as the API is told of it and shows it."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from console.prune.models import Quarantined
from console.prune.operations import HELD_DAYS, MOST_DAYS, MOST_ITEMS, OLDER_DAYS
from console.prune.planning import Kind, Plan, Why
from console.rest.schemas import Given, Paging, Shown, Slug, Whole, words

KindWord = Annotated[Kind, words(Kind)]
WhyWord = Annotated[Why, words(Why)]


class PlanQuery(Given):
    older_than_days: int = Field(OLDER_DAYS, ge=0, le=MOST_DAYS, description="Of all but images without a tag.")


class ItemShown(Shown):
    token: str = Field(description="What to send to have it go.")
    kind: KindWord
    name: str
    size_bytes: int
    at: datetime = Field(description="When it was made; of a build cache, last used.")


class KeptShown(Shown):
    kind: KindWord
    name: str
    why: WhyWord


class PlanShown(Shown):
    """What could go now."""

    items: list[ItemShown]
    kept: list[KeptShown]

    @classmethod
    def of(cls, plan: Plan) -> Self:
        items = [
            ItemShown(token=one.token, kind=one.kind, name=one.name, size_bytes=one.size_bytes, at=one.at)
            for one in plan.items
        ]
        return cls(items=items, kept=[KeptShown(kind=one.kind, name=one.name, why=one.why) for one in plan.kept])


class PruneGiven(Given):
    items: list[str] = Field(max_length=MOST_ITEMS, description="Tokens of the plan.")
    older_than_days: Whole = Field(OLDER_DAYS, description="As the plan was asked for.")
    held_days: Whole = Field(HELD_DAYS, description="How long images can be put back: 1 to 90.")


class QuarantinedShown(Shown):
    id: str = Field(description="The image's 64 hex digits.")
    host: str
    references: list[str] = Field(description="The names it had, and gets back.")
    size_bytes: int
    put_at: datetime
    until: datetime = Field(description="When it goes.")

    @classmethod
    def of(cls, held: Quarantined) -> Self:
        return cls(
            id=held.engine_id,
            host=held.host.name,
            references=held.references,
            size_bytes=held.size_bytes,
            put_at=held.put_at,
            until=held.until,
        )


class QuarantineQuery(Paging):
    host: Slug | None = None
