"""Who can talk to whom, with real packets between namespaces."""

import asyncio
import socket
import struct
import time
from ipaddress import IPv4Address
from typing import Any

import pytest

from engine.host.sysctl import find_sysctl, set_sysctl
from engine.model.container import Endpoint
from engine.model.network import Network, NetworkRequest
from engine.model.ports import Port, PortBinding, Protocol
from engine.networks import catalog, plans
from engine.networks.network import mac_address
from tests.engine.host.networks.conftest import (
    HOST_ADDRESS,
    OUTSIDE_ADDRESS,
    SOON_S,
    Engine,
    Machine,
    MakeEngine,
    Place,
    asks,
    shell,
)

pytestmark = pytest.mark.host

TCP_80 = Port(80)
UDP_53 = Port(53, Protocol.UDP)
ETH_P_ARP = 0x0806  # linux/if_ether.h


async def run_container(
    engine: Engine, machine: Machine, name: str, *bindings: PortBinding, user: bool = False
) -> tuple[Place, Endpoint]:
    place = machine.namespace(user=user)
    container_id = name * (64 // len(name))
    concrete = engine.networks.reserve(container_id, bindings)
    endpoint = await engine.networks.connect(container_id, pid=place.pid, bindings=concrete)
    return place, endpoint


async def test_containers_reach_each_other_by_tcp(engine: Engine, machine: Machine) -> None:
    one, one_end = await run_container(engine, machine, "a")
    two, two_end = await run_container(engine, machine, "b")
    server = two.listen(80)
    assert asks(one.connect(two_end.ip_address, 80), server) == one_end.ip_address


async def test_containers_reach_each_other_by_udp(engine: Engine, machine: Machine) -> None:
    one, one_end = await run_container(engine, machine, "a")
    two, two_end = await run_container(engine, machine, "b")
    server, client = two.receive_on(53), one.open_socket(socket.SOCK_DGRAM)
    client.sendto(b"ping", (two_end.ip_address, 53))
    data, peer = server.recvfrom(10)
    assert (data, peer[0]) == (b"ping", one_end.ip_address)
    server.sendto(b"pong", peer)
    assert client.recv(10) == b"pong"


async def test_a_namespace_of_another_user_namespace_is_connected_as_well(engine: Engine, machine: Machine) -> None:
    one, _ = await run_container(engine, machine, "a", user=True)
    server = machine.outside.listen(80)
    assert asks(one.connect(OUTSIDE_ADDRESS, 80), server) == HOST_ADDRESS


async def test_the_world_sees_the_hosts_address(engine: Engine, machine: Machine) -> None:
    one, _ = await run_container(engine, machine, "a")
    server = machine.outside.listen(80)
    assert asks(one.connect(OUTSIDE_ADDRESS, 80), server) == HOST_ADDRESS


async def test_a_published_port_is_reached_from_outside_with_the_clients_address(
    engine: Engine, machine: Machine
) -> None:
    one, _ = await run_container(engine, machine, "a", PortBinding(TCP_80, host_port=8080))
    server = one.listen(80)
    assert asks(machine.outside.connect(HOST_ADDRESS, 8080), server) == OUTSIDE_ADDRESS


async def test_a_published_udp_port_is_reached_from_outside(engine: Engine, machine: Machine) -> None:
    one, _ = await run_container(engine, machine, "a", PortBinding(UDP_53, host_port=5353))
    server, client = one.receive_on(53), machine.outside.open_socket(socket.SOCK_DGRAM)
    client.sendto(b"ping", (HOST_ADDRESS, 5353))
    data, peer = server.recvfrom(10)
    assert (data, peer[0]) == (b"ping", OUTSIDE_ADDRESS)
    server.sendto(b"pong", peer)
    assert client.recvfrom(10) == (b"pong", (HOST_ADDRESS, 5353))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", HOST_ADDRESS])
async def test_a_published_port_is_reached_from_the_host(engine: Engine, machine: Machine, address: str) -> None:
    one, _ = await run_container(engine, machine, "a", PortBinding(TCP_80, host_port=8080))
    server = one.listen(80)
    asks(machine.host.connect(address, 8080), server)


async def test_a_published_port_is_reached_from_another_container(engine: Engine, machine: Machine) -> None:
    one, _ = await run_container(engine, machine, "a", PortBinding(TCP_80, host_port=8080))
    two, _ = await run_container(engine, machine, "b")
    server = one.listen(80)
    assert asks(two.connect(HOST_ADDRESS, 8080), server) == str(engine.networks.network.gateway)


@pytest.mark.parametrize("br_netfilter", ["0", "1"])
async def test_a_published_port_is_reached_from_its_own_container(
    engine: Engine, machine: Machine, br_netfilter: str
) -> None:
    if find_sysctl("net/bridge/bridge-nf-call-iptables") is not None:
        set_sysctl("net/bridge/bridge-nf-call-iptables", br_netfilter)
    one, _ = await run_container(engine, machine, "a", PortBinding(TCP_80, host_port=8080))
    server = one.listen(80)
    assert asks(one.connect(HOST_ADDRESS, 8080), server) == str(engine.networks.network.gateway)


async def test_a_port_published_on_loopback_is_not_reached_from_outside(engine: Engine, machine: Machine) -> None:
    one, _ = await run_container(engine, machine, "a", PortBinding(TCP_80, "127.0.0.1", 8080))
    server = one.listen(80)
    asks(machine.host.connect("127.0.0.1", 8080), server)
    assert not machine.outside.reaches(HOST_ADDRESS, 8080)
    assert not machine.host.reaches(HOST_ADDRESS, 8080)


async def test_a_port_published_on_one_address_is_reached_there_only(engine: Engine, machine: Machine) -> None:
    one, _ = await run_container(engine, machine, "a", PortBinding(TCP_80, HOST_ADDRESS, 8080))
    server = one.listen(80)
    asks(machine.outside.connect(HOST_ADDRESS, 8080), server)
    assert not machine.host.reaches("127.0.0.1", 8080)


async def test_the_same_port_on_two_addresses_goes_to_two_containers(engine: Engine, machine: Machine) -> None:
    one, _ = await run_container(engine, machine, "a", PortBinding(TCP_80, HOST_ADDRESS, 8080))
    two, _ = await run_container(engine, machine, "b", PortBinding(TCP_80, "127.0.0.1", 8080))
    at_one, at_two = one.listen(80), two.listen(80)
    asks(machine.host.connect(HOST_ADDRESS, 8080), at_one)
    asks(machine.host.connect("127.0.0.1", 8080), at_two)


async def test_an_unpublished_port_is_not_reached_from_outside(engine: Engine, machine: Machine) -> None:
    one, one_end = await run_container(engine, machine, "a")
    server = one.listen(80)
    asks(machine.host.connect(one_end.ip_address, 80), server)
    machine.outside.run("ip", "route", "add", str(engine.networks.network.subnet), "via", HOST_ADDRESS)
    assert not machine.outside.reaches(one_end.ip_address, 80)


async def test_a_service_of_the_host_is_closed_to_containers(engine: Engine, machine: Machine) -> None:
    one, _ = await run_container(engine, machine, "a")
    machine.host.listen(22)
    assert machine.outside.connects(HOST_ADDRESS, 22)
    assert not one.reaches(HOST_ADDRESS, 22)
    assert not one.reaches(str(engine.networks.network.gateway), 22)


async def test_names_are_resolved_by_the_gateway(engine: Engine, machine: Machine) -> None:
    one, _ = await run_container(engine, machine, "a")
    gateway = str(engine.networks.network.gateway)
    server = machine.host.listen(53, address=gateway)
    asks(one.connect(gateway, 53), server)


async def test_the_gateway_answers_ping(engine: Engine, machine: Machine) -> None:
    one, _ = await run_container(engine, machine, "a")
    one.run("busybox", "ping", "-c1", "-W2", str(engine.networks.network.gateway))


@pytest.mark.parametrize("address", ["169.254.169.254", "169.254.170.2", "100.100.100.200"])
async def test_metadata_services_are_closed_to_containers(engine: Engine, machine: Machine, address: str) -> None:
    one, _ = await run_container(engine, machine, "a")
    machine.outside.run("ip", "addr", "add", f"{address}/32", "dev", "up0")
    machine.outside.listen(80)
    assert machine.host.connects(address, 80)
    assert not one.reaches(address, 80)


def forged(source: str, target: str, port: int) -> bytes:
    """An IPv4 packet with a UDP datagram that has no checksum."""
    udp = struct.pack("!HHHH", 1234, port, 8 + 4, 0) + b"ping"
    addresses = IPv4Address(source).packed + IPv4Address(target).packed
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + addresses
    total = sum(struct.unpack("!10H", header))
    checksum = ~(total + (total >> 16)) & 0xFFFF
    return header[:10] + struct.pack("!H", checksum) + header[12:] + udp


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def frames_of(place: Place) -> socket.socket:
    """Sends whole Ethernet frames out of the container's eth0."""
    frames = place.open_socket(socket.SOCK_RAW, family=socket.AF_PACKET)
    frames.bind(("eth0", 0))
    return frames


def gateway_mac(engine: Engine) -> str:
    return mac_address(engine.networks.network.gateway)


async def test_the_hosts_loopback_is_closed_to_containers(engine: Engine, machine: Machine) -> None:
    one, one_end = await run_container(engine, machine, "a")
    server, frames = machine.host.receive_on(53), frames_of(one)
    header = mac(gateway_mac(engine)) + mac(one_end.mac_address) + b"\x08\x00"
    frames.send(header + forged(one_end.ip_address, one_end.gateway, 53))
    assert server.recv(10) == b"ping"
    server.settimeout(SOON_S)
    frames.send(header + forged(one_end.ip_address, "127.0.0.1", 53))
    with pytest.raises(TimeoutError):
        server.recv(10)


@pytest.mark.parametrize("forger", ["172.20.0.4", "172.20.0.1", "8.8.8.8", "127.0.0.1"])
async def test_a_container_cannot_send_with_anothers_address(machine: Machine, engine: Engine, forger: str) -> None:
    one, one_end = await run_container(engine, machine, "a")
    two, two_end = await run_container(engine, machine, "b")
    server, frames = two.receive_on(53), frames_of(one)
    header = mac(two_end.mac_address) + mac(one_end.mac_address) + b"\x08\x00"
    frames.send(header + forged(one_end.ip_address, two_end.ip_address, 53))
    assert server.recvfrom(10)[1][0] == one_end.ip_address
    server.settimeout(SOON_S)
    frames.send(header + forged(forger, two_end.ip_address, 53))
    with pytest.raises(TimeoutError):
        server.recvfrom(10)


async def test_a_container_cannot_send_with_anothers_mac_address(machine: Machine, engine: Engine) -> None:
    one, one_end = await run_container(engine, machine, "a")
    two, two_end = await run_container(engine, machine, "b")
    server, frames = two.receive_on(53), frames_of(one)
    packet = forged(one_end.ip_address, two_end.ip_address, 53)
    frames.send(mac(two_end.mac_address) + mac(gateway_mac(engine)) + b"\x08\x00" + packet)
    server.settimeout(SOON_S)
    with pytest.raises(TimeoutError):
        server.recv(10)


async def test_a_container_cannot_answer_for_anothers_address(engine: Engine, machine: Machine) -> None:
    one, one_end = await run_container(engine, machine, "a")
    two, two_end = await run_container(engine, machine, "b")
    seen, frames = two.open_socket(socket.SOCK_RAW, family=socket.AF_PACKET), frames_of(one)
    seen.bind(("eth0", ETH_P_ARP))

    def answer(address: str) -> bytes:
        claim = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2) + mac(one_end.mac_address) + IPv4Address(address).packed
        claim += mac(two_end.mac_address) + IPv4Address(two_end.ip_address).packed
        return mac(two_end.mac_address) + mac(one_end.mac_address) + struct.pack("!H", ETH_P_ARP) + claim

    frames.send(answer(one_end.gateway))
    frames.send(answer(one_end.ip_address))
    assert seen.recv(100) == answer(one_end.ip_address)  # and what was sent before did not come


async def test_no_ipv6_passes_by_the_rules(engine: Engine, machine: Machine) -> None:
    one, _ = await run_container(engine, machine, "a")
    assert "inet6" not in one.run("ip", "addr", "show", "eth0")
    one.run("sysctl", "-q", "-w", "net.ipv6.conf.eth0.disable_ipv6=0")
    one.run("ip", "addr", "add", "fd00::2/64", "dev", "eth0", "nodad")
    shell("sysctl", "-q", "-w", f"net.ipv6.conf.{engine.config.bridge}.disable_ipv6=0")
    shell("ip", "addr", "add", "fd00::1/64", "dev", engine.config.bridge, "nodad")
    with pytest.raises(AssertionError, match="ping6"):
        one.run("busybox", "ping6", "-c1", "-W1", "fd00::1")


async def test_networks_of_two_engines_are_apart(engine: Engine, machine: Machine, start_engine: MakeEngine) -> None:
    other = await start_engine("two")
    assert not other.networks.network.subnet.overlaps(engine.networks.network.subnet)
    one, one_end = await run_container(engine, machine, "a", PortBinding(TCP_80, host_port=8080))
    two, two_end = await run_container(other, machine, "b", PortBinding(TCP_80, host_port=8081))
    at_one, at_two = one.listen(80), two.listen(80)
    assert not one.reaches(two_end.ip_address, 80)
    assert not two.reaches(one_end.ip_address, 80)
    asks(machine.outside.connect(HOST_ADDRESS, 8080), at_one)
    asks(machine.outside.connect(HOST_ADDRESS, 8081), at_two)
    asks(one.connect(HOST_ADDRESS, 8081), at_two)


async def test_engines_that_choose_at_the_same_moment_choose_different_subnets(
    engine: Engine, start_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planned_slowly(*given: Any, **named: Any) -> Network:
        # both have looked by now, if nothing makes one of them wait
        time.sleep(0.3)
        return plans.planned_network(*given, **named)

    other = await start_engine("two")
    monkeypatch.setattr(catalog, "planned_network", planned_slowly)
    made = await asyncio.gather(*(each.networks.create(NetworkRequest("mine")) for each in (engine, other)))
    assert not made[0].subnet.overlaps(made[1].subnet)


async def test_mode_none_has_loopback_and_nothing_else(engine: Engine, machine: Machine) -> None:
    place = machine.namespace()
    await engine.networks.loopback_only(place.pid)
    server = place.listen(80)
    asks(place.connect("127.0.0.1", 80), server)
    assert len(place.run("ip", "-o", "link", "show", "up").splitlines()) == 1
