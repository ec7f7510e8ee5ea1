"""Volumes as clients ask for them and see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from engine.model.errors import Unsupported
from engine.model.volume import DRIVER, Volume, VolumeRequest
from engine.wire.json_body import decode, parse_object
from engine.wire.text import check_mapping, check_text
from engine.wire.times import timestamp

FILTERS: Final = ("dangling", "driver", "label", "name")


class VolumeJson(msgspec.Struct, rename="pascal"):
    name: str = ""
    driver: str = ""
    driver_opts: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    cluster_volume_spec: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class VolumeUsage:
    """``users`` counts containers. ``size_bytes`` -1: not known."""

    size_bytes: int
    users: int


def decode_volume(body: bytes) -> VolumeRequest:
    """Raises Invalid or TooLarge, naming the member, and Unsupported for a volume of a cluster."""
    given = decode(parse_object(body), VolumeJson)
    if given.cluster_volume_spec is not None:
        raise Unsupported("ClusterVolumeSpec: volumes of a swarm are not supported by this engine")
    check_text("Name", given.name, longest=4096)
    check_text("Driver", given.driver, longest=255)
    check_mapping("Labels", given.labels or {}, lines=True)
    return VolumeRequest(given.name, given.driver, given.labels, given.driver_opts)


def encode_volume(volume: Volume, *, path: str, usage: VolumeUsage | None = None) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "CreatedAt": timestamp(volume.created_at),
        "Driver": DRIVER,
        "Labels": None if volume.labels is None else dict(volume.labels),
        "Mountpoint": path,
        "Name": volume.name,
        "Options": None if volume.options is None else dict(volume.options),
        "Scope": "local",
    }
    if usage is not None:
        shown["UsageData"] = {"Size": usage.size_bytes, "RefCount": usage.users}
    return shown


def encode_volumes(volumes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"Volumes": list(volumes), "Warnings": None}
