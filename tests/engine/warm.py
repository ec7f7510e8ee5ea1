"""Engines without the second that a fresh interpreter takes to import one: forked from a process that has it imported.

What is forked is ``python -m engine`` from its first line on: its own process with one thread, and of the other it has
neither files nor variables. Run as a program this is the process that forks; the rest is for whoever wants an engine.
"""

import atexit
import contextlib
import gc
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

PROGRAM = [sys.executable, "-m", "engine"]
_ROOT = Path(__file__).resolve().parents[2]
_MOST_BYTES = 1 << 18
_UNKNOWN = 255


class WarmProcess:
    """As much of Popen as tests of engines use."""

    def __init__(self, pid: int, ended: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = ended

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._ended], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"engine {self.pid}", timeout or 0)
            told = self._ended.recv(16)
            self.returncode = int(told) if told else _UNKNOWN
            self._ended.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(
    command: Sequence[str], *, out: IO[bytes], err: IO[bytes], env: Mapping[str, str]
) -> "WarmProcess | subprocess.Popen[bytes]":
    """Forked where ``command`` is the engine alone; whatever stands before it is started as it is."""
    if list(command[: len(PROGRAM)]) != PROGRAM:
        return subprocess.Popen(command, cwd=_ROOT, stdout=out, stderr=err, env=dict(env))
    return _forker().fork(command[len(PROGRAM) :], out=out, err=err, env=env)


def run(command: Sequence[str], *, timeout_s: float = 300) -> "subprocess.CompletedProcess[bytes]":
    """To its end."""
    with open(os.memfd_create("out"), "w+b") as out, open(os.memfd_create("err"), "w+b") as err:
        code = start(command, out=out, err=err, env=os.environ).wait(timeout_s)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(list(command), code, out.read(), err.read())


class _Forker:
    def __init__(self) -> None:
        self._asks, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            argv = [sys.executable, str(Path(__file__).resolve()), str(theirs.fileno())]
            self._process = subprocess.Popen(argv, cwd=_ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        atexit.register(self.close)

    def fork(self, arguments: Sequence[str], *, out: IO[bytes], err: IO[bytes], env: Mapping[str, str]) -> WarmProcess:
        told, ended = socket.socketpair()
        with told:
            asked = json.dumps({"arguments": list(arguments), "env": dict(env)}).encode()
            assert len(asked) < _MOST_BYTES
            socket.send_fds(self._asks, [asked], [out.fileno(), err.fileno(), told.fileno()])
        return WarmProcess(int(self._asks.recv(16)), ended)

    def close(self) -> None:
        """Engines live on, as any process whose parent ends."""
        self._asks.close()
        self._process.wait(10)


@cache
def _forker() -> _Forker:
    return _Forker()


# --- the process that forks ---


@dataclass(frozen=True)
class Birth:
    arguments: list[str]
    env: dict[str, str]
    files: list[int]


def serve_forks(asks: socket.socket) -> Birth | None:
    """Returns in each child, with what it is; in the parent when nobody asks any more."""
    with selectors.DefaultSelector() as watched:
        watched.register(asks, selectors.EVENT_READ)
        while True:
            for key, _ in watched.select():
                if key.data is not None:
                    _bury(watched, key)
                    continue
                asked, files, _, _ = socket.recv_fds(asks, _MOST_BYTES, 3)
                if not asked:
                    return None
                if (pid := os.fork()) == 0:
                    return Birth(**json.loads(asked), files=list(files))
                asks.send(str(pid).encode())
                for file in files[:2]:
                    os.close(file)
                watched.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, files[2]))


def _bury(watched: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    """Tell how it ended, as Popen would."""
    pid, told = key.data
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(OSError):  # nobody may want to know
        os.write(told, str(code).encode())
    os.close(told)
    watched.unregister(key.fd)
    os.close(key.fd)


def _become(birth: Birth) -> None:
    os.dup2(birth.files[0], 1)
    os.dup2(birth.files[1], 2)
    os.closerange(3, 1 << 16)
    os.environ.clear()
    os.environ.update(birth.env)
    sys.argv[1:] = birth.arguments


def _main(descriptor: int) -> None:
    sys.path[0] = str(_ROOT)
    import engine.daemon
    import engine.store.fsck
    import engine.volumes.fsck  # noqa: F401
    from engine.cli import main

    gc.collect()
    gc.freeze()
    with socket.socket(fileno=descriptor) as asks:
        birth = serve_forks(asks)
    if birth is not None:
        _become(birth)
        main(birth.arguments)


if __name__ == "__main__":
    _main(int(sys.argv[1]))
