"""The one websocket of a page. Parses, authorises, forwards; decides nothing about what a topic holds."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

import structlog
from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from console.live.actors import actor_of_session, address_of, session_key_of
from console.live.credit import CreditWindow
from console.live.doorbell import group_of
from console.live.frames import (
    CloseCode,
    Credit,
    Subscribe,
    Unsubscribe,
    changed_frame,
    data_frame,
    end_frame,
    error_frame,
    request_of,
)
from console.live.topics import Asked, Chunk, find_topic
from console.operations.actor import Actor
from console.operations.errors import ConsoleError, Denied, Invalid, Missing, Unavailable

log = structlog.get_logger(__name__)

AUTHORISE_EVERY_S = 30.0
MAX_TOPICS = 20
# how long a burst of bells is gathered before a browser hears of it
BELL_QUIET_S = 0.15
FIRST_RETRY_S = 0.5
LAST_RETRY_S = 5.0

_open: "WeakSet[LiveConsumer]" = WeakSet()


def sockets_open() -> int:
    """Of this process."""
    return len(_open)


@dataclass(slots=True)
class Reader:
    """One topic that this page follows."""

    asked: Asked
    credit: CreditWindow = field(default_factory=CreditWindow)
    task: asyncio.Task[None] | None = None


class LiveConsumer(AsyncWebsocketConsumer):
    authorise_every_s = AUTHORISE_EVERY_S

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.readers: dict[str, Reader] = {}
        self.rung: set[str] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.actor = Actor.of_user(None)

    async def connect(self) -> None:
        await self.accept()
        _open.add(self)
        self.actor = await sync_to_async(self.current_actor)()
        if not self.actor.is_user:
            await self.close(CloseCode.SIGNED_OUT)
            return
        await self.channel_layer.group_add(group_of("access"), self.channel_name)
        self.start(self.authorise_again())

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 - channels' signature
        _open.discard(self)
        tasks = self.tasks | {reader.task for reader in self.readers.values() if reader.task}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(ConnectionError, OSError):  # Redis may be away just when browsers leave
            for topic in ["access", *self.readers]:
                await self.channel_layer.group_discard(group_of(topic), self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            request = request_of(None if bytes_data else text_data)
        except Invalid as error:
            await self.close(CloseCode.MALFORMED, reason=str(error)[:120])
            return
        match request:
            case Subscribe():
                await self.subscribe(request)
            case Credit():
                if request.topic in self.readers:
                    self.readers[request.topic].credit.give(request.size_bytes)
            case Unsubscribe():
                await self.unsubscribe(request.topic)

    async def subscribe(self, request: Subscribe) -> None:
        if request.topic not in self.readers and len(self.readers) >= MAX_TOPICS:
            await self.close(CloseCode.MALFORMED, reason=f"at most {MAX_TOPICS} topics")
            return
        await self.unsubscribe(request.topic)
        try:
            asked = find_topic(request.topic)
            await sync_to_async(asked.authorise)(self.actor)
        except (Denied, Missing) as error:
            await self.refuse(request.topic, error)
            return
        reader = self.readers[request.topic] = Reader(asked)
        await self.channel_layer.group_add(group_of(request.topic), self.channel_name)
        if asked.topic.follow is not None:
            reader.task = asyncio.create_task(self.follow(reader, request.since))
        else:
            # what changed between drawing the page and now rang before anybody listened
            await self.send(changed_frame(request.topic))

    async def unsubscribe(self, topic: str) -> None:
        reader = self.readers.pop(topic, None)
        if reader is None:
            return
        if reader.task is not None:
            reader.task.cancel()
            await asyncio.gather(reader.task, return_exceptions=True)
        await self.channel_layer.group_discard(group_of(topic), self.channel_name)

    async def refuse(self, topic: str, error: ConsoleError) -> None:
        """The close code says why and the reason names the topic, so that the client goes on without it."""
        await self.close(CloseCode.FORBIDDEN if isinstance(error, Denied) else CloseCode.GONE, reason=topic)

    # --- text ---

    async def follow(self, reader: Reader, since: str | None) -> None:
        """Send the topic's text until it ends; while its source does not answer, say so and try again."""
        name, cursor, delay_s = reader.asked.name, since, FIRST_RETRY_S
        while True:
            try:
                async for chunk in self.chunks(reader, cursor):
                    cursor, delay_s = chunk.cursor, FIRST_RETRY_S
                return
            except (Denied, Missing) as error:
                await self.refuse(name, error)
                return
            except Unavailable as error:
                await self.send(error_frame(name, str(error)))
            except Exception:
                log.error("live topic failed", topic=name, exc_info=True)
                await self.send(error_frame(name, ""))
                return
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, LAST_RETRY_S)

    async def chunks(self, reader: Reader, since: str | None) -> AsyncIterator[Chunk]:
        """Each chunk after it was sent. Nothing is read from the source while the reader has no credit."""
        follow, name = reader.asked.topic.follow, reader.asked.name
        if follow is None:
            return
        await reader.credit.wait()
        async with contextlib.aclosing(follow(self.actor, reader.asked.words, since)) as found:
            async for chunk in found:
                if chunk.lines:
                    await self.send(data_frame(name, chunk))
                    reader.credit.spend(chunk.size_bytes)
                if chunk.ended:
                    await self.send(end_frame(name, chunk))
                yield chunk
                if chunk.ended:
                    return
                await reader.credit.wait()

    # --- doorbells ---

    async def live_rung(self, event: dict[str, Any]) -> None:
        topic = event["topic"]
        if topic == "access":
            if event.get("user_pk") in (None, self.actor.user_pk):
                await self.authorise_now()
        elif topic in self.readers and topic not in self.rung:
            self.rung.add(topic)
            self.start(self.ring_after_burst(topic))

    async def ring_after_burst(self, topic: str) -> None:
        await asyncio.sleep(BELL_QUIET_S)
        self.rung.discard(topic)
        if topic in self.readers:
            await self.send(changed_frame(topic))

    # --- authorisation ---

    async def authorise_again(self) -> None:
        while True:
            await asyncio.sleep(self.authorise_every_s)
            await self.authorise_now()

    async def authorise_now(self) -> None:
        """Is this person still signed in, and may they still read what they follow?"""
        actor = await sync_to_async(self.current_actor)()
        if actor.user_pk != self.actor.user_pk or not actor.is_user:
            await self.close(CloseCode.SIGNED_OUT)
            return
        for name, reader in list(self.readers.items()):
            try:
                await sync_to_async(reader.asked.authorise)(actor)
            except (Denied, Missing) as error:
                await self.refuse(name, error)
                return

    def current_actor(self) -> Actor:
        """Whose session the socket was opened with, as the session store has it now."""
        return actor_of_session(session_key_of(self.scope), address=address_of(self.scope))

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
