"""Programs run in running containers: ``docker exec``."""

from aiohttp import web

from engine.api.call import Call
from engine.api.container_life import terminal_size
from engine.api.detach_keys import DetachScanner, parse_detach_keys
from engine.api.frames import content_type
from engine.api.hijack import Taken, hijack
from engine.api.middleware import HEADERS
from engine.api.relay import relay
from engine.api.replies import json_reply
from engine.wire.exec import ExecStart, decode_exec_create, decode_exec_start, encode_exec_inspect


async def create(call: Call) -> web.Response:
    spec = decode_exec_create(await call.json_body(), version=call.version)
    parse_detach_keys(spec.detach_keys)
    made = call.parts.containers.execs.create(call.name, spec)
    return json_reply({"Id": made.id}, status=201)


async def start(call: Call) -> web.StreamResponse:
    wishes = decode_exec_start(await call.json_body(), version=call.version)
    return await (_start_detached(call) if wishes.detach else _start_attached(call, wishes))


async def _start_detached(call: Call) -> web.Response:
    """Answers when the program runs."""
    session = call.parts.containers.execs.start(call.name, with_input=False)
    try:
        await session.started()
    finally:
        await session.close()
    response = web.Response()
    response.force_close()  # what comes behind this request was kept from the HTTP parser
    return response


async def _start_attached(call: Call, wishes: ExecStart) -> web.StreamResponse:
    """From here on a failure is told in the stream, as Docker tells it, and by the exit code."""
    execs = call.parts.containers.execs
    known = execs.get(call.name)
    session = execs.start(known.id, size=wishes.console_size)
    try:
        channel = await hijack(call.request, content_type=content_type(call.version, tty=wishes.tty), headers=HEADERS)
        keys = DetachScanner(parse_detach_keys(known.spec.detach_keys)) if known.spec.tty else None
        takes_input = known.spec.attach_stdin
        if await relay(session, channel, raw=wishes.tty, output=True, input=takes_input, keys=keys):
            execs.tell_detached(known.id)
    finally:
        await session.close()
    return Taken()


async def resize(call: Call) -> web.Response:
    height, width = terminal_size(call.query)
    call.parts.containers.execs.resize(call.name, height=height, width=width)
    return web.Response(status=200)


async def inspect(call: Call) -> web.Response:
    known = call.parts.containers.execs.get(call.name)
    keys = parse_detach_keys(known.spec.detach_keys) if known.spec.detach_keys else b""
    return json_reply(encode_exec_inspect(known, detach_keys=keys))
