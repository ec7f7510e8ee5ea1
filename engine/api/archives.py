"""A container's files as tar archives, in and out, and what changed in them."""

import logging
from collections.abc import AsyncIterator, Mapping
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from engine.api.call import Call
from engine.api.replies import json_reply
from engine.model.errors import EngineError, Invalid
from engine.wire.files import STAT_HEADER, encode_changes, encode_path_stat

_log = logging.getLogger(__name__)
TAR = "application/x-tar"


async def head(call: Call) -> web.Response:
    found = await call.parts.containers.files.stat(call.name, path_of(call))
    return web.Response(headers={STAT_HEADER: encode_path_stat(found)})


async def get(call: Call) -> web.StreamResponse:
    async with call.parts.containers.files.archive(call.name, path_of(call)) as (found, chunks):
        return await stream_archive(call, chunks, {STAT_HEADER: encode_path_stat(found), "Content-Type": TAR})


async def put(call: Call) -> web.Response:
    """The client going away ends it; what was unpacked until then stays."""
    await call.parts.containers.files.extract(
        call.name,
        path_of(call),
        call.body_chunks(),
        keep_kinds=call.query.flag("noOverwriteDirNonDir"),
        give_to_user=call.query.flag("copyUIDGID"),
    )
    return web.Response()


async def export(call: Call) -> web.StreamResponse:
    async with call.parts.containers.files.export(call.name) as chunks:
        return await stream_archive(call, chunks, {"Content-Type": "application/octet-stream"})


async def changes(call: Call) -> web.Response:
    return json_reply(encode_changes(await call.parts.containers.files.changes(call.name)))


def path_of(call: Call) -> str:
    """From the request as it came: a file's name may be any bytes, and those that are no UTF-8 become surrogates."""
    pairs = parse_qsl(urlsplit(call.request.raw_path).query, errors="surrogateescape", max_num_fields=100)
    path = dict(pairs).get("path", "")
    if not path:
        raise Invalid("path: cannot be empty")
    return path


async def stream_archive(call: Call, chunks: AsyncIterator[bytes], headers: Mapping[str, str]) -> web.StreamResponse:
    """A failure on the way cuts the connection within a chunk: the client must not take what it has for the whole."""
    response = web.StreamResponse(headers=headers)
    await response.prepare(call.request)
    try:
        async for chunk in chunks:
            await response.write(chunk)
    except (EngineError, OSError) as error:
        if not isinstance(error, ConnectionError):
            _log.warning("%s is cut off: %s", call.request.path, error)
            if call.request.transport is not None:
                call.request.transport.abort()
        raise ConnectionResetError("the archive was cut off") from error
    return response
