"""Many containers come and go, and the engine and its host are as before."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.conftest import IMAGE, RunningEngine, wait_until
from tests.engine.host.containers import exec_client as client

pytestmark = pytest.mark.host

COUNT = int(os.environ.get("NARU_LEAK_CONTAINERS", "40"))
AT_ONCE = 4
WARM_UP = 8
KEPT_EVENTS = 1000  # engine/store/events.py: until there are so many, memory grows by design
ROUNDS = 3
SETTLED_S = 10
RSS_TOLERANCE = 1 << 20
OBJECTS_TOLERANCE = 300


@dataclass
class CountingEngine(RunningEngine):
    """It tells of itself what cannot be seen from outside."""

    def command(self, verb: str) -> list[str]:
        plain = super().command(verb)
        if verb != "serve":
            return plain
        module = "tests.engine.host.containers.counting_engine"
        return [sys.executable, "-m", module, str(self.numbers), *plain[3:]]

    @property
    def numbers(self) -> Path:
        return self.root / "numbers"

    @property
    def proc(self) -> Path:
        assert self.process is not None
        return Path(f"/proc/{self.process.pid}")

    def count_inside(self) -> dict[str, int]:
        assert self.process is not None
        self.numbers.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR2)
        wait_until(self.numbers.exists, what="the engine counted")
        counted: dict[str, int] = json.loads(self.numbers.read_text())
        return counted


@pytest.fixture(scope="module")
def counting(busybox_tar: bytes) -> Iterator[CountingEngine]:
    token = uuid.uuid4().hex[:8]
    engine = CountingEngine(root=Path(f"/tmp/nr-{token}"), bridge=f"nr{token}")
    engine.root.mkdir(mode=0o711)
    try:
        engine.start()
        engine.docker("import", "-", IMAGE, input=busybox_tar)
        yield engine
    finally:
        engine.purge()


def live(engine: RunningEngine, number: int) -> str:
    """One container's life, in one of three ways to its end; the address it had."""
    body = {
        "Image": IMAGE,
        "Cmd": ["sh", "-c", "trap exit TERM; echo here > /index.html; httpd -p 80 -h /; while :; do sleep 0.05; done"],
        "Healthcheck": {"Test": ["CMD", "test", "-e", "/index.html"], "Interval": 50_000_000},
        "ExposedPorts": {"80/tcp": {}},
        "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1"}]}, "AutoRemove": number % 3 == 0},
    }
    name = f"box{number}"
    assert client.ask(engine, "POST", f"/containers/create?name={name}", body)[0] == 201
    assert client.ask(engine, "POST", f"/containers/{name}/start")[0] == 204
    with client.begin(engine, client.make(engine, name, "echo", "said")) as stream:
        said = client.unframed(client.read_rest(stream))
    assert said == {1: b"said\n", 2: b""}, said
    wait_until(
        lambda: client.ask(engine, "GET", f"/containers/{name}/json")[1]["State"]["Health"]["Status"] == "healthy"
    )
    network = client.ask(engine, "GET", f"/containers/{name}/json")[1]["NetworkSettings"]
    with urllib.request.urlopen(f"http://127.0.0.1:{network['Ports']['80/tcp'][0]['HostPort']}/", timeout=5) as answer:
        assert answer.read() == b"here\n"
    if number % 3 == 1:
        assert client.ask(engine, "DELETE", f"/containers/{name}?force=1")[0] == 204
    else:
        assert client.ask(engine, "POST", f"/containers/{name}/stop")[0] == 204
    if number % 3 == 2:
        assert client.ask(engine, "DELETE", f"/containers/{name}")[0] == 204
    return str(network["IPAddress"])


def churn(engine: RunningEngine, numbers: range) -> list[str]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda number: live(engine, number), numbers))


def fill_memories(engine: RunningEngine) -> None:
    """What remembers the latest of something is full afterwards."""
    engine.docker("run", "-d", "--name", "filler", IMAGE, "sleep", "1000")
    for _ in range(KEPT_EVENTS):
        client.make(engine, "filler", "true")
    engine.docker("rm", "-f", "filler")


def on_the_host(engine: CountingEngine) -> dict[str, object]:
    """All that a container has on this host, and what of the engine itself can be seen from outside."""
    inside = engine.count_inside()
    return {
        "descriptors": sorted(_kind(link) for link in _descriptors(engine).values()),
        "inotify watches": _inotify_watches(engine),
        "tasks": inside["tasks"],
        "mounts": _mounts(engine, engine.proc),
        "the host's mounts": _mounts(engine, Path("/proc/self")),
        "packet filter": _table(engine),
        "interfaces": engine.links(),
        "cgroups": engine.cgroups(),
        "processes": _processes(engine),
        "files": sorted(str(path) for root in (engine.run_root, engine.data_root) for path in root.rglob("*")),
    }


def changed(before: dict[str, object], after: dict[str, object]) -> dict[str, object]:
    """By what, the difference: of lists what is more and what is less."""
    found: dict[str, object] = {}
    for what, old in before.items():
        new = after[what]
        if isinstance(old, list) and isinstance(new, list):
            more, less = Counter(new) - Counter(old), Counter(old) - Counter(new)
            found |= {what: (dict(more), dict(less))} if more or less else {}
        elif old != new:
            found[what] = (old, new)
    return found


def _descriptors(engine: CountingEngine) -> dict[str, str]:
    found = {}
    for path in (engine.proc / "fd").iterdir():
        try:
            found[path.name] = os.readlink(path)
        except FileNotFoundError:
            continue
    return found


def _kind(link: str) -> str:
    """A file's path as it is; of sockets, pipes and namespaces only what they are."""
    return link if link.startswith("/") else link.partition("[")[0]


def _mounts(engine: CountingEngine, process: Path) -> list[str]:
    """Where the engine has mounted something, in the view of a process."""
    points = [line.split()[4] for line in (process / "mountinfo").read_text().splitlines()]
    return [point for point in points if point.startswith(str(engine.root))]


def _inotify_watches(engine: CountingEngine) -> int:
    queues = [number for number, link in _descriptors(engine).items() if "inotify" in link]
    return sum((engine.proc / "fdinfo" / number).read_text().count("inotify wd:") for number in queues)


def _table(engine: CountingEngine) -> str:
    """Everything of the engine's in the packet filter, but for the counters."""
    from engine.config import EngineConfig

    name = EngineConfig(data_root=engine.data_root).nft_table
    done = subprocess.run(["nft", "--stateless", "list", "table", "inet", name], capture_output=True, check=True)
    return done.stdout.decode()


def _processes(engine: CountingEngine) -> list[str]:
    """Monitors, runtimes and whatever else carries this engine's directory in its command line, without the engine."""
    assert engine.process is not None
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(engine.root) in words and int(path.name) != engine.process.pid:
            found.append(words)
    return found


def settled(engine: CountingEngine, before: dict[str, object]) -> None:
    deadline = time.monotonic() + SETTLED_S
    while (left := changed(before, on_the_host(engine))) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left, f"{left}\n{engine.log}"


def grown(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """Kinds of objects of which there are more, and memory; without what comes and goes."""
    more = {kind: number - before.get(kind, 0) for kind, number in after.items()}
    return {kind: by for kind, by in more.items() if by > (RSS_TOLERANCE if kind == "resident" else OBJECTS_TOLERANCE)}


def test_containers_come_and_go_and_nothing_stays(counting: CountingEngine) -> None:
    churn(counting, range(WARM_UP))
    fill_memories(counting)
    churn(counting, range(WARM_UP))
    wait_until(lambda: not counting.leftovers(), limit_s=SETTLED_S, what=counting.log)
    before, threads = on_the_host(counting), len(os.listdir(counting.proc / "task"))

    for number in range(ROUNDS):
        inside = counting.count_inside()
        addresses = churn(counting, range(1000 * number, 1000 * number + COUNT))
        settled(counting, before)
        assert len(os.listdir(counting.proc / "task")) <= threads
        if not (more := grown(inside, counting.count_inside())):
            break  # what leaks does so in every round; a heap that is cut up differently does not
    assert more == {}
    assert live(counting, 5000) not in addresses[-AT_ONCE:]
