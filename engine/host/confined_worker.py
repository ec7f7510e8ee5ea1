"""The process that unpacks one archive: chrooted, with six capabilities, and gone when done. Run by ``confined``.

For a container that runs it is root in that container's user namespace, and a stranger to the host.

``main`` is that of the spawner (``confined_spawner``), which reads no archive and forks the workers. A worker reads the
archive from descriptor 0 and writes one JSON object to descriptor 1. Everything it will need is imported before the
fork: after the chroot an import would run a file of the archive's making, so importing is switched off altogether.
"""

import ctypes
import io
import json
import os
import resource
import signal
import socket
import stat
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, Never

import zstandard  # noqa: F401 - what is imported later elsewhere must be here

from engine.host.archive import Limits, TarReader
from engine.host.archive_stream import PlainStream
from engine.host.archive_unpack import Options, Result, unpack
from engine.host.inroot import open_in_root
from engine.host.libc import CLONE_NEWNS, CLONE_NEWUSER, MS_BIND, MS_PRIVATE, MS_REC, mount, setns, unshare
from engine.model.errors import EngineError, Invalid

_CHOWN, _DAC_OVERRIDE, _FOWNER, _FSETID, _MKNOD, _SETFCAP = 0, 1, 3, 4, 27, 31  # linux/capability.h
_KEPT = (_CHOWN, _DAC_OVERRIDE, _FOWNER, _FSETID, _MKNOD, _SETFCAP)
_LAST_CAPABILITY = 63
_CAPABILITY_VERSION_3 = 0x20080522
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 24, 38  # linux/prctl.h
_ADDRESS_SPACE = 2 << 30
_CPU_S = 900
_FILES = 64
_IDLE_S = 5.0
_MOST_DESCRIPTORS = 8


def main() -> None:
    """Fork a worker for each request on descriptor 0, and answer with its pidfd; end when none has come for a while.

    A request is a byte with the descriptors of ``Spawner.start``. Ends at once when the engine has: its workers too.
    """
    signal.signal(signal.SIGCHLD, lambda *_: _reap())
    requests = socket.socket(fileno=os.dup(0))
    requests.settimeout(_IDLE_S)
    while True:
        try:
            _, descriptors, _, _ = socket.recv_fds(requests, 1, _MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
        except TimeoutError:
            if not _reap():
                return
            continue
        if not descriptors:
            return
        worker = os.fork()
        if worker == 0:
            requests.close()
            _work(descriptors)
        pidfd = os.pidfd_open(worker)
        socket.send_fds(requests, [b"w"], [pidfd])
        for descriptor in (pidfd, *descriptors):
            os.close(descriptor)


def _reap() -> bool:
    """Whether there are workers still."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _work(descriptors: list[int]) -> Never:
    """Failures are part of the answer, not of the exit status."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        job_file, source, answer, complaints, directory, *pidfds = descriptors
        with os.fdopen(job_file, "rb") as file:
            job: dict[str, Any] = json.load(file)
        for standard, given in enumerate((source, answer, complaints)):
            os.dup2(given, standard)
            os.close(given)
        _run(job, directory, pidfds[0] if pidfds else None)
        os._exit(0)  # without waiting for the threads of an archive that was given up
    except BaseException:  # noqa: BLE001 - whatever it is, it must not go on as the spawner
        traceback.print_exc()
        os._exit(1)


def _run(job: dict[str, Any], directory: int, pidfd: int | None) -> None:
    limits = Limits(**job["limits"])
    if job["shown"]:
        os.close(directory)
        directory = _show(job["root"], job["shown"])
    _confine(directory, file_bytes=limits.total_bytes, pidfd=pidfd)
    try:
        answer = _unpack(job, limits)
    except EngineError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    except (MemoryError, RecursionError) as error:
        answer = {"error": Invalid.__name__, "message": f"archive is too complex to unpack: {type(error).__name__}"}
    data = json.dumps(answer).encode()
    while data:
        data = data[os.write(1, data) :]


def _unpack(job: dict[str, Any], limits: Limits) -> dict[str, Any]:
    hashed = bool(job["hashed"])
    file = io.FileIO(0, closefd=False)
    stream = PlainStream(file, limits=limits, compression=job["compression"], hashed=hashed)
    reader = TarReader(stream, limits)
    owner = tuple(job["owner"]) if job["owner"] else None
    options = Options(
        layer=job["layer"],
        destination=os.fsencode(job["destination"]),
        existing=job["existing"],
        keep_kinds=job["keep_kinds"],
        defer_devices=job["defer_devices"],
        owner=owner,
        mode=job["mode"],
        limits=limits,
    )
    result: Result = unpack(reader, options)
    reader.drain()
    return {
        "entries": result.entries,
        "size_bytes": result.size_bytes,
        "max_id": result.max_id,
        "opaque": [os.fsdecode(path) for path in result.opaque],
        "implicit": [os.fsdecode(path) for path in result.implicit],
        "devices": [[os.fsdecode(path), kind, *number] for path, (kind, number) in result.devices.items()],
        "digests": [digest.hex for digest in stream.digests()] if hashed else [],
    }


def _show(root: str, shown: list[list[str]]) -> int:
    """``root`` opened with each (source, destination) mounted in it, in a mount namespace that ends with us.

    A destination that is not there, or is something else, is passed over.
    """
    unshare(CLONE_NEWNS)
    mount(None, "/", flags=MS_REC | MS_PRIVATE)
    for source, destination in shown:
        try:
            target = open_in_root(Path(root), destination, os.O_PATH)
        except OSError:
            continue
        mode = os.fstat(target).st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            with suppress(NotADirectoryError):  # what belongs there is of the other kind (mount(2))
                mount(source, f"/proc/self/fd/{target}", flags=MS_BIND | MS_REC)
        os.close(target)
    return os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _confine(directory_fd: int, *, file_bytes: int, pidfd: int | None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    os.fchdir(directory_fd)
    os.chroot(".")
    os.close(directory_fd)
    for kind, limit in (
        (resource.RLIMIT_AS, _ADDRESS_SPACE),
        (resource.RLIMIT_CPU, _CPU_S),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, _FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        value = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (value, value))
    if pidfd is not None:
        _become_root_of(pidfd)
    _must(libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))  # a change of user would have unset it
    for capability in range(_LAST_CAPABILITY + 1):
        if capability not in _KEPT:
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # EINVAL above the kernel's last one
    _set_capabilities(libc)
    _must(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    sys.path.clear()
    sys.path_hooks.clear()
    sys.meta_path.clear()


def _become_root_of(pidfd: int) -> None:
    """Enter the user namespace of a process: its root's files are ours then, and nothing of the host's is."""
    os.setgroups([])
    setns(pidfd, CLONE_NEWUSER)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    os.close(pidfd)


def _set_capabilities(libc: ctypes.CDLL) -> None:
    """capset(2): header {version, pid}, then {effective, permitted, inheritable} for the low and the high 32 bits."""
    kept = sum(1 << capability for capability in _KEPT)
    held = (ctypes.c_uint32 * 6)()
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _must(libc.capget(ctypes.byref(header), ctypes.byref(held)))
    low = kept & held[1]  # an engine that itself lacks one cannot hand it on
    _must(libc.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)(low, low, 0, 0, 0, 0))))


def _must(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
