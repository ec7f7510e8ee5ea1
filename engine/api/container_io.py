"""A container's output and input: ``logs`` and ``attach``."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from engine.api.call import Call
from engine.api.detach_keys import DetachScanner, parse_detach_keys
from engine.api.frames import LogEncoder, content_type
from engine.api.hijack import Taken, hijack
from engine.api.middleware import HEADERS
from engine.api.relay import relay
from engine.api.websocket import accept_websocket, relay_websocket
from engine.containers.attach import AttachSession
from engine.containers.logs import LogRequest
from engine.model.container import Container
from engine.model.errors import Invalid
from engine.wire.log_details import log_details
from engine.wire.query import Query
from engine.wire.version import WEBSOCKET_STREAMS_FROM

_DOCKER_CLI: Final = "Docker-Client/"

ReadLog = Callable[[LogEncoder], AsyncGenerator[bytes, None]]


async def logs(call: Call) -> web.StreamResponse:
    request = log_request(call)
    container = call.parts.containers.get(call.name)
    return await stream_log(
        call,
        request,
        lambda encode: call.parts.containers.logs(container.id, request, encode=encode),
        tty=container.spec.tty,
        details=log_details(container),
    )


def log_request(call: Call) -> LogRequest:
    """What of a log is asked for. Raises Invalid."""
    query = call.query
    stdout, stderr = query.flag("stdout"), query.flag("stderr")
    if not (stdout or stderr):
        raise Invalid("Bad parameters: you must choose at least one stream")
    return LogRequest(
        follow=query.flag("follow"),
        since_ns=query.find_moment_ns("since") or None,
        until_ns=query.find_moment_ns("until") or None,
        tail=_tail(query.text("tail", "all", longest=20)),
        stdout=stdout,
        stderr=stderr,
    )


async def stream_log(
    call: Call, request: LogRequest, read: ReadLog, *, tty: bool, details: bytes
) -> web.StreamResponse:
    """What ``read`` gives of a log, encoded as the client asks for. ``details`` go before a line, if it wants them."""
    encode = LogEncoder(
        request.selection,
        tty=tty,
        timestamps=call.query.flag("timestamps"),
        details=details if call.query.flag("details") else b"",
        # the docker CLI writes frame by frame: a system call for each line is most of what it takes otherwise
        joined=call.request.headers.get("User-Agent", "").startswith(_DOCKER_CLI),
    )
    async with aclosing(read(encode)) as pieces:
        response = web.StreamResponse(headers={"Content-Type": content_type(call.version, tty=tty)})
        await response.prepare(call.request)
        async for piece in pieces:
            await response.write(piece)
            del piece  # nothing to hold while we wait for the next one
    return response


def _tail(text: str) -> int | None:
    """Docker takes what is not a number for "all"."""
    return int(text) if text.isascii() and text.isdigit() else None


@dataclass(frozen=True, slots=True)
class _Wishes:
    stdin: bool
    stdout: bool
    stderr: bool
    logs: bool
    stream: bool
    detach_keys: bytes

    @property
    def output(self) -> bool:
        return self.stdout or self.stderr

    @property
    def input(self) -> bool:
        return self.stdin and self.stream


def _wishes(query: Query, *, all_streams: bool = False) -> _Wishes:
    return _Wishes(
        stdin=all_streams or query.flag("stdin"),
        stdout=all_streams or query.flag("stdout"),
        stderr=all_streams or query.flag("stderr"),
        logs=query.flag("logs"),
        stream=query.flag("stream"),
        detach_keys=parse_detach_keys(query.text("detachKeys", longest=255)),
    )


async def attach(call: Call) -> web.StreamResponse:
    wishes = _wishes(call.query)
    # Read, so that the connection can be taken over, and not looked at: dockerode sends the parameters here once more.
    await call.small_body()
    container = call.parts.containers.get(call.name)
    session = _session(call, container, wishes)
    try:
        kind = content_type(call.version, tty=container.spec.tty)
        channel = await hijack(call.request, content_type=kind, headers=HEADERS)
        keys = DetachScanner(wishes.detach_keys) if session.tty else None
        if await relay(session, channel, raw=session.tty, output=wishes.output, input=wishes.input, keys=keys):
            _tell_detached(call, container)
    finally:
        await session.close()
    return Taken()


async def attach_websocket(call: Call) -> web.StreamResponse:
    """Until the container ends or the client goes. Before API 1.42 a websocket had all three streams."""
    wishes = _wishes(call.query, all_streams=call.version < WEBSOCKET_STREAMS_FROM)
    container = call.parts.containers.get(call.name)
    session = _session(call, container, wishes)
    try:
        socket = await accept_websocket(call.request)
        keys = DetachScanner(wishes.detach_keys) if session.tty else None
        if await relay_websocket(session, socket, output=wishes.output, input=wishes.input, keys=keys):
            _tell_detached(call, container)
    finally:
        await session.close()
    return socket


def _session(call: Call, container: Container, wishes: _Wishes) -> AttachSession:
    return call.parts.containers.attach(
        container.id,
        stdin=wishes.stdin,
        stdout=wishes.stdout,
        stderr=wishes.stderr,
        logs=wishes.logs,
        stream=wishes.stream,
    )


def _tell_detached(call: Call, container: Container) -> None:
    attributes = {**container.spec.labels, "image": container.spec.image_name, "name": container.name}
    call.parts.events.emit("container", "detach", container.id, attributes)
