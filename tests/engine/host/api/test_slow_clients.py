"""Clients that begin to send an archive and then send nothing more."""

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.engine.conftest import IMAGE, RunningEngine, wait_until
from tests.engine.host.api.raw_http import connect

pytestmark = pytest.mark.host
_STALLED = 20  # more than the event loop's pool has threads on any machine with fewer than 16 processors
_FULL = 64


def stalled(engine: RunningEngine, held: ExitStack, path: str) -> socket.socket:
    """A request of this client that has promised a gigabyte and sent the beginning of a tar."""
    connection = held.enter_context(connect(engine.socket))
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\nContent-Length: 1073741824\r\n\r\n"
    connection.sendall(head.encode() + b"a" + bytes(99))
    return connection


def threads(engine: RunningEngine) -> int:
    assert engine.process is not None
    return len(list(Path(f"/proc/{engine.process.pid}/task").iterdir()))


def test_loads_that_stall_keep_nobody_waiting_and_end_with_their_clients(engine: RunningEngine, image: str) -> None:
    before = threads(engine)
    with ExitStack() as held:
        for number in range(_STALLED):
            stalled(engine, held, "/images/load" if number % 2 else "/images/create?fromSrc=-&repo=x")
        wait_until(lambda: threads(engine) >= before + _STALLED, what="all of them are being read")
        assert engine.docker("run", "--rm", IMAGE, "echo", "goes on", timeout_s=10).stdout == b"goes on\n"
    wait_until(lambda: threads(engine) <= before + 6, what="their threads end")  # 6: of the pool, for the run
    assert list((engine.data_root / "tmp").iterdir()) == []


def test_archives_beyond_the_limit_are_refused_until_there_is_room(engine: RunningEngine, busybox_tar: bytes) -> None:
    before = threads(engine)
    with ExitStack() as held:
        for _ in range(_FULL):
            stalled(engine, held, "/images/load")
        wait_until(lambda: threads(engine) >= before + _FULL, what="all of them are being read")
        refused = engine.docker("import", "-", IMAGE, input=busybox_tar, check=False)
        assert refused.returncode != 0
        assert b"64 archives are being sent to this engine already" in refused.stderr
    wait_until(lambda: threads(engine) <= before + 6, what="their threads end")
    engine.docker("import", "-", IMAGE, input=busybox_tar)


def test_a_quiet_load_is_not_answered_while_it_is_sent(engine: RunningEngine) -> None:
    """skopeo stops sending when the answer begins."""
    before = threads(engine)
    with ExitStack() as held:
        connection = stalled(engine, held, "/images/load?quiet=1")
        wait_until(lambda: threads(engine) > before, what="it is being read")
        engine.docker("version")
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
    wait_until(lambda: threads(engine) <= before + 6, what="its thread ends")
