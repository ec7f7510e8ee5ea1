"""No more attempts are sent to a host than its agent has said it takes."""

from typing import Any

import pytest
import redis

from console.jobs import sending, streams
from console.jobs.dispatching import dispatch
from console.jobs.models import Job
from tests.factories.console import make_job
from tests.fakes.broker import Broker

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(sending, "_send", broker.send)
    return broker


def test_jobs_beyond_the_room_wait_in_the_queue(redis_server: "redis.Redis", broker: Broker) -> None:
    redis_server.set(streams.agent_key("local"), "2", ex=10)
    jobs = [make_job(state="queued", attempt=0, max_attempts=3) for _ in range(4)]
    assert [dispatch(job.pk) for job in jobs] == [True, True, False, False]
    assert len(broker.of("jobs.execute")) == 2
    assert [Job.objects.get(pk=job.pk).attempt for job in jobs] == [1, 1, 0, 0]


def test_what_the_agent_says_next_counts(redis_server: "redis.Redis", broker: Broker) -> None:
    redis_server.set(streams.agent_key("local"), "1", ex=10)
    first, second = (make_job(state="queued", attempt=0) for _ in range(2))
    dispatch(first.pk)
    redis_server.set(streams.agent_key("local"), "1", ex=10)
    assert dispatch(second.pk)


def test_a_count_without_an_agent_behind_it_does_not_stay(redis_server: "redis.Redis", broker: Broker) -> None:
    redis_server.set(streams.agent_key("local"), "1", ex=10)
    dispatch(make_job(state="queued", attempt=0).pk)
    left_s: Any = redis_server.ttl(streams.agent_key("local"))
    assert 0 < left_s <= streams.AGENT_KEPT_S
