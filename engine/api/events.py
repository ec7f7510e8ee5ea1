"""``GET /events``."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import web

from engine.api.call import Call
from engine.model.events import Event
from engine.store.events import Subscription
from engine.wire.encode import encode
from engine.wire.event import FILTERS, encode_event, is_wanted


async def stream(call: Call) -> web.StreamResponse:
    """What was since ``since``, then what happens until ``until``; without that, until the client goes."""
    filters = call.query.filters(known=FILTERS)
    since_ns, until_ns = call.query.find_moment_ns("since"), call.query.find_moment_ns("until")
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    with call.parts.events.subscribe(capacity=4096) as subscription:
        # in one go with subscribing: nothing is lost or told twice in between
        past = call.parts.events.recent(since_ns=since_ns, until_ns=until_ns) if since_ns is not None else []
        await response.prepare(call.request)
        await response.write(b"".join(encode(encode_event(event)) for event in past if is_wanted(event, filters)))
        async for event in _until(subscription, until_ns):
            if is_wanted(event, filters):
                await response.write(encode(encode_event(event)))
    return response


async def _until(subscription: Subscription, until_ns: int | None) -> AsyncIterator[Event]:
    if until_ns is None:
        async for event in subscription:
            yield event
        return
    with suppress(TimeoutError):
        async with asyncio.timeout((until_ns - time.time_ns()) / 1e9):
            async for event in subscription:
                if event.at_ns > until_ns:
                    return
                yield event
