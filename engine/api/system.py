"""``/_ping``, ``/version``, ``/info``, ``/system/df``."""

import asyncio
from datetime import UTC, datetime

from aiohttp import web

from engine.api.call import Call
from engine.api.facts import image_facts, summary_facts
from engine.api.replies import json_reply
from engine.host.disk_usage import tree_bytes
from engine.model.container import Status
from engine.wire.container import encode_summary
from engine.wire.image import ImageFacts, encode_image_summary
from engine.wire.system import EngineCounts, encode_disk_usage, encode_info, encode_version
from engine.wire.times import timestamp


async def ping(call: Call) -> web.Response:
    headers = {
        "Builder-Version": "1",  # the classic builder: clients ask for BuildKit where it says 2
        "Cache-Control": "no-cache, no-store, must-revalidate",
        "Pragma": "no-cache",
        "Swarm": "inactive",
    }
    if call.request.method != "HEAD":
        return web.Response(text="OK", headers=headers)
    # the first request of each docker command: of those that run something, this takes 4 ms
    call.parts.containers.warm_up()
    return web.Response(headers=headers)


async def version(call: Call) -> web.Response:
    return json_reply(encode_version(call.facts))


async def info(call: Call) -> web.Response:
    states = [container.status for container in call.parts.containers.list()]
    running, paused = states.count(Status.RUNNING), states.count(Status.PAUSED)
    counts = EngineCounts(
        running=running,
        paused=paused,
        stopped=len(states) - running - paused,
        images=len(call.parts.images.list()),
        system_time=timestamp(datetime.now(UTC)),
    )
    return json_reply(encode_info(call.facts, counts))


async def disk_usage(call: Call) -> web.Response:
    parts = call.parts
    containers = parts.containers.list()
    sizes = await asyncio.to_thread(lambda: [tree_bytes(parts.config.upper(one.id)) for one in containers])
    now = datetime.now(UTC)
    images = []
    for image in parts.images.list():
        facts = ImageFacts(
            references=image_facts(parts, image).references,
            containers=sum(one.spec.image_id == image.id for one in containers),
            shared_bytes=0,
        )
        images.append(encode_image_summary(image, facts, version=call.version))
    return json_reply(
        encode_disk_usage(
            layers_bytes=sum(layer.size_bytes for layer in parts.state.layers()),
            images=images,
            containers=[
                encode_summary(one, summary_facts(parts, one, size_rw_bytes=size), now=now)
                for one, size in zip(containers, sizes, strict=True)
            ],
        )
    )
