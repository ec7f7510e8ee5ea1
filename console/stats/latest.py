"""What a host's agent said last of its machine and its containers: one small file a host, replaced as a whole.

It is what lists, the overview and /metrics read, so that none of them opens a ring for each row.
"""

import contextlib
import json
import math
import os
import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from django.conf import settings

from console.stats.rings import Layout, Ring

ENGINE_ID = re.compile(r"[0-9a-f]{64}")
HOST_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")
# agents sample every ten seconds
STALE_AFTER_S = 35.0
LATEST = "latest.json"
CONTAINER = Layout(("cpu", "memory", "limit", "rx", "tx", "read", "write", "pids"), peaks=("cpu", "memory"))
HOST = Layout(
    ("cpu", "memory", "memory_total", "load", "disk", "disk_total", "rx", "tx", "running"), peaks=("cpu", "memory")
)


@dataclass(frozen=True, slots=True)
class ContainerUse:
    """``cpu`` in percent of one processor, sizes in bytes, rates in bytes per second; None: not known yet."""

    cpu: float | None
    memory: float
    limit: float
    rx: float | None
    tx: float | None
    read: float | None
    write: float | None
    pids: float

    @property
    def values(self) -> list[float]:
        return [math.nan if value is None else float(value) for value in asdict(self).values()]


@dataclass(frozen=True, slots=True)
class HostUse:
    """``cpu`` in percent of all processors. ``disk`` is of the file system that the engine's data is on, 0 when the
    agent cannot see it; ``layers`` and what follows is what the engine keeps there.
    """

    cpu: float | None
    cpus: int
    memory: float
    memory_total: float
    load: float
    disk: float
    disk_total: float
    disk_free: float
    rx: float | None
    tx: float | None
    running: int
    layers: float | None = None
    writable: float | None = None
    volumes: float | None = None
    build_cache: float | None = None

    @property
    def values(self) -> list[float]:
        told = [getattr(self, name) for name in HOST.names]
        return [math.nan if value is None else float(value) for value in told]


@dataclass(frozen=True, slots=True)
class Latest:
    """``containers`` by engine id: those that ran."""

    at_s: float
    host: HostUse | None
    containers: Mapping[str, ContainerUse] = field(default_factory=dict)

    @property
    def is_stale(self) -> bool:
        return time.time() - self.at_s > STALE_AFTER_S

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Raises ValueError, TypeError, KeyError or AttributeError for what is not of this shape."""
        containers = {
            str(engine_id): ContainerUse(*_numbers(values))
            for engine_id, values in document["containers"].items()
            if ENGINE_ID.fullmatch(engine_id)
        }
        host = document.get("host")
        return cls(float(document["at"]), HostUse(**_named(host)) if host else None, containers)

    def as_json(self) -> dict[str, Any]:
        containers = {engine_id: list(asdict(use).values()) for engine_id, use in self.containers.items()}
        return {"at": self.at_s, "host": asdict(self.host) if self.host else None, "containers": containers}


NOTHING = Latest(0.0, None)


def folder_of(host_name: str) -> Path:
    """ValueError for a name that no host has."""
    if not HOST_NAME.fullmatch(host_name):
        raise ValueError(f"{host_name!r} is no name of a host")
    return Path(settings.NARU_DATA) / "stats" / host_name


def host_ring(host_name: str) -> Ring:
    return Ring(folder_of(host_name) / "host.ring", HOST)


def container_ring(host_name: str, engine_id: str) -> Ring:
    if not ENGINE_ID.fullmatch(engine_id):
        raise ValueError(f"{engine_id!r} is no id of a container")
    return Ring(folder_of(host_name) / f"{engine_id}.ring", CONTAINER)


def latest_of(host_name: str) -> Latest:
    """NOTHING for a host that has told nothing, or whose file cannot be read."""
    try:
        return Latest.from_json(json.loads((folder_of(host_name) / LATEST).read_bytes()))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return NOTHING


def keep_latest(host_name: str, latest: Latest) -> None:
    folder = folder_of(host_name)
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=".latest-")
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(latest.as_json(), file, separators=(",", ":"))
        Path(name).replace(folder / LATEST)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise


def _numbers(values: Any) -> list[Any]:
    return [_number(value) for value in values]


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    """An agent may be newer, and tell more."""
    return {name: _number(value) for name, value in values.items() if name in HostUse.__dataclass_fields__}


def _number(value: Any) -> float | int | None:
    """What a host says is finite, not negative and fits a float of 32 bits, or it says nothing."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e30:
        raise ValueError(f"{value!r} is no amount")
    return value
