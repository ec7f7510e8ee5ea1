"""``POST /build``: the classic builder."""

import asyncio
import time
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from aiohttp import web

from engine.api.call import Call
from engine.api.replies import JsonLines, json_reply
from engine.build.messages import BuiltImage, Message, Pulling
from engine.build.request import BuildRequest, build_tags
from engine.registry.credentials import decode_config
from engine.wire.build import BuildQuery, decode_build
from engine.wire.build_cache import CacheFacts, PruneQuery, decode_prune
from engine.wire.build_secrets import HEADER as SECRETS
from engine.wire.build_secrets import decode_secrets
from engine.wire.transfer import encode_telling


async def build(call: Call) -> web.StreamResponse:
    """The client going away cancels the build. ``X-Registry-Config`` has credentials to pull base images with,
    ``X-Build-Secrets`` what RUN steps may mount."""
    query = decode_build(call.query, tags=call.values("t"), extra_hosts=call.values("extrahosts"))
    given = decode_config(call.request.headers.get("X-Registry-Config", ""))
    secrets = decode_secrets(call.request.headers.get(SECRETS, ""))
    request = replace(_request(query), credentials=given, secrets=secrets)
    async with JsonLines(call.request) as lines:

        async def emit(message: Message) -> None:
            await lines.write(_encode_message(message))

        await call.parts.builder.build(request, call.body_chunks(), emit)
        await lines.begin()
    return lines.response


def _encode_message(message: Message) -> dict[str, object]:
    if isinstance(message, BuiltImage):
        return {"aux": {"ID": str(message.image_id)}}
    if isinstance(message, Pulling):
        return encode_telling(message.telling)
    return {"stream": message.text}


def _request(query: BuildQuery) -> BuildRequest:
    return BuildRequest(
        dockerfile=query.dockerfile,
        tags=build_tags(query.tags),
        target=query.target,
        platform=query.platform,
        build_args=query.build_args,
        labels=query.labels,
        cache_from=query.cache_from,
        no_cache=query.no_cache,
        pull=query.pull,
        quiet=query.quiet,
        squash=query.squash,
        remove_intermediate=query.remove_intermediate,
        force_remove=query.force_remove,
        remote=query.remote,
        network_mode=query.network_mode,
        extra_hosts=query.extra_hosts,
        shm_size_bytes=query.shm_size_bytes,
        resources=query.resources,
    )


async def prune(call: Call) -> web.Response:
    """What cache mounts keep. Images are the classic builder's other cache, which ``/images/prune`` removes."""
    wanted = decode_prune(call.query, now_ns=time.time_ns())
    return json_reply(await call.finish(_prune(call, wanted)))


async def _prune(call: Call, wanted: PruneQuery) -> dict[str, Any]:
    caches = call.parts.builder.caches
    kept_bytes, reclaimed, deleted = 0, 0, []
    newest_first = sorted(await asyncio.to_thread(cache_facts, call), key=lambda one: one.last_used_at, reverse=True)
    for cache in newest_first:
        before = wanted.last_used_before_ns
        is_old = before is None or datetime.fromisoformat(cache.last_used_at).timestamp() * 1e9 < before
        if kept_bytes + cache.size_bytes <= wanted.keep_bytes or not is_old or not wanted.wants(cache):
            kept_bytes += cache.size_bytes
        elif await caches.remove(cache.id):
            deleted.append(cache.id)
            reclaimed += cache.size_bytes
    call.parts.events.emit("builder", "prune", "", {"reclaimed": str(reclaimed)})
    return {"CachesDeleted": deleted or None, "SpaceReclaimed": reclaimed}


def cache_facts(call: Call) -> list[CacheFacts]:
    """Blocks."""
    return [CacheFacts(**asdict(record)) for record in call.parts.builder.caches.records()]
