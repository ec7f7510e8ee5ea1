"""The API's server: a unix socket, the application behind it, and its end."""

import contextlib
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from aiohttp import web

from engine.api.call import Call, Unfinished
from engine.api.endpoints import Handler, routes
from engine.api.facts import engine_facts
from engine.api.hijack import HijackRunner
from engine.api.middleware import add_headers, answer_errors
from engine.api.parts import Parts
from engine.model.errors import Conflict
from engine.wire.query import Query
from engine.wire.version import CURRENT, ApiVersion

_BACKLOG: Final = 1024
_STREAMS_END_S: Final = 1.0
_WORK_ENDS_S: Final = 15.0
_IDLE_S: Final = 600.0
_LINGER_S: Final = 1.0  # for the rest of a body that was refused, so that the client gets to read why
_READ_BYTES: Final = 256 << 10


class ApiServer:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._facts = engine_facts(parts)
        self._unfinished = Unfinished()
        self._runner: HijackRunner | None = None
        self._socket_path: Path | None = None

    async def start(self, socket_path: Path, *, mode: int = 0o600) -> None:
        """Listen on ``socket_path``, replacing what a dead engine left. Raises Conflict when somebody listens there."""
        listener = _bind(socket_path, mode=mode)
        self._socket_path = socket_path
        self._runner = HijackRunner(
            self._application(),
            access_log=None,
            handler_cancellation=True,  # a client that goes away ends its log stream, its build, its wait
            shutdown_timeout=_STREAMS_END_S,
            keepalive_timeout=_IDLE_S,
            auto_decompress=False,  # the parts that take archives look at their content themselves
            lingering_time=_LINGER_S,
            read_bufsize=_READ_BYTES,
        )
        await self._runner.setup()
        await web.SockSite(self._runner, listener, backlog=_BACKLOG).start()

    async def stop(self) -> None:
        """End the streams and let begun work finish, within limits. Containers are not touched."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        await self._unfinished.close(timeout_s=_WORK_ENDS_S)
        if self._socket_path is not None:
            self._socket_path.unlink(missing_ok=True)

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[answer_errors])
        app.on_response_prepare.append(add_headers)
        for method, path, handler in routes():
            app.router.add_route(method, path, self._bound(handler))
        return app

    def _bound(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            asked = request.match_info.get("version")
            version = CURRENT if asked is None else ApiVersion.parse(asked)
            query = Query(request.query)
            return await handler(Call(request, self._parts, self._facts, self._unfinished, version, query))

        return answer


def _bind(path: Path, *, mode: int) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        if path.is_socket():
            _refuse_if_alive(path)
            path.unlink()
        listener.bind(str(path))
        path.chmod(mode)  # before listen(): nobody can connect until then
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _refuse_if_alive(path: Path) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as probe, contextlib.suppress(OSError):
        probe.connect(str(path))
        raise Conflict(f"another server is listening on {path}")
