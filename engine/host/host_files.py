"""Files and mounts of the host as the host sees them, to be shown in containers.

The engine lives in a mount namespace of its own, where a path can mean something else: what the host mounted since
then is missing there wherever the host's mounts are private. So a path is looked up in the host's namespace, by a
thread that goes there and ends. What it found is held as a file descriptor from then on: nobody can exchange it.
"""

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engine.host import libc

_T = TypeVar("_T")
_MOUNT_NAMESPACE = "mnt:["  # what proc(5) says of the file of one


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path of the host leads: the mount it lies on, and what that mount has peers for (mountinfo, proc(5))."""

    path: str
    mount_point: str
    is_shared: bool
    is_slave: bool


class MountTree:
    """A copy of what is mounted at a path, attached nowhere yet. Close it.

    ``pieces`` are places below the path, "" for itself, with a copy of what is mounted there; most often there is one.
    ``maps_owners`` is whether the file system at the top shows owners as was asked. ``has_mounts_below``: in any piece.
    """

    def __init__(
        self, pieces: list[tuple[str, int]], *, is_directory: bool, maps_owners: bool, has_mounts_below: bool
    ) -> None:
        self._pieces = pieces
        self.is_directory = is_directory
        self.maps_owners = maps_owners
        self.has_mounts_below = has_mounts_below

    def close(self) -> None:
        for _, fd in self._pieces:
            os.close(fd)

    def allow_set_uid(self) -> None:
        """Programs may have the mode bits that change who runs them, which the engine's storage forbids itself."""
        for _, fd in self._pieces:
            libc.mount_setattr(fd, attr_clear=libc.MOUNT_ATTR_NOSUID)

    def set_attributes(self, *, read_only: bool, recursive: bool, propagation: int) -> None:
        """``propagation`` is one of MS_PRIVATE, MS_SLAVE and MS_SHARED. Raises OSError."""
        for path, fd in self._pieces:
            if read_only and (recursive or not path):
                libc.mount_setattr(fd, attr_set=libc.MOUNT_ATTR_RDONLY, recursive=recursive)
            libc.mount_setattr(fd, propagation=propagation, recursive=True)

    def attach(self, target: Path) -> None:
        """At ``target``, which is made, in the caller's namespace."""
        if self.is_directory:
            target.mkdir(mode=0o755)
        else:
            target.touch(mode=0o644)
        for path, fd in self._pieces:
            libc.move_mount(fd, target / path)

    def fits(self, place: int) -> bool:
        """Whether ``place``, open, is a directory where this is one, and none where it is none."""
        return stat.S_ISDIR(os.fstat(place).st_mode) is self.is_directory

    def attach_over(self, place: int) -> None:
        """Over what is open as ``place``, wherever that is in the caller's namespace by now. Raises OSError."""
        top = self._pieces[0][1]
        libc.move_mount(top, f"/proc/self/fd/{place}", flags=libc.MOVE_MOUNT_T_SYMLINKS)
        resolve = libc.RESOLVE_BENEATH | libc.RESOLVE_NO_SYMLINKS
        for path, fd in self._pieces[1:]:
            point = libc.openat2(top, path, flags=os.O_PATH | os.O_CLOEXEC, mode=0, resolve=resolve)
            try:
                libc.move_mount(fd, f"/proc/self/fd/{point}", flags=libc.MOVE_MOUNT_T_SYMLINKS)
            finally:
                os.close(point)


class HostFiles:
    """``namespace_fd`` is the host's mount namespace, ours to keep; None: the caller's own. Methods block.

    All raise OSError as the kernel does: FileNotFoundError for what is not there, ELOOP for a path through a link
    that only processes have (/proc/PID/root, /proc/PID/fd/N), which would lead into somebody else's files.
    """

    def __init__(self, namespace_fd: int | None = None) -> None:
        self._namespace_fd = namespace_fd

    def place(self, path: str) -> Place:
        return self._there(lambda: _place(path))

    def make_directory(self, path: str) -> None:
        """With its parents, owned by root; one that is there is left as it is."""
        self._there(lambda: Path(path).mkdir(mode=0o755, parents=True, exist_ok=True))

    def copy_tree(self, path: str, *, recursive: bool, userns_fd: int | None = None) -> MountTree:
        """With owners as ``userns_fd`` maps them wherever a file system can do that (proc, sysfs and others cannot)."""
        return self._there(lambda: _copy_tree(path, recursive=recursive, userns_fd=userns_fd))

    def _there(self, action: Callable[[], _T]) -> _T:
        return action() if self._namespace_fd is None else _in_namespace(self._namespace_fd, action)


def show_all_below(path: Path, *, pid: int, target: str) -> None:
    """Mount ``path`` with all that is mounted below it over ``target`` in the mount namespace of ``pid``, which the
    caller holds. Blocks. Raises OSError."""
    flags = libc.OPEN_TREE_CLONE | libc.OPEN_TREE_CLOEXEC | libc.AT_RECURSIVE
    tree = libc.open_tree(path, flags=flags)
    try:
        namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        try:
            # links in the container's files lead about in its own root, which setns(2) makes the thread's
            _in_namespace(namespace, lambda: libc.move_mount(tree, target, flags=libc.MOVE_MOUNT_T_SYMLINKS))
        finally:
            os.close(namespace)
    finally:
        os.close(tree)


def _in_namespace(namespace_fd: int, action: Callable[[], _T]) -> _T:
    """What ``action`` returns or raises (OSError), in a thread that goes to that mount namespace first, and ends."""
    results: list[_T] = []
    errors: list[OSError] = []

    def go() -> None:
        try:
            libc.unshare(libc.CLONE_FS)  # else the whole process would have to move (setns(2))
            libc.setns(namespace_fd, libc.CLONE_NEWNS)
            results.append(action())
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=go, name="mount-namespace")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _real_path(handle: int) -> str:
    return str(Path(f"/proc/thread-self/fd/{handle}").readlink())


def _open(path: str) -> int:
    flags = os.O_PATH | os.O_CLOEXEC
    return libc.openat2(libc.AT_FDCWD, path, flags=flags, mode=0, resolve=libc.RESOLVE_NO_MAGICLINKS)


def _copy_tree(path: str, *, recursive: bool, userns_fd: int | None) -> MountTree:
    handle = _open(path)
    try:
        return copy_tree_at(handle, recursive=recursive, userns_fd=userns_fd)
    finally:
        os.close(handle)


def copy_tree_at(handle: int, *, recursive: bool, userns_fd: int | None) -> MountTree:
    """As ``HostFiles.copy_tree``, of what is open (O_PATH) as ``handle`` in the caller's namespace. Raises OSError."""
    is_directory = stat.S_ISDIR(os.fstat(handle).st_mode)
    below = _mounts_below(_real_path(handle)) if recursive and is_directory else {}
    # One that keeps a mount namespace alive, ours for instance, is refused as part of a tree (move_mount(2), ELOOP)
    wanted = [point for point, root in below.items() if not root.startswith(_MOUNT_NAMESPACE)]
    if len(wanted) == len(below):
        tree = _clone(handle, recursive=recursive)
        maps_owners = userns_fd is None or _map(tree, userns_fd, recursive=recursive)
        if maps_owners or not below:
            return MountTree(
                [("", tree)], is_directory=is_directory, maps_owners=maps_owners, has_mounts_below=bool(below)
            )
        os.close(tree)  # one of them cannot, and so none did
    pieces = _cloned_one_by_one(handle, wanted)
    mapped = [userns_fd is None or _map(fd, userns_fd, recursive=False) for _, fd in pieces]
    return MountTree(pieces, is_directory=is_directory, maps_owners=mapped[0], has_mounts_below=len(pieces) > 1)


def _clone(handle: int, *, recursive: bool) -> int:
    flags = libc.OPEN_TREE_CLONE | libc.OPEN_TREE_CLOEXEC | libc.AT_EMPTY_PATH
    return libc.open_tree("", directory_fd=handle, flags=flags | (libc.AT_RECURSIVE if recursive else 0))


def _cloned_one_by_one(handle: int, below: Iterable[str]) -> list[tuple[str, int]]:
    """What cannot be reached, because something else is mounted over it, is left out."""
    pieces = [("", _clone(handle, recursive=False))]
    for path in below:
        with contextlib.suppress(OSError):
            point = os.open(path, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=handle)
            try:
                pieces.append((path, _clone(point, recursive=False)))
            finally:
                os.close(point)
    return pieces


def _place(path: str) -> Place:
    handle = _open(path)
    try:
        real = _real_path(handle)
        facts = Path(f"/proc/thread-self/fdinfo/{handle}").read_text().splitlines()
    finally:
        os.close(handle)
    mount_id = next(line.split()[1] for line in facts if line.startswith("mnt_id:"))
    for fields in _mount_info():
        if fields[0] == mount_id:
            optional = fields[6 : fields.index("-")]
            return Place(
                real,
                fields[4],
                is_shared=any(word.startswith("shared:") for word in optional),
                is_slave=any(word.startswith("master:") for word in optional),
            )
    return Place(real, "/", is_shared=False, is_slave=False)


def _mounts_below(path: str) -> dict[str, str]:
    """Mount points, relative to ``path`` and in the order of mounting → the root of what is mounted there."""
    above = path.rstrip("/") + "/"
    return {
        fields[4].removeprefix(above): fields[3]
        for fields in _mount_info()
        if fields[4].startswith(above) and fields[4] != above
    }


def _mount_info() -> list[list[str]]:
    """proc(5): id, parent, device, root, mount point, options, optional fields up to "-", and more."""
    text = Path("/proc/thread-self/mountinfo").read_text(errors="surrogateescape")
    return [line.split(" ") for line in text.splitlines()]


def _map(mount_fd: int, userns_fd: int, *, recursive: bool) -> bool:
    """All of it or nothing. Only the top of a copy can be mapped by itself."""
    try:
        libc.mount_setattr(mount_fd, attr_set=libc.MOUNT_ATTR_IDMAP, userns_fd=userns_fd, recursive=recursive)
    except OSError:
        return False
    return True
