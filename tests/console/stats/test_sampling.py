"""The agent's pass over what runs, against an engine that answers as Docker does."""

from typing import Any

import pytest
import redis

from console.hosts.gateway import Engine
from console.jobs import sending, streams
from console.operations.errors import Missing
from console.stats import sampling
from console.stats.latest import Latest
from console.stats.sampling import Sampler, kept_on_disk
from tests.console.stats.test_counters import document
from tests.fakes.broker import Broker

A, B = "aa" * 32, "bb" * 32


class FakeEngine:
    """Counts what it is asked; ``seconds`` is its clock."""

    def __init__(self, *running: str) -> None:
        self.running = list(running)
        self.seconds = 0
        self.asked: list[str] = []
        self.gone: set[str] = set()

    async def json(self, path: str, *, params: dict[str, str] | None = None, timeout_s: float = 0) -> Any:
        self.asked.append(path)
        if path == "containers/json":
            return [{"Id": engine_id} for engine_id in self.running]
        if path == "info":
            return {"DockerRootDir": "/"}
        if path == "system/df":
            return {"LayersSize": 5, "Volumes": [{"UsageData": {"Size": -1}}, {"UsageData": {"Size": 7}}, {}]}
        assert params == {"stream": "0", "one-shot": "1"}
        if path.split("/")[1] in self.gone:
            raise Missing(path)
        return document(self.seconds, cpu_ns=self.seconds * 10**9)


def sampler(engine: FakeEngine) -> Sampler:
    standing_in: Any = engine
    assert not isinstance(standing_in, Engine)
    return Sampler(standing_in)


async def test_a_pass_asks_each_container_once_and_tells_use_since_the_pass_before() -> None:
    engine = FakeEngine(A, B)
    made = sampler(engine)
    first = await made.fact()
    engine.seconds = 10
    second = await made.fact()
    assert first["containers"][A][0] is None
    assert second["containers"][A][0] == 100.0
    assert [path for path in engine.asked if path.endswith("/stats")] == [
        f"containers/{one}/stats" for one in (A, B)
    ] * 2
    assert engine.asked.count("info") == 1


async def test_what_it_tells_is_what_the_console_reads() -> None:
    engine = FakeEngine(A)
    told = Latest.from_json(await sampler(engine).fact())
    assert told.containers[A].memory == 70
    assert told.host is not None
    assert told.host.running == 1
    assert told.host.memory_total > told.host.memory > 0
    assert told.host.disk_total > 0


async def test_one_that_goes_meanwhile_is_left_out_and_forgotten() -> None:
    engine = FakeEngine(A, B)
    made = sampler(engine)
    await made.fact()
    engine.gone.add(B)
    told = await made.fact()
    assert list(told["containers"]) == [A]
    assert list(made.before) == [A]


async def test_what_one_used_last_is_known_for_a_pass_after_its_end() -> None:
    engine = FakeEngine(A, B)
    made = sampler(engine)
    await made.fact()
    engine.gone.add(B)
    await made.fact()
    assert made.uses[B].memory_bytes == 70
    await made.fact()
    assert list(made.uses) == [A]


async def test_the_disk_is_counted_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine()
    made = sampler(engine)
    for _ in range(3):
        await made.count_disk()
    assert engine.asked.count("system/df") == 1
    assert (await made.fact())["host"]["volumes"] == 7


def test_samples_do_not_fill_redis_while_nobody_reads_them(
    redis_server: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_send", Broker().send)
    monkeypatch.setattr(sampling, "MOST_UNHEARD", 3)
    for _ in range(9):
        sampling.tell("local", {"kind": "host.stats"})
    assert redis_server.xlen(streams.facts_key("local")) == 3


def test_what_an_engine_does_not_know_counts_nothing() -> None:
    assert kept_on_disk({"LayersSize": -1}) == {"layers": 0, "writable": 0, "volumes": 0, "build_cache": 0}
