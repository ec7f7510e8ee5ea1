"""What a container may use: ``update``."""

from aiohttp import web

from engine.api.call import Call
from engine.api.replies import json_reply
from engine.wire.container_update import decode_update


async def update(call: Call) -> web.Response:
    call.parts.containers.get(call.name)  # that there is none is told before what is wrong with the rest
    asked = decode_update(await call.json_body(), version=call.version)
    warnings = await call.finish(call.parts.containers.update(call.name, asked))
    return json_reply({"Warnings": warnings or None})
