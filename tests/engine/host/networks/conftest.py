"""A machine of our own to set networks up on: a network namespace with loopback and a link to one outside host.

The test's main thread lives in it while the test runs, and so do the threads and programs it starts. Nothing here
touches the real machine's links, addresses, routes or filters, and everything is gone with the namespace.
"""

import os
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine.config import EngineConfig
from engine.host import libc
from engine.networks.service import Networks
from engine.store.events import Events
from engine.store.state import State

HOST_ADDRESS = "198.51.100.1"
OUTSIDE_ADDRESS = "198.51.100.2"
PATIENCE_S = 3.0
SOON_S = 0.4
LATE_S = 5.0


def shell(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr}"
    return done.stdout


def family_of(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


@dataclass
class Place:
    """A network namespace to make sockets in; ``pid`` 0 is the one the test is in."""

    pid: int = 0
    sockets: list[socket.socket] = field(default_factory=list)

    def open_socket(self, kind: int, protocol: int = 0, *, family: int = socket.AF_INET) -> socket.socket:
        made: list[socket.socket] = []

        def make() -> None:
            if self.pid:
                with open(f"/proc/{self.pid}/ns/net") as namespace:
                    libc.setns(namespace.fileno(), libc.CLONE_NEWNET)
            made.append(socket.socket(family, kind, protocol))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        made[0].settimeout(PATIENCE_S)
        self.sockets.append(made[0])
        return made[0]

    def listen(self, port: int, *, address: str = "0.0.0.0") -> socket.socket:
        server = self.open_socket(socket.SOCK_STREAM, family=family_of(address))
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        server.listen()
        return server

    def receive_on(self, port: int, *, address: str = "0.0.0.0") -> socket.socket:
        server = self.open_socket(socket.SOCK_DGRAM, family=family_of(address))
        server.bind((address, port))
        return server

    def connect(self, address: str, port: int, *, timeout_s: float = PATIENCE_S) -> socket.socket:
        client = self.open_socket(socket.SOCK_STREAM, family=family_of(address))
        client.settimeout(timeout_s)
        client.connect(self._socket_address(address, port))
        client.settimeout(PATIENCE_S)
        return client

    def _socket_address(self, address: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
        """The link of a link-local address by its number here."""
        plain, _, link = address.partition("%")
        if not link:
            return address, port
        return plain, port, 0, int(self.run("ip", "-o", "link", "show", link).partition(":")[0])

    def connects(self, address: str, port: int) -> bool:
        """For what should be so: a busy machine is given time."""
        return self.reaches(address, port, within_s=LATE_S)

    def reaches(self, address: str, port: int, *, within_s: float = SOON_S) -> bool:
        """For what should not be so."""
        try:
            self.connect(address, port, timeout_s=within_s).close()
        except OSError:
            return False
        return True

    def close(self) -> None:
        for one in self.sockets:
            one.close()

    def run(self, *argv: str) -> str:
        return shell(*(["nsenter", f"--net=/proc/{self.pid}/ns/net"] if self.pid else []), *argv)


def asks(client: socket.socket, server: socket.socket) -> str:
    """Send something each way over a connection; the address the server sees."""
    accepted, peer = server.accept()
    with accepted:
        accepted.settimeout(PATIENCE_S)
        client.sendall(b"ping")
        assert accepted.recv(4) == b"ping"
        accepted.sendall(b"pong")
        assert client.recv(4) == b"pong"
    return str(peer[0])


@dataclass
class Machine:
    """The host under test, the outside host, and containers, which are processes in namespaces of their own."""

    host: Place
    outside: Place
    stack: ExitStack

    def namespace(self, *, user: bool = False) -> Place:
        """A process that sleeps in a new network namespace, owned by a new user namespace when ``user``."""
        flags = ["--user", "--map-root-user"] if user else []
        argv = ["unshare", "--net", *flags, "sh", "-c", "echo; exec sleep 300 >&-"]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE)
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        assert process.stdout is not None
        process.stdout.read()  # until sleep has closed it
        process.stdout.close()
        place = Place(process.pid)
        self.stack.callback(place.close)
        return place

    def kill(self, place: Place) -> None:
        """End a container: without process and sockets its namespace goes, and the link with it."""
        place.close()
        os.kill(place.pid, 9)
        os.waitid(os.P_PID, place.pid, os.WEXITED | os.WNOWAIT)

    def state(self) -> dict[str, str]:
        """Everything a network may leave behind; not whether a bridge has found out yet that nobody is there."""
        return {
            "links": without_second_column(shell("ip", "-br", "link")),
            "addresses": without_second_column(shell("ip", "-4", "-br", "addr")),
            "routes": shell("ip", "route").replace(" linkdown", ""),
            "filters": shell("nft", "list", "ruleset"),
        }


def without_second_column(table: str) -> str:
    rows = (line.split() for line in table.splitlines())
    return "\n".join(" ".join([row[0], row[2]]) for row in rows if len(row) > 2)


@pytest.fixture
def machine() -> Iterator[Machine]:
    with open("/proc/thread-self/ns/net") as home, ExitStack() as stack:
        libc.unshare(libc.CLONE_NEWNET)
        stack.callback(lambda: libc.setns(home.fileno(), libc.CLONE_NEWNET))
        shell("ip", "link", "set", "lo", "up")
        host = Place()
        stack.callback(host.close)
        built = Machine(host, Place(), stack)
        built.outside = outside = built.namespace()
        shell("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", str(outside.pid))
        shell("ip", "addr", "add", f"{HOST_ADDRESS}/24", "dev", "up0")
        shell("ip", "link", "set", "up0", "up")
        shell("ip", "route", "add", "default", "via", OUTSIDE_ADDRESS)
        outside.run("ip", "addr", "add", f"{OUTSIDE_ADDRESS}/24", "dev", "up0")
        outside.run("ip", "link", "set", "up0", "up")
        outside.run("ip", "link", "set", "lo", "up")
        yield built


@dataclass
class Engine:
    """What a running engine has of networks; ``restarted`` is the next one over the same files."""

    networks: Networks
    config: EngineConfig
    state: State
    events: Events

    def restarted(self) -> "Engine":
        return make_engine(self.config, self.state)


def make_engine(config: EngineConfig, state: State) -> Engine:
    events = Events()
    return Engine(Networks(config, state, events), config, state, events)


MakeEngine = Callable[..., Awaitable[Engine]]


@pytest_asyncio.fixture
async def start_engine(machine: Machine, tmp_path: Path) -> AsyncIterator[MakeEngine]:
    """Started engines by name; whatever they made is removed afterwards."""
    started: list[Engine] = []

    async def start(name: str = "one", **settings: Any) -> Engine:
        root = tmp_path / name
        root.mkdir(exist_ok=True)
        config = EngineConfig(data_root=root, run_root=root / "run", **settings)
        engine = make_engine(config, State(root / "state.db"))
        started.append(engine)
        await engine.networks.start()
        return engine

    yield start
    for engine in started:
        await engine.networks.destroy()
        engine.state.close()


@pytest_asyncio.fixture
async def engine(machine: Machine, start_engine: MakeEngine) -> Engine:
    return await start_engine()
