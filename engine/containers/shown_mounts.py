"""What is mounted in a container, as it belongs to the container's files when others than the container look at them.

Volumes and paths of the host are shown where they are in the container, for ``docker cp``; tmpfs is not, as in Docker.
Places are looked up inside the root, whatever links the container has made meanwhile.
"""

import contextlib
import errno
import os
import posixpath
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from engine.containers.host_binds import bind_tree
from engine.containers.parts import Parts
from engine.containers.volume_mounts import volume_tree
from engine.host import libc
from engine.host.host_files import MountTree
from engine.host.inroot import open_in_root
from engine.model.container import Container
from engine.model.errors import Unavailable
from engine.model.mount import Mount, MountKind


@dataclass(frozen=True, slots=True)
class Shown:
    """Something of the host that a running container has mounted, and that belongs to its files for Docker."""

    source: Path
    destination: str


class ShownMounts:
    def __init__(self, parts: Parts) -> None:
        self._config = parts.config
        self._volumes = parts.volumes
        self._host_files = parts.host_files

    @contextlib.asynccontextmanager
    async def available(self, container: Container, *, view_id: str, read_only: bool) -> AsyncIterator[None]:
        """Within the block its volumes are mounted, also those with options. Raises as ``Volumes.mount`` does."""
        try:
            for mount in _of_kind(container, MountKind.VOLUME):
                await self._volumes.mount(mount.volume, view_id, read_only=read_only or mount.read_only)
            yield
        finally:
            await self._volumes.unmount(view_id)

    def attach(self, container: Container, root: Path) -> None:
        """Over ``root``, owners as on disk, in the caller's namespace. Blocks. Raises Unavailable.

        Passed over where there is no place of its kind: the container has put something else there.
        """
        for mount in sorted(_shown(container), key=_depth):
            with _place(root, mount.target) as place:
                if place is None:
                    continue
                try:
                    with closing(self._tree(mount)) as tree:
                        if tree.fits(place):
                            tree.set_attributes(read_only=mount.read_only, recursive=True, propagation=libc.MS_PRIVATE)
                            tree.attach_over(place)
                except OSError as error:
                    what = mount.volume or mount.source
                    raise Unavailable(f"cannot show {what} at {mount.target}: {error.strerror}") from error

    def laid_down(self, container: Container) -> tuple[Shown, ...]:
        """Where its start has put them for a container that runs: owners, and what may be written, as it sees them."""
        bundle = self._config.bundle(container.id)
        found = []
        for kind, place in ((MountKind.BIND, "mounts"), (MountKind.VOLUME, "volumes")):
            for number, mount in enumerate(_of_kind(container, kind)):
                found.append((mount, bundle / place / str(number)))
        found.sort(key=lambda each: _depth(each[0]))
        return tuple(Shown(source, mount.target) for mount, source in found)

    def make_places(self, container: Container, root: Path) -> None:
        """As the first start would. Blocks. What is in the way stays."""
        for mount in sorted(_shown(container), key=_depth):
            is_missing = mount.creates_source and not os.path.lexists(mount.source)
            is_directory = mount.kind is MountKind.VOLUME or is_missing or os.path.isdir(mount.source)  # noqa: PTH112
            with contextlib.suppress(OSError):
                _make_place(root, mount.target, is_directory=is_directory)

    def _tree(self, mount: Mount) -> MountTree:
        if mount.kind is MountKind.VOLUME:
            return volume_tree(self._volumes.path(mount.volume), mount.subpath)
        return bind_tree(self._host_files, mount)


def has_shown_mounts(container: Container) -> bool:
    return bool(_shown(container))


def mount_at(container: Container, path: str) -> Mount | None:
    """The volume or path of the host that ``path``, which has no links in it, lies on."""
    holding = [
        mount
        for mount in container.spec.mounts
        if mount.target == path or path.startswith(mount.target.rstrip("/") + "/")
    ]
    return max(holding, key=_depth, default=None)


def _of_kind(container: Container, kind: MountKind) -> list[Mount]:
    return [mount for mount in container.spec.mounts if mount.kind is kind]


def _shown(container: Container) -> list[Mount]:
    return [mount for mount in container.spec.mounts if mount.kind is not MountKind.TMPFS]


def _depth(mount: Mount) -> int:
    return mount.target.count("/")


@contextlib.contextmanager
def _place(root: Path, path: str) -> Iterator[int | None]:
    try:
        place = open_in_root(root, path, os.O_PATH)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
        yield None
        return
    try:
        yield place
    finally:
        os.close(place)


def _make_place(root: Path, path: str, *, is_directory: bool) -> None:
    """With the directories above it. Raises OSError."""
    above, made = "/", [part for part in path.split("/") if part]
    for number, name in enumerate(made):
        directory = open_in_root(root, above, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with contextlib.suppress(FileExistsError):
                if is_directory or number < len(made) - 1:
                    os.mkdir(name, 0o755, dir_fd=directory)
                else:
                    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                    os.close(os.open(name, flags, 0o644, dir_fd=directory))
        finally:
            os.close(directory)
        above = posixpath.join(above, name)
