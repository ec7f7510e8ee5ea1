"""The agent tells what its engine does: all of it, in order, from where it was; and keeps what is left of crashes."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from console.hosts.capsules import MOST_LINES, MOST_TEXT, bounded, contents_of
from console.hosts.events import EngineEvent
from console.hosts.gateway import Engine
from console.hosts.signing_key import host_key
from console.hosts.stats import Use
from console.jobs.agent import keeping, listening
from console.jobs.agent.execution import Agent
from console.jobs.agent.incidents import HOUR_NS, Allowance, Finder, Incident, What
from console.jobs.agent.journal import Journal
from console.jobs.agent.keeping import Keeper, capsule_about
from console.jobs.agent.listening import AGAIN_NS, Listener
from console.jobs.signing import open_told
from console.operations.errors import Missing, Unavailable
from tests.factories.engine import inspection

A = "ab" * 32
KEY = host_key("secret", "local")


def message(action: str, at_ns: int, **attributes: str) -> dict[str, Any]:
    actor = {"ID": A, "Attributes": {"name": "web-1", "image": "app:1", **attributes}}
    return {"Type": "container", "Action": action, "Actor": actor, "timeNano": at_ns}


class FakeEngine:
    """Remembers what happened, and tells it from any moment on; then it goes."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.messages = list(messages)
        self.asked: list[int] = []
        self.log = b""
        self.stats: dict[str, Any] = {}

    async def lines(self, path: str, *, params: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
        assert path == "events"
        since = int(params["since"].replace(".", ""))
        self.asked.append(since)
        for one in self.messages:
            if one["timeNano"] >= since:
                yield one

    async def json(self, path: str, **_more: Any) -> Any:
        return self.stats if path.endswith("/stats") else inspection(A)

    @asynccontextmanager
    async def stream(self, path: str, *, params: dict[str, str]) -> AsyncIterator[Any]:
        assert params["tail"]

        async def pieces() -> AsyncIterator[bytes]:
            # pieces that end anywhere
            size = 7 + len(self.log) // 50
            for start in range(0, len(self.log), size):
                yield self.log[start : start + size]

        yield SimpleNamespace(content=SimpleNamespace(iter_any=pieces))


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent("local", KEY, "unix:///nowhere.sock", Journal(tmp_path / "journal.sqlite3"), capacity=1)


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    facts: list[dict[str, Any]] = []

    def report(_host: str, fact: dict[str, Any], **_more: Any) -> bool:
        facts.append(fact)
        return True

    monkeypatch.setattr(listening, "report", report)
    monkeypatch.setattr(keeping, "report", report)
    return facts


class NoKeeper:
    def __init__(self) -> None:
        self.taken: list[Incident] = []

    def take(self, incident: Incident) -> None:
        self.taken.append(incident)


async def listen(agent: Agent, engine: FakeEngine) -> tuple[NoKeeper, asyncio.Event]:
    keeper, changed = NoKeeper(), asyncio.Event()
    async with asyncio.timeout(10):
        await Listener(agent, cast("Engine", engine), cast("Keeper", keeper)).listen(changed)
    return keeper, changed


def actions(reported: list[dict[str, Any]]) -> list[str]:
    return [event["action"] for fact in reported for event in fact["events"]]


async def test_what_happened_while_the_agent_was_away_is_told(agent: Agent, reported: list[dict[str, Any]]) -> None:
    now_ns = time.time_ns()
    agent.journal.heard_until(now_ns)
    engine = FakeEngine(message("start", now_ns - 2 * AGAIN_NS), message("die", now_ns + 10, exitCode="1"))
    keeper, changed = await listen(agent, engine)
    assert (actions(reported), changed.is_set()) == (["die"], True)
    assert [incident.exit_code for incident in keeper.taken] == [1]
    # the agent is started again: it asks from where it was, and what it is told again is no new incident
    engine.messages.append(message("start", now_ns + 20))
    keeper, _changed = await listen(agent, engine)
    assert actions(reported) == ["die", "die", "start"]
    assert keeper.taken == []
    assert engine.asked[1] == now_ns + 10 - AGAIN_NS
    # Redis was emptied meanwhile
    agent.journal.hear_again(now_ns - 3 * AGAIN_NS)
    keeper, _changed = await listen(agent, engine)
    assert actions(reported)[-3:] == ["start", "die", "start"]
    assert [incident.exit_code for incident in keeper.taken] == [1]


async def test_what_could_not_be_told_is_asked_for_again(
    agent: Agent, reported: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns = time.time_ns()
    agent.journal.heard_until(now_ns)
    engine = FakeEngine(message("start", now_ns + 1))
    with monkeypatch.context() as away:
        away.setattr(listening, "report", lambda *_given, **_more: False)
        with pytest.raises(Unavailable):
            await listen(agent, engine)
    await listen(agent, engine)
    assert actions(reported) == ["start"]


async def test_health_checks_are_nobody_s_exec(agent: Agent, reported: list[dict[str, Any]]) -> None:
    now_ns = time.time_ns()
    agent.journal.heard_until(now_ns)
    probe = "exec_start: /bin/sh -c curl -f localhost"
    engine = FakeEngine(
        message(probe, now_ns + 1, execID="p"),
        message("exec_start: sh -c true", now_ns + 2, execID="e"),
        message("exec_die", now_ns + 3, execID="p", exitCode="0"),
        message("exec_die", now_ns + 4, execID="e", exitCode="0"),
        message("top", now_ns + 5),
    )
    await listen(agent, engine)
    told = [event["words"]["exec_id"] for fact in reported for event in fact["events"]]
    assert told == ["e", "e"]


async def test_an_idle_engine_goes_unheard_and_unharmed(agent: Agent, reported: list[dict[str, Any]]) -> None:
    keeper, changed = await listen(agent, FakeEngine())
    assert (reported, keeper.taken, changed.is_set()) == ([], [], False)


def test_the_journal_never_goes_back(agent: Agent) -> None:
    assert agent.journal.heard_until(100) == 100
    agent.journal.keep_heard(300)
    agent.journal.keep_heard(200)
    assert agent.journal.heard_until(999) == 300


# --- incidents ---


def incidents(*events: tuple[str, dict[str, str]]) -> list[tuple[What, int | None]]:
    finder, found = Finder(), list[Incident]()
    for second, (action, words) in enumerate(events):
        found += finder.found(EngineEvent("container", action, A, second * 10**9, "web-1", "app:1", words))
    return [(incident.what, incident.exit_code) for incident in found]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([("die", {"exit_code": "3"})], [(What.EXIT, 3)]),
        ([("die", {"exit_code": "0"})], []),
        ([("kill", {"signal": "15"}), ("die", {"exit_code": "143"}), ("stop", {})], []),
        ([("kill", {"signal": "15"}), ("kill", {"signal": "9"}), ("die", {"exit_code": "137"})], []),
        ([("kill", {"signal": "9"}), ("die", {"exit_code": "137"})], [(What.EXIT, 137)]),
        ([("kill", {"signal": "1"}), ("die", {"exit_code": "1"})], [(What.EXIT, 1)]),
        ([("kill", {"signal": "15"}), ("die", {"exit_code": "0"}), ("die", {"exit_code": "1"})], [(What.EXIT, 1)]),
        ([("oom", {}), ("die", {"exit_code": "137"})], [(What.OOM, None)]),
        ([("health_status", {"status": "unhealthy"})], [(What.UNHEALTHY, None)]),
        ([("health_status", {"status": "healthy"})], []),
    ],
)
def test_what_counts_as_gone_wrong(
    events: list[tuple[str, dict[str, str]]], expected: list[tuple[What, int | None]]
) -> None:
    assert incidents(*events) == expected


def test_a_storm_is_cut_off_and_ends() -> None:
    allowance = Allowance(per_container=2, per_host=3)
    assert [allowance.take("a", now_ns=n) for n in range(3)] == [True, True, False]
    assert [allowance.take(name, now_ns=5) for name in ("b", "c")] == [True, False]
    assert allowance.take("a", now_ns=HOUR_NS + 1)


async def test_what_is_kept_is_sealed_for_the_console(
    agent: Agent, reported: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = FakeEngine()
    engine.log = b"".join(frame(2, f"2026-01-02T03:04:0{n}.5Z last words {n}\n".encode()) for n in range(8))
    monkeypatch.setattr(keeping, "connect", connecting(engine))
    keeper = Keeper(agent)
    at_ns = 1_767_323_045_500_000_000
    keeper.take(Incident(What.EXIT, A, "web-1", at_ns, 3))
    await settled(keeper)
    (fact,) = reported
    assert "last words" not in json.dumps(fact)
    text = open_told(fact["sealed"], KEY, about=capsule_about("local", A, at_ns))
    kept = json.loads(text)
    # of what was written after it ended, nothing
    assert [line[1:] for line in kept["lines"]] == [["stderr", f"last words {n}"] for n in range(6)]
    assert [probe["exit_code"] for probe in kept["health"]] == [0, 7]
    assert len(kept["fingerprint"]) == 16


async def kept_stats(agent: Agent, reported: list[dict[str, Any]], what: What) -> dict[str, Any]:
    keeper = Keeper(agent)
    keeper.take(Incident(what, A, "web-1", 1, 3))
    await settled(keeper)
    text = open_told(reported[-1]["sealed"], KEY, about=capsule_about("local", A, 1))
    stats: dict[str, Any] = json.loads(text)["stats"]
    return stats


async def test_what_it_used_last_is_kept_and_of_one_that_runs_still_what_it_uses_now(
    agent: Agent, reported: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = FakeEngine()
    engine.stats = {
        "read": "2026-01-02T03:04:05Z",
        "cpu_stats": {"system_cpu_usage": 1},
        "memory_stats": {"usage": 100, "stats": {"inactive_file": 40}},
        "pids_stats": {"current": 3},
    }
    monkeypatch.setattr(keeping, "connect", connecting(engine))
    assert await kept_stats(agent, reported, What.EXIT) == {}
    agent.uses = {A: Use(5, 12.34, 50, 64, None, None, None, None, 2)}
    last = {"at_ms": 5, "memory_bytes": 50, "memory_limit_bytes": 64, "pids": 2, "cpu_percent": 12.3}
    assert await kept_stats(agent, reported, What.EXIT) == last
    now = {"at_ms": 1_767_323_045_000, "memory_bytes": 60, "memory_limit_bytes": 0, "pids": 3, "cpu_percent": 12.3}
    assert await kept_stats(agent, reported, What.UNHEALTHY) == now


async def test_of_one_that_is_gone_nothing_is_kept_but_the_count(
    agent: Agent, reported: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = FakeEngine()

    async def gone(*_given: Any, **_more: Any) -> Any:
        raise Missing("no such container")

    monkeypatch.setattr(engine, "json", gone)
    monkeypatch.setattr(keeping, "connect", connecting(engine))
    keeper = Keeper(agent)
    keeper.take(Incident(What.EXIT, A, "web-1", 1, 3))
    await settled(keeper)
    assert [fact["sealed"] for fact in reported] == [""]


async def test_the_last_lines_are_the_newest_and_bounded() -> None:
    lines = [(n, "stdout", f"line {n}") for n in range(3 * MOST_LINES)]
    assert bounded(lines) == lines[-MOST_LINES:]
    long = [(n, "stdout", "x" * 2000) for n in range(MOST_LINES)]
    assert sum(len(text) for _at, _stream, text in bounded(long)) <= MOST_TEXT
    engine = FakeEngine()
    engine.log = b"".join(frame(1, b"2026-01-02T03:04:00Z " + b"\xff" * 9000 + b"\n") for _n in range(300))
    kept = await contents_of(cast("Engine", engine), A, at_ns=2 * 10**18)
    assert len(json.dumps(kept)) < 400_000


def frame(stream: int, text: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


def connecting(engine: FakeEngine) -> Callable[[str], Any]:
    @asynccontextmanager
    async def connect(_address: str) -> AsyncIterator[FakeEngine]:
        yield engine

    return connect


async def settled(keeper: Keeper) -> None:
    async with asyncio.timeout(10):
        await asyncio.gather(*keeper._tasks)
