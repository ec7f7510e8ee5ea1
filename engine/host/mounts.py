"""Mounting and unmounting. Every function blocks; an unmount may write back a whole file system first.

A container's root is an overlay whose layers lie unshifted on disk (owners 0 to 65535) and which shows other owners
through one idmapped mount of the storage below all of its parts (ENGINE: ``userns.py`` makes the mapping).
"""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from engine.host import libc
from engine.model.errors import Unavailable

# the upper directory stays readable by itself: `docker commit` and `diff` look at nothing else
_OVERLAY_OPTIONS = {"redirect_dir": "off", "metacopy": "off", "index": "off"}
_OCTAL = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}


def mount_overlay(
    target: Path,
    *,
    storage_root: Path,
    lowers: Sequence[Path],
    upper: Path | None,
    work: Path | None,
    userns_fd: int | None = None,
    volatile: bool = False,
    read_only: bool = False,
    nosuid: bool = False,
    nodev: bool = False,
) -> None:
    """Mount an overlay on the existing directory ``target``.

    ``lowers`` are highest first; they, ``upper`` and ``work`` lie below ``storage_root``. ``userns_fd`` maps the owners
    on disk. ``volatile`` never writes back: after a crash of the host the upper is worth nothing. A mark that a
    volatile mount left in ``work`` is removed: the host did not crash, or the engine would have dropped the container.
    Raises Unavailable in the kernel's words.
    """
    attributes = (
        (libc.MOUNT_ATTR_RDONLY if read_only else 0)
        | (libc.MOUNT_ATTR_NOSUID if nosuid else 0)
        | (libc.MOUNT_ATTR_NODEV if nodev else 0)
    )
    with ExitStack() as undo:
        base = undo.enter_context(_storage(storage_root, beside=target, userns_fd=userns_fd))
        layers = [str(base / lower.relative_to(storage_root)) for lower in lowers or _nothing(undo, storage_root)]
        options = dict(_OVERLAY_OPTIONS)
        if upper is not None and work is not None:
            _forget_volatile(work / "work" / "incompat" / "volatile")
            options["upperdir"] = str(base / upper.relative_to(storage_root))
            options["workdir"] = str(base / work.relative_to(storage_root))
        elif len(layers) == 1:
            layers += map(
                str, [base / _nothing(undo, storage_root)[0].relative_to(storage_root)]
            )  # a lower alone is refused
        _mount_layers(target, layers=layers, options=options, volatile=volatile, attributes=attributes)


def _forget_volatile(mark: Path) -> None:
    """A directory with one file in it (Documentation/filesystems/overlayfs.rst, "Volatile mount")."""
    with contextlib.suppress(FileNotFoundError):
        (mark / "dirty").unlink(missing_ok=True)
        mark.rmdir()


def _nothing(undo: ExitStack, storage_root: Path) -> list[Path]:
    """An empty directory to stand for a missing layer; overlay keeps it alive after it is removed."""
    empty = Path(tempfile.mkdtemp(dir=storage_root, prefix=".empty-"))
    undo.callback(empty.rmdir)
    return [empty]


@contextlib.contextmanager
def _storage(storage_root: Path, *, beside: Path, userns_fd: int | None) -> Iterator[Path]:
    """A short path to ``storage_root``, idmapped if asked, good until the block ends.

    Short because fsconfig(2) takes 255 bytes. The idmapped copy is attached to the tree only for that long: before
    kernel 6.15 overlay refuses layers on a detached mount.
    """
    with ExitStack() as undo:
        root = storage_root
        if userns_fd is not None:
            root = Path(tempfile.mkdtemp(dir=beside.parent, prefix=".storage-"))
            undo.callback(root.rmdir)
            tree = libc.open_tree(storage_root, flags=libc.OPEN_TREE_CLONE | libc.OPEN_TREE_CLOEXEC)
            try:
                libc.mount_setattr(tree, attr_set=libc.MOUNT_ATTR_IDMAP, userns_fd=userns_fd)
                libc.move_mount(tree, root)
            except OSError as error:
                raise Unavailable(f"this kernel or file system cannot map owners: {error.strerror}") from error
            finally:
                os.close(tree)
            undo.callback(libc.umount, root, flags=libc.MNT_DETACH)
        handle = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        undo.callback(os.close, handle)
        yield Path(f"/proc/self/fd/{handle}")


def _mount_layers(
    target: Path, *, layers: Sequence[str], options: dict[str, str], volatile: bool, attributes: int
) -> None:
    context = libc.fsopen("overlay")
    try:
        for key, value in options.items():
            libc.fsconfig(context, libc.FSCONFIG_SET_STRING, key, value)
        for layer in layers:
            libc.fsconfig(context, libc.FSCONFIG_SET_STRING, "lowerdir+", layer)
        if volatile:
            libc.fsconfig(context, libc.FSCONFIG_SET_FLAG, "volatile")
        libc.fsconfig(context, libc.FSCONFIG_SET_STRING, "source", "overlay")
        libc.fsconfig(context, libc.FSCONFIG_CMD_CREATE)
        mounted = libc.fsmount(context, attributes=attributes)
    except OSError as error:
        if error.errno == errno.EINVAL and "lowerdir+" in str(error):
            _mount_layers_before_6_8(target, layers=layers, options=options, volatile=volatile, attributes=attributes)
            return
        raise Unavailable(f"cannot mount an overlay on {target}: {_complaint(context) or error.strerror}") from error
    finally:
        os.close(context)
    try:
        libc.move_mount(mounted, target)
    except OSError as error:
        raise Unavailable(str(error.strerror)) from error
    finally:
        os.close(mounted)


def _mount_layers_before_6_8(
    target: Path, *, layers: Sequence[str], options: dict[str, str], volatile: bool, attributes: int
) -> None:
    """With mount(2), whose options end at one page: about forty layers."""
    words = [f"{key}={value}" for key, value in options.items()] + ["lowerdir=" + ":".join(layers)]
    # MOUNT_ATTR_RDONLY, _NOSUID and _NODEV have the values of their MS_ twins
    data = ",".join([*words, "volatile"] if volatile else words)
    if len(data) >= os.sysconf("SC_PAGE_SIZE"):
        raise Unavailable(f"{len(layers)} layers are too many for this kernel; 6.8 and later take 500")
    try:
        libc.mount("overlay", target, kind="overlay", flags=attributes, data=data)
    except OSError as error:
        raise Unavailable(f"cannot mount an overlay on {target}: {error.strerror}") from error


def _complaint(context: int) -> str:
    """The kernel's own words about a failed file system context ("e overlay: …"; Documentation: mount_api.rst)."""
    lines = []
    with contextlib.suppress(OSError):
        while line := os.read(context, 1024):
            lines.append(line.decode(errors="replace").strip().removeprefix("e "))
    return "; ".join(lines)


def bind(
    source: Path,
    target: Path,
    *,
    read_only: bool = False,
    recursive: bool = False,
    nosuid: bool = False,
    nodev: bool = False,
    noexec: bool = False,
) -> None:
    """Show ``source`` at the existing ``target``; the flags hold for the top mount only. Raises Unavailable."""
    flags = (
        (libc.MS_RDONLY if read_only else 0)
        | (libc.MS_NOSUID if nosuid else 0)
        | (libc.MS_NODEV if nodev else 0)
        | (libc.MS_NOEXEC if noexec else 0)
    )
    try:
        libc.mount(source, target, flags=libc.MS_BIND | (libc.MS_REC if recursive else 0))
        if flags:
            libc.mount(None, target, flags=libc.MS_BIND | libc.MS_REMOUNT | flags)
    except OSError as error:
        raise Unavailable(f"cannot bind {source} on {target}: {error.strerror}") from error


def mount_tmpfs(target: Path, *, size_bytes: int, mode: int = 0o755, with_devices: bool = False) -> None:
    """Always nosuid; nodev unless ``with_devices``."""
    try:
        flags = libc.MS_NOSUID | (0 if with_devices else libc.MS_NODEV)
        libc.mount("tmpfs", target, kind="tmpfs", flags=flags, data=f"size={size_bytes},mode={mode:o}")
    except OSError as error:
        raise Unavailable(f"cannot mount tmpfs on {target}: {error.strerror}") from error


def unmount(target: Path, *, lazy: bool = False) -> None:
    """Asking for what is not mounted is fine. Raises Unavailable when it is busy and not ``lazy``."""
    try:
        libc.umount(target, flags=libc.UMOUNT_NOFOLLOW | (libc.MNT_DETACH if lazy else 0))
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOENT):
            raise Unavailable(f"cannot unmount {target}: {error.strerror}") from error


def is_mount_point(path: Path) -> bool:
    """Sees bind mounts of the same file system too."""
    return path.resolve() in _mount_points()


def mounts_below(path: Path) -> list[Path]:
    """Mount points at or below ``path`` in this namespace, deepest first: the order in which to unmount them."""
    root = path.resolve()
    return [point for point in reversed(_mount_points()) if point.is_relative_to(root)]


def _mount_points() -> list[Path]:
    """In the order of mounting (proc(5), mountinfo: field 5, with octal escapes)."""
    points = []
    for line in Path("/proc/thread-self/mountinfo").read_text(errors="surrogateescape").splitlines():
        point = line.split(" ")[4]
        for code, letter in _OCTAL.items():
            point = point.replace(code, letter)
        points.append(Path(point))
    return points
