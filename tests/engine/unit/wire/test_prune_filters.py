import json
from datetime import UTC, datetime, timedelta

import pytest

from engine.model.errors import Invalid
from engine.wire.prune_filters import LABELS_AND_AGE, PruneFilters, decode_prune_filters
from engine.wire.query import Filters

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def decoded(**values: list[str]) -> PruneFilters:
    named = {name.replace("not_label", "label!"): given for name, given in values.items()}
    filters = Filters.parse(json.dumps(named), known=LABELS_AND_AGE)
    return decode_prune_filters(filters, now_ns=int(NOW.timestamp()) * 10**9)


@pytest.mark.parametrize("until", ["24h", "2026-01-01T00:00:00Z", "2026-01-01", "1767225600"])
def test_until_is_an_age_or_a_moment(until: str) -> None:
    wanted = decoded(until=[until])
    assert wanted.allow({}, created_at=NOW - timedelta(days=1))
    assert not wanted.allow({}, created_at=NOW - timedelta(hours=23))
    assert wanted.allow({}, created_at=None)


@pytest.mark.parametrize("until", [["yesterday"], ["1h", "2h"]])
def test_an_until_that_says_nothing_is_refused(until: list[str]) -> None:
    with pytest.raises(Invalid, match="until"):
        decoded(until=until)


def test_labels_narrow_and_spare() -> None:
    assert decoded(label=["a=1", "b"]).allow({"a": "1", "b": ""})
    assert not decoded(label=["a=1", "b"]).allow({"a": "1"})
    assert not decoded(not_label=["keep"]).allow({"keep": "yes"})
    assert decoded(not_label=["keep=no"]).allow({"keep": "yes"})
