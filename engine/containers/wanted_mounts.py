"""All mounts of a container from what was asked for. Pure.

What comes later stands in place of what came before at the same path: another container's mounts, then ``Binds`` and
``Mounts``, then a new volume for each path of ``Volumes`` where nothing is (moby, daemon/volumes.go and
daemon/create_unix.go).
"""

import posixpath
from collections.abc import Callable
from dataclasses import replace

from engine.model.container import ContainerSpec
from engine.model.errors import Invalid, Missing
from engine.model.mount import Mount, MountKind, VolumeOptions
from engine.wire.mounts import parse_volumes_from


def wanted_mounts(spec: ContainerSpec, *, mounts_of: Callable[[str], tuple[Mount, ...]]) -> tuple[Mount, ...]:
    """``mounts_of`` a container, by name, raises Missing. Raises Invalid, also for a container that is not there."""
    tmpfs = {posixpath.normpath(path) for path in spec.tmpfs}
    wanted: dict[str, Mount] = {}
    for text in spec.volumes_from:
        name, is_writable = parse_volumes_from(text)
        for mount in _lent(name, mounts_of):
            if mount.target not in tmpfs:
                wanted[mount.target] = _borrowed(mount, is_writable=is_writable)
    for mount in spec.mounts:
        wanted.pop(mount.target, None)  # its place in the order is that of the one that stays
        wanted[mount.target] = mount
    for path in sorted(spec.volumes):
        target = _clean(path)
        if target not in wanted and target not in tmpfs:
            wanted[target] = Mount(MountKind.VOLUME, target=target, is_implied=True)
    return tuple(wanted.values())


def _lent(name: str, mounts_of: Callable[[str], tuple[Mount, ...]]) -> tuple[Mount, ...]:
    try:
        return mounts_of(name)
    except Missing as error:
        # as dockerd: to the docker CLI a create's 404 means that the image is missing, and it would pull that
        raise Invalid(str(error)) from error


def _borrowed(mount: Mount, *, is_writable: bool) -> Mount:
    options = mount.volume_options or VolumeOptions()
    return replace(
        mount,
        read_only=mount.read_only or not is_writable,
        bind="",
        is_implied=True,
        volume_options=replace(options, no_copy=True) if mount.kind is MountKind.VOLUME else None,
    )


def _clean(path: str) -> str:
    """An image's word may be of any shape."""
    target = posixpath.normpath("/" + path.lstrip("/"))
    if target == "/" or "\0" in target:
        raise Invalid("Volumes: invalid specification: destination can't be '/'")
    return target
