"""What could go from a host, why, and what stays. Pure: the same facts give the same plan, on a page and in the job.

An image is never taken away at once: it loses its names, gets one that says that it is held, and goes when its time is
over. Containers, volumes and build caches go for good.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from console.hosts.disk import DiskUse, ImageUse

# the name of an image that is held; no registry has such a name
HELD_AT: Final = "naru.quarantine"
HELD_TAG: Final = "held"
RESTORED_AT: Final = "restored"
KEEP_TAG: Final = "keep"
KEEP_LABEL: Final = "naru.keep"
STOPPED: Final = frozenset({"exited", "dead", "created"})


class Kind(StrEnum):
    """``DANGLING`` goes whatever its age, the others when they are old enough."""

    DANGLING = "dangling"
    UNUSED = "unused"
    CONTAINER = "container"
    VOLUME = "volume"
    CACHE = "cache"


IMAGES: Final = frozenset({Kind.DANGLING, Kind.UNUSED})


class Why(StrEnum):
    """Why something stays."""

    USED = "used"
    KEPT = "kept"
    RECENT = "recent"
    RUNNING = "running"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Item:
    """``key``: an engine id, or a name where there are no ids. ``size_bytes``: what would be free, as far as told."""

    kind: Kind
    key: str
    name: str
    size_bytes: int
    at: datetime

    @property
    def token(self) -> str:
        return f"{self.kind}:{self.key}"


@dataclass(frozen=True, slots=True)
class Kept:
    kind: Kind
    name: str
    why: Why


@dataclass(frozen=True, slots=True)
class Plan:
    items: tuple[Item, ...]
    kept: tuple[Kept, ...]

    def of(self, kind: Kind) -> list[Item]:
        return [item for item in self.items if item.kind is kind]

    def size_bytes(self, kind: Kind) -> int:
        return sum(item.size_bytes for item in self.of(kind))


def plan(use: DiskUse, *, older_than_days: int, now: datetime, released: Collection[str] = ()) -> Plan:
    """``released``: ids of images that a release may need again."""
    before = now - timedelta(days=older_than_days)
    found = [*_images(use, before, released), *_containers(use, before), *_volumes(use, before), *_caches(use, before)]
    items = tuple(one for one in found if isinstance(one, Item))
    return Plan(items, tuple(one for one in found if isinstance(one, Kept)))


def held_name(engine_id: str) -> str:
    return f"{HELD_AT}/{engine_id[:12]}:{HELD_TAG}"


def is_held(references: tuple[str, ...]) -> bool:
    return any(name.startswith(f"{HELD_AT}/") for name in references)


def _images(use: DiskUse, before: datetime, released: Collection[str]) -> Iterator[Item | Kept]:
    used = {container.image_engine_id for container in use.containers}
    for image in use.images:
        if is_held(image.references):
            continue
        kind = Kind.DANGLING if image.is_dangling else Kind.UNUSED
        name = image.references[0] if image.references else image.engine_id[:12]
        why = _image_stays(image, before, is_used=image.containers > 0 or image.engine_id in used)
        if why in (None, Why.RECENT) and image.engine_id in released:
            why = Why.RELEASED
        if why is not None:
            yield Kept(kind, name, why)
        else:
            yield Item(kind, image.engine_id, name, max(0, image.unique_bytes), image.created_at)


def _image_stays(image: ImageUse, before: datetime, *, is_used: bool) -> Why | None:
    if is_used:
        return Why.USED
    if _is_kept(image.labels) or any(name.endswith(f":{KEEP_TAG}") for name in image.references):
        return Why.KEPT
    return Why.RECENT if image.references and image.created_at > before else None


def _containers(use: DiskUse, before: datetime) -> Iterator[Item | Kept]:
    for one in use.containers:
        if one.state not in STOPPED:
            yield Kept(Kind.CONTAINER, one.name, Why.RUNNING)
        elif _is_kept(one.labels):
            yield Kept(Kind.CONTAINER, one.name, Why.KEPT)
        elif one.created_at > before:
            yield Kept(Kind.CONTAINER, one.name, Why.RECENT)
        else:
            yield Item(Kind.CONTAINER, one.engine_id, one.name, max(0, one.size_bytes), one.created_at)


def _volumes(use: DiskUse, before: datetime) -> Iterator[Item | Kept]:
    for one in use.volumes:
        # of one whose users were not told (-1) nothing is known
        if one.containers != 0:
            yield Kept(Kind.VOLUME, one.name, Why.USED)
        elif _is_kept(one.labels):
            yield Kept(Kind.VOLUME, one.name, Why.KEPT)
        elif one.created_at > before:
            yield Kept(Kind.VOLUME, one.name, Why.RECENT)
        else:
            yield Item(Kind.VOLUME, one.name, one.name, max(0, one.size_bytes), one.created_at)


def _caches(use: DiskUse, before: datetime) -> Iterator[Item | Kept]:
    for one in use.caches:
        name = one.description or one.cache_id[:12]
        if one.is_in_use:
            yield Kept(Kind.CACHE, name, Why.USED)
        elif one.last_used_at > before:
            yield Kept(Kind.CACHE, name, Why.RECENT)
        else:
            yield Item(Kind.CACHE, one.cache_id, name, max(0, one.size_bytes), one.last_used_at)


def _is_kept(labels: Mapping[str, str]) -> bool:
    return labels.get(KEEP_LABEL, "false").lower() not in ("false", "0", "no")
