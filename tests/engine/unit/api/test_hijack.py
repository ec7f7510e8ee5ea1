"""Connections taken away from HTTP: input right behind the request, half-close, bulk, and who leaves when.

Uses raw sockets, because the point is which byte goes where. Must pass before aiohttp's version moves (hijack.py).
"""

import asyncio
import hashlib
import os
import socket

import pytest

from engine.api.detach_keys import DetachScanner, parse_detach_keys
from engine.model.errors import Invalid
from tests.engine.unit.api.conftest import Api, read_head

ATTACH = b"POST /v1.47/containers/one/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: x\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: tcp\r\n"
LIMIT_S = 20


async def frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    async with asyncio.timeout(LIMIT_S):
        head = await reader.readexactly(8)
    return head[0], await reader.readexactly(int.from_bytes(head[4:], "big"))


@pytest.mark.parametrize(
    ("head", "status", "first"),
    [
        (UPGRADE + b"Content-Length: 0\r\n\r\n", 101, "multiplexed"),
        (UPGRADE + b"\r\n", 101, "multiplexed"),
        (b"Content-Length: 0\r\n\r\n", 200, "raw"),
        (UPGRADE + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", 101, "multiplexed"),
    ],
)
async def test_a_key_right_behind_the_request_reaches_the_container(
    api: Api, head: bytes, status: int, first: str
) -> None:
    await api.created("one", OpenStdin=True)
    reader, writer = await api.connect()
    writer.write(ATTACH + head + b"GET / HTTP/1.1 is what I type\r\n\r\n")
    answer = await read_head(reader)
    assert answer.status == status
    assert first in answer.headers["content-type"]
    assert await frame(reader) == (1, b"GET / HTTP/1.1 is what I type\r\n\r\n")
    writer.close()


async def test_output_does_not_come_along_with_the_head(api: Api) -> None:
    """docker-py reads the head through a buffer and the stream past it."""
    await api.created("one", OpenStdin=True)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(api.socket))
        client.sendall(ATTACH + UPGRADE + b"Content-Length: 0\r\n\r\ntyped")
        client.setblocking(False)
        await asyncio.sleep(0.05)  # a client that is slow to read is the point
        head = client.recv(65536)
        assert head.endswith(b"\r\n\r\n")
        async with asyncio.timeout(5):
            assert (await asyncio.get_running_loop().sock_recv(client, 65536)).endswith(b"typed")


async def test_a_request_may_come_in_any_pieces(api: Api) -> None:
    await api.created("one", OpenStdin=True)
    reader, writer = await api.connect()
    whole = ATTACH + UPGRADE + b"Content-Type: application/json\r\nContent-Length: 4\r\n\r\n{  }keys"
    for byte in whole:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    assert (await read_head(reader)).status == 101
    received = b""
    while received != b"keys":
        received += (await frame(reader))[1]
    writer.close()


async def test_attach_works_on_a_connection_that_was_used_before(api: Api) -> None:
    await api.created("one", OpenStdin=True)
    reader, writer = await api.connect()
    writer.write(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\nOK")
    writer.write(ATTACH + UPGRADE + b"\r\nkey")
    assert (await read_head(reader)).status == 101
    assert await frame(reader) == (1, b"key")
    writer.close()


async def test_a_body_that_looks_like_an_attach_is_a_body(api: Api) -> None:
    reader, writer = await api.connect()
    body = ATTACH + UPGRADE + b"\r\n"
    writer.write(b"POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (2 * len(body)))
    await asyncio.sleep(0.05)
    writer.write(body)
    await asyncio.sleep(0.05)
    writer.write(body)
    assert (await read_head(reader)).status == 200
    # the answer begins before all of it is read
    await reader.readuntil(b"0\r\n\r\n")
    assert api.fakes.images.received == 2 * len(body)
    writer.close()


async def test_half_close_ends_the_input_and_not_the_output(api: Api) -> None:
    await api.created("one", OpenStdin=True)
    reader, writer = await api.connect()
    writer.write(ATTACH + UPGRADE + b"\r\n")
    await read_head(reader)
    writer.write(b"last words")
    writer.write_eof()
    assert await frame(reader) == (1, b"last words")
    async with asyncio.timeout(LIMIT_S):
        assert await reader.read() == b""  # the fake container ends with its input
    assert api.fakes.containers.sessions[0].is_closed
    writer.close()


async def test_twenty_megabytes_go_through_unchanged(api: Api) -> None:
    await api.created("one", OpenStdin=True)
    reader, writer = await api.connect()
    writer.write(ATTACH + UPGRADE + b"\r\n")
    await read_head(reader)
    data = os.urandom(20 << 20)

    async def send() -> None:
        view = memoryview(data)
        for at in range(0, len(data), 1 << 16):
            writer.write(view[at : at + (1 << 16)])
            await writer.drain()
        writer.write_eof()

    sending = asyncio.create_task(send())
    digest, count = hashlib.sha256(), 0
    while count < len(data):
        _, piece = await frame(reader)
        digest.update(piece)
        count += len(piece)
    await sending
    assert digest.digest() == hashlib.sha256(data).digest()
    writer.close()


async def test_a_client_that_does_not_read_costs_little_memory(api: Api) -> None:
    await api.created("one", OpenStdin=True)
    reader, writer = await api.connect()
    writer.write(ATTACH + UPGRADE + b"\r\n")
    await read_head(reader)
    sent = 0
    try:
        while sent < 64 << 20:
            writer.write(b"x" * (1 << 16))
            async with asyncio.timeout(0.5):
                await writer.drain()
            sent += 1 << 16
    except TimeoutError:
        pass
    # the fake container keeps 64 pieces of as much as a transport reads at once, which is 256 KiB
    assert sent < 24 << 20
    writer.close()


async def test_with_a_terminal_the_stream_is_raw(api: Api) -> None:
    await api.created("one", OpenStdin=True, Tty=True)
    reader, writer = await api.connect()
    writer.write(ATTACH + UPGRADE + b"\r\nls\r")
    assert (await read_head(reader)).headers["content-type"] == "application/vnd.docker.raw-stream"
    assert await reader.readexactly(3) == b"ls\r"
    writer.close()


async def test_the_detach_keys_leave_and_are_not_passed_on(api: Api) -> None:
    await api.created("one", OpenStdin=True, Tty=True)
    reader, writer = await api.connect()
    writer.write(ATTACH + UPGRADE + b"\r\n")
    await read_head(reader)
    writer.write(b"ab\x10")
    assert await reader.readexactly(2) == b"ab"
    writer.write(b"\x11")
    async with asyncio.timeout(LIMIT_S):
        assert await reader.read() == b""
    assert api.fakes.containers.sessions[0].is_closed
    writer.close()


async def test_a_client_that_goes_closes_the_session(api: Api) -> None:
    await api.created("one", OpenStdin=True)
    reader, writer = await api.connect()
    writer.write(ATTACH + UPGRADE + b"\r\n")
    await read_head(reader)
    writer.transport.abort()
    for _ in range(200):
        if api.fakes.containers.sessions[0].is_closed:
            break
        await asyncio.sleep(0.01)
    assert api.fakes.containers.sessions[0].is_closed


async def test_attaching_to_what_is_not_there_is_an_ordinary_answer(api: Api) -> None:
    reader, writer = await api.connect()
    writer.write(ATTACH.replace(b"/one/", b"/none/") + UPGRADE + b"\r\nkeys")
    answer = await read_head(reader)
    assert answer.status == 404
    async with asyncio.timeout(LIMIT_S):
        assert b"No such container: none" in await reader.read()
    writer.close()


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", b"\x10\x11"),
        ("ctrl-p,ctrl-q", b"\x10\x11"),
        ("ctrl-a,a", b"\x01a"),
        ("ctrl-[", b"\x1b"),
        ("ctrl-@", b"\x00"),
    ],
)
def test_detach_keys(text: str, keys: bytes) -> None:
    assert parse_detach_keys(text) == keys


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-1", "abc", "é", ",", "ctrl-a," * 20 + "a"])
def test_bad_detach_keys_are_invalid(text: str) -> None:
    with pytest.raises(Invalid, match="detach keys"):
        parse_detach_keys(text)


@pytest.mark.parametrize(
    ("pieces", "passed", "found"),
    [
        ([b"abc"], b"abc", False),
        ([b"\x10\x11"], b"", True),
        ([b"a\x10", b"\x11b"], b"a", True),
        ([b"\x10", b"x"], b"\x10x", False),
        ([b"\x10", b"\x10", b"\x11"], b"\x10", True),
        ([b"x\x10\x11y"], b"x", True),
    ],
)
def test_the_scanner_holds_back_only_what_may_be_the_sequence(pieces: list[bytes], passed: bytes, found: bool) -> None:
    scanner, seen, has_found = DetachScanner(b"\x10\x11"), b"", False
    for piece in pieces:
        data, has_found = scanner.feed(piece)
        seen += data
    assert (seen, has_found) == (passed, found)
