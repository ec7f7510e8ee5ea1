"""Programs in running containers that have a terminal of their own."""

import time

import pytest

from tests.engine.conftest import RunningEngine, wait_until
from tests.engine.host.containers import exec_client as client
from tests.engine.host.containers.terminals import terminal

pytestmark = pytest.mark.host


def test_a_terminal_has_its_size_from_the_start_and_follows_it(engine: RunningEngine, box: str) -> None:
    script = "stty size; read line; echo got $line; stty size; exit 5"
    with terminal(engine, "exec", "-it", box, "sh", "-c", script, rows=33, columns=77) as screen:
        wait_until(lambda: screen.shows(b"33 77\r\n"), what="the size at the start")
        screen.resize(rows=20, columns=60)
        time.sleep(0.5)  # nothing tells that docker has passed it on
        screen.type(b"typed\n")
        wait_until(lambda: screen.shows(b"got typed\r\n20 60\r\n"), what="the size afterwards")
        assert screen.process.wait(10) == 5


def test_interrupts_reach_the_program_in_the_terminal(engine: RunningEngine, box: str) -> None:
    with terminal(engine, "exec", "-it", box, "sh", "-c", "echo up; sleep 1000", rows=24, columns=80) as screen:
        wait_until(lambda: screen.shows(b"up"))
        screen.type(b"\x03")
        assert screen.process.wait(10) == 130


def test_the_detach_keys_leave_the_program_running(engine: RunningEngine, box: str) -> None:
    exec_id = client.make(engine, box, "sh", Tty=True, AttachStdin=True, DetachKeys="ctrl-a,x")
    with client.begin(engine, exec_id, Tty=True, ConsoleSize=[10, 20]) as stream:
        stream.sendall(b"stty size; echo $((40+2))\n")
        text = b""
        while b"\n42" not in text:
            text += stream.recv(1000)
        assert b"10 20\r\n" in text
        stream.sendall(b"\x01x")
        client.read_rest(stream)
    assert client.inspect(engine, exec_id)["Running"] is True


def test_a_missing_program_is_told_in_a_terminal_too(engine: RunningEngine, box: str) -> None:
    exec_id = client.make(engine, box, "no-such", Tty=True)
    with client.begin(engine, exec_id, Tty=True) as stream:
        assert b'"no-such": executable file not found in $PATH' in client.read_rest(stream)
    assert client.inspect(engine, exec_id)["ExitCode"] == 127
