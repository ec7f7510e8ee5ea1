"""Histories as pages want them: for charts, and as rows of a table."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from console.operations.errors import Invalid
from console.stats.queries import History, Span

MOST_ROWS = 60


@dataclass(frozen=True, slots=True)
class Row:
    at: datetime
    values: dict[str, float | None]


def span_of(request: HttpRequest) -> Span:
    """What ``?span=`` asks for. Invalid for a span there is not."""
    try:
        return Span(request.GET.get("span") or Span.HOUR)
    except ValueError as error:
        raise Invalid(_("Samples are there for 1h, 6h or 24h."), field="span") from error


def as_json(history: History) -> dict[str, Any]:
    return {"step": history.step_s, "at": history.at_s, "columns": history.columns}


def table_rows(history: History) -> list[Row]:
    """Newest first, at most MOST_ROWS of them, evenly spread; gaps are left out."""
    every = max(1, -(-len(history.at_s) // MOST_ROWS))
    rows = [
        Row(datetime.fromtimestamp(at, UTC), {name: column[place] for name, column in history.columns.items()})
        for place, at in enumerate(history.at_s)
        if (len(history.at_s) - 1 - place) % every == 0
    ]
    return [row for row in reversed(rows) if any(value is not None for value in row.values.values())]
