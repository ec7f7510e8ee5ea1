"""Volumes shown in a container that is being started."""

import errno
import os
from contextlib import closing
from pathlib import Path

from engine.containers.host_binds import Placed
from engine.containers.parts import Parts
from engine.host import libc
from engine.host.host_files import MountTree, copy_tree_at
from engine.model.container import Container, ContainerSpec
from engine.model.errors import Invalid, Unavailable
from engine.model.mount import Mount, MountKind, Propagation
from engine.oci.spec import Bind


class VolumeMounts:
    """``mount`` comes before ``place``, and ``unmount`` when the container is down."""

    def __init__(self, parts: Parts) -> None:
        self._volumes = parts.volumes

    async def mount(self, container: Container) -> None:
        """Raises Invalid in Docker's words."""
        for mount in _volumes(container.spec):
            await self._volumes.mount(mount.volume, container.id, read_only=mount.read_only)
            self._volumes.tell_mounted(mount.volume, container.id, destination=mount.target, read_only=mount.read_only)

    def place(self, spec: ContainerSpec, directory: Path, *, userns_fd: int | None) -> list[Placed]:
        """Lay the volumes down in the new ``directory``, owners as ``userns_fd`` maps them. Blocks. Raises Invalid."""
        mounts = _volumes(spec)
        if mounts:
            directory.mkdir(mode=0o711)
        return [self._placed(mount, directory / str(place), userns_fd) for place, mount in enumerate(mounts)]

    def _placed(self, mount: Mount, target: Path, userns_fd: int | None) -> Placed:
        try:
            with closing(volume_tree(self._volumes.path(mount.volume), mount.subpath, userns_fd=userns_fd)) as tree:
                tree.allow_set_uid()
                tree.set_attributes(read_only=mount.read_only, recursive=True, propagation=libc.MS_PRIVATE)
                tree.attach(target)
                is_incomplete = userns_fd is not None and tree.has_mounts_below
        except OSError as error:
            raise _refusal(mount, error) from error
        bind = Bind(target, mount.target, read_only=mount.read_only, propagation=Propagation.RPRIVATE)
        return Placed(bind, is_incomplete=is_incomplete)


def volume_tree(path: Path, subpath: str = "", *, userns_fd: int | None = None) -> MountTree:
    """A volume, or the part of it at ``subpath``, which links inside the volume may lead to, but not out of it.

    Raises OSError.
    """
    top = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        resolve = libc.RESOLVE_BENEATH | libc.RESOLVE_NO_MAGICLINKS
        handle = libc.openat2(top, subpath or ".", flags=os.O_PATH | os.O_CLOEXEC, mode=0, resolve=resolve)
        try:
            return copy_tree_at(handle, recursive=True, userns_fd=userns_fd)
        finally:
            os.close(handle)
    finally:
        os.close(top)


def _volumes(spec: ContainerSpec) -> list[Mount]:
    return [mount for mount in spec.mounts if mount.kind is MountKind.VOLUME]


def _refusal(mount: Mount, error: OSError) -> Exception:
    if not mount.subpath:
        return Unavailable(f"volume {mount.volume}: its files cannot be shown: {error.strerror}")
    why = "it leads out of the volume" if error.errno == errno.EXDEV else os.strerror(error.errno or 0).lower()
    return Invalid(f"cannot access path {mount.subpath} of volume {mount.volume}: {why}")
