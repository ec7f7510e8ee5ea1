"""What a container may use and what it uses: ``update`` and ``stats``."""

from aiohttp import web

from engine.api.call import Call
from engine.api.replies import json_reply
from engine.containers.statistics import Watch
from engine.model.container import Container
from engine.model.errors import Invalid
from engine.model.stats import Sample
from engine.wire.container_update import decode_update
from engine.wire.encode import encode
from engine.wire.stats import encode_stats
from engine.wire.version import ONE_SHOT_STATS_FROM


async def update(call: Call) -> web.Response:
    call.parts.containers.get(call.name)  # that there is none is told before what is wrong with the rest
    asked = decode_update(await call.json_body(), version=call.version)
    warnings = await call.finish(call.parts.containers.update(call.name, asked))
    return json_reply({"Warnings": warnings or None})


async def stats(call: Call) -> web.StreamResponse:
    """Once a second until the client goes or the container is removed; without ``stream`` one answer, with use of the
    processors over a second, or with ``one-shot`` at once and without."""
    is_stream = call.query.flag("stream", default=True)
    is_one_shot = call.version >= ONE_SHOT_STATS_FROM and call.query.flag("one-shot")
    if is_stream and is_one_shot:
        raise Invalid("cannot have stream=true and one-shot=true")
    container = call.parts.containers.get(call.name)
    if is_one_shot or not (is_stream or container.is_running):
        now = await call.parts.containers.statistics.sample(container.id)
        return json_reply(_encoded(call, container, now, None))
    with call.parts.containers.statistics.watching(container.id) as watch:
        before = await call.parts.containers.statistics.sample(container.id)
        if not is_stream:
            now = await anext(aiter(watch), None)
            return json_reply(_encoded(call, container, now, before))
        return await _stream(call, container, watch, before)


async def _stream(call: Call, container: Container, watch: Watch, first: Sample | None) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(call.request)
    await response.write(encode(_encoded(call, container, first, None)))
    before = first
    async for now in watch:
        await response.write(encode(_encoded(call, container, now, before)))
        before = now
    return response


def _encoded(call: Call, container: Container, now: Sample | None, before: Sample | None) -> dict[str, object]:
    return encode_stats(
        now,
        before,
        container_id=container.id,
        name=container.name,
        machine_memory_bytes=call.parts.machine.memory_bytes,
    )
