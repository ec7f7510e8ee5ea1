"""Searching logs within bounds, whatever is looked for and wherever."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from console.hosts.logs import LogBatch, LogLine
from console.logs import searching
from console.logs.searching import Wanted, matcher, search
from console.operations.errors import Invalid, Unavailable

SECOND = 10**9


class FakeEngine:
    """``logs`` by container."""

    def __init__(self, logs: dict[str, list[LogLine]]) -> None:
        self._logs = logs
        self.cursors: list[str | None] = []
        self.given_out = 0

    async def logs(self, engine_id: str, *, cursor: str | None) -> AsyncIterator[LogBatch]:
        self.cursors.append(cursor)
        if engine_id not in self._logs:
            raise Unavailable("the engine broke off")
        lines = self._logs[engine_id]
        for start in range(0, len(lines), 100):
            self.given_out += len(lines[start : start + 100])
            yield LogBatch("", lines[start : start + 100])


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    lines = [LogLine(n * SECOND, 1 + n % 2, f"line {n} of 나루") for n in range(1000)]
    fake = FakeEngine({"one": lines, "two": [LogLine(0, 1, "alone")]})

    @asynccontextmanager
    async def connect(_address: str) -> AsyncIterator[Any]:
        yield fake

    async def find_log(_engine: FakeEngine, engine_id: str) -> str:
        return engine_id

    monkeypatch.setattr(searching, "connect", connect)
    monkeypatch.setattr(searching, "find_log", find_log)
    monkeypatch.setattr(searching, "read_log", FakeEngine.logs)
    return fake


async def found(query: str, *, of: str = "one", **more: Any) -> searching.Found:
    (one,) = await search([("unix:///x", of)], Wanted(query, **more))
    return one


async def test_plain_text_is_found_with_where_it_is(engine: FakeEngine) -> None:
    one = await found("LINE 7 ")
    assert [(hit.at_ms, hit.stream) for hit in one.hits] == [(7000, 2)]
    assert [(part.text, part.is_hit) for part in one.hits[0].parts] == [("line 7 ", True), ("of 나루", False)]
    assert one.bound == ""


async def test_case_counts_when_asked_and_signs_are_plain(engine: FakeEngine) -> None:
    assert (await found("LINE 7 ", minds_case=True)).hits == []
    assert (await found("line . of")).hits == []
    assert len((await found("line . of", is_pattern=True)).hits) == 10
    assert len((await found("9 of 나", is_pattern=False)).hits) == 100


async def test_each_log_has_its_own_result_and_one_that_fails_hides_none(engine: FakeEngine) -> None:
    results = await search([("unix:///x", name) for name in ("one", "gone", "two")], Wanted("alone"))
    assert [len(one.hits) for one in results] == [0, 0, 1]
    assert [bool(one.error) for one in results] == [False, True, False]


async def test_times_bound_the_search(engine: FakeEngine) -> None:
    one = await found("line", since=datetime.fromtimestamp(5, UTC), until=datetime.fromtimestamp(20, UTC))
    assert engine.cursors == ["5000000000.0.0"]
    assert one.hits[-1].at_ms == 20_000
    assert engine.given_out == 100


@pytest.mark.parametrize(
    ("bound", "limit", "value"), [("hits", "MOST_HITS", 3), ("bytes", "MOST_BYTES", 500), ("time", "MOST_S", 0.0)]
)
async def test_a_search_ends_at_its_bounds_and_says_so(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, bound: str, limit: str, value: float
) -> None:
    monkeypatch.setattr(searching, limit, value)
    one = await found("line")
    assert one.bound == bound
    assert len(one.hits) < 1000


@pytest.mark.parametrize("query", ["", "x" * 501, "(", "a{2000}", r"(a)\1", "(?=a)"])
async def test_what_is_no_pattern_is_refused(query: str) -> None:
    with pytest.raises(Invalid) as refused:
        await found(query, is_pattern=True)
    assert refused.value.field == "query"


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|aa)+$", "(.*)*x", "((a{0,50}){0,10})b"])
def test_no_pattern_takes_long(pattern: str) -> None:
    spans = matcher(Wanted(pattern, is_pattern=True))
    began = time.process_time()
    spans("a" * 50_000)
    # some hundredths of a second, with room for a slow machine; a backtracking engine takes years
    assert time.process_time() - began < 5


async def test_a_long_line_is_shown_around_the_hit(engine: FakeEngine) -> None:
    engine._logs["long"] = [LogLine(0, 1, "x" * 100_000 + "needle" + "y" * 100_000)]
    one = await found("needle", of="long")
    text = "".join(part.text for part in one.hits[0].parts)
    assert len(text) == 2000
    assert "needle" in text
