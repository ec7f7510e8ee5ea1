"""Our own endpoints for logs whose container was removed (``/naru/logs``)."""

import asyncio
from typing import Final

from aiohttp import web

from engine.api.call import Call
from engine.api.container_io import log_request, stream_log
from engine.api.replies import json_reply, no_content
from engine.wire.kept_log import KNOWN, encode_kept_log, kept_log_condition

_MOST: Final = 10_000


async def list_kept_logs(call: Call) -> web.Response:
    wanted = kept_log_condition(call.query.filters(known=KNOWN))
    limit = call.query.number("limit", default=_MOST, least=1, most=_MOST)
    kept = await asyncio.to_thread(call.parts.containers.kept_logs.every)
    return json_reply([encode_kept_log(each) for each in kept if wanted(each)][:limit])


async def read(call: Call) -> web.StreamResponse:
    """As ``GET /containers/{name}/logs``; there is nothing to follow."""
    request = log_request(call)
    kept = await asyncio.to_thread(call.parts.containers.kept_logs.get, call.name)
    return await stream_log(
        call,
        request,
        lambda encode: call.parts.containers.kept_log(kept.container_id, request, encode=encode),
        tty=kept.tty,
        details=kept.details.encode(),
    )


async def remove(call: Call) -> web.Response:
    await call.finish(asyncio.to_thread(call.parts.containers.kept_logs.remove, call.name))
    return no_content()
