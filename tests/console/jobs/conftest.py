"""Jobs with all around them but the agent: a Redis of the test's own, a broker that keeps what it is given."""

import json
from typing import Any

import pytest
import redis

from console.jobs import sending, streams
from console.jobs.models import Job
from tests.factories.console import make_job
from tests.fakes.broker import Broker


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(sending, "_send", broker.send)
    return broker


@pytest.fixture
def room(redis_server: "redis.Redis", broker: Broker) -> "redis.Redis":
    """The agent of the host "local" has shown that it takes work."""
    redis_server.set(streams.agent_key("local"), "7", ex=60)
    swept_for_long(redis_server)
    return redis_server


def swept_for_long(connection: "redis.Redis") -> None:
    """So that leases count."""
    connection.set(streams.SWEPT_KEY, "0", ex=60)


def queued(kind: str = "image.build", **facts: Any) -> Job:
    return make_job(kind, state="queued", **{"attempt": 0, "max_attempts": 3, **facts})


def now(job: Job) -> Job:
    """The row as it is now."""
    return Job.objects.get(pk=job.pk)


def say(connection: "redis.Redis", kind: str, *, host: str = "local", **fact: Any) -> None:
    """What the host's agent appends to its facts."""
    connection.xadd(streams.facts_key(host), {"fact": json.dumps({"kind": kind, **fact})})
