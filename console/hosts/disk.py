"""What takes room on a host: ``GET /system/df`` as our own types. Times are aware, sizes in bytes, -1: not told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from console.hosts.gateway import Engine

LIMIT_S: Final = 30.0
_ZERO: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class ImageUse:
    """``containers``: how many use it, running or not."""

    engine_id: str
    references: tuple[str, ...]
    size_bytes: int
    shared_bytes: int
    containers: int
    created_at: datetime
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def unique_bytes(self) -> int:
        """What would be free if only this one went."""
        return self.size_bytes - max(0, self.shared_bytes)

    @property
    def is_dangling(self) -> bool:
        return not self.references


@dataclass(frozen=True, slots=True)
class ContainerUse:
    engine_id: str
    name: str
    image_engine_id: str
    state: str
    created_at: datetime
    size_bytes: int
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VolumeUse:
    name: str
    size_bytes: int
    containers: int
    created_at: datetime
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CacheUse:
    cache_id: str
    description: str
    size_bytes: int
    is_in_use: bool
    last_used_at: datetime


@dataclass(frozen=True, slots=True)
class DiskUse:
    layers_bytes: int
    images: tuple[ImageUse, ...] = ()
    containers: tuple[ContainerUse, ...] = ()
    volumes: tuple[VolumeUse, ...] = ()
    caches: tuple[CacheUse, ...] = ()


async def disk_use(engine: Engine, *, timeout_s: float = LIMIT_S) -> DiskUse:
    return read_disk_use(await engine.json("system/df", timeout_s=timeout_s) or {})


async def prune_build_cache(engine: Engine, *, older_than_h: int) -> int:
    """Bytes that are free now."""
    filters = f'{{"until":{{"{older_than_h}h":true}}}}' if older_than_h else "{}"
    params = {"all": "1", "filters": filters}
    answer = await engine.json("build/prune", "POST", params=params, timeout_s=600.0) or {}
    return int(answer.get("SpaceReclaimed") or 0)


async def remove_volume(engine: Engine, name: str) -> None:
    """Conflict while something uses it; Missing when it is gone."""
    await engine.json(f"volumes/{name}", "DELETE", timeout_s=120.0)


def read_disk_use(document: Mapping[str, Any]) -> DiskUse:
    """Pure."""
    return DiskUse(
        layers_bytes=_size(document.get("LayersSize")),
        images=tuple(_image(one) for one in document.get("Images") or []),
        containers=tuple(_container(one) for one in document.get("Containers") or []),
        volumes=tuple(_volume(one) for one in document.get("Volumes") or []),
        caches=tuple(_cache(one) for one in document.get("BuildCache") or []),
    )


def _image(one: Mapping[str, Any]) -> ImageUse:
    return ImageUse(
        engine_id=str(one["Id"]).removeprefix("sha256:"),
        references=tuple(sorted(str(name) for name in one.get("RepoTags") or [] if name != "<none>:<none>")),
        size_bytes=_size(one.get("Size")),
        shared_bytes=_size(one.get("SharedSize")),
        containers=_size(one.get("Containers")),
        created_at=_unix(one.get("Created")),
        labels=_labels(one),
    )


def _container(one: Mapping[str, Any]) -> ContainerUse:
    names = one.get("Names") or []
    return ContainerUse(
        engine_id=str(one["Id"]),
        name=str(names[0]).lstrip("/") if names else str(one["Id"])[:12],
        image_engine_id=str(one.get("ImageID") or "").removeprefix("sha256:"),
        state=str(one.get("State") or ""),
        created_at=_unix(one.get("Created")),
        size_bytes=_size(one.get("SizeRw") or 0),
        labels=_labels(one),
    )


def _volume(one: Mapping[str, Any]) -> VolumeUse:
    usage = one.get("UsageData") or {}
    return VolumeUse(
        name=str(one["Name"]),
        size_bytes=_size(usage.get("Size")),
        containers=_size(usage.get("RefCount")),
        created_at=_time(one.get("CreatedAt")),
        labels=_labels(one),
    )


def _cache(one: Mapping[str, Any]) -> CacheUse:
    return CacheUse(
        cache_id=str(one["ID"]),
        description=str(one.get("Description") or ""),
        size_bytes=_size(one.get("Size")),
        is_in_use=bool(one.get("InUse")),
        last_used_at=_time(one.get("LastUsedAt") or one.get("CreatedAt")),
    )


def _size(value: object) -> int:
    return int(value) if isinstance(value, int) else -1


def _labels(one: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in (one.get("Labels") or {}).items()}


def _unix(value: object) -> datetime:
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int) and value > 0 else _ZERO


def _time(text: object) -> datetime:
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return _ZERO
