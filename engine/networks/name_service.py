"""The engine's side of the process that answers for names (``engine.dns``): started, told, and started again.

All of a network is told each time, so that nothing depends on what was told before.
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any, Final

from engine.host import processes
from engine.model.container import Endpoint, ProcessIdentity
from engine.model.errors import Missing
from engine.model.network import Network
from engine.networks.network import link_local_of

_log = logging.getLogger(__name__)
_VERSION: Final = 3  # of the conversation; a process that speaks another one is replaced
_REPOSITORY: Final = Path(__file__).resolve().parents[2]
_REPLY_LIMIT_S: Final = 10.0
_LONGEST_LINE: Final = 1 << 20
_RESTART_PAUSE_S: Final = 1.0
_LOOK_EVERY_S: Final = 3600.0


class NameService:
    """For the loop's thread. Failures are logged and tried again: a container without names is better than none."""

    def __init__(self, socket_path: Path, log_path: Path) -> None:
        self._socket_path = socket_path
        self._log_path = log_path
        self._wanted: dict[str, dict[str, Any]] = {}
        self._stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: ProcessIdentity | None = None

    async def publish(
        self, network: Network, endpoints: Iterable[tuple[str, Endpoint]], *, resting: Container[str] = ()
    ) -> None:
        """``endpoints`` with their containers' ids: all there are on this network. ``resting`` are containers that
        are left out where others have the same name."""
        message = {
            "network": network.id,
            "name": network.name,
            "gateways": [str(part.gateway) for part in (network, network.ipv6) if part is not None],
            "internal": network.internal,
            "members": [
                _member(container_id, endpoint, is_resting=container_id in resting)
                for container_id, endpoint in endpoints
            ],
        }
        self._wanted[network.id] = message
        await self._tell(message)

    async def withdraw(self, network_id: str) -> None:
        """Nobody asks there any more. The process ends with the last network."""
        if self._wanted.pop(network_id, None) is not None:
            await self._tell({"forget": network_id} if self._wanted else {"quit": True})

    async def close(self) -> None:
        """Leave the process to itself."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        self._hang_up()

    async def quit(self) -> None:
        """No process is left. Safe to repeat, and when there was none."""
        self._wanted.clear()
        async with self._one_at_a_time:
            if self._stream is None:
                self._stream = await self._find()
            if self._stream is not None:
                with contextlib.suppress(OSError, TimeoutError, ValueError):
                    await self._ask({"quit": True})
                    async with asyncio.timeout(_REPLY_LIMIT_S):
                        await self._stream[0].read()
        await self.close()
        await asyncio.to_thread(self._reap)

    async def _tell(self, message: dict[str, Any]) -> None:
        async with self._one_at_a_time:
            try:
                if self._stream is None:
                    if self._wanted:
                        await self._begin()
                    return
                await self._ask(message)
                if not self._wanted:
                    await self._ended()
            except (OSError, TimeoutError, ValueError) as error:
                _log.warning("names of containers may be wrong until the name service is told again: %s", error)
                self._hang_up()
        self._keep_watching()

    async def _begin(self) -> None:
        """Find the process, or start one, and tell it everything."""
        self._stream = await self._find() or await self._start()
        hello = await self._ask({"hello": _VERSION})
        self._identity = _identity(hello)
        known = set(hello.get("networks", ()))
        for network_id in known - self._wanted.keys():
            await self._ask({"forget": network_id})
        for message in list(self._wanted.values()):
            await self._ask(message)

    async def _find(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A former engine's, if it speaks as we do."""
        try:
            self._stream = await asyncio.open_unix_connection(str(self._socket_path), limit=_LONGEST_LINE)
            answer = await self._ask({"hello": _VERSION})
            if answer.get("hello") == _VERSION:
                return self._stream
            await self._ask({"quit": True})
            async with asyncio.timeout(_REPLY_LIMIT_S):
                await self._stream[0].read()
        except (OSError, TimeoutError, ValueError):
            pass  # none there, or one that is ending
        self._hang_up()
        return None

    async def _start(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._socket_path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._socket_path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening, self._log_path.open("ab") as log:
            listening.bind(str(self._socket_path))
            self._socket_path.chmod(0o600)
            listening.listen(4)
            self._reap()
            self._process = subprocess.Popen(  # noqa: ASYNC220 (vfork: a fraction of a millisecond)
                [sys.executable, "-m", "engine.dns", str(listening.fileno())],
                cwd=_REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[listening.fileno()],
                env={**os.environ, "MALLOC_ARENA_MAX": "1"},
            )
        _log.info("name service started: process %d", self._process.pid)
        return await asyncio.open_unix_connection(str(self._socket_path), limit=_LONGEST_LINE)

    async def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Raises OSError when the process is gone, TimeoutError and ValueError when it is not itself."""
        assert self._stream is not None
        reader, writer = self._stream
        writer.write(json.dumps(message).encode() + b"\n")
        await writer.drain()
        async with asyncio.timeout(_REPLY_LIMIT_S):
            line = await reader.readline()
        if not line:
            raise ConnectionResetError("the name service has ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            _log.error("network %s is without names: %s", message.get("name"), answer["error"])
        return answer

    async def _ended(self) -> None:
        assert self._stream is not None
        async with asyncio.timeout(_REPLY_LIMIT_S):
            await self._stream[0].read()
        self._hang_up()
        await asyncio.to_thread(self._reap)

    def _keep_watching(self) -> None:
        if self._watch is None and self._wanted:
            self._watch = asyncio.create_task(self._watch_over(), name="name-service")

    async def _watch_over(self) -> None:
        """Start it again when it has died."""
        while True:
            if self._identity is not None:
                if not await processes.wait_gone(self._identity, timeout_s=_LOOK_EVERY_S):
                    continue
            else:
                await asyncio.sleep(_RESTART_PAUSE_S)
            async with self._one_at_a_time:
                if self._identity is not None and not processes.is_alive(self._identity):
                    self._hang_up()
                if self._stream is None and self._wanted:
                    _log.warning("the name service has ended and is started again")
                    try:
                        await self._begin()
                    except (OSError, TimeoutError, ValueError) as error:
                        _log.warning("the name service cannot be reached: %s", error)
                        self._hang_up()

    def _hang_up(self) -> None:
        if self._stream is not None:
            self._stream[1].close()
            self._stream = None
        self._identity = None

    def _reap(self) -> None:
        """Blocks for as long as it takes a process that was told to end."""
        if self._process is None:
            return
        try:
            self._process.wait(_REPLY_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def _identity(hello: dict[str, Any]) -> ProcessIdentity:
    try:
        return processes.identity(int(hello["pid"]))
    except (Missing, KeyError) as error:
        raise ConnectionResetError("the name service has ended") from error


def _member(container_id: str, endpoint: Endpoint, *, is_resting: bool) -> dict[str, Any]:
    return {
        "resting": is_resting,
        "container": container_id,
        "address": endpoint.ip_address,
        "ipv6_address": endpoint.ipv6_address,
        "other_addresses": _other_addresses(endpoint),
        "names": list(endpoint.names),
        "links": dict(endpoint.links),
        "servers": list(endpoint.servers),
    }


def _other_addresses(endpoint: Endpoint) -> list[str]:
    """By which it may ask as well, but is not found."""
    of_link = [str(link_local_of(endpoint.mac_address))] if endpoint.ipv6_address else []
    return [*endpoint.link_local, *of_link]
