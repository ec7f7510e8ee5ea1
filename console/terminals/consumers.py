"""The websocket of a terminal, and the bell of the list. Parses, admits, forwards."""

import contextlib
from typing import Any

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from console.live.actors import actor_of_session, address_of, session_key_of
from console.live.frames import CloseCode
from console.live.topics import register_rows
from console.operations.errors import Invalid
from console.operations.permissions import Permission
from console.terminals.admission import Browser, Refused
from console.terminals.frames import Attach, end_frame, said_of
from console.terminals.hub import Line, hub

register_rows("rows.terminals", Permission.TERMINAL_VIEW)


class TerminalConsumer(AsyncWebsocketConsumer):
    """A Viewer of the session that its address names."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.line: Line | None = None
        self.is_gone = False

    async def connect(self) -> None:
        await self.accept()
        self.browser = Browser(session_key_of(self.scope), address_of(self.scope))
        actor = await sync_to_async(actor_of_session)(self.browser.session_key, address=self.browser.address)
        if not actor.is_user:
            await self.dismiss(CloseCode.SIGNED_OUT)

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 - channels' signature
        self.is_gone = True
        if self.line is not None:
            self.line.detach(self)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            said = said_of(bytes_data if bytes_data is not None else text_data or "")
            if self.line is not None:
                await self.line.take(self, said)
            elif isinstance(said, Attach):
                await self._attach(said)
            else:
                raise Invalid("say attach first")
        except Invalid as error:
            await self.dismiss(CloseCode.MALFORMED, str(error)[:100])

    async def _attach(self, asked: Attach) -> None:
        key = self.scope["url_route"]["kwargs"]["key"]
        try:
            self.line = await hub().line_to(key, self.browser)
        except Refused as refused:
            if refused.ended is not None:
                ended = refused.ended
                await self.show(end_frame(ended.why, text=ended.error, exit_code=ended.exit_code))
            await self.dismiss(refused.code)
            return
        await self.line.attach(self, asked)

    # --- as a session sees it ---

    async def show(self, frame: str | bytes) -> None:
        if self.is_gone:
            return
        # a socket that is closing takes nothing any more, and each server says so in its own way
        with contextlib.suppress(OSError, RuntimeError):
            await (self.send(bytes_data=frame) if isinstance(frame, bytes) else self.send(text_data=frame))

    async def dismiss(self, code: int, reason: str = "") -> None:
        if not self.is_gone:
            self.is_gone = True
            with contextlib.suppress(OSError, RuntimeError):
                await self.close(code, reason=reason)
