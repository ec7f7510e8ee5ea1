"""Listening: at the gateways for questions, on a unix socket for what the engine has to say.

The engine speaks in lines of JSON, and each is answered by one:
    {"hello": VERSION}                      {"hello": VERSION, "pid": …, "networks": […]}
    {"network": ID, "name": …, "gateways": […], "internal": …, "members":
        [{container, address, ipv6_address, other_addresses, names, links, servers, resting}]}
                                            {} or {"error": …}; replaces all that was known of the network
    {"forget": ID}                          {}
    {"quit": true}                          {}, and the process ends
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
import struct
from collections import Counter
from collections.abc import Awaitable
from typing import Any, Final, Protocol

from engine.dns.answers import Question, answer, failure, packed
from engine.dns.directory import Directory, Network
from engine.dns.forward import ask_others, host_servers

VERSION: Final = 3
_log = logging.getLogger(__name__)
_PORT: Final = 53
_LONGEST_LINE: Final = 16 << 20
_MOST_FORWARDED: Final = 512  # questions waiting for other servers at once
_MOST_FORWARDED_EACH: Final = 64  # of one container
_MOST_CONNECTIONS: Final = 128
_IDLE_S: Final = 10.0
_LOOK_EVERY_S: Final = 5.0
_LONGEST_MESSAGE: Final = 65535
_IP_FREEBIND: Final = 15  # linux/in.h
_IPV6_FREEBIND: Final = 78  # linux/in6.h


class Server:
    """``control`` listens already; ``name`` is a descriptor of the file that it is found by."""

    def __init__(self, control: socket.socket, *, name: int) -> None:
        self._control = control
        self._name = name
        self._directory = Directory()
        self._listeners: dict[tuple[str, str], _Listener] = {}  # by network and gateway
        self._forwarded: Counter[str] = Counter()
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Until the engine says quit, or no engine can find us any more.

        One that was killed while it started us, and whose directories were removed since, would never say it.
        """
        server = await asyncio.start_unix_server(self._obey, sock=self._control, limit=_LONGEST_LINE)
        async with server:
            while not self._ended.is_set() and os.fstat(self._name).st_nlink:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_EVERY_S):
                        await self._ended.wait()
        for listener in self._listeners.values():
            listener.close()

    async def _obey(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                reply = await self._obeyed(json.loads(line))
                writer.write(json.dumps(reply).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError) as error:
            _log.warning("the engine's connection ends: %s", error)
        finally:
            writer.close()

    async def _obeyed(self, message: dict[str, Any]) -> dict[str, Any]:
        if "hello" in message:
            known = [network.id for network in self._directory.networks]
            return {"hello": VERSION, "pid": os.getpid(), "networks": known}
        if "quit" in message:
            self._ended.set()
        elif "forget" in message:
            self._forget(message["forget"])
        else:
            return await self._replace(Network.from_message(message))
        return {}

    def _forget(self, network_id: str) -> None:
        self._directory.forget(network_id)
        for key in [each for each in self._listeners if each[0] == network_id]:
            self._listeners.pop(key).close()

    async def _replace(self, network: Network) -> dict[str, Any]:
        self._directory.replace(network)
        problems = [problem for gateway in network.gateways if (problem := await self._listen(network.id, gateway))]
        return {"error": "; ".join(problems)} if problems else {}

    async def _listen(self, network_id: str, gateway: str) -> str:
        """Why it cannot; "" when it does."""
        key = (network_id, gateway)
        if key in self._listeners:
            return ""
        listener = self._listeners[key] = _Listener(network_id, self._answer)
        try:
            await listener.open(gateway)
        except OSError as error:
            self._listeners.pop(key).close()
            return f"cannot listen on {gateway}, port {_PORT}: {error.strerror or error}"
        return ""

    async def _answer(self, network_id: str, *, source: str, data: bytes, by_tcp: bool) -> bytes | None:
        """None: not worth an answer."""
        question = Question.parse(data)
        if question is None:
            return None
        source = source.partition("%")[0]  # of a link-local address, the link
        asker = self._directory.find_asker(network_id, source)
        if asker is None:
            return failure(question, "REFUSED")
        own = answer(self._directory, asker, question)
        if own is not None:
            return packed(own, most_bytes=_LONGEST_MESSAGE if by_tcp else question.most_udp_bytes)
        if not asker.may_ask_outside:
            return failure(question, "NXDOMAIN")
        if self._forwarded.total() >= _MOST_FORWARDED or self._forwarded[source] >= _MOST_FORWARDED_EACH:
            return failure(question, "SERVFAIL")
        self._forwarded[source] += 1
        try:
            reply = await ask_others(data, asker.servers or host_servers(), by_tcp=by_tcp)
        finally:
            self._forwarded[source] -= 1
            if not self._forwarded[source]:
                del self._forwarded[source]
        return reply or failure(question, "SERVFAIL")


class Answer(Protocol):
    def __call__(self, network_id: str, *, source: str, data: bytes, by_tcp: bool) -> Awaitable[bytes | None]: ...


class _Listener(asyncio.DatagramProtocol):
    """Both protocols at one gateway."""

    def __init__(self, network_id: str, answer: Answer) -> None:
        self._network_id = network_id
        self._answer = answer
        self._transport: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections = 0

    async def open(self, gateway: str) -> None:
        """Raises OSError when another program has the port."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=_bound(gateway, socket.SOCK_DGRAM))
        self._server = await asyncio.start_server(self._converse, sock=_bound(gateway, socket.SOCK_STREAM))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        if len(self._tasks) < 2 * _MOST_FORWARDED:
            task = asyncio.get_running_loop().create_task(self._answer_datagram(data, source))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer_datagram(self, data: bytes, source: tuple[str, int]) -> None:
        reply = await self._answer(self._network_id, source=source[0], data=data, by_tcp=False)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, source)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections <= _MOST_CONNECTIONS:
                await self._answer_stream(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # it went away, or has nothing to say
        finally:
            self._connections -= 1
            writer.close()

    async def _answer_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        source = writer.get_extra_info("peername")[0]
        while True:
            async with asyncio.timeout(_IDLE_S):
                header = await reader.readexactly(2)
                data = await reader.readexactly(struct.unpack("!H", header)[0])
            reply = await self._answer(self._network_id, source=source, data=data, by_tcp=True)
            if reply is None:
                return
            writer.write(struct.pack("!H", len(reply)) + reply)
            async with asyncio.timeout(_IDLE_S):
                await writer.drain()


def _bound(address: str, kind: socket.SocketKind) -> socket.socket:
    """Also while the bridge is not there yet."""
    is_ipv6 = ":" in address
    made = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, kind)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_ipv6:
            made.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        else:
            made.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        made.setblocking(False)
        made.bind((address, _PORT))
    except BaseException:
        made.close()
        raise
    return made
