"""Pages of a list by keyset: where the next one begins is said by the last row, not by how many rows to skip.

Rows that come or go meanwhile move nothing. Pages and the JSON API have it from here.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.utils.dateparse import parse_datetime

# what a database's integers hold
LARGEST = 2**63 - 1
Row = TypeVar("Row", bound=Model)


class Damaged(Exception):
    """A position that nobody was given, or one of another list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """``next_after`` is the position of the last row, empty where nothing follows."""

    rows: Sequence[Row]
    next_after: str


def page_of(rows: QuerySet[Row], *, field: str, descending: bool, after: str, limit: int) -> Page[Row]:
    """The first ``limit`` rows behind ``after``, by ``field``, which is never null; ties are broken by primary key.

    Raises Damaged.
    """
    sign = "-" if descending else ""
    ordered = rows.order_by(*([f"{sign}pk"] if field == "pk" else [f"{sign}{field}", f"{sign}pk"]))
    try:
        if after:
            ordered = ordered.filter(_beyond(field, *_position(after), descending=descending))
        found = list(first_of(ordered, limit + 1))
    except (TypeError, ValueError, ValidationError) as error:
        # a position of another list: its value is of another type
        raise Damaged from error
    page = found[:limit]
    more = len(found) > limit
    return Page(page, _token(_value(page[-1], field), page[-1].pk) if more else "")


def first_of(ordered: QuerySet[Row], count: int) -> QuerySet[Row]:
    """The first ``count`` rows. Which these are is found by keys alone: what is long is read of them only, where a
    database that sorts would otherwise carry every row along.
    """
    return ordered.filter(pk__in=ordered.values("pk")[:count])


def _beyond(field: str, value: object, key: object, *, descending: bool) -> Q:
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
        raise Damaged from error
    numbers = [number for number in (shown, key) if isinstance(number, int)]
    if not isinstance(key, int) or not isinstance(shown, str | int | datetime) or max(map(abs, numbers)) > LARGEST:
        raise Damaged
    return shown, key
