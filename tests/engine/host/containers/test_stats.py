"""``docker stats``: what clients are told of a container's use, and what telling it costs."""

import asyncio
import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiodocker
import pytest

from tests.conformance.client import Client
from tests.engine.conftest import IMAGE, RunningEngine, running_engine, wait_until

pytestmark = pytest.mark.host
_LIMIT_S = 15


@pytest.fixture(scope="module")
def engine(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with running_engine() as engine:
        engine.docker("import", "-", IMAGE, input=busybox_tar)
        yield engine


@pytest.fixture
def box(engine: RunningEngine) -> Iterator[str]:
    """Half a processor is used by it, and 64 MiB is its limit."""
    script = "while :; do :; done"
    engine.docker("run", "-d", "--name", "box", "-m", "64m", "--cpus", "0.5", IMAGE, "sh", "-c", script)
    yield "box"
    engine.docker("rm", "-f", "box")


def once(engine: RunningEngine, name: str, query: str = "stream=0", version: str = "v1.47") -> dict[str, Any]:
    answer = Client(engine.socket).ask("GET", f"/containers/{name}/stats?{query}", version=version)
    assert answer.status == 200, answer.body
    return dict(answer.json)


class Stream:
    """A streaming client that reads an object at a time."""

    def __init__(self, engine: RunningEngine, name: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_LIMIT_S)
        self._socket.connect(str(engine.socket))
        self._socket.sendall(f"GET /v1.47/containers/{name}/stats HTTP/1.1\r\nHost: docker\r\n\r\n".encode())
        self._file = self._socket.makefile("rb")
        while self._file.readline().strip():
            pass

    def read(self) -> dict[str, Any] | None:
        """None at the end."""
        size = int(self._file.readline(), 16)
        data = self._file.read(size + 2)
        return dict(json.loads(data)) if size else None

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.fixture
def stream(engine: RunningEngine, box: str) -> Iterator[Stream]:
    stream = Stream(engine, box)
    yield stream
    stream.close()


def test_the_docker_cli_shows_use_and_limits(engine: RunningEngine, box: str) -> None:
    shown = engine.out("stats", "--no-stream", "--format", "{{json .}}", box)
    line = json.loads(shown)
    assert line["Name"] == "box"
    assert line["MemUsage"].endswith("/ 64MiB")
    assert line["PIDs"] == "1"
    assert 0 < float(line["CPUPerc"].rstrip("%")) < 90, "of one processor, half is allowed"
    assert not line["NetIO"].startswith("--")


def test_the_docker_cli_follows_containers_that_come_and_go(engine: RunningEngine, box: str) -> None:
    with engine.popen("stats", "--format", "{{.Name}} {{.MemUsage}}.") as watcher:
        assert watcher.stdout is not None
        until_line(watcher.stdout, b"box ")
        engine.docker("run", "-d", "--name", "newcomer", IMAGE, "sleep", "1000")
        until_line(watcher.stdout, b"newcomer ")
        engine.docker("rm", "-f", "newcomer")
        watcher.terminate()


def until_line(output: Any, begin: bytes) -> None:
    deadline = time.monotonic() + _LIMIT_S
    while begin not in output.readline():
        assert time.monotonic() < deadline


def test_two_samples_are_a_second_apart_and_processors_can_be_reckoned(engine: RunningEngine, box: str) -> None:
    found = once(engine, box)
    now, before = found["cpu_stats"], found["precpu_stats"]
    used = now["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    of_all = now["system_cpu_usage"] - before["system_cpu_usage"]
    assert 0 < used / of_all * now["online_cpus"] < 0.9, "of one processor, half is allowed"
    assert before["online_cpus"] == now["online_cpus"] > 0
    assert now["throttling_data"]["periods"] > before["throttling_data"]["periods"]
    assert found["preread"] < found["read"]


def test_one_shot_answers_at_once_without_a_sample_before(engine: RunningEngine, box: str) -> None:
    began = time.monotonic()
    found = once(engine, box, "stream=0&one-shot=1")
    assert time.monotonic() - began < 0.9
    assert found["preread"].startswith("0001-01-01")
    assert found["precpu_stats"]["cpu_usage"]["total_usage"] == 0
    assert "system_cpu_usage" not in found["precpu_stats"]
    assert found["cpu_stats"]["cpu_usage"]["total_usage"] > 0


def test_one_shot_is_unknown_to_old_clients_and_contradicts_a_stream(engine: RunningEngine, box: str) -> None:
    assert once(engine, box, "stream=0&one-shot=1", "v1.40")["precpu_stats"]["cpu_usage"]["total_usage"] > 0
    answer = Client(engine.socket).ask("GET", "/containers/box/stats?stream=1&one-shot=1")
    assert (answer.status, answer.json["message"]) == (400, "cannot have stream=true and one-shot=true")


def test_the_network_is_counted_and_the_loopback_is_not(engine: RunningEngine) -> None:
    script = "ping -c 3 -s 1000 127.0.0.1 >/dev/null; echo sent; exec sleep 1000"
    engine.docker("run", "-d", "--name", "net", "--cap-add", "NET_RAW", IMAGE, "sh", "-c", script)
    engine.docker(
        "exec", "net", "sh", "-c", "echo x | nc -w 1 $(ip route | sed -n 's/default via //;s/ .*//;1p') 9 || :"
    )
    found = once(engine, "net", "stream=0&one-shot=1")
    assert list(found["networks"]) == ["eth0"]
    assert found["networks"]["eth0"]["tx_packets"] > 0
    for mode in ("none", "host"):
        engine.docker("run", "-d", "--name", f"net-{mode}", "--network", mode, IMAGE, "sleep", "1000")
        assert "networks" not in once(engine, f"net-{mode}", "stream=0&one-shot=1")
    engine.docker("rm", "-f", "net", "net-none", "net-host")


def test_without_a_limit_the_machines_memory_is_the_limit(engine: RunningEngine) -> None:
    engine.docker("run", "-d", "--name", "free", "--pids-limit", "-1", IMAGE, "sleep", "1000")
    found = once(engine, "free", "stream=0&one-shot=1")
    assert found["memory_stats"]["limit"] == json.loads(engine.out("info", "--format", "{{.MemTotal}}"))
    assert found["pids_stats"] == {"current": 1}
    engine.docker("rm", "-f", "free")


def test_a_stopped_container_is_all_zeros(engine: RunningEngine) -> None:
    engine.docker("create", "--name", "still", IMAGE, "true")
    found = once(engine, "still")
    assert (found["read"], found["memory_stats"], found["pids_stats"]) == ("0001-01-01T00:00:00Z", {}, {})
    assert found["name"] == "/still"
    engine.docker("rm", "still")


def test_a_stream_goes_on_over_a_stop_and_a_start_and_ends_with_the_container(
    engine: RunningEngine, stream: Stream
) -> None:
    assert is_running(stream.read())
    engine.docker("kill", "box")
    while is_running(shown := stream.read()):
        pass
    assert shown is not None, "the stream ended with the program"
    engine.docker("start", "box")
    while not is_running(shown := stream.read()):
        assert shown is not None, "the stream ended with the program"
    engine.docker("rm", "-f", "box")
    while stream.read() is not None:
        pass
    engine.docker("run", "-d", "--name", "box", IMAGE, "sleep", "1000")


def is_running(shown: dict[str, Any] | None) -> bool:
    return bool(shown and shown["memory_stats"])


def test_a_sample_is_measured_against_the_one_before_it(stream: Stream) -> None:
    first, second = stream.read(), stream.read()
    assert first is not None
    assert second is not None
    assert first["preread"].startswith("0001")
    assert (second["preread"], second["precpu_stats"]) == (first["read"], first["cpu_stats"])


def test_watchers_of_one_container_share_a_sample(engine: RunningEngine, box: str) -> None:
    clients = [Stream(engine, box) for _ in range(3)]
    for client in clients:
        client.read()  # its own, given at once
    shared = [client.read() for client in clients]
    assert len({str(sample) for sample in [{"read": one["read"]} for one in shared if one]}) == 1
    for client in clients:
        client.close()


def test_a_client_that_goes_is_let_go(engine: RunningEngine, box: str) -> None:
    before = sockets(engine)
    client = Stream(engine, box)
    client.read()
    its_own = sockets(engine) - before
    assert its_own
    client.close()
    wait_until(lambda: not its_own & sockets(engine), what="the engine closes the connection")


def sockets(engine: RunningEngine) -> set[str]:
    """By inode; connections of others may come to their end meanwhile."""
    assert engine.process is not None
    links = Path(f"/proc/{engine.process.pid}/fd").iterdir()
    targets = {str(link.readlink()) for link in links if link.is_symlink()}
    return {target for target in targets if target.startswith("socket:")}


def test_a_slow_reader_holds_nobody_up(engine: RunningEngine, box: str) -> None:
    slow, quick = Stream(engine, box), Stream(engine, box)
    quick.read()
    reads = [quick.read() for _ in range(3)]
    assert all(reads)
    slow.close()
    quick.close()


async def test_aiodocker_reads_both_ways(engine: RunningEngine) -> None:
    """To the end of the stream: the library does not close one that it leaves."""
    engine.docker("run", "-d", "--name", "aio", IMAGE, "sleep", "1000")
    async with asyncio.timeout(_LIMIT_S), aiodocker.Docker(url=f"unix://{engine.socket}") as docker:
        container = await docker.containers.get("aio")
        (found,) = await container.stats(stream=False)
        assert found["name"] == "/aio"
        usages = []
        async for shown in container.stats(stream=True):
            usages.append(shown["memory_stats"].get("usage", 0))
            if len(usages) == 2:
                await container.delete(force=True)
    assert all(usages[:2])


def test_ids_and_prefixes_are_taken_and_strangers_refused(engine: RunningEngine, box: str) -> None:
    engine_id = engine.out("inspect", "--format", "{{.Id}}", box)
    assert once(engine, engine_id[:12], "stream=0&one-shot=1")["id"] == engine_id
    answer = Client(engine.socket).ask("GET", "/containers/nobody/stats?stream=0")
    assert (answer.status, answer.json["message"]) == (404, "No such container: nobody")


def test_disk_traffic_has_dockers_shape(engine: RunningEngine, box: str) -> None:
    blkio = once(engine, box, "stream=0&one-shot=1")["blkio_stats"]
    assert set(blkio) == {
        *("io_service_bytes_recursive", "io_serviced_recursive", "io_queue_recursive", "io_service_time_recursive"),
        *("io_wait_time_recursive", "io_merged_recursive", "io_time_recursive", "sectors_recursive"),
    }
    for entry in blkio["io_service_bytes_recursive"]:
        assert set(entry) == {"major", "minor", "op", "value"}
        assert re.fullmatch("[A-Za-z]+", entry["op"])
