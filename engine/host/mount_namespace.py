"""The engine's own mount namespace: kept alive by a pin file, so that a restarted engine sees its mounts again.

Reasons to have one: host tools do not see (and keep busy) every container's root; the runtime's binary can be made
read-only, which spares it a copy of itself per call; a null device of our own can be given away; and a hybrid cgroup
hierarchy, which crun refuses, can be taken for what it is, cgroup v1, without changing the host.
"""

import contextlib
import errno
import logging
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from engine.host import libc
from engine.model.errors import Unavailable

_HYBRID = Path("/sys/fs/cgroup/unified")
_READY = "ready"
_NULL = Path("/dev/null")


def enter(pin: Path, *, storage_root: Path, read_only: Sequence[Path] = ()) -> bool:
    """Move the calling process into the namespace pinned at ``pin``; make it first if need be.

    Call once, first thing, while single threaded (setns(2)). ``pin``'s directory is created and holds nothing else;
    ``storage_root`` is created. In the new namespace nothing propagates back to the host, ``storage_root`` is nosuid
    and nodev, and the programs in ``read_only`` are read-only. True when it existed already.
    """
    storage_root.mkdir(parents=True, exist_ok=True, mode=0o711)
    pin.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        if _join(pin):
            return True
        _pin_new_namespace(pin, storage_root, read_only)
        if not _join(pin):
            raise Unavailable(f"{pin} does not hold the mount namespace just made")
    except OSError as error:
        raise Unavailable(f"cannot enter the engine's mount namespace: {error.strerror}") from error
    return False


def open_current() -> int:
    """The namespace the caller is in, to look into later (``host_files.py``); the caller closes it."""
    return os.open("/proc/thread-self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)


def forget(pin: Path) -> None:
    """Let the namespace go, from outside of it: its mounts end with its last process. Safe to repeat."""
    for path in (pin, pin.parent):
        with contextlib.suppress(OSError):
            libc.umount(path, flags=libc.MNT_DETACH)
    pin.unlink(missing_ok=True)


def _join(pin: Path) -> bool:
    try:
        handle = os.open(pin, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        here = Path.cwd()
        libc.setns(handle, libc.CLONE_NEWNS)
    except OSError:
        return False  # EINVAL: a plain file, left by a reboot or a crash half-way
    finally:
        os.close(handle)
    os.chdir(here)  # setns moves to the root directory
    return True


def _pin_new_namespace(pin: Path, storage_root: Path, read_only: Sequence[Path]) -> None:
    """Furnished first and pinned last: what is pinned is whole.

    Bound by this process and for a child's namespace: one cannot be bound inside itself (mount_namespaces(7)).
    """
    if not _is_mounted(pin.parent):
        libc.mount(pin.parent, pin.parent, flags=libc.MS_BIND)
    libc.mount(None, pin.parent, flags=libc.MS_PRIVATE)
    pin.touch(mode=0o600)
    # A namespace can only be bound inside an older one, and Linux 6.18 tells their age by numbers that each processor
    # hands out of a stock of its own: where we are not in the host's first namespace, only one made on the processor
    # that ours was made on is sure to look younger.
    processors = os.sched_getaffinity(0)
    for allowed in (processors, *({one} for one in sorted(processors))):
        try:
            _bind_new_namespace(pin, storage_root, read_only, processors=allowed)
            return
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            refusal = error
    raise refusal


def _bind_new_namespace(pin: Path, storage_root: Path, read_only: Sequence[Path], *, processors: set[int]) -> None:
    ready_read, ready_write = os.pipe()
    done_read, done_write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(done_write)
        os.sched_setaffinity(0, processors)
        _hold_namespace(ready_write, done_read, lambda: _furnish(storage_root, read_only, scratch=pin.parent))
    os.close(ready_write)
    os.close(done_read)
    try:
        answer = os.read(ready_read, 1024).decode()
        if answer != _READY:
            raise Unavailable(f"cannot make a mount namespace: {answer or 'the helper died'}; the engine needs root")
        libc.mount(f"/proc/{child}/ns/mnt", pin, flags=libc.MS_BIND)
    finally:
        os.close(ready_read)
        os.close(done_write)
        os.waitpid(child, 0)


def _hold_namespace(ready: int, done: int, furnish: Callable[[], None]) -> NoReturn:
    """In the child: make and furnish the namespace, then wait until the parent has bound it."""
    try:
        libc.unshare(libc.CLONE_NEWNS)
        furnish()
        os.write(ready, _READY.encode())
        os.read(done, 1)
    except OSError as error:
        os.write(ready, str(error).encode())
    finally:
        os._exit(0)


def _is_mounted(path: Path) -> bool:
    points = [line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return str(path.resolve()) in points


def _furnish(storage_root: Path, read_only: Sequence[Path], *, scratch: Path) -> None:
    libc.mount(None, "/", flags=libc.MS_SLAVE | libc.MS_REC)
    if _HYBRID.is_dir():
        with contextlib.suppress(OSError):  # not mounted, or not hybrid after all
            libc.umount(_HYBRID, flags=libc.MNT_DETACH)
    bind, again = libc.MS_BIND, libc.MS_BIND | libc.MS_REMOUNT
    libc.mount(storage_root, storage_root, flags=bind)
    libc.mount(None, storage_root, flags=libc.MS_PRIVATE)
    libc.mount(None, storage_root, flags=again | libc.MS_NOSUID | libc.MS_NODEV)
    for program in dict.fromkeys(path.resolve() for path in read_only):
        libc.mount(program, program, flags=bind)
        libc.mount(None, program, flags=again | libc.MS_RDONLY)
    _bring_null_device(scratch)


def _bring_null_device(scratch: Path) -> None:
    """crun makes a container's user the owner of its standard streams, and so of the null device that conmon opened.

    With one of our own the host's stays root's at every moment. ``scratch`` is a directory where one can mount.
    """
    libc.mount("tmpfs", scratch, kind="tmpfs", flags=libc.MS_NOSUID | libc.MS_NOEXEC, data="size=4k,mode=0755")
    try:
        node = scratch / _NULL.name
        os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 3))  # null(4)
        node.chmod(0o666)  # whatever the umask is
        libc.mount(node, _NULL, flags=libc.MS_BIND)
        libc.mount(None, _NULL, flags=libc.MS_PRIVATE)
    except PermissionError as error:
        logging.getLogger(__name__).warning("the host's null device is used: %s", error)
    finally:
        libc.umount(scratch, flags=libc.MNT_DETACH)
