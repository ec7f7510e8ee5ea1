"""Volumes: create, list, inspect, remove, prune."""

from typing import Any, Final

from aiohttp import web

from engine.api.archives import stream_archive
from engine.api.call import Call
from engine.api.parts import Parts
from engine.api.replies import json_reply, no_content
from engine.model.volume import DRIVER, Volume
from engine.wire.prune_filters import LABELS, PruneFilters
from engine.wire.text import name_pattern
from engine.wire.version import ANONYMOUS_PRUNE_FROM
from engine.wire.volume import FILTERS, VolumeUsage, decode_volume, encode_volume, encode_volumes

_PRUNE_FILTERS: Final = ("all", *LABELS)


async def list_volumes(call: Call) -> web.Response:
    filters = call.query.filters(known=FILTERS)
    patterns = [name_pattern(text) for text in filters.get("name")]
    is_dangling = filters.flag("dangling")
    parts = call.parts

    def is_wanted(volume: Volume) -> bool:
        return (
            (not patterns or any(pattern.search(volume.name) for pattern in patterns))
            and ("driver" not in filters or DRIVER in filters.get("driver"))
            and filters.match_labels(volume.labels or {})
            and (is_dangling is None or is_dangling is not bool(parts.volumes.users(volume.name)))
        )

    return json_reply(encode_volumes([_shown(parts, one) for one in parts.volumes.list() if is_wanted(one)]))


async def create(call: Call) -> web.Response:
    request = decode_volume(await call.json_body())
    volume = await call.finish(call.parts.volumes.create(request))
    return json_reply(_shown(call.parts, volume), status=201)


async def inspect(call: Call) -> web.Response:
    return json_reply(_shown(call.parts, call.parts.volumes.get(call.name)))


async def remove(call: Call) -> web.Response:
    await call.finish(call.parts.volumes.remove(call.name, force=call.query.flag("force")))
    return no_content()


async def prune(call: Call) -> web.Response:
    """Remove what no container has: since API 1.42 without those somebody has named, unless ``all`` is asked for."""
    filters = call.query.filters(known=_PRUNE_FILTERS)
    wanted = PruneFilters(filters)
    with_named = call.version < ANONYMOUS_PRUNE_FROM or bool(filters.flag("all"))
    volumes, removed, reclaimed = call.parts.volumes, [], 0
    for volume in volumes.list():
        if (with_named or volume.is_anonymous) and wanted.allow(volume.labels or {}):
            size_bytes = await call.finish(volumes.remove_unused(volume.name))
            if size_bytes is not None:
                removed.append(volume.name)
                reclaimed += size_bytes
    volumes.tell_pruned(reclaimed_bytes=reclaimed)
    return json_reply({"VolumesDeleted": removed, "SpaceReclaimed": reclaimed})


async def export(call: Call) -> web.StreamResponse:
    """A backup (``engine/volumes/backup.py``). A failure on the way cuts the connection."""
    async with call.parts.containers.volume_backups.export(call.name, pause=call.query.flag("pause")) as chunks:
        return await stream_archive(call, chunks, {"Content-Type": "application/zstd"})


async def import_backup(call: Call) -> web.Response:
    """Always into a new volume. The client going away leaves none."""
    name = call.query.text("name")
    volume = await call.parts.containers.volume_backups.bring_back(name, call.body_chunks())
    return json_reply(_shown(call.parts, volume), status=201)


def _shown(parts: Parts, volume: Volume) -> dict[str, Any]:
    return encode_volume(volume, path=str(parts.config.volume_data(volume.name)))


async def volumes_with_usage(parts: Parts) -> list[dict[str, Any]]:
    """For ``/system/df``."""
    shown = []
    for volume in parts.volumes.list():
        users = len(parts.volumes.users(volume.name))
        usage = VolumeUsage(await parts.volumes.size_bytes(volume.name), users)
        shown.append(encode_volume(volume, path=str(parts.config.volume_data(volume.name)), usage=usage))
    return shown
