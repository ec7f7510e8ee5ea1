"""A container's output and input: ``logs`` and ``attach``."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

from aiohttp import web

from engine.api.call import Call
from engine.api.detach_keys import DetachScanner, parse_detach_keys
from engine.api.errors import report_unexpected
from engine.api.frames import content_type, framed, log_bytes
from engine.api.hijack import Channel, Taken, hijack
from engine.api.middleware import HEADERS
from engine.containers.attach import AttachSession
from engine.model.container import Container
from engine.model.errors import EngineError, Invalid

_STDERR = 2


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
        if await _relay(session, channel, wishes):
            _tell_detached(call, container)
    finally:
        await session.close()
    return Taken()


async def _relay(session: AttachSession, channel: Channel, wishes: _Wishes) -> bool:
    """Until the container ends or the client leaves by the detach keys; True for the latter."""
    output = asyncio.create_task(_send_output(session, channel))
    tasks: set[asyncio.Task[bool]] = {output}
    if wishes.stdin and wishes.stream:
        keys = DetachScanner(wishes.detach_keys) if session.tty else None
        tasks.add(asyncio.create_task(_send_input(session, channel, keys)))
    try:
        while output in tasks:
            done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            has_detached = [task.result() for task in done]
            if any(has_detached):
                return True
            if output not in done and not (wishes.stdout or wishes.stderr):
                return False  # came only to write, and has written
        return False
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send_output(session: AttachSession, channel: Channel) -> bool:
    try:
        while (piece := await session.read()) is not None:
            stream, data = piece
            await channel.write(data if session.tty else framed(stream, data))
    except ConnectionError:
        return False
    # the answer has been given: an error can only be told in the stream
    except EngineError as error:
        await _tell_error(session, channel, str(error))
    except Exception:  # noqa: BLE001  # as above; it is logged
        await _tell_error(session, channel, report_unexpected("attach"))
    return False


async def _tell_error(session: AttachSession, channel: Channel, text: str) -> None:
    message = f"Error: {text}\n".encode()
    try:
        await channel.write(message if session.tty else framed(_STDERR, message))
    except ConnectionError:
        return


async def _send_input(session: AttachSession, channel: Channel, keys: DetachScanner | None) -> bool:
    """True when the client pressed the detach keys."""
    try:
        while data := await channel.read():
            has_detached = False
            if keys is not None:
                data, has_detached = keys.feed(data)
            if data:
                await session.write(data)
            if has_detached:
                return True
        session.close_stdin()
    except OSError:
        return False  # the container has ended or closed its input; its output decides when this is over
    return False


def _tell_detached(call: Call, container: Container) -> None:
    attributes = {**container.spec.labels, "image": container.spec.image_name, "name": container.name}
    call.parts.events.emit("container", "detach", container.id, attributes)
