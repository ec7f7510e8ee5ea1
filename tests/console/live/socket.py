"""A websocket against the live consumer, without a server. (channels.testing imports daphne, which we do not have.)"""

import json
from types import TracebackType
from typing import Any, Self

from asgiref.testing import ApplicationCommunicator
from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.conf import settings
from django.test import Client
from django.urls import path

from console.live.consumers import LiveConsumer

LIMIT_S = 3.0


class Closed(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code, self.reason = code, reason


class Socket:
    """``async with Socket(client) as socket``: opened with the session of a Django test client."""

    def __init__(self, client: Client, **overrides: Any) -> None:
        cookie = client.cookies.get(settings.SESSION_COOKIE_NAME)
        headers = [(b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie.value}".encode())] if cookie else []
        scope = {"type": "websocket", "path": "/live/", "query_string": b"", "headers": headers, "subprotocols": []}
        consumer: Any = type("Consumer", (LiveConsumer,), overrides)
        route: Any = path("live/", consumer.as_asgi())
        router = URLRouter([route])
        self._wire = ApplicationCommunicator(AuthMiddlewareStack(router), scope)
        self._is_closed = False

    async def __aenter__(self) -> Self:
        await self._wire.send_input({"type": "websocket.connect"})
        assert (await self._wire.receive_output(LIMIT_S))["type"] == "websocket.accept"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._wire.send_input({"type": "websocket.disconnect", "code": 1006})
        await self._wire.wait(LIMIT_S)

    async def say(self, **message: Any) -> None:
        await self.say_raw(json.dumps(message))

    async def say_raw(self, text: str) -> None:
        await self._wire.send_input({"type": "websocket.receive", "text": text})

    async def hear(self) -> dict[str, Any]:
        """The next frame. Raises Closed when the server closes instead."""
        message = await self._wire.receive_output(LIMIT_S)
        if message["type"] == "websocket.close":
            raise Closed(message.get("code", 1000), message.get("reason") or "")
        heard: dict[str, Any] = json.loads(message["text"])
        return heard

    async def is_silent(self, *, for_s: float = 0.3) -> bool:
        return bool(await self._wire.receive_nothing(for_s))
