"""The compiled filters as the kernel applies them: a forked child confines itself and reports what it may do."""

import ctypes
import errno
import json
import os
import socket
import threading
from collections.abc import Callable

import pytest

from engine.host import libc
from engine.host.seccomp_filter import compile_bpf
from engine.model.container import Profile
from engine.oci.seccomp import seccomp_filter

pytestmark = pytest.mark.host

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_CLONE3 = 435
_IO_URING_SETUP = 425


class _Program(ctypes.Structure):
    """struct sock_fprog of linux/filter.h."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def _call(number: int, *arguments: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "syscall")


def _thread() -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


ATTEMPTS: dict[str, Callable[[], object]] = {
    "unix": lambda: socket.socket(socket.AF_UNIX).close(),
    "inet": lambda: socket.socket(socket.AF_INET).close(),
    "inet6": lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close(),
    "route": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close(),
    "audit": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9).close(),
    "packet": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close(),
    "vsock": lambda: socket.socket(socket.AF_VSOCK).close(),
    "alg": lambda: socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET).close(),
    "user namespace": lambda: libc.unshare(libc.CLONE_NEWUSER),
    "mount": lambda: libc.mount("none", "/", kind="tmpfs", flags=1 << 40),
    "clone3": lambda: _call(_CLONE3, 0, 0),
    "io_uring": lambda: _call(_IO_URING_SETUP, 1, 0),
    "fork": lambda: os.waitpid(os.fork() or os._exit(0), 0),
    "thread": _thread,
}


def errors(profile: Profile) -> dict[str, int]:
    """Attempt → errno, 0 for success, of a process under the profile's filter without any capability's calls."""
    bpf = compile_bpf(seccomp_filter(profile, capabilities=frozenset()))
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        library = ctypes.CDLL(None, use_errno=True)
        program = _Program(len(bpf) // 8, bpf)
        library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        found = {}
        if library.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program)) == 0:
            for name, attempt in ATTEMPTS.items():
                try:
                    attempt()
                    found[name] = 0
                except OSError as error:
                    found[name] = error.errno or -1
        os.write(write_end, json.dumps(found).encode())
        os._exit(0)
    os.close(write_end)
    with open(read_end, "rb") as pipe:
        answer: dict[str, int] = json.loads(pipe.read())
    os.waitpid(child, 0)
    return answer


@pytest.mark.parametrize("profile", [Profile.DEFAULT, Profile.STRICT])
def test_the_kernel_answers_as_the_list_says(profile: Profile) -> None:
    assert errors(profile) == {
        "unix": 0,
        "inet": 0,
        "inet6": 0,
        "route": 0,
        "audit": errno.EPROTONOSUPPORT,
        "packet": errno.EAFNOSUPPORT,
        "vsock": errno.EAFNOSUPPORT,
        "alg": errno.EAFNOSUPPORT,
        "user namespace": errno.EPERM,
        "mount": errno.EPERM,
        "clone3": errno.ENOSYS,
        "io_uring": errno.ENOSYS,
        "fork": 0,
        "thread": 0,
    }


def test_compat_is_as_open_as_docker_but_for_two_families() -> None:
    answers = errors(Profile.COMPAT)
    assert (answers["vsock"], answers["alg"]) == (errno.EAFNOSUPPORT, errno.EAFNOSUPPORT)
    assert (answers["audit"], answers["packet"]) == (0, 0)
    assert (answers["user namespace"], answers["clone3"]) == (errno.EPERM, errno.ENOSYS)
