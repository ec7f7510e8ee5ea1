"""Build cache records as ``/system/df`` lists them and ``POST /build/prune`` filters them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.model.errors import Invalid
from engine.wire.prune_filters import LABELS, PruneFilters
from engine.wire.query import Filters, Query
from engine.wire.times import moment_or_age_ns

TYPE: Final = "exec.cachemount"
_FILTERS: Final = (
    *("until", "unused-for", "id", "parent", "type", "description", "inuse", "shared", "private"),
    *LABELS,  # `docker system prune` sends one filter for everything
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFacts:
    """Times are RFC 3339."""

    id: str
    description: str
    created_at: str
    last_used_at: str
    usage_count: int
    is_in_use: bool
    size_bytes: int


def encode_cache(cache: CacheFacts) -> dict[str, Any]:
    return {
        "ID": cache.id,
        "Parents": None,
        "Type": TYPE,
        "Description": cache.description,
        "InUse": cache.is_in_use,
        "Shared": False,
        "Size": cache.size_bytes,
        "CreatedAt": cache.created_at,
        "LastUsedAt": cache.last_used_at,
        "UsageCount": cache.usage_count,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneQuery:
    """``last_used_before_ns`` None: whenever. ``keep_bytes``: newer caches up to so much stay."""

    keep_bytes: int
    last_used_before_ns: int | None
    filters: Filters

    def wants(self, cache: CacheFacts) -> bool:
        """Whether the filters let it go; time aside."""
        given: Mapping[str, str] = {"id": cache.id, "parent": "", "type": TYPE, "description": cache.description}
        if cache.is_in_use or "inuse" in self.filters or "shared" in self.filters:
            return False
        if not PruneFilters(self.filters).allow({}):
            return False
        return all(name not in self.filters or value in self.filters.get(name) for name, value in given.items())


def decode_prune(query: Query, *, now_ns: int) -> PruneQuery:
    """``all`` makes no difference: every record is of one kind. Raises Invalid, naming the parameter."""
    filters = query.filters(known=_FILTERS)
    keep = max(query.number("keep-storage", least=0), query.number("reserved-space", least=0))
    until = [*filters.get("until"), *filters.get("unused-for")]
    if len(until) > 1:
        raise Invalid("filters: until may be given once only")
    before_ns = moment_or_age_ns("filters: until", until[0], now_ns=now_ns) if until else None
    return PruneQuery(keep_bytes=keep, last_used_before_ns=before_ns, filters=filters)
