"""From the process that a socket has reached to the one where its session lives, over a unix socket.

The socket lies at ``NARU_RUN/terminals/<server>.sock``, where only the console's own user gets in; who asks is looked
up again on the other side. A frame is one byte of kind, four of length (big-endian), and what it holds:
``h`` {"key","session_key","address"}, first · ``t`` text · ``b`` bytes · ``c`` a close code (2 bytes) and its reason.
"""

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from django.conf import settings

from console.live.frames import CloseCode
from console.operations.errors import Invalid
from console.terminals.admission import Browser, Refused
from console.terminals.frames import Attach, Said, said_of
from console.terminals.running import RunningTerminal, Viewer

HEAD: Final = struct.Struct(">cI")
MOST_BYTES: Final = 64 * 1024
CONNECT_S: Final = 5.0
# the other process has gone: the page asks again
AWAY: Final = 1012
Find = Callable[[str, Browser], Awaitable[RunningTerminal | None]]


def socket_path(server: str) -> Path:
    return Path(settings.NARU_RUN) / "terminals" / f"{server}.sock"


@asynccontextmanager
async def serving(server: str, find: Find) -> AsyncIterator[None]:
    """Other processes can reach the sessions of this one in the block."""
    path = socket_path(server)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    conversations: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        conversations.add(task)
        try:
            await _converse(reader, writer, find)
        finally:
            conversations.discard(task)
            writer.close()

    listening = await asyncio.start_unix_server(converse, path)
    try:
        yield
    finally:
        listening.close()
        for task in list(conversations):
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
        path.unlink(missing_ok=True)


class _Page:
    """A page whose socket is in another process."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def show(self, frame: str | bytes) -> None:
        await _write(self._writer, *_encoded(frame))

    async def dismiss(self, code: int, reason: str = "") -> None:
        await _write(self._writer, b"c", struct.pack(">H", code) + reason.encode())


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, find: Find) -> None:
    page = _Page(writer)
    terminal: RunningTerminal | None = None
    try:
        _kind, hello = await _read(reader)
        given = json.loads(hello)
        terminal = await find(given["key"], Browser(given["session_key"], given["address"]))
        if terminal is None:
            raise Refused(CloseCode.GONE)
        while True:
            said = said_of(_decoded(*await _read(reader)))
            if isinstance(said, Attach):
                await terminal.attach(page, said)
            else:
                await terminal.take(page, said)
    except Refused as refused:
        await page.dismiss(refused.code)
    except Invalid as error:
        await page.dismiss(CloseCode.MALFORMED, str(error)[:100])
    except (asyncio.IncompleteReadError, OSError):
        pass  # the page has gone
    finally:
        if terminal is not None:
            terminal.detach(page)


class RemoteLine:
    """A session that lives in another process of this machine."""

    def __init__(self, server: str, key: str, browser: Browser) -> None:
        self._server = server
        self._hello = {"key": key, "session_key": browser.session_key, "address": browser.address}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def attach(self, viewer: Viewer, asked: Attach) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                reader, self._writer = await asyncio.open_unix_connection(socket_path(self._server))
        except (OSError, TimeoutError):
            # it was killed; the sweep will find what lived there
            await viewer.dismiss(AWAY)
            return
        await _write(self._writer, b"h", json.dumps(self._hello).encode())
        self._reading = asyncio.create_task(self._pass_on(reader, viewer))
        await self.take(viewer, asked)

    async def take(self, viewer: Viewer, said: Said) -> None:  # noqa: ARG002 - as every line
        if self._writer is not None:
            await _write(self._writer, *_encoded(said.frame()))

    def detach(self, viewer: Viewer) -> None:  # noqa: ARG002 - as every line
        if self._reading is not None:
            self._reading.cancel()
        if self._writer is not None:
            self._writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, viewer: Viewer) -> None:
        try:
            while True:
                kind, data = await _read(reader)
                if kind == b"c":
                    await viewer.dismiss(struct.unpack(">H", data[:2])[0], data[2:].decode())
                    return
                await viewer.show(_decoded(kind, data))
        except (asyncio.IncompleteReadError, OSError):
            await viewer.dismiss(AWAY)


def _encoded(frame: str | bytes) -> tuple[bytes, bytes]:
    return (b"b", frame) if isinstance(frame, bytes) else (b"t", frame.encode())


def _decoded(kind: bytes, data: bytes) -> str | bytes:
    return data if kind == b"b" else data.decode()


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind, size = HEAD.unpack(await reader.readexactly(HEAD.size))
    if size > MOST_BYTES:
        raise ConnectionError("a frame is too long")
    return kind, await reader.readexactly(size)


async def _write(writer: asyncio.StreamWriter, kind: bytes, data: bytes) -> None:
    """A connection that is gone takes nothing, which whoever reads from it finds out."""
    with contextlib.suppress(OSError):
        writer.write(HEAD.pack(kind, len(data)) + data)
        await writer.drain()
