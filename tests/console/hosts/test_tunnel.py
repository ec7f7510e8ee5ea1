"""Streams of bytes through a tunnel: whole, in order, each at its own pace, and over when either side is."""

import asyncio
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from console.hosts.tunnel.frames import FIRST_WINDOW, MOST_BYTES, MOST_WINDOW, BadFrame, Frame, Kind, Welcome
from console.hosts.tunnel.streams import Ends
from console.hosts.tunnel.wire import Wire
from tests.console.hosts.tunnels import tunnel

# how many streams at once, and how much of a long download
STREAMS = int(os.environ.get("NARU_TUNNEL_STREAMS", "200"))
MIB = int(os.environ.get("NARU_TUNNEL_MIB", "16"))
PATIENCE_S = 60


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write(b"|ended")
    writer.close()
    await writer.wait_closed()


async def until(question: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not question():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "message",
    [b"", b"D\0\0\0", b"X" + bytes(4), b"D" + bytes(MOST_BYTES)],
)
def test_a_frame_that_is_none_is_refused(message: bytes) -> None:
    with pytest.raises(BadFrame):
        Frame.decoded(message)


def test_frames_and_the_welcome_come_as_they_went() -> None:
    frame = Frame(Kind.DATA, 7, b"\0\xff")
    assert Frame.decoded(frame.encoded()) == frame
    assert Frame.decoded(Frame.window(3, 70_000).encoded()).more == 70_000
    assert Welcome.decoded(Welcome("b1", "key").encoded()) == Welcome("b1", "key")
    for text in ("", "[]", "{}", '{"name": "b1"}'):
        with pytest.raises(BadFrame):
            Welcome.decoded(text)


async def test_many_streams_at_once_are_whole_and_half_closed(tmp_path: Path) -> None:
    async def one(number: int) -> None:
        reader, writer = await found.connected()
        sent = os.urandom(3000 + 700 * (number % 50))
        writer.write(sent)
        writer.write_eof()
        # the other direction goes on after this one has ended
        assert await reader.read() == sent + b"|ended"
        writer.close()

    async with tunnel(tmp_path, echo) as found:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*map(one, range(STREAMS)))
        await until(lambda: found.console.streams == found.agent.streams == 0, "streams are left")
    assert found.ended == []


async def test_a_long_download_is_whole(tmp_path: Path) -> None:
    piece = os.urandom(1 << 20)

    async def gives(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        for _ in range(MIB):
            writer.write(piece)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with tunnel(tmp_path, gives) as found:
        reader, writer = await found.connected()
        writer.write(b"?")
        digest, size = hashlib.sha256(), 0
        while data := await reader.read(1 << 20):
            digest.update(data)
            size += len(data)
        writer.close()
    assert size == MIB << 20
    assert digest.digest() == hashlib.sha256(piece * MIB).digest()


async def test_one_who_does_not_read_holds_up_nobody_and_little_is_kept_for_them(tmp_path: Path) -> None:
    taken = 0

    async def floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        if await reader.read(1) == b"e":
            await echo(reader, writer)
            return
        while True:
            writer.write(bytes(65536))
            await writer.drain()
            taken += 65536

    async with tunnel(tmp_path, floods) as found:
        stalled = [await found.connected() for _ in range(4)]
        for _reader, flooded in stalled:
            flooded.write(b"f")
        still = -1
        while still != taken:
            still = taken
            await asyncio.sleep(0.2)
        reader, writer = await found.connected()
        writer.write(b"ehello")
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.readexactly(5) == b"hello"
        # windows of four streams, and what sockets and transports hold on the way
        assert taken < 4 * (MOST_WINDOW + (2 << 20))
        for _reader, flooded in stalled:
            flooded.transport.abort()
        writer.close()


async def test_a_stream_whose_reader_left_is_closed_at_the_engine_though_nothing_is_said(tmp_path: Path) -> None:
    async def waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # as a log that is followed: the end of the request is not the end of the reading
        await reader.read()
        await asyncio.Event().wait()

    async with tunnel(tmp_path, waits) as found:
        _reader, writer = await found.connected()
        writer.write(b"GET")
        await until(lambda: found.agent.streams == 1, "no stream")
        writer.close()
        await until(lambda: found.agent.streams == found.console.streams == 0, "the stream stays")


async def test_an_engine_that_is_away_closes_the_connection(tmp_path: Path) -> None:
    async with tunnel(tmp_path, echo) as found:
        (tmp_path / "engine.sock").unlink()
        reader, writer = await found.connected()
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.read() == b""
        writer.close()
        await until(lambda: found.console.streams == 0, "the stream stays")


async def test_an_agent_can_open_nothing_and_send_no_more_than_was_agreed(tmp_path: Path) -> None:
    async def put(_message: bytes) -> None: ...

    console = Wire(put)
    with pytest.raises(BadFrame, match="opened a stream"):
        console.take(Frame(Kind.OPEN, 1).encoded())
    # of a stream that is over, or never was, nothing is kept
    console.take(Frame(Kind.DATA, 99, b"x").encoded())
    server = await asyncio.start_unix_server(lambda reader, writer: console.carry(Ends(reader, writer)), tmp_path / "s")
    reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
    await until(lambda: console.streams == 1, "no stream")
    for _ in range(FIRST_WINDOW // 16384):
        console.take(Frame(Kind.DATA, 1, bytes(16384)).encoded())
    with pytest.raises(BadFrame, match="window"):
        console.take(Frame(Kind.DATA, 1, b"x").encoded())
    with pytest.raises(BadFrame, match="too wide"):
        console.take(Frame.window(1, MOST_WINDOW - FIRST_WINDOW + 1).encoded())
    writer.close()
    await console.close()
    server.close()
    assert reader is not None
