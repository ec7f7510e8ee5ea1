"""Asking other name servers on behalf of a container."""

import asyncio
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from engine.dns.answers import belongs

_HOST_RESOLVER: Final = Path("/etc/resolv.conf")
_FALLBACK_SERVERS: Final = ("8.8.8.8", "8.8.4.4")  # Docker's, when the host names none
_PORT: Final = 53
_TIMEOUT_S: Final = 2.0
_MOST_SERVERS: Final = 3


def host_servers() -> tuple[str, ...]:
    """As the host has them now. Loopback ones too: this process is on the host."""
    try:
        lines = [line.split() for line in _HOST_RESOLVER.read_text(errors="replace").splitlines()]
    except OSError:
        lines = []
    found = tuple(words[1] for words in lines if len(words) > 1 and words[0] == "nameserver")
    return found or _FALLBACK_SERVERS


async def ask_others(data: bytes, servers: Sequence[str], *, by_tcp: bool) -> bytes | None:
    """The first answer, of servers asked one after the other; None when none of them gives one."""
    number = os.urandom(2)  # a number of our own, from a port of its own: answers cannot be guessed
    question = number + data[2:]
    for server in servers[:_MOST_SERVERS]:
        try:
            ask = _ask_by_tcp if by_tcp else _ask_by_udp
            async with asyncio.timeout(_TIMEOUT_S):
                reply = await ask(question, server)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            continue
        return data[:2] + reply[2:]
    return None


class _OneAnswer(asyncio.DatagramProtocol):
    def __init__(self, question: bytes) -> None:
        self._question = question
        self.reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _: object) -> None:
        if not self.reply.done() and belongs(data, self._question):
            self.reply.set_result(data)

    def error_received(self, error: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(error)


async def _ask_by_udp(question: bytes, server: str) -> bytes:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: _OneAnswer(question), remote_addr=(server, _PORT))
    try:
        transport.sendto(question)
        return await protocol.reply
    finally:
        transport.close()


async def _ask_by_tcp(question: bytes, server: str) -> bytes:
    reader, writer = await asyncio.open_connection(server, _PORT)
    try:
        writer.write(struct.pack("!H", len(question)) + question)
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        reply = await reader.readexactly(length)
    finally:
        writer.close()
    if not belongs(reply, question):
        raise OSError(f"{server} answered something else")
    return reply
