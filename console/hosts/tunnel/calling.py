"""The agent's end: calls the console, again and again, and joins the streams that it opens to this host's engine.

One connection, outwards; nothing is listened to. The key travels in a header of the first request, so it wants TLS.
"""

import asyncio
import logging
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from console.hosts.tunnel.frames import ENDED, REPLACED, BadFrame, Welcome
from console.hosts.tunnel.streams import HIGH_WATER, Ends
from console.hosts.tunnel.wire import Silent, Wire

log = logging.getLogger(__name__)

PATH: Final = "/agent/tunnel/"
FIRST_DELAY_S: Final = 0.5
LONGEST_DELAY_S: Final = 8.0
# to somebody who was sent away, the same would be said again
REFUSED_DELAY_S: Final = 30.0
REPLACED_DELAY_S: Final = 300.0
CONNECT_S: Final = 10.0
STEADY_S: Final = 30.0
AGAIN_S: Final = 0.01
PATIENCE_S: Final = {REPLACED: REPLACED_DELAY_S, ENDED: REFUSED_DELAY_S}
SAID: Final = {
    REPLACED: "another agent has called with this host's key; is one at work twice?",
    ENDED: "the key was renewed or revoked, or the host renamed or removed",
}
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class Refused(Exception):
    """The console does not take this key, or not any more."""


class Unreached(Exception):
    """It does not answer, or not as a console would."""


@dataclass(frozen=True, slots=True)
class Call:
    """``console`` is its address as browsers have it; ``engine`` this host's, ``unix:///path`` or ``tcp://host:port``.

    ``plain``: without TLS the key can be read by all on the way, so it is only done when it is asked for.
    """

    console: str
    engine: str
    key: str = field(repr=False)
    plain: bool = False

    @property
    def url(self) -> str:
        scheme, _, rest = self.console.rstrip("/").partition("://")
        name = rest.partition("/")[0].rpartition("@")[2]
        host = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        if scheme == "https" and host:
            return f"wss://{rest}{PATH}"
        if scheme == "http" and host and (self.plain or host in LOOPBACK):
            return f"ws://{rest}{PATH}"
        if scheme == "http":
            raise ValueError("NARU_CONSOLE begins with http: the host's key would travel in the clear; use https://")
        raise ValueError(f"NARU_CONSOLE is {self.console!r}; write https://name-of-the-console")


async def ask_who_i_am(call: Call) -> Welcome:
    """What the console says at the door, without going in. Raises Refused, Unreached."""
    async with _called(call, "?ask=who") as console:
        try:
            return await _welcome(console)
        except (aiohttp.ClientError, OSError, TimeoutError, BadFrame) as error:
            raise Unreached(_words(error)) from error


async def call_for_ever(call: Call, welcomed: Callable[[Welcome], None]) -> None:
    """Until cancelled. ``welcomed`` is told each time by what name the console knows this host."""
    delay_s = FIRST_DELAY_S
    while True:
        began, least_s = asyncio.get_running_loop().time(), 0.0
        try:
            code = await once(call, welcomed)
            least_s = PATIENCE_S.get(code, 0.0)
            log.warning("the console has hung up: %s", SAID.get(code, f"code {code}"))
        except Refused as error:
            least_s = REFUSED_DELAY_S
            log.warning("%s", error)
        except (Unreached, aiohttp.ClientError, OSError, TimeoutError, BadFrame, Silent) as error:
            log.warning("the console is not reached: %s", _words(error))
        if asyncio.get_running_loop().time() - began > STEADY_S:
            delay_s = FIRST_DELAY_S
        # not all hosts at once, when a console comes back
        await asyncio.sleep(max(least_s, delay_s * random.uniform(0.5, 1.0)))  # noqa: S311 - no secret
        delay_s = min(2 * delay_s, LONGEST_DELAY_S)


async def once(call: Call, welcomed: Callable[[Welcome], None]) -> int:
    """One tunnel, to its end; the code that the console hung up with, 1006 if it did without one."""
    async with _called(call) as console:
        welcomed(await _welcome(console))
        log.warning("the console is there")
        wire = Wire(console.send_bytes, opens=lambda: engine_at(call.engine))
        reading = asyncio.create_task(_read(console, wire))
        keeping = asyncio.create_task(wire.keep())
        try:
            done, _ = await asyncio.wait({reading, keeping}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            return console.close_code or 1006
        finally:
            reading.cancel()
            keeping.cancel()
            await asyncio.gather(reading, keeping, return_exceptions=True)
            await wire.close()


async def _read(console: aiohttp.ClientWebSocketResponse, wire: Wire) -> None:
    async for message in console:
        if message.type is not aiohttp.WSMsgType.BINARY:
            raise BadFrame(f"a message of type {message.type.name}")
        wire.take(message.data)


@asynccontextmanager
async def _called(call: Call, query: str = "") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    limit = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S)
    async with aiohttp.ClientSession(trust_env=True, timeout=limit) as session:
        asked = session.ws_connect(
            call.url + query,
            headers={"Authorization": f"Bearer {call.key}"},
            timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
            max_msg_size=64 * 1024,
        )
        try:
            async with asyncio.timeout(CONNECT_S):
                console = await asked
        except aiohttp.WSServerHandshakeError as error:
            if error.status in (401, 403):
                raise Refused("the console does not take this host's key") from error
            raise Unreached(f"it answers with status {error.status}") from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreached(_words(error)) from error
        async with console:
            yield console


async def _welcome(console: aiohttp.ClientWebSocketResponse) -> Welcome:
    message = await console.receive(timeout=CONNECT_S)
    if message.type is not aiohttp.WSMsgType.TEXT:
        raise BadFrame("the console did not say who this host is")
    return Welcome.decoded(message.data)


async def engine_at(address: str) -> Ends:
    """A new connection to this host's engine, for whoever sets a limit of time."""
    scheme, _, rest = address.partition("://")
    if scheme == "unix":
        return Ends(*await asyncio.open_unix_connection(sock=await _connected(rest), limit=HIGH_WATER))
    host, _, port = rest.rpartition(":")
    return Ends(*await asyncio.open_connection(host.strip("[]"), int(port), limit=HIGH_WATER))


async def _connected(path: str) -> socket.socket:
    """Where many come at once, the kernel says "again" (unix(7)), which asyncio would take for "under way"."""
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    found.setblocking(False)
    try:
        while True:
            try:
                found.connect(path)
            except BlockingIOError:
                await asyncio.sleep(AGAIN_S)
            else:
                return found
    except BaseException:
        found.close()
        raise


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
