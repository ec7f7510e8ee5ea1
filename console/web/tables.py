"""Sorted, keyset-paged lists: what the next page starts after is in the URL, not how many rows to skip."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext, gettext_lazy

from console.operations.errors import Invalid

PAGE_ROWS = 50
# what a database's integers hold
LARGEST = 2**63 - 1
DAMAGED = gettext_lazy("This address is damaged: “after” names no place in this list.")
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Table(Generic[Row]):
    """One page of rows, and the links that lead elsewhere."""

    rows: Sequence[Row]
    sort: str
    sortable: Mapping[str, str]
    query: QueryDict
    next_after: str
    is_first: bool
    is_filtered: bool

    def link(self, **changes: str) -> str:
        """This page's query string with ``changes``; an empty value removes the key."""
        query = self.query.copy()
        for key, value in changes.items():
            query.pop(key, None)
            if value:
                query[key] = value
        return f"?{query.urlencode()}"

    @property
    def next_link(self) -> str:
        return self.link(after=self.next_after)

    @property
    def first_link(self) -> str:
        return self.link(after="")


def table_of(request: HttpRequest, rows: QuerySet[Row], *, sortable: Mapping[str, str], default: str) -> Table[Row]:
    """The page that ``?sort=`` and ``?after=`` ask for.

    ``sortable`` maps the names used in URLs to fields that are never null; ``default`` is such a name, "-" first for
    descending. Ties are broken by primary key. Raises Invalid for a sort or a position nobody was given.
    """
    sort = request.GET.get("sort", "") or default
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    if name not in sortable:
        raise Invalid(gettext("This list cannot be sorted by “%(name)s”.") % {"name": name[:80]})
    field, sign = sortable[name], "-" if descending else ""
    ordered = rows.order_by(f"{sign}{field}", f"{sign}pk")
    after = request.GET.get("after", "")
    try:
        if after:
            ordered = ordered.filter(_beyond(field, *_position(after), descending=descending))
        found = list(ordered[: PAGE_ROWS + 1])
    except (TypeError, ValueError, ValidationError) as error:
        # a position of another list: its value is of another type
        raise Invalid(str(DAMAGED)) from error
    more = len(found) > PAGE_ROWS
    page = found[:PAGE_ROWS]
    filters = {key for key, value in request.GET.items() if value} - {"sort", "after"}
    return Table(
        rows=page,
        sort=sort,
        sortable=sortable,
        query=request.GET,
        next_after=_token(_value(page[-1], field), page[-1].pk) if more else "",
        is_first=not after,
        is_filtered=bool(filters),
    )


def _beyond(field: str, value: object, key: int, *, descending: bool) -> Q:
    side = "lt" if descending else "gt"
    return Q(**{f"{field}__{side}": value}) | Q(**{field: value, f"pk__{side}": key})


def _value(row: Model, field: str) -> Any:
    value: Any = row
    for part in field.split("__"):
        value = getattr(value, part)
    return value


def _token(value: object, key: int) -> str:
    shown = {"at": value.isoformat()} if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(json.dumps([shown, key]).encode()).decode().rstrip("=")


def _position(token: str) -> tuple[object, int]:
    """What ``_token`` was given. The token is a person's to edit, so nothing in it is believed."""
    try:
        shown, key = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if isinstance(shown, dict):
            shown = parse_datetime(str(shown.get("at", "")))
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise Invalid(str(DAMAGED)) from error
    numbers = [number for number in (shown, key) if isinstance(number, int)]
    if not isinstance(key, int) or not isinstance(shown, str | int | datetime) or max(map(abs, numbers)) > LARGEST:
        raise Invalid(str(DAMAGED))
    return shown, key
