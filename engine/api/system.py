"""``/_ping``, ``/version``, ``/info``, ``/system/df``."""

import asyncio
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from engine.api.build import cache_facts
from engine.api.call import Call
from engine.api.containers import container_summaries
from engine.api.images import image_usage
from engine.api.replies import json_reply
from engine.api.volumes import volumes_with_usage
from engine.host.disk_usage import tree_bytes
from engine.model.container import Status
from engine.model.errors import Invalid
from engine.wire.build_cache import encode_cache
from engine.wire.system import EngineCounts, encode_disk_usage, encode_info, encode_version, info_for
from engine.wire.text import shown
from engine.wire.times import timestamp
from engine.wire.version import USAGE_TYPE_FROM

_USAGE_TYPES: Final = frozenset({"container", "image", "volume", "build-cache"})


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
        event_listeners=call.parts.events.listeners,
    )
    return json_reply(info_for(call.version, encode_info(call.facts, counts)))


async def disk_usage(call: Call) -> web.Response:
    wanted = _usage_types(call)
    images = image_usage(call) if "image" in wanted else None
    return json_reply(
        encode_disk_usage(
            layers_bytes=sum(layer.size_bytes for layer in call.parts.state.layers()) if images is not None else 0,
            images=images,
            containers=await _container_usage(call) if "container" in wanted else None,
            volumes=await volumes_with_usage(call.parts) if "volume" in wanted else None,
            builds=await _build_usage(call) if "build-cache" in wanted else None,
            version=call.version,
        )
    )


def _usage_types(call: Call) -> frozenset[str]:
    types = frozenset(call.values("type")) if call.version >= USAGE_TYPE_FROM else frozenset()
    for unknown in types - _USAGE_TYPES:
        raise Invalid(f"type: unknown object type: {shown(unknown)}")
    return types or _USAGE_TYPES


async def _build_usage(call: Call) -> list[dict[str, Any]]:
    return [encode_cache(one) for one in await asyncio.to_thread(cache_facts, call)]


async def _container_usage(call: Call) -> list[dict[str, Any]]:
    parts, containers = call.parts, call.parts.containers.list()
    sizes = await asyncio.to_thread(lambda: [tree_bytes(parts.config.upper(one.id)) for one in containers])
    return container_summaries(parts, list(zip(containers, sizes, strict=True)))
