"""Images as objects: list, inspect, history, tag, remove, prune."""

import time
from collections import Counter
from collections.abc import Collection
from typing import Any, Final

from aiohttp import web

from engine.api.call import Call
from engine.api.facts import image_facts
from engine.api.replies import json_reply
from engine.images.removal import Removed, Untagged
from engine.model.digest import Digest
from engine.model.image import Image
from engine.model.reference import Reference
from engine.wire.image import (
    FILTERS,
    ImageFacts,
    encode_history_entry,
    encode_image,
    encode_image_summary,
    encode_removed,
    image_condition,
    matches_reference,
    reference_patterns,
)
from engine.wire.prune_filters import LABELS_AND_AGE, decode_prune_filters

_PRUNE_FILTERS: Final = ("dangling", *LABELS_AND_AGE)


async def list_images(call: Call) -> web.Response:
    filters = call.query.filters(known=FILTERS)
    images = call.parts.images
    wanted = image_condition(filters, find=images.get, now_ns=time.time_ns())
    patterns, dangling, everything = reference_patterns(filters), filters.flag("dangling"), call.query.flag("all")
    if legacy := call.query.text("filter"):  # before 1.41: one name
        patterns = reference_patterns(type(filters)({"reference": (legacy,)}))
    found: list[tuple[Image, list[Reference]]] = []
    for image in images.list():
        references = list(images.references(image.id))
        is_nameless, is_tagged = not references, any(reference.tag for reference in references)
        if not wanted(image) or (dangling and is_tagged) or (dangling is False and is_nameless):
            continue
        if is_nameless and (not everything or dangling) and images.children(image.id):
            continue  # between a tagged image and its base
        if patterns:
            references = [reference for reference in references if matches_reference(reference, patterns)]
            if not references:
                continue
        found.append((image, references))
    asked = {name for name in ("containers", "shared-size") if call.query.flag(name)}
    return json_reply(_summaries(call, found, asked))


def image_usage(call: Call) -> list[dict[str, Any]]:
    """For ``/system/df``: without images that only others are built upon."""
    images = call.parts.images
    named = [(image, list(images.references(image.id))) for image in images.list()]
    found = [(image, references) for image, references in named if references or not images.children(image.id)]
    return _summaries(call, found, ("containers", "shared-size"))


def _summaries(call: Call, found: list[tuple[Image, list[Reference]]], asked: Collection[str]) -> list[dict[str, Any]]:
    """What was not ``asked`` for is -1, as in Docker."""
    users = Counter(one.spec.image_id for one in call.parts.containers.list()) if "containers" in asked else None
    shared = call.parts.images.shared_bytes([image for image, _ in found]) if "shared-size" in asked else {}
    return [
        encode_image_summary(
            image,
            ImageFacts(
                references=references,
                containers=-1 if users is None else users[image.id],
                shared_bytes=shared.get(image.id, -1),
            ),
            version=call.version,
        )
        for image, references in found
    ]


async def inspect(call: Call) -> web.Response:
    image = call.parts.images.get(call.name)
    return json_reply(encode_image(image, image_facts(call.parts, image), version=call.version))


async def history(call: Call) -> web.Response:
    image = call.parts.images.get(call.name)
    return json_reply(
        [
            encode_history_entry(
                image_id=entry.image_id,
                created_at=entry.created_at,
                created_by=entry.created_by,
                tags=entry.tags,
                size=entry.size_bytes,
                comment=entry.comment,
            )
            for entry in call.parts.images.history(image)
        ]
    )


async def tag(call: Call) -> web.Response:
    repository, name = call.query.text("repo"), call.query.text("tag")
    reference = Reference.parse(f"{repository}:{name}" if name else repository)
    await call.finish(call.parts.images.tag(call.name, reference))
    return web.Response(status=201)


async def remove(call: Call) -> web.Response:
    removed = await call.finish(
        call.parts.images.remove(
            call.name,
            force=call.query.flag("force"),
            prune=not call.query.flag("noprune"),
            in_use=lambda image_id: _users(call, image_id),
        )
    )
    return json_reply([_encode_removed(one) for one in removed])


async def prune(call: Call) -> web.Response:
    filters = call.query.filters(known=_PRUNE_FILTERS)
    wanted = decode_prune_filters(filters, now_ns=time.time_ns())
    dangling = filters.flag("dangling")
    pruned = await call.finish(
        call.parts.images.prune(
            dangling_only=dangling is not False,
            in_use=lambda image_id: _users(call, image_id),
            allow=lambda image: wanted.allow(image.config.labels, created_at=image.created_at),
        )
    )
    return json_reply(
        {
            "ImagesDeleted": [_encode_removed(one) for one in pruned.removed] or None,
            "SpaceReclaimed": pruned.reclaimed_bytes,
        }
    )


def _users(call: Call, image_id: Digest) -> list[str]:
    return [container.id for container in call.parts.containers.uses_image(image_id)]


def _encode_removed(removed: Removed) -> dict[str, str]:
    if isinstance(removed, Untagged):
        return encode_removed(untagged=removed.reference)
    return encode_removed(deleted=removed.digest)
