"""A container's output and input: ``logs`` and ``attach``."""

from contextlib import aclosing
from dataclasses import dataclass

from aiohttp import web

from engine.api.call import Call
from engine.api.detach_keys import DetachScanner, parse_detach_keys
from engine.api.frames import content_type, log_bytes
from engine.api.hijack import Taken, hijack
from engine.api.middleware import HEADERS
from engine.api.relay import relay
from engine.model.container import Container
from engine.model.errors import Invalid


async def logs(call: Call) -> web.StreamResponse:
    query = call.query
    stdout, stderr = query.flag("stdout"), query.flag("stderr")
    if not (stdout or stderr):
        raise Invalid("Bad parameters: you must choose at least one stream")
    container = call.parts.containers.get(call.name)
    tty, timestamps = container.spec.tty, query.flag("timestamps")
    until_ns = query.find_moment_ns("until")
    batches = call.parts.containers.logs(
        container.id,
        follow=query.flag("follow"),
        since_ns=query.find_moment_ns("since") or None,
        until_ns=until_ns or None,
        tail=_tail(query.text("tail", "all", longest=20)),
        stdout=stdout,
        stderr=stderr,
    )
    async with aclosing(batches):
        response = web.StreamResponse(headers={"Content-Type": content_type(call.version, tty=tty)})
        await response.prepare(call.request)
        async for records in batches:
            await response.write(log_bytes(records, tty=tty, timestamps=timestamps))
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


async def attach(call: Call) -> web.StreamResponse:
    query = call.query
    wishes = _Wishes(
        stdin=query.flag("stdin"),
        stdout=query.flag("stdout"),
        stderr=query.flag("stderr"),
        logs=query.flag("logs"),
        stream=query.flag("stream"),
        detach_keys=parse_detach_keys(query.text("detachKeys", longest=255)),
    )
    await call.refuse_body("attach takes no body")  # the connection can be taken over once the request has been read
    container = call.parts.containers.get(call.name)
    session = call.parts.containers.attach(
        container.id,
        stdin=wishes.stdin,
        stdout=wishes.stdout,
        stderr=wishes.stderr,
        logs=wishes.logs,
        stream=wishes.stream,
    )
    try:
        kind = content_type(call.version, tty=container.spec.tty)
        channel = await hijack(call.request, content_type=kind, headers=HEADERS)
        has_output = wishes.stdout or wishes.stderr
        takes_input = wishes.stdin and wishes.stream
        keys = DetachScanner(wishes.detach_keys) if session.tty else None
        if await relay(session, channel, raw=session.tty, output=has_output, input=takes_input, keys=keys):
            _tell_detached(call, container)
    finally:
        await session.close()
    return Taken()


def _tell_detached(call: Call, container: Container) -> None:
    attributes = {**container.spec.labels, "image": container.spec.image_name, "name": container.name}
    call.parts.events.emit("container", "detach", container.id, attributes)
