"""System calls that Python 3.11 does not offer, with errno turned into OSError.

Numbers and flags: linux/mount.h, linux/sched.h, linux/inotify.h, linux/fanotify.h, asm-generic/unistd.h. The mount
calls of kernel 5.2 and later have the same numbers on every architecture. All calls release the GIL; none is safe to
wrap in a thread if it changes the caller's namespaces, which are per thread.
"""

import ctypes
import errno
import os
from typing import Final

MS_RDONLY: Final = 0x1
MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_NOEXEC: Final = 0x8
MS_SYNCHRONOUS: Final = 0x10
MS_REMOUNT: Final = 0x20
MS_DIRSYNC: Final = 0x80
MS_NOATIME: Final = 0x400
MS_NODIRATIME: Final = 0x800
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x40000
MS_SLAVE: Final = 0x80000
MS_SHARED: Final = 0x100000
MS_RELATIME: Final = 0x200000
MS_STRICTATIME: Final = 0x1000000
MNT_DETACH: Final = 0x2
UMOUNT_NOFOLLOW: Final = 0x8

CLONE_FS: Final = 0x00000200
CLONE_NEWNS: Final = 0x00020000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWNET: Final = 0x40000000

AT_EMPTY_PATH: Final = 0x1000
AT_RECURSIVE: Final = 0x8000
AT_FDCWD: Final = -100
OPEN_TREE_CLONE: Final = 0x1
OPEN_TREE_CLOEXEC: Final = os.O_CLOEXEC
MOVE_MOUNT_F_EMPTY_PATH: Final = 0x4
MOVE_MOUNT_T_SYMLINKS: Final = 0x10
MOUNT_ATTR_RDONLY: Final = 0x1
MOUNT_ATTR_NOSUID: Final = 0x2
MOUNT_ATTR_NODEV: Final = 0x4
MOUNT_ATTR_IDMAP: Final = 0x00100000

FSOPEN_CLOEXEC: Final = 0x1
FSMOUNT_CLOEXEC: Final = 0x1
FSCONFIG_SET_FLAG: Final = 0
FSCONFIG_SET_STRING: Final = 1
FSCONFIG_CMD_CREATE: Final = 6

RESOLVE_NO_MAGICLINKS: Final = 0x02
RESOLVE_NO_SYMLINKS: Final = 0x04
RESOLVE_BENEATH: Final = 0x08

RENAME_NOREPLACE: Final = 0x1

_OPEN_TREE: Final = 428
_MOVE_MOUNT: Final = 429
_FSOPEN: Final = 430
_FSCONFIG: Final = 431
_FSMOUNT: Final = 432
_OPENAT2: Final = 437
_OPENAT2_ATTEMPTS: Final = 256
_MOUNT_SETATTR: Final = 442

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]


class _MountAttr(ctypes.Structure):
    """struct mount_attr of linux/mount.h."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


class _OpenHow(ctypes.Structure):
    """struct open_how of linux/openat2.h."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("flags", "mode", "resolve")]


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _bytes(value: str | os.PathLike[str] | None) -> bytes | None:
    return None if value is None else os.fsencode(value)


def mount(
    source: str | os.PathLike[str] | None,
    target: str | os.PathLike[str],
    *,
    kind: str | None = None,
    flags: int = 0,
    data: str | None = None,
) -> None:
    done = _libc.mount(_bytes(source), _bytes(target), _bytes(kind), flags, _bytes(data))
    _checked(done, f"mount {kind or source} on {os.fspath(target)}")


def umount(target: str | os.PathLike[str], *, flags: int = 0) -> None:
    _checked(_libc.umount2(_bytes(target), flags), f"umount {os.fspath(target)}")


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), "unshare")


def setns(fd: int, flags: int) -> None:
    _checked(_libc.setns(fd, flags), "setns")


def open_tree(path: str | os.PathLike[str], *, flags: int, directory_fd: int = AT_FDCWD) -> int:
    """A detached copy of one mount (OPEN_TREE_CLONE), with the mounts below it if AT_RECURSIVE says so.

    With AT_EMPTY_PATH and "" it is what ``directory_fd`` is of.
    """
    return _checked(_libc.syscall(_OPEN_TREE, directory_fd, _bytes(path), flags), f"open_tree {os.fspath(path)}")


def move_mount(mount_fd: int, target: str | os.PathLike[str], *, flags: int = 0) -> None:
    """A ``target`` that is a link is not followed unless MOVE_MOUNT_T_SYMLINKS says so."""
    done = _libc.syscall(_MOVE_MOUNT, mount_fd, b"", AT_FDCWD, _bytes(target), MOVE_MOUNT_F_EMPTY_PATH | flags)
    _checked(done, f"move_mount to {os.fspath(target)}")


def mount_setattr(
    mount_fd: int,
    *,
    attr_set: int = 0,
    attr_clear: int = 0,
    propagation: int = 0,
    userns_fd: int = 0,
    recursive: bool = False,
) -> None:
    """``recursive``: all mounts below it too, or none at all."""
    attr = _MountAttr(attr_set=attr_set, attr_clr=attr_clear, propagation=propagation, userns_fd=userns_fd)
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    done = _libc.syscall(_MOUNT_SETATTR, mount_fd, b"", flags, ctypes.byref(attr), ctypes.sizeof(attr))
    _checked(done, "mount_setattr")


def fsopen(kind: str) -> int:
    return _checked(_libc.syscall(_FSOPEN, _bytes(kind), FSOPEN_CLOEXEC), f"fsopen {kind}")


def fsconfig(context_fd: int, command: int, key: str | None = None, value: str | None = None) -> None:
    """``value`` holds at most 255 bytes (fs/fsopen.c)."""
    done = _libc.syscall(_FSCONFIG, context_fd, command, _bytes(key), _bytes(value), 0)
    _checked(done, f"fsconfig {key or 'create'}")


def fsmount(context_fd: int, *, attributes: int) -> int:
    return _checked(_libc.syscall(_FSMOUNT, context_fd, FSMOUNT_CLOEXEC, attributes), "fsmount")


def openat2(directory_fd: int, path: str, *, flags: int, mode: int, resolve: int) -> int:
    """Asked again while the kernel cannot tell whether ``..`` leads out, since something was renamed or mounted.

    That may be anything on this host, so that a busy one has it now and then (openat2(2), EAGAIN).
    """
    how = _OpenHow(flags, mode, resolve)
    for _ in range(_OPENAT2_ATTEMPTS):
        done = _libc.syscall(_OPENAT2, directory_fd, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how))
        if done >= 0 or ctypes.get_errno() != errno.EAGAIN:
            break
    return _checked(done, f"openat2 {path}")


def setdomainname(name: str) -> None:
    """Of the calling thread's UTS namespace."""
    text = os.fsencode(name)
    _checked(_libc.setdomainname(text, len(text)), "setdomainname")


def syncfs(fd: int) -> None:
    """Write back all of the file system that holds ``fd``."""
    _checked(_libc.syncfs(fd), "syncfs")


def inotify_init(flags: int) -> int:
    return _checked(_libc.inotify_init1(flags), "inotify_init1")


def inotify_add_watch(fd: int, path: str | os.PathLike[str], mask: int) -> int:
    done = _libc.inotify_add_watch(fd, _bytes(path), ctypes.c_uint32(mask))
    return _checked(done, f"inotify_add_watch {os.fspath(path)}")


def inotify_rm_watch(fd: int, watch: int) -> None:
    _checked(_libc.inotify_rm_watch(fd, watch), "inotify_rm_watch")


def fanotify_init(flags: int, event_flags: int) -> int:
    return _checked(_libc.fanotify_init(flags, event_flags), "fanotify_init")


def fanotify_mark(fd: int, flags: int, mask: int, path: str | os.PathLike[str]) -> None:
    done = _libc.fanotify_mark(fd, flags, ctypes.c_uint64(mask), AT_FDCWD, _bytes(path))
    _checked(done, f"fanotify_mark {os.fspath(path)}")


def rename_new(name: str, *, source_fd: int, target_fd: int) -> None:
    """From one open directory to another. Raises FileExistsError rather than replace anything (renameat2(2))."""
    text = os.fsencode(name)
    done = _libc.renameat2(source_fd, text, target_fd, text, ctypes.c_uint(RENAME_NOREPLACE))
    _checked(done, f"rename {name}")
