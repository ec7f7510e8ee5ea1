"""Mounts as inspect and lists show them: as they were asked for, and as they are."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.model.container import ContainerSpec
from engine.model.mount import Mount, MountKind, Propagation
from engine.model.volume import DRIVER

VolumePath = Callable[[str], str]


def encode_mount_requests(spec: ContainerSpec) -> dict[str, Any]:
    """``Binds``, ``Mounts``, ``VolumesFrom`` and ``VolumeDriver`` as they were asked for."""
    asked = [_as_asked(mount) for mount in spec.mounts if not mount.bind and not mount.is_implied]
    return {
        "VolumesFrom": list(spec.volumes_from) or None,
        "VolumeDriver": spec.volume_driver,
        "Binds": [mount.bind for mount in spec.mounts if mount.bind] or None,
        **({"Mounts": asked} if asked else {}),
    }


def encode_mount_points(spec: ContainerSpec, *, volume_path: VolumePath) -> list[dict[str, Any]]:
    """``Mounts`` of an inspected or listed container. ``volume_path`` tells where a volume's data lies."""
    return [_mount_point(mount, volume_path) for mount in spec.mounts]


def _mount_point(mount: Mount, volume_path: VolumePath) -> dict[str, Any]:
    is_volume = mount.kind is MountKind.VOLUME
    is_bind = mount.kind is MountKind.BIND
    return {
        "Type": mount.kind.value,
        **({"Name": mount.volume} if is_volume else {}),
        "Source": volume_path(mount.volume) if is_volume else mount.source,
        "Destination": mount.target,
        **({"Driver": DRIVER} if is_volume else {}),
        # z is about SELinux: what Docker says of a volume that somebody asked for without a word of a mode
        "Mode": mount.mode or ("z" if is_volume and not mount.is_implied else ""),
        "RW": not mount.read_only,
        "Propagation": (mount.propagation or Propagation.RPRIVATE).value if is_bind else "",
    }


def _as_asked(mount: Mount) -> dict[str, Any]:
    """Without what was not said, as Go leaves it out."""
    options = {
        "BindOptions": _bind_options(mount),
        "VolumeOptions": _volume_options(mount),
        "TmpfsOptions": _tmpfs_options(mount),
    }
    return {
        "Type": mount.kind.value,
        **_said({"Source": mount.source, "Target": mount.target, "ReadOnly": mount.read_only}),
        **_said({"Consistency": mount.consistency} | options),
    }


def _bind_options(mount: Mount) -> dict[str, Any]:
    if mount.kind is not MountKind.BIND:
        return {}
    return _said(
        {
            "Propagation": mount.propagation.value if mount.propagation else "",
            "NonRecursive": not mount.is_recursive,
            "CreateMountpoint": mount.creates_source,
            "ReadOnlyNonRecursive": not mount.is_read_only_below,
            "ReadOnlyForceRecursive": mount.must_be_read_only_below,
        }
    )


def _volume_options(mount: Mount) -> dict[str, Any]:
    options = mount.volume_options
    if options is None:
        return {}
    driver = _said({"Name": options.driver, "Options": dict(options.driver_options)})
    given = {"NoCopy": options.no_copy, "Labels": dict(options.labels), "DriverConfig": driver}
    return _said({**given, "Subpath": options.subpath})


def _tmpfs_options(mount: Mount) -> dict[str, Any]:
    options = [option.split("=", 1) for option in mount.tmpfs_options]
    return _said({"SizeBytes": mount.tmpfs_size_bytes, "Mode": mount.tmpfs_mode, "Options": options})


def _said(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}


def mount_names(mounts: Iterable[Mount]) -> set[str]:
    """What the filter ``volume`` finds a container by: where its mounts come from, and where they are."""
    return {name for mount in mounts for name in (mount.volume, mount.source, mount.target) if name}
