"""Taking a connection away from HTTP, for ``attach``: from then on it carries raw bytes both ways.

Docker's clients ask for it by ``POST …/attach`` (later also ``…/exec/{id}/start``), most with ``Upgrade: tcp``, old
ones without, and send the first input right behind the request. aiohttp's parser would take that input for another
request and answer 400, so ``Connection`` cuts the bytes at the end of the request and keeps the rest.

This uses private API of aiohttp 3.14.5 (RequestHandler's ``data_received``, ``_waiter``, ``_messages``,
``_request_count`` and ``_drain_helper``; ``Application._handle``, ``_make_request`` and ``_set_loop``;
``AppRunner._make_server``):
tests/engine/unit/api/test_hijack.py has to pass before its version in pyproject.toml moves.
"""

import asyncio
import contextlib
import fcntl
import re
import sys
import termios
from typing import Any, Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_server import Server

from engine.wire.encode import encode_error

_LONGEST_HEAD: Final = 32 << 10
HEAD_S: Final = 30.0  # for a request's head, once its first byte is here
_LATE_HEAD: Final = "the head of the request did not arrive in time"
_MOST_UNREAD: Final = 256 << 10
_MOST_UNSENT: Final = 1 << 20
_HEAD_TAKEN_S: Final = 0.5
_HEAD_PAUSE_S: Final = 0.001
_HIJACKING: Final = re.compile(
    rb"POST [^ ?]*/(?:containers/[^/ ?]+/attach|exec/[^/ ?]+/start)(?:\?[^ ]*)? HTTP/1\.[01]\r\n"
)
_BODY_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,8})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_LEGACY_TYPE: Final = "application/vnd.docker.raw-stream"
_BEGIN: Final = b"POST "


class RawInput:
    """Bytes from the client, read by one reader. Stops the transport while much is unread."""

    def __init__(self, transport: asyncio.Transport | None) -> None:
        self._transport = transport
        self._unread = bytearray()
        self._ended = False
        self._arrived = asyncio.Event()

    async def read(self) -> bytes:
        """What is there, at least one byte; empty at the end."""
        while not self._unread and not self._ended:
            self._arrived.clear()
            await self._arrived.wait()
        data = bytes(self._unread)
        self._unread.clear()
        if data and not self._ended and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        return data

    def feed(self, data: bytes) -> None:
        self._unread += data
        if len(self._unread) > _MOST_UNREAD and self._transport is not None:
            self._transport.pause_reading()
        self._arrived.set()

    def end(self) -> None:
        self._ended = True
        self._arrived.set()


class Connection(RequestHandler):
    """One client's connection; HTTP until it is hijacked."""

    __slots__ = ("_body_left", "_has_begun_head", "_head_limit", "_held", "raw")

    def __init__(self, manager: Server, *, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        super().__init__(manager, loop=loop, **options)
        self.raw: RawInput | None = None
        self._held = b""  # of a request's head, as long as it may yet be one that hijacks
        self._has_begun_head = False  # the parser has a part of another request's head
        self._body_left: int | None = None  # of the request that hijacks
        self._head_limit: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        if self.raw is not None:
            self.raw.feed(data)
        elif self._body_left is not None:
            self._cut(data, self._body_left)
        elif self._is_idle() and not self._has_begun_head:
            self._begin_request(self._held + data)
        else:
            super().data_received(data)
            self._has_begun_head = self._has_begun_head and self._is_idle()
        self._limit_head()

    def eof_received(self) -> bool | None:  # type: ignore[override]  # asyncio lets it answer; aiohttp never does
        if self.raw is None:
            return None
        self.raw.end()
        return True  # half closed: no more input, and the output goes on

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._head_limit is not None:
            self._head_limit.cancel()
        if self.raw is not None:
            self.raw.end()
        super().connection_lost(exc)

    def take_over(self) -> RawInput:
        """The client's bytes behind the request."""
        if self.raw is None:
            self.raw = RawInput(self.transport)
        return self.raw

    def _limit_head(self) -> None:
        """Half a head keeps a connection for so long and no longer; a whole one, which is the rule, costs no timer."""
        is_half = bool(self._held) or self._has_begun_head
        if is_half and self._head_limit is None:
            self._head_limit = self._loop.call_later(HEAD_S, self._refuse_late_head)
        elif not is_half and self._head_limit is not None:
            self._head_limit.cancel()
            self._head_limit = None

    def _refuse_late_head(self) -> None:
        if self.transport is None:
            return
        body = encode_error(_LATE_HEAD)
        head = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: application/json\r\n"
        self.transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        self.transport.close()

    def _is_idle(self) -> bool:
        return (self._waiter is not None and not self._waiter.done()) or (
            self._request_count == 0 and not self._messages
        )

    def _begin_request(self, data: bytes) -> None:
        self._held = b""
        if not data.startswith(_BEGIN[: len(data)]):
            self._feed_parser(data)
            return
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            if len(data) < _LONGEST_HEAD:
                self._held = data
            else:
                self._feed_parser(data)
            return
        head = data[:end]
        if not _HIJACKING.match(head) or _CHUNKED.search(head):
            self._feed_parser(data)
            return
        length = _BODY_LENGTH.search(head)
        self._cut(data, end + (int(length.group(1)) if length else 0))

    def _feed_parser(self, data: bytes) -> None:
        super().data_received(data)
        self._has_begun_head = self._is_idle()

    def _cut(self, data: bytes, length: int) -> None:
        """The first ``length`` bytes are HTTP, the rest is not."""
        request, rest = data[:length], data[length:]
        left = length - len(request)
        self._body_left = left
        if left == 0:
            self.raw = RawInput(self.transport)
        super().data_received(request)
        if rest and self.raw is not None:
            self.raw.feed(rest)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002  (aiohttp's signature, here and below)
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is not HTTP is told in Docker's form, and not logged: clients could fill the log with it."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun, there is no other")
        text = (message or "bad request").splitlines()[0][:200] if status < 500 else "unexpected error in the engine"
        response = web.Response(body=encode_error(text), status=status, content_type="application/json")
        response.force_close()
        return response


class HijackServer(Server):
    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, **self._kwargs)


class HijackRunner(web.AppRunner):
    """An AppRunner whose connections can be hijacked."""

    async def _make_server(self) -> Server:
        app = self.app
        app._set_loop(asyncio.get_running_loop())  # websockets need it
        app.on_startup.freeze()
        await app.startup()
        app.freeze()
        return HijackServer(
            app._handle,  # type: ignore[arg-type]  # as aiohttp itself has it
            request_factory=app._make_request,
            **self._kwargs,
        )


def is_cut(request: web.Request) -> bool:
    """Whether what comes behind this request is not HTTP."""
    return isinstance(request.protocol, Connection) and request.protocol.raw is not None


class Taken(web.StreamResponse):
    """The answer of a handler that has taken the connection over: nothing more to send, and no next request."""

    def __init__(self) -> None:
        super().__init__()
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:  # noqa: ARG002
        return None

    async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002
        return None


class Channel:
    """A hijacked connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._input = connection.take_over()
        self._is_head_taken = False

    async def read(self) -> bytes:
        return await self._input.read()

    async def write(self, data: bytes) -> None:
        """Waits while the client reads too slowly. Raises ConnectionError when it is gone."""
        if not self._is_head_taken:
            self._is_head_taken = True
            await self._until_head_is_taken()
        transport = self._connection.transport
        if transport is None:
            raise ConnectionResetError("the client is gone")
        transport.write(data)
        await self._connection._drain_helper()

    def write_head(self, data: bytes) -> None:
        transport = self._connection.transport
        if transport is None:
            raise ConnectionResetError("the client is gone")
        transport.write(data)

    async def _until_head_is_taken(self) -> None:
        """For clients that read the answer's head through a buffer and all else past it: what came along is lost.

        docker-py is one. A client that reads has the head long before a program has written anything.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _HEAD_TAKEN_S
        while self._connection.transport is not None and loop.time() < deadline:
            if not _unread_bytes(self._connection.transport):
                return
            await asyncio.sleep(_HEAD_PAUSE_S)


async def hijack(request: web.Request, *, content_type: str, headers: dict[str, str]) -> Channel:
    """Answer and take the connection. The handler returns ``Taken()`` afterwards."""
    connection = request.protocol
    if not isinstance(connection, Connection) or connection.transport is None:
        raise ConnectionResetError("the client is gone")
    with contextlib.suppress(AttributeError):
        connection.transport.set_write_buffer_limits(high=_MOST_UNSENT)
    upgrade = request.headers.get("Upgrade", "")
    lines = (
        ["HTTP/1.1 101 UPGRADED", "Connection: Upgrade", f"Upgrade: {upgrade[:20]}"] if upgrade else ["HTTP/1.1 200 OK"]
    )
    kind = content_type if upgrade else _LEGACY_TYPE  # all that Docker has ever named without an upgrade
    lines += [f"Content-Type: {kind}", *(f"{name}: {value}" for name, value in headers.items())]
    channel = Channel(connection)
    channel.write_head("\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))
    return channel


def _unread_bytes(transport: asyncio.Transport) -> int:
    """What the other end of a socket has not read yet (SIOCOUTQ; net/unix/af_unix.c, unix_ioctl)."""
    connection = transport.get_extra_info("socket")
    if connection is None or connection.fileno() < 0:
        return 0
    try:
        answer = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:
        return 0
    return int.from_bytes(answer, sys.byteorder)
