"""``filters`` of prune requests: which of the things that nobody uses may go. Alike for all kinds of things."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.model.errors import Invalid
from engine.wire.query import Filters
from engine.wire.times import moment_or_age_ns, unix_nanoseconds

LABELS: Final = ("label", "label!")
LABELS_AND_AGE: Final = (*LABELS, "until")


@dataclass(frozen=True, slots=True)
class PruneFilters:
    """``before_ns``: only what was created no later than that, since the epoch; None: whatever its age."""

    filters: Filters
    before_ns: int | None = None

    def allow(self, labels: Mapping[str, str], *, created_at: datetime | None = None) -> bool:
        """``created_at`` None: not known, and then older than anything."""
        if not self.filters.match_labels(labels):
            return False
        if "label!" in self.filters and self.filters.match_labels(labels, key="label!"):
            return False
        return self.before_ns is None or created_at is None or unix_nanoseconds(created_at) <= self.before_ns


def decode_prune_filters(filters: Filters, *, now_ns: int) -> PruneFilters:
    """Raises Invalid."""
    until = filters.get("until")
    if len(until) > 1:
        raise Invalid("filters: more than one until filter specified")
    return PruneFilters(filters, moment_or_age_ns("filters: until", until[0], now_ns=now_ns) if until else None)
