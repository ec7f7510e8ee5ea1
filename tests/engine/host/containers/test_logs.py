"""Logs and attaching as clients use them: the command line, raw HTTP and websockets, on a real engine."""

import asyncio
import json
import os
import pty
import select
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.engine.conftest import DOCKER, IMAGE, RunningEngine, running_engine, wait_until

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def shared(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with running_engine() as engine:
        engine.docker("import", "-", IMAGE, input=busybox_tar)
        yield engine


@pytest.fixture
def name(request: pytest.FixtureRequest, shared: RunningEngine) -> Iterator[str]:
    name = f"box{abs(hash(request.node.name)) % 10**8}"
    yield name
    shared.docker("rm", "-f", name, check=False)


def status(engine: RunningEngine, name: str) -> str:
    return engine.out("inspect", "--format", "{{.State.Status}}", name)


# -- logs


def test_times_choose_lines(shared: RunningEngine, name: str) -> None:
    shared.docker("run", "--name", name, IMAGE, "sh", "-c", "for i in 1 2 3; do echo $i; usleep 100000; done")
    times = [line.split()[0] for line in shared.out("logs", "-t", name).splitlines()]
    assert shared.out("logs", "--since", times[1], name).split() == ["2", "3"]
    assert shared.out("logs", "--until", times[1], name).split() == ["1", "2"]
    assert shared.out("logs", "--since", "1h", "--tail", "1", name).split() == ["3"]


def test_a_line_of_many_pieces_has_one_time_and_counts_once(shared: RunningEngine, name: str) -> None:
    shared.docker("run", "--name", name, IMAGE, "sh", "-c", "head -c 50000 /dev/zero | tr '\\0' x; echo; echo end")
    assert shared.docker("logs", name).stdout == b"x" * 50_000 + b"\nend\n"
    assert shared.docker("logs", "--tail", "2", name).stdout == b"x" * 50_000 + b"\nend\n"
    assert shared.docker("logs", "-t", "--tail", "2", name).stdout.count(b"Z ") == 2


def test_the_log_of_a_container_that_has_not_run_can_be_followed(shared: RunningEngine, name: str) -> None:
    shared.docker("create", "--name", name, IMAGE, "echo", "hello")
    assert shared.docker("logs", name).stdout == b""
    with shared.popen("logs", "-f", name) as follower:
        shared.docker("start", name)
        assert follower.communicate(timeout=20)[0] == b"hello\n"


def test_a_follower_ends_when_the_container_is_removed_and_has_all_of_it(shared: RunningEngine, name: str) -> None:
    shared.docker("run", "-d", "--name", name, IMAGE, "sh", "-c", "seq 1000; sleep 1000")
    wait_until(lambda: shared.out("logs", "--tail", "1", name) == "1000")
    with shared.popen("logs", "-f", name) as follower:
        assert follower.stdout is not None
        first = os.read(follower.stdout.fileno(), 2)
        shared.docker("rm", "-f", name)
        rest, _ = follower.communicate(timeout=20)
    assert (first + rest).count(b"\n") == 1000


def test_a_follower_stays_through_restarts_by_policy_and_ends_with_the_last(shared: RunningEngine, name: str) -> None:
    shared.docker("create", "--name", name, "--restart", "on-failure:2", IMAGE, "sh", "-c", "echo run; exit 3")
    with shared.popen("logs", "-f", name) as follower:
        shared.docker("start", name)
        assert follower.communicate(timeout=30)[0] == b"run\n" * 3
    assert status(shared, name) == "exited"


def test_a_follower_ends_when_a_restart_is_called_off(shared: RunningEngine, name: str) -> None:
    shared.docker("run", "-d", "--name", name, "--restart", "always", IMAGE, "sh", "-c", "echo run; exit 3")
    wait_until(lambda: status(shared, name) == "restarting", limit_s=30)
    with shared.popen("logs", "-f", name) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == b"run\n"
        shared.docker("stop", "-t", "0", name)
        follower.communicate(timeout=20)
        assert follower.returncode == 0


def test_without_a_log_nothing_is_kept_and_reading_is_refused(shared: RunningEngine, name: str) -> None:
    done = shared.docker("run", "--name", name, "--log-driver", "none", IMAGE, "seq", "100000")
    assert done.stdout.endswith(b"\n100000\n")
    refused = shared.docker("logs", name, check=False)
    assert b"configured logging driver does not support reading" in refused.stderr
    directory = shared.data_root / "containers" / shared.out("inspect", "--format", "{{.Id}}", name) / "log"
    kept = {path.stat().st_ino: path.stat().st_size for path in directory.iterdir()}
    assert sum(kept.values()) <= 2_000_000


def test_options_that_change_nothing_are_said_to(shared: RunningEngine, name: str) -> None:
    done = shared.docker(
        "create", "--name", name, "--log-opt", "mode=non-blocking", "--log-opt", "max-size=1m", IMAGE, "true"
    )
    assert b"log-opt mode has no effect on this engine" in done.stderr
    shown = json.loads(shared.out("inspect", "--format", "{{json .HostConfig.LogConfig}}", name))
    assert shown == {"Type": "json-file", "Config": {"mode": "non-blocking", "max-size": "1m"}}
    refused = shared.docker("create", "--log-opt", "x=1", IMAGE, "true", check=False)
    assert b"unknown log opt 'x' for json-file log driver" in refused.stderr


# -- attach


class Raw:
    """An attached connection, as the API has it."""

    def __init__(self, engine: RunningEngine, name: str, query: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(engine.socket))
        request = f"POST /containers/{name}/attach?{query} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        self.socket.sendall(request.encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.socket.recv(1)

    def read(self, wanted: bytes) -> bytes:
        """Until ``wanted`` has come."""
        received = b""
        while wanted not in received:
            piece = self.socket.recv(65536)
            assert piece, f"the end came before {wanted!r}: {received!r}"
            received += piece
        return received

    def rest(self) -> bytes:
        received = b""
        while piece := self.socket.recv(65536):
            received += piece
        self.socket.close()
        return received


def test_several_clients_see_the_same_and_a_replay_has_what_was_before(shared: RunningEngine, name: str) -> None:
    shared.docker("run", "-d", "-i", "--name", name, IMAGE, "sh", "-c", "echo begin; cat; echo end")
    wait_until(lambda: shared.out("logs", name) == "begin")
    first = Raw(shared, name, "stream=1&stdin=1&stdout=1")
    replaying = Raw(shared, name, "stream=1&stdout=1&logs=1")
    only_logs = Raw(shared, name, "stdout=1&logs=1")
    assert only_logs.rest() == b"\x01\0\0\0\0\0\0\x06begin\n"
    first.socket.sendall(b"hello\n")
    assert first.read(b"hello\n").endswith(b"\x06hello\n")
    assert b"begin\n" in replaying.read(b"hello\n")
    first.socket.shutdown(socket.SHUT_WR)  # -i without -a stdin: the container's input stays open
    first.socket.close()
    second = Raw(shared, name, "stream=1&stdin=1&stdout=1")
    second.socket.sendall(b"again\n")
    second.read(b"again\n")
    assert b"again\n" in replaying.read(b"again\n")
    shared.docker("kill", name)
    assert replaying.rest() == b""
    assert second.rest() == b""


def test_a_client_can_attach_before_the_start_and_half_close(shared: RunningEngine, name: str) -> None:
    shared.docker("create", "-i", "--name", name, "-a", "stdin", "-a", "stdout", IMAGE, "sh", "-c", "wc -c; echo late")
    client = Raw(shared, name, "stream=1&stdin=1&stdout=1")
    client.socket.sendall(b"12345")
    client.socket.shutdown(socket.SHUT_WR)
    shared.docker("start", name)
    out = client.rest()
    assert b"5\n" in out
    assert b"late\n" in out


def test_the_detach_keys_leave_the_container_running(shared: RunningEngine, name: str) -> None:
    shared.docker("run", "-d", "-i", "-t", "--name", name, IMAGE, "cat")
    for keys, pressed in (("", b"\x10\x11"), ("a,ctrl-b", b"a\x02")):
        client = Raw(shared, name, f"stream=1&stdin=1&stdout=1&detachKeys={keys}")
        client.socket.sendall(b"line\n")
        client.read(b"line")
        client.socket.sendall(pressed)
        client.rest()
    assert status(shared, name) == "running"


def test_a_terminal_is_attached_to_again_after_the_engine_was_killed(engine: RunningEngine, image: str) -> None:
    engine.docker("run", "-d", "-i", "-t", "--name", "box", image, "sh")
    engine.kill()
    engine.start()
    with terminal(engine, "attach", "box") as (fd, process):
        os.write(fd, b"echo $((6*7)); stty size\n")
        read_until(fd, b"42")
        engine.docker("restart", "-t", "0", "box", check=False)
        process.wait(20)
    assert engine.out("logs", "box").count("42") == 1


class terminal:  # noqa: N801 (used like a function)
    """A docker command on a terminal of its own."""

    def __init__(self, engine: RunningEngine, *arguments: str) -> None:
        self._fd, other = pty.openpty()
        self._process = subprocess.Popen(
            [DOCKER, *arguments], env=engine.environment, stdin=other, stdout=other, stderr=other, close_fds=True
        )
        os.close(other)

    def __enter__(self) -> "tuple[int, subprocess.Popen[bytes]]":
        return self._fd, self._process

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(10)
        os.close(self._fd)


def read_until(fd: int, wanted: bytes, *, limit_s: float = 20) -> bytes:
    received, deadline = b"", time.monotonic() + limit_s
    while wanted not in received:
        assert select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0], received
        received += os.read(fd, 65536)
    return received


# -- attach by websocket


def with_websocket(engine: RunningEngine, path: str, talk: Callable[[aiohttp.ClientWebSocketResponse], object]) -> None:
    async def run() -> None:
        connector = aiohttp.UnixConnector(path=str(engine.socket))
        async with aiohttp.ClientSession(connector=connector) as client, client.ws_connect(f"http://x{path}") as found:
            async with asyncio.timeout(20):
                result = talk(found)
                assert asyncio.iscoroutine(result)
                await result

    asyncio.run(run())


async def received(websocket: aiohttp.ClientWebSocketResponse, wanted: bytes) -> bytes:
    data = b""
    while wanted not in data:
        message = await websocket.receive()
        assert message.type is aiohttp.WSMsgType.BINARY, (message, data)
        data += message.data
    return data


def test_a_websocket_carries_both_outputs_and_input_and_ends_with_the_container(
    shared: RunningEngine, name: str
) -> None:
    script = "echo out; echo err >&2; read line; echo got $line"
    shared.docker("run", "-d", "-i", "--name", name, IMAGE, "sh", "-c", script)
    wait_until(lambda: len(shared.docker("logs", name).stdout + shared.docker("logs", name).stderr) >= 8)

    async def talk(websocket: aiohttp.ClientWebSocketResponse) -> None:
        replay = await received(websocket, b"err\n")
        assert sorted(replay.split()) == [b"err", b"out"]
        await websocket.send_str("text\n")
        assert await received(websocket, b"text") == b"got text\n"
        assert (await websocket.receive()).type is aiohttp.WSMsgType.CLOSE

    with_websocket(shared, f"/v1.47/containers/{name}/attach/ws?logs=1&stream=1&stdin=1&stdout=1&stderr=1", talk)
    assert status(shared, name) == "exited"


def test_a_websocket_detaches_by_the_keys(shared: RunningEngine, name: str) -> None:
    shared.docker("run", "-d", "-i", "-t", "--name", name, IMAGE, "cat")

    async def talk(websocket: aiohttp.ClientWebSocketResponse) -> None:
        await websocket.send_bytes(b"line\n")
        await received(websocket, b"line")
        await websocket.send_bytes(b"\x10\x11")
        while (message := await websocket.receive()).type is aiohttp.WSMsgType.BINARY:
            pass
        assert message.type is aiohttp.WSMsgType.CLOSE

    with_websocket(shared, f"/containers/{name}/attach/ws?stream=1&stdin=1&stdout=1", talk)
    with_websocket(shared, f"/v1.41/containers/{name}/attach/ws?stream=1", talk)  # then it had all streams
    assert status(shared, name) == "running"


def test_a_websocket_that_is_gone_is_noticed_in_silence(shared: RunningEngine, name: str) -> None:
    shared.docker("run", "-d", "--name", name, IMAGE, "sleep", "1000")
    assert shared.process is not None
    open_files = Path(f"/proc/{shared.process.pid}/fd")
    before = len(list(open_files.iterdir()))

    async def talk(_: aiohttp.ClientWebSocketResponse) -> None:
        assert len(list(open_files.iterdir())) > before

    with_websocket(shared, f"/containers/{name}/attach/ws?stream=1&stdout=1", talk)
    wait_until(lambda: len(list(open_files.iterdir())) <= before)
