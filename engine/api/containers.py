"""Containers as objects: create, list, inspect, top, prune."""

import asyncio
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from engine.api.call import Call
from engine.api.facts import container_facts, network_name, summary_facts
from engine.api.parts import Parts
from engine.api.replies import json_reply
from engine.api.spec_checks import checked_spec
from engine.containers.network_wishes import with_known_networks
from engine.host.disk_usage import tree_bytes
from engine.model.container import Container
from engine.model.digest import Digest
from engine.model.errors import Conflict, Missing
from engine.model.platform import Platform
from engine.wire.container import encode_inspect, encode_summary
from engine.wire.container_create import decode_create
from engine.wire.container_filters import KNOWN, asks_for_stopped, container_condition
from engine.wire.prune_filters import LABELS_AND_AGE, decode_prune_filters
from engine.wire.text import LONGEST_NAME
from engine.wire.version import CONSOLE_SIZE_FROM


async def create(call: Call) -> web.Response:
    creation = decode_create(await call.json_body(), version=call.version)
    name = call.query.text("name", longest=LONGEST_NAME).removeprefix("/") or None
    parts = call.parts
    image = parts.images.get(creation.request.image)
    if (text := call.query.text("platform")) and not _is_for(Platform.parse(text), image.platform):
        raise Missing(
            f"image with reference {creation.request.image} was found but does not match the platform {text[:80]}"
        )
    spec, warnings = creation.to_spec(image, default_profile=parts.config.profile)
    spec = with_known_networks(spec, parts.networks)
    spec, limit_warnings = checked_spec(spec, machine=parts.machine, runtime=parts.chosen.runtime.name)
    warnings += limit_warnings
    if spec.mounts:
        warnings += await parts.containers.check_mounts(spec)
    container = await call.finish(parts.containers.create(spec, layers=image.diff_ids, name=name))
    if spec.tty and (size := creation.console_size) and call.version >= CONSOLE_SIZE_FROM:
        parts.containers.remember_size(container.id, height=size[0], width=size[1])
    return json_reply({"Id": container.id, "Warnings": warnings}, status=201)


def _is_for(wanted: Platform, found: Platform) -> bool:
    return (wanted.os, wanted.architecture) == (found.os, found.architecture) and (
        not wanted.variant or wanted.variant == found.variant
    )


async def list_containers(call: Call) -> web.Response:
    filters = call.query.filters(known=KNOWN)
    limit = call.query.number("limit", 0)
    wanted = container_condition(filters, _Lookup(call.parts))
    found = [container for container in call.parts.containers.list() if wanted(container)]
    if limit > 0:
        found = found[:limit]
    elif not call.query.flag("all") and not asks_for_stopped(filters):
        found = [container for container in found if container.is_active]
    sizes = await _sizes(call.parts, found) if call.query.flag("size") else [None] * len(found)
    return json_reply(container_summaries(call.parts, list(zip(found, sizes, strict=True))))


def container_summaries(parts: Parts, found: Sequence[tuple[Container, int | None]]) -> list[dict[str, Any]]:
    """Lines of a list; with each container the bytes of its own layer, if they were asked for."""
    now, links = datetime.now(UTC), parts.containers.link_names()
    return [
        encode_summary(one, summary_facts(parts, one, size_rw_bytes=size, link_names=links.get(one.id, ())), now=now)
        for one, size in found
    ]


async def inspect(call: Call) -> web.Response:
    container = call.parts.containers.get(call.name)
    size = (await _sizes(call.parts, [container]))[0] if call.query.flag("size") else None
    return json_reply(encode_inspect(container, container_facts(call.parts, container, size_rw_bytes=size)))


async def top(call: Call) -> web.Response:
    processes = await call.parts.containers.top(call.name, columns=call.query.text("ps_args", "-ef", longest=255))
    return json_reply({"Titles": processes.titles, "Processes": processes.rows})


async def prune(call: Call) -> web.Response:
    """Remove what does not run."""
    wanted = decode_prune_filters(call.query.filters(known=LABELS_AND_AGE), now_ns=time.time_ns())
    removed, reclaimed = [], 0
    for container in call.parts.containers.list():
        if container.is_active or not wanted.allow(container.spec.labels, created_at=container.created_at):
            continue
        (size,) = await _sizes(call.parts, [container])
        try:
            await call.finish(call.parts.containers.remove(container.id))
        except (Conflict, Missing):
            continue  # started or removed since it was looked at
        removed.append(container.id)
        reclaimed += size or 0
    call.parts.events.emit("container", "prune", "", {"reclaimed": str(reclaimed)})
    return json_reply({"ContainersDeleted": removed or None, "SpaceReclaimed": reclaimed})


async def _sizes(parts: Parts, containers: list[Container]) -> list[int | None]:
    def measure() -> list[int | None]:
        return [tree_bytes(parts.config.upper(container.id)) for container in containers]

    return await asyncio.to_thread(measure)


class _Lookup:
    """What filters name."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def created_at(self, container: str) -> datetime:
        return self._parts.containers.get(container).created_at

    def descendants(self, image: str) -> Collection[Digest]:
        try:
            waiting = [self._parts.images.get(image).id]
        except Missing:
            return ()
        found: set[Digest] = set()
        while waiting:
            found.add(image_id := waiting.pop())
            waiting += [child.id for child in self._parts.images.children(image_id) if child.id not in found]
        return found

    def network_name(self, name: str) -> str:
        return network_name(self._parts, name)
