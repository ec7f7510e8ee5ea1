"""What happened, for whoever listens: the last thousand events, and subscriptions that cannot hold anyone up."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from engine.model.errors import Unavailable
from engine.model.events import Event

_KEPT = 1000


class Subscription:
    """Events from the moment of subscribing on. Iterating raises Unavailable once ``capacity`` of them went unread."""

    def __init__(self, events: "Events", capacity: int) -> None:
        self._events = events
        self._capacity = capacity
        self._waiting: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._overflowed = False
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._waiting:
            if self._overflowed:
                raise Unavailable(f"events were read too slowly: more than {self._capacity} were waiting")
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    def close(self) -> None:
        self._closed = True
        self._events.drop(self)
        self._arrived.set()

    def offer(self, event: Event) -> None:
        """Called by ``Events``."""
        if len(self._waiting) < self._capacity:
            self._waiting.append(event)
        else:
            self._overflowed = True
            self._events.drop(self)
        self._arrived.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Events:
    """The engine's bus. For the event loop's thread only; nothing here waits."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._recent: deque[Event] = deque(maxlen=_KEPT)
        self._subscriptions: set[Subscription] = set()

    @property
    def listeners(self) -> int:
        return len(self._subscriptions)

    def emit(self, kind: str, action: str, actor_id: str, attributes: Mapping[str, str] | None = None) -> Event:
        event = Event(kind, action, actor_id, self._clock(), dict(attributes or {}))
        self._recent.append(event)
        for subscription in tuple(self._subscriptions):
            subscription.offer(event)
        return event

    def recent(self, *, since_ns: int = 0, until_ns: int | None = None) -> list[Event]:
        """Those kept, oldest first, with both bounds included."""
        return [
            event for event in self._recent if event.at_ns >= since_ns and (until_ns is None or event.at_ns <= until_ns)
        ]

    def subscribe(self, *, capacity: int = 256) -> Subscription:
        subscription = Subscription(self, capacity)
        self._subscriptions.add(subscription)
        return subscription

    def drop(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)
