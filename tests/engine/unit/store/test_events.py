import asyncio
import itertools

import pytest

from engine.model.errors import Unavailable
from engine.store.events import Events


@pytest.fixture
def events():
    return Events(clock=itertools.count(1).__next__)


async def test_a_subscriber_gets_what_happens_after_it_subscribed(events):
    events.emit("container", "create", "1")
    with events.subscribe() as subscription:
        events.emit("container", "start", "1", {"name": "x"})
        event = await anext(subscription)
    assert (event.action, event.attributes) == ("start", {"name": "x"})
    with pytest.raises(StopAsyncIteration):
        await anext(subscription)


async def test_waiting_ends_when_something_happens(events):
    with events.subscribe() as subscription:
        waiting = asyncio.create_task(anext(subscription))
        await asyncio.sleep(0)
        events.emit("image", "tag", "2")
        assert (await waiting).action == "tag"


async def test_one_that_does_not_read_is_dropped_and_holds_nobody_up(events):
    with events.subscribe(capacity=2) as slow, events.subscribe() as quick:
        for _ in range(5):
            events.emit("image", "tag", "2")
        assert [event.at_ns for event in [await anext(quick) for _ in range(5)]] == [1, 2, 3, 4, 5]
        assert [(await anext(slow)).at_ns for _ in range(2)] == [1, 2]
        with pytest.raises(Unavailable, match="too slowly"):
            await anext(slow)


def test_the_past_is_kept_within_bounds(events):
    for _ in range(1500):
        events.emit("image", "tag", "2")
    assert len(events.recent()) == 1000
    assert [event.at_ns for event in events.recent(since_ns=600, until_ns=602)] == [600, 601, 602]
