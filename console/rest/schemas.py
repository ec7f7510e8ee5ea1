"""What is given to the API and what it shows, as far as all apps share it."""

from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, Strict, WithJsonSchema

from console.operations.errors import Invalid
from console.web.keyset import LARGEST, Damaged, Page, page_of

MOST_ITEMS = 200


def _text_only(value: Any) -> Any:
    """A time is written as text; a number would be taken for seconds."""
    if not isinstance(value, str):
        raise ValueError("write it as text, in RFC 3339")  # noqa: TRY004 - what pydantic takes for a finding
    return value


# as JSON has them: neither "5" nor true is a number
Whole = Annotated[int, Strict()]
Decimal = Annotated[float, Strict()]
Flag = Annotated[bool, Strict()]
Moment = Annotated[AwareDatetime, BeforeValidator(_text_only)]
# a row's number in an address
Number = Annotated[int, Field(ge=1, le=LARGEST)]
Name = Annotated[str, Field(min_length=1, max_length=255)]
Slug = Annotated[str, Field(min_length=1, max_length=63)]


def words(kind: type[Enum]) -> WithJsonSchema:
    """For the type of an enumeration whose name others have too ("State"): it is spelt out where it is used, since
    the document keeps one definition for a name.
    """
    return WithJsonSchema({"type": "string", "enum": [member.value for member in kind]})


class Given(BaseModel):
    """What a request says. A field that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid")


class Shown(BaseModel):
    """What an answer says."""

    model_config = ConfigDict(extra="forbid")


class Paging(Given):
    limit: int = Field(50, ge=1, le=MOST_ITEMS, description="How many items at most.")
    cursor: str = Field("", max_length=1000, description="Where to go on: `next` of the page before.")


Item = TypeVar("Item", bound=Shown)
Row = TypeVar("Row", bound=Model)


class Listing(Shown, Generic[Item]):
    items: list[Item]
    next: str | None = Field(description="The cursor of the page that follows; null at the end.")


def paged(rows: QuerySet[Row], paging: Paging, *, by: str) -> Page[Row]:
    """The rows that ``paging`` asks for, by a field that is never null ("-" first: descending).

    Stable: what comes or goes meanwhile moves nothing. Invalid names ``cursor``.
    """
    field, descending = by.removeprefix("-"), by.startswith("-")
    try:
        return page_of(rows, field=field, descending=descending, after=paging.cursor, limit=paging.limit)
    except Damaged as error:
        raise Invalid(_("This is no cursor of this list."), field="cursor") from error


def listing(rows: QuerySet[Row], paging: Paging, *, by: str, show: Callable[[Row], Item]) -> Listing[Item]:
    page = paged(rows, paging, by=by)
    return Listing[Item].model_construct(items=[show(row) for row in page.rows], next=page.next_after or None)
