"""Two hosts with an engine each and a third without, on one network: real clients, both families, TCP and UDP.

The hosts are network namespaces, joined by a bridge in a fourth.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from engine.host.sysctl import has_ipv6
from tests.engine.conftest import IMAGE, RunningEngine, wait_until
from tests.engine.host.networks.conftest import Machine, Place, family_of

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
    pytest.mark.skipif(not has_ipv6(), reason="this host has no IPv6"),
]

ADDRESSES = {"one": ("198.51.100.1", "2001:db8:1::1"), "two": ("198.51.100.2", "2001:db8:1::2")}
CLIENT = ("198.51.100.9", "2001:db8:1::9")
WEB, ECHO = 8080, 5353
SERVE = "exec httpd -f -p '[::]:80' -h /srv"


@dataclass
class Host(RunningEngine):
    """An engine in a network namespace of its own."""

    name: str = ""
    place: Place = field(default_factory=Place)

    def command(self, verb: str) -> list[str]:
        return ["nsenter", f"--net=/proc/{self.place.pid}/ns/net", *super().command(verb)]

    def serve(self) -> None:
        self.docker("network", "create", "--ipv6", "front")
        self.docker(
            *("run", "-d", "--restart", "always", "--network", "front", "--name", "web"),
            *("-p", f"{WEB}:80", "-p", f"{ECHO}:53/udp"),
            *(IMAGE, "sh", "-c", f"mkdir /srv; echo {self.name} > /srv/name; {SERVE}"),
        )


@contextlib.contextmanager
def host(name: str, place: Place, busybox_tar: bytes) -> Iterator[Host]:
    token = uuid.uuid4().hex[:8]
    made = Host(root=Path(f"/tmp/nr-{token}"), bridge=f"nr{token}", name=name, place=place)
    made.root.mkdir(mode=0o711)
    try:
        made.start()
        made.docker("import", "-", IMAGE, input=busybox_tar)
        made.serve()
        yield made
    finally:
        made.purge()


@dataclass
class Hosts:
    one: Host
    two: Host
    client: Place


@pytest.fixture(scope="module")
def hosts(busybox_tar: bytes) -> Iterator[Hosts]:
    with ExitStack() as stack:
        machine = Machine(Place(), Place(), stack)
        switch = machine.namespace()
        switch.run("ip", "link", "add", "sw", "type", "bridge")
        switch.run("ip", "link", "set", "sw", "up")
        places = {name: machine.namespace() for name in (*ADDRESSES, "client")}
        for name, place in places.items():
            place.run("ip", "link", "set", "lo", "up")
            place.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", name, "netns", str(switch.pid))
            switch.run("ip", "link", "set", name, "master", "sw", "up")
            for address, length in zip(ADDRESSES.get(name, CLIENT), (24, 64), strict=True):
                nodad = ["nodad"] if ":" in address else []
                place.run("ip", "addr", "add", f"{address}/{length}", "dev", "up0", *nodad)
            place.run("ip", "link", "set", "up0", "up")
        one, two = (stack.enter_context(host(name, places[name], busybox_tar)) for name in ADDRESSES)
        yield Hosts(one, two, places["client"])


def url(address: str) -> str:
    return f"http://{f'[{address}]' if ':' in address else address}:{WEB}/name"


def fetched(place: Place, address: str) -> str:
    argv = ["curl", "--silent", "--globoff", "--noproxy", "*", "--max-time", "3", url(address)]
    return place.run(*argv).strip()


def inside_of(server: Host) -> Place:
    return Place(int(server.out("inspect", "--format", "{{.State.Pid}}", "web")))


def exchange_datagrams(place: Place, address: str, inside: Place) -> None:
    with contextlib.closing(inside):
        listening = inside.receive_on(53, address="::")
        asking = place.open_socket(socket.SOCK_DGRAM, family=family_of(address))
        asking.sendto(b"ping", (address, ECHO))
        data, peer = listening.recvfrom(10)
        listening.sendto(data[::-1], peer)
        assert asking.recvfrom(10)[0] == b"gnip"


def assert_all_reach_all(hosts: Hosts) -> None:
    for _, address in ADDRESSES.values():
        wait_until(partial(hosts.client.reaches, address, WEB), what=f"{address} serves")
    for server, (name, addresses) in zip((hosts.one, hosts.two), ADDRESSES.items(), strict=True):
        for address in addresses:
            for place in (hosts.client, hosts.one.place, hosts.two.place):
                assert fetched(place, address) == name
                exchange_datagrams(place, address, inside_of(server))
            for engine in (hosts.one, hosts.two):
                assert engine.out("exec", "web", "wget", "-q", "-O-", url(address)) == name


def assert_the_third_reaches(hosts: Hosts, *names: str) -> None:
    for name in names:
        server = {"one": hosts.one, "two": hosts.two}[name]
        for address in ADDRESSES[name]:
            assert fetched(hosts.client, address) == name
            exchange_datagrams(hosts.client, address, inside_of(server))


def lose_all_runtime_state(host: Host) -> None:
    """As when the power fails: no process, no link, no rule and nothing in the run directory is left."""
    pid = int(host.out("inspect", "--format", "{{.State.Pid}}", "web"))
    host.kill()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes()
            if int(process.name) == pid or str(host.run_root).encode() in words:
                os.kill(int(process.name), signal.SIGKILL)
    host.place.run("nft", "flush", "ruleset")
    wait_until(lambda: not Path(f"/proc/{pid}/ns/net").exists(), what="the container has ended")
    for line in host.place.run("ip", "-o", "link", "show", "type", "bridge").splitlines():
        host.place.run("ip", "link", "delete", line.split(":")[1].strip())
    host.place.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0")
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if str(host.run_root) in line.split()[4]:
            subprocess.run(["umount", "--lazy", line.split()[4]], check=False)
    shutil.rmtree(host.run_root)


def test_all_reach_what_is_published_by_both_families(hosts: Hosts) -> None:
    assert_all_reach_all(hosts)


def test_what_is_not_published_is_reached_by_nobody(hosts: Hosts) -> None:
    networks = hosts.one.out("inspect", "--format", "{{json .NetworkSettings.Networks.front}}", "web")
    assert '"GlobalIPv6Address":"fd' in networks
    template = "{{.NetworkSettings.Networks.front.IPAddress}} {{.NetworkSettings.Networks.front.GlobalIPv6Address}}"
    for address, router in zip(
        hosts.one.out("inspect", "--format", template, "web").split(), ADDRESSES["one"], strict=True
    ):
        length = 128 if ":" in address else 32
        hosts.client.run("ip", "route", "replace", f"{address}/{length}", "via", router)
        assert not hosts.client.reaches(address, 80)
        assert hosts.one.place.connects(address, 80)


def test_traffic_goes_on_while_the_engine_is_dead_and_after_it_is_back(hosts: Hosts) -> None:
    inside = inside_of(hosts.one)
    hosts.one.kill()
    for address in ADDRESSES["one"]:
        assert fetched(hosts.client, address) == "one"
        exchange_datagrams(hosts.client, address, inside)
    hosts.one.start()
    assert_the_third_reaches(hosts, "one", "two")


def test_all_is_back_after_the_power_failed(hosts: Hosts) -> None:
    template = "{{json .NetworkSettings.Networks.front.GlobalIPv6Address}}"
    before = hosts.one.out("inspect", "--format", template, "web")
    lose_all_runtime_state(hosts.one)
    assert not hosts.client.reaches(ADDRESSES["one"][1], WEB)
    hosts.one.start()
    wait_until(lambda: hosts.client.reaches(ADDRESSES["one"][1], WEB), what="web is back")
    assert_the_third_reaches(hosts, "one", "two")
    assert hosts.one.out("inspect", "--format", template, "web") == before


def test_nothing_is_left_on_the_host_but_its_own(hosts: Hosts) -> None:
    hosts.two.docker("rm", "-f", "web")
    hosts.two.docker("network", "rm", "front")
    hosts.two.stop()
    assert not hosts.client.reaches(ADDRESSES["two"][1], WEB)
    shown = hosts.two.place.run("ip", "-o", "link")
    assert [line.split(":")[1].strip().partition("@")[0] for line in shown.splitlines()] == [
        "lo",
        "up0",
        hosts.two.bridge,
    ]
    assert "fd" not in hosts.two.place.run("ip", "-6", "route").replace("fe80", "")
    assert_the_third_reaches(hosts, "one")
    hosts.two.start()
