"""Attaching by websocket: the container's output in binary messages, what the client sends as its input.

Both output streams come as they are, without frames, in one; text and binary messages are input alike. There is no
half close: a client that closes has gone.
"""

import asyncio
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from engine.api.detach_keys import DetachScanner
from engine.api.relay import Session, relay
from engine.model.errors import Invalid

_MOST_MESSAGE_BYTES: Final = 1 << 20
_CLOSE_S: Final = 5.0  # for the client to say that it has seen the end


class _Channel:
    """A ``relay`` client."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self.gone = asyncio.Event()

    async def read(self) -> bytes:
        while True:
            message = await self._socket.receive()
            if message.type is WSMsgType.BINARY:
                data = bytes(message.data)
            elif message.type is WSMsgType.TEXT:
                data = str(message.data).encode()
            else:  # it has closed, or broken the protocol; pings are answered before
                self.gone.set()
                return b""
            if data:
                return data

    async def write(self, data: bytes) -> None:
        await self._socket.send_bytes(data)


async def accept_websocket(request: web.Request) -> web.WebSocketResponse:
    """Raises Invalid when it is no websocket's handshake."""
    # not compressed: that would cost a window of memory for each client
    socket = web.WebSocketResponse(timeout=_CLOSE_S, compress=False, max_msg_size=_MOST_MESSAGE_BYTES)
    try:
        await socket.prepare(request)
    except web.HTTPBadRequest as error:
        raise Invalid(f"attach by websocket: {error.text or error.reason}") from error
    return socket


async def relay_websocket(
    session: Session, socket: web.WebSocketResponse, *, output: bool, input: bool, keys: DetachScanner | None
) -> bool:
    """Until the program ends, the client goes, or it leaves by the detach keys; True for the latter."""
    channel = _Channel(socket)
    relaying = asyncio.create_task(relay(session, channel, raw=True, output=output, input=input, keys=keys))
    leaving = asyncio.create_task(channel.gone.wait() if input else _until_gone(channel))
    try:
        await asyncio.wait((relaying, leaving), return_when=asyncio.FIRST_COMPLETED)
        return relaying.done() and relaying.result()
    finally:
        for task in (relaying, leaving):
            task.cancel()
        await asyncio.gather(relaying, leaving, return_exceptions=True)
        await socket.close(code=WSCloseCode.OK)


async def _until_gone(channel: _Channel) -> bool:
    """For a client that may not write: what it sends is dropped."""
    while await channel.read():
        pass
    return True
