"""``POST /build``: the classic builder."""

from dataclasses import replace

from aiohttp import web

from engine.api.call import Call
from engine.api.replies import JsonLines, json_reply
from engine.build.messages import BuiltImage, Message, Pulling
from engine.build.request import BuildRequest, build_tags
from engine.registry.credentials import decode_config
from engine.wire.build import BuildQuery, decode_build
from engine.wire.transfer import encode_telling


async def build(call: Call) -> web.StreamResponse:
    """The client going away cancels the build. ``X-Registry-Config`` has credentials to pull base images with."""
    query = decode_build(call.query, tags=call.values("t"))
    given = decode_config(call.request.headers.get("X-Registry-Config", ""))
    request = replace(_request(query), credentials=given)
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


async def prune(_: Call) -> web.Response:
    """The classic builder's cache is made of images, which ``/images/prune`` removes."""
    return json_reply({"CachesDeleted": None, "SpaceReclaimed": 0})
