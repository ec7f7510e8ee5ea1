"""Our own endpoints for looking around in a container's files (``/naru/containers/…``)."""

from typing import Final

from aiohttp import web

from engine.api.archives import TAR, path_of, stream_archive
from engine.api.call import Call
from engine.api.replies import json_reply
from engine.wire.files import STAT_HEADER, encode_listing, encode_path_stat, encode_sized_changes

_MOST: Final = 50_000


async def files(call: Call) -> web.Response:
    listed = await call.parts.containers.browsing.files(call.name, path_of(call), limit=_limit(call))
    return json_reply(encode_listing(listed))


async def changes(call: Call) -> web.Response:
    found, total = await call.parts.containers.browsing.changes(call.name, limit=_limit(call))
    return json_reply(encode_sized_changes(found, total=total))


async def image_archive(call: Call) -> web.StreamResponse:
    async with call.parts.containers.browsing.image_archive(call.name, path_of(call)) as (found, chunks):
        return await stream_archive(call, chunks, {STAT_HEADER: encode_path_stat(found), "Content-Type": TAR})


def _limit(call: Call) -> int:
    return call.query.number("limit", default=_MOST, least=1, most=_MOST)
