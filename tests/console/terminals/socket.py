"""A terminal's websocket without a server, and a page that keeps account as ours does."""

import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from asgiref.testing import ApplicationCommunicator
from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.conf import settings
from django.test import Client
from django.urls import path

from console.terminals.consumers import TerminalConsumer
from tests.console.live.socket import Closed

LIMIT_S = 10.0


class Page:
    """``async with Page(client, key) as page``. Shows what comes at once, unless ``is_slow``."""

    def __init__(
        self,
        client: Client,
        key: str,
        *,
        since: int | None = None,
        columns: int = 80,
        rows: int = 24,
        is_slow: bool = False,
    ) -> None:
        cookie = client.cookies.get(settings.SESSION_COOKIE_NAME)
        headers = [(b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie.value}".encode())] if cookie else []
        address = f"/ws/terminal/{key}"
        scope = {"type": "websocket", "path": address, "query_string": b"", "headers": headers, "subprotocols": []}
        consumer: Any = TerminalConsumer
        route: Any = path("ws/terminal/<str:key>", consumer.as_asgi())
        self._wire = ApplicationCommunicator(AuthMiddlewareStack(URLRouter([route])), scope)
        self._asked = {"op": "attach", "since": since, "columns": columns, "rows": rows}
        self._is_slow = is_slow
        self._is_left = False
        self.cursor = 0
        self.output = b""
        self.facts: dict[str, Any] = {}
        self.taken = 0
        self.end: dict[str, Any] = {}
        self.idle: list[dict[str, Any]] = []

    async def __aenter__(self) -> Self:
        await self._wire.send_input({"type": "websocket.connect"})
        assert (await self._wire.receive_output(LIMIT_S))["type"] == "websocket.accept"
        await self.say(**self._asked)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()

    async def leave(self) -> None:
        """As a network that is lost."""
        if not self._is_left:
            self._is_left = True
            await self._wire.send_input({"type": "websocket.disconnect", "code": 1006})
            await self._wire.wait(LIMIT_S)

    async def say(self, **message: Any) -> None:
        await self.say_raw(text=json.dumps(message))

    async def say_raw(self, **frame: Any) -> None:
        await self._wire.send_input({"type": "websocket.receive", **frame})

    async def type(self, text: str | bytes) -> None:
        await self.say_raw(bytes=text.encode() if isinstance(text, str) else text)

    async def shown(self, cursor: int | None = None) -> None:
        await self.say(op="shown", cursor=self.cursor if cursor is None else cursor)

    async def hear(self, *, limit_s: float = LIMIT_S) -> None:
        """The next frame, into account. Raises Closed when the server closes instead."""
        message = await self._wire.receive_output(limit_s)
        if message["type"] == "websocket.close":
            raise Closed(message.get("code", 1000), message.get("reason") or "")
        if message.get("bytes") is not None:
            self.output += message["bytes"]
            self.cursor += len(message["bytes"])
            if not self._is_slow:
                await self.shown()
            return
        said = json.loads(message["text"])
        match said["kind"]:
            case "attached":
                self.facts, self.cursor = said, said["cursor"]
            case "taken":
                self.taken = said["bytes"]
            case "idle":
                self.idle.append(said)
            case "end":
                self.end = said

    async def until(self, is_so: Callable[[], object]) -> None:
        while not is_so():
            await self.hear()

    async def until_output(self, wanted: bytes) -> None:
        await self.until(lambda: wanted in self.output)

    async def until_more_than(self, size_bytes: int) -> None:
        """So much output on this page, or the session's end."""
        await self.until(lambda: len(self.output) > size_bytes or self.end)

    async def until_ended(self) -> str:
        """Why it has ended."""
        await self.until(lambda: self.end)
        return str(self.end["why"])

    async def until_closed(self) -> int:
        try:
            while True:
                await self.hear()
        except Closed as closed:
            return closed.code

    async def is_silent(self, *, for_s: float = 0.3) -> bool:
        return bool(await self._wire.receive_nothing(for_s))
