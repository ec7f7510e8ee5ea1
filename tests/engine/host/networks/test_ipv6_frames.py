"""What a container may put on its network by IPv6: frames made by hand, and who of the others sees them."""

import socket
import struct
from ipaddress import IPv6Address

import pytest

from engine.model.container import Endpoint
from engine.networks.network import link_local_of
from tests.engine.host.networks.conftest import SOON_S, Engine, Machine, Place
from tests.engine.host.networks.ipv6 import IPV6, ONE, THREE, TWO, dual, give_ipv6, join

pytestmark = IPV6
ETH_P_IPV6 = 0x86DD  # linux/if_ether.h
NEIGHBOUR_ADVERTISEMENT, ROUTER_ADVERTISEMENT = 136, 134  # RFC 4861


@pytest.fixture(autouse=True)
def machine_with_ipv6(machine: Machine) -> None:
    give_ipv6(machine)


def frames_of(place: Place) -> socket.socket:
    frames = place.open_socket(socket.SOCK_RAW, family=socket.AF_PACKET)
    frames.bind(("eth0", 0))
    return frames


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)


def frame(to: Endpoint, by: Endpoint, *, source: str, target: str, number: int, payload: bytes, hops: int) -> bytes:
    """A datagram (17) or an ICMPv6 message (58), whose checksum is at bytes 6 and 2 of ``payload``, zero until now."""
    addresses = IPv6Address(source).packed + IPv6Address(target).packed
    total = checksum(addresses + struct.pack("!II", len(payload), number) + payload + b"\0" * (len(payload) % 2))
    at = 6 if number == socket.IPPROTO_UDP else 2
    payload = payload[:at] + total.to_bytes(2, "big") + payload[at + 2 :]
    header = struct.pack("!IHBB", 6 << 28, len(payload), number, hops) + addresses
    return mac(to.mac_address) + mac(by.mac_address) + struct.pack("!H", ETH_P_IPV6) + header + payload


@pytest.mark.parametrize("forger", ["fd00:aaaa::9", "gateway", "neighbour"])
async def test_a_container_cannot_send_with_anothers_address(engine: Engine, machine: Machine, forger: str) -> None:
    network = await dual(engine)
    one, two, three = machine.namespace(), machine.namespace(), machine.namespace()
    one_at, two_at = await join(engine, one, ONE, network), await join(engine, two, TWO, network)
    three_at = await join(engine, three, THREE, network)
    server, frames = two.receive_on(53, address="::"), frames_of(one)
    datagram = struct.pack("!HHHH", 5, 53, 12, 0) + b"ping"
    common = {"target": two_at.ipv6_address, "number": socket.IPPROTO_UDP, "payload": datagram, "hops": 64}
    frames.send(frame(two_at, one_at, source=one_at.ipv6_address, **common))  # type: ignore[arg-type]
    assert server.recvfrom(10)[1][0] == one_at.ipv6_address
    server.settimeout(SOON_S)
    source = {"gateway": one_at.ipv6_gateway, "neighbour": three_at.ipv6_address}.get(forger, forger)
    frames.send(frame(two_at, one_at, source=source, **common))  # type: ignore[arg-type]
    with pytest.raises(TimeoutError):
        server.recv(10)


@pytest.mark.parametrize("is_rewritten", [False, True])
async def test_a_container_answers_for_its_own_addresses_alone_and_is_no_router(
    engine: Engine, machine: Machine, is_rewritten: bool
) -> None:
    network = await dual(engine)
    one, two = machine.namespace(), machine.namespace()
    one_at, two_at = await join(engine, one, ONE, network), await join(engine, two, TWO, network)
    if is_rewritten:
        await engine.networks.reconcile()
    seen, frames = two.open_socket(socket.SOCK_RAW, family=socket.AF_PACKET), frames_of(one)
    seen.bind(("eth0", ETH_P_IPV6))
    own = str(link_local_of(one_at.mac_address))

    def message(kind: int, body: bytes) -> bytes:
        payload = struct.pack("!BBH", kind, 0, 0) + body
        to = two_at.ipv6_address
        return frame(two_at, one_at, source=own, target=to, number=58, payload=payload, hops=255)

    def claim(address: str) -> bytes:
        body = struct.pack("!I", 0x60000000) + IPv6Address(address).packed + b"\x02\x01" + mac(one_at.mac_address)
        return message(NEIGHBOUR_ADVERTISEMENT, body)

    frames.send(claim(one_at.ipv6_gateway))
    frames.send(message(ROUTER_ADVERTISEMENT, struct.pack("!BBHII", 64, 0, 1800, 0, 0)))
    frames.send(claim(one_at.ipv6_address))
    frames.send(claim(own))
    wanted = [claim(one_at.ipv6_address), claim(own)]
    bodies: list[bytes] = []
    while len(bodies) < len(wanted):
        got = seen.recv(2000)
        if got[6:12] == mac(one_at.mac_address) and got[54] in (NEIGHBOUR_ADVERTISEMENT, ROUTER_ADVERTISEMENT):
            bodies.append(got)
    assert bodies == wanted
