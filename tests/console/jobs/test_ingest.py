"""Facts become rows in the order they were said, and none can hold up those behind it."""

import json
from typing import Any

import pytest
import redis
from django.db import DataError, IntegrityError, OperationalError

from console.jobs import facts, streams
from console.jobs.facts import Fact
from console.jobs.ingest import ingest
from tests.console.jobs.conftest import say
from tests.factories.console import make_host

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was said with the kind "test.said"."""
    heard: list[Any] = []
    monkeypatch.setattr(facts, "_observers", dict(facts._observers))

    @facts.observes("test.said")
    def hear(_host_name: str, fact: Fact) -> None:
        if "raises" in fact:
            raise {"data": DataError, "integrity": IntegrityError, "away": OperationalError}[fact["raises"]]
        heard.append(fact["n"])

    return heard


def left(connection: "redis.Redis") -> int:
    return int(str(connection.xlen(streams.facts_key("local"))))


def set_aside(connection: "redis.Redis") -> list[Any]:
    found: Any = connection.xrange(streams.rejected_key("local"))
    return [fields for _entry_id, fields in found]


def test_facts_keep_their_order_and_are_gone_afterwards(redis_server: "redis.Redis", heard: list[Any]) -> None:
    for n in range(250):
        say(redis_server, "test.said", n=n)
    assert ingest("local") == 250
    assert heard == list(range(250))
    assert left(redis_server) == 0


def test_what_was_said_by_one_host_is_no_word_of_another(redis_server: "redis.Redis", heard: list[Any]) -> None:
    say(redis_server, "test.said", host="b2", n=1)
    assert (ingest("local"), heard) == (0, [])


def test_a_fact_of_a_kind_nobody_knows_is_passed_over(redis_server: "redis.Redis", heard: list[Any]) -> None:
    say(redis_server, "test.from-a-newer-agent")
    say(redis_server, "test.said", n=1)
    ingest("local")
    assert (heard, set_aside(redis_server)) == ([1], [])


@pytest.mark.parametrize(
    "malformed",
    [
        "{",
        "[]",
        "null",
        '"test.said"',
        "\ud800".encode("utf-8", "surrogatepass"),
        json.dumps({"n": 1}),
        json.dumps({"kind": "test.said"}),
        json.dumps({"kind": "test.said", "raises": "data"}),
        json.dumps({"kind": "test.said", "raises": "integrity"}),
        json.dumps({"kind": "attempt.ended", "job": "x", "attempt": 1}),
        json.dumps({"kind": "attempt.ended", "job": {"a": 1}, "attempt": [1]}),
        json.dumps({"kind": "host.inventory", "info": {}, "containers": None, "images": None}),
        json.dumps({"kind": "host.inventory", "info": {}, "containers": [7], "images": ["x"]}),
        json.dumps({"kind": "containers.seen", "containers": [{"engine_id": "ab"}]}),
    ],
)
def test_a_malformed_fact_is_set_aside_with_its_reason(
    redis_server: "redis.Redis", heard: list[Any], malformed: Any
) -> None:
    make_host("local")
    redis_server.xadd(streams.facts_key("local"), {"fact": malformed})
    say(redis_server, "test.said", n=1)
    ingest("local")
    assert (heard, left(redis_server)) == ([1], 0)
    [kept] = set_aside(redis_server)
    assert kept[b"why"]
    assert kept[b"fact"] == (malformed if isinstance(malformed, bytes) else malformed.encode())


def test_facts_wait_while_the_database_is_away(redis_server: "redis.Redis", heard: list[Any]) -> None:
    say(redis_server, "test.said", raises="away")
    with pytest.raises(OperationalError):
        ingest("local")
    assert left(redis_server) == 1
    assert set_aside(redis_server) == []


def test_a_failed_round_does_not_keep_the_next_one_out(redis_server: "redis.Redis", heard: list[Any]) -> None:
    say(redis_server, "test.said", raises="away")
    with pytest.raises(OperationalError):
        ingest("local")
    redis_server.delete(streams.facts_key("local"))
    say(redis_server, "test.said", n=1)
    assert ingest("local") == 1


def test_two_at_once_do_not_write_down_anything_twice(redis_server: "redis.Redis", heard: list[Any]) -> None:
    others: list[int] = []

    @facts.observes("test.said")
    def meanwhile(host_name: str, _fact: Fact) -> None:
        others.append(ingest(host_name))

    for n in range(3):
        say(redis_server, "test.said", n=n)
    assert ingest("local") == 3
    assert (heard, others) == ([0, 1, 2], [0, 0, 0])


def test_what_is_said_during_a_round_is_heard_in_it(redis_server: "redis.Redis", heard: list[Any]) -> None:
    @facts.observes("test.said")
    def say_more(_host_name: str, fact: Fact) -> None:
        if fact["n"] == 0:
            say(redis_server, "test.said", n=1)

    say(redis_server, "test.said", n=0)
    assert ingest("local") == 2
    assert heard == [0, 1]
