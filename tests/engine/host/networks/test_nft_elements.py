"""Elements written by us are those that nft reads."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

import pytest

from engine.host.nft_elements import Element, NftElements, address, link, mac, port, protocol
from engine.host.nftables import open_nftables
from engine.model.network import ICC, MASQUERADE, Ipv6Part, Network
from engine.model.ports import Protocol
from engine.networks.ruleset import Tables
from tests.engine.host.networks.conftest import Machine, shell

pytestmark = pytest.mark.host

SENDER = Element("bridge", "t", "senders", (link("nr012340a000002"), mac("02:42:0a:00:00:02"), address("10.0.0.2")))
PORT = Element("inet", "t", "ports", (protocol(Protocol.TCP), port(8080)), (address("10.0.0.2"), port(80)))
OTHER = Element("inet", "t", "ports", (protocol(Protocol.TCP), port(8080)), (address("10.0.0.3"), port(80)))


@pytest.fixture
def elements(machine: Machine) -> Iterator[NftElements]:
    shell("nft", "add table bridge t; add set bridge t senders { type ifname . ether_addr . ipv4_addr; }")
    shell(
        "nft", "add table inet t; add map inet t ports { type inet_proto . inet_service : ipv4_addr . inet_service; }"
    )
    made = NftElements()
    yield made
    made.close()


def listed() -> str:
    return " ".join(shell("nft", "list", "ruleset").split())


def test_what_is_added_is_listed_and_what_is_deleted_is_not(elements: NftElements) -> None:
    empty = listed()
    elements.change(add=[SENDER, PORT])
    assert '"nr012340a000002" . 02:42:0a:00:00:02 . 10.0.0.2' in listed()
    assert "tcp . 8080 : 10.0.0.2 . 80" in listed()
    elements.change(delete=[SENDER, PORT])
    assert listed() == empty


def test_a_change_that_fails_in_part_is_not_made_at_all(elements: NftElements) -> None:
    empty = listed()
    with pytest.raises(FileNotFoundError):
        elements.change(add=[SENDER], delete=[PORT])
    assert listed() == empty
    with pytest.raises(FileNotFoundError):
        elements.change(add=[SENDER, Element("inet", "absent", "ports", PORT.key, PORT.value)])
    assert listed() == empty


def test_a_key_has_one_value(elements: NftElements) -> None:
    elements.change(add=[PORT])
    with pytest.raises(FileExistsError):
        elements.change(add=[OTHER])  # what it was still to be told does not confuse the next change
    elements.change(delete=[PORT], add=[OTHER])
    assert "tcp . 8080 : 10.0.0.3 . 80" in listed()


def test_many_elements_fit_in_one_change(elements: NftElements) -> None:
    many = [
        Element("inet", "t", "ports", (protocol(Protocol.UDP), port(number)), PORT.value) for number in range(1, 400)
    ]
    elements.change(add=many)
    assert listed().count("udp . ") == 399


def network(bridge: str, third: int, *, has_ipv6: bool = False, **more: Any) -> Network:
    subnet, gateway = IPv4Network(f"10.9.{third}.0/24"), IPv4Address(f"10.9.{third}.1")
    part = Ipv6Part(IPv6Network(f"fd00:{third}::/64"), IPv6Address(f"fd00:{third}::1"), has_own_subnet=True)
    ipv6_config = part if has_ipv6 else None
    return Network("00" * 32, bridge, bridge, subnet, gateway, enable_ipv6=has_ipv6, ipv6_config=ipv6_config, **more)


@pytest.mark.parametrize(
    "added",
    [
        network("b1", 1),
        network("b1", 1, has_ipv6=True),
        network("b1", 1, internal=True),
        network("b1", 1, options={ICC: "false", MASQUERADE: "false"}),
    ],
    ids=["plain", "ipv6", "internal", "apart"],
)
def test_a_network_that_is_added_is_as_if_all_had_been_written(machine: Machine, added: Network) -> None:
    tables = Tables("naru_01234567", "01234567")
    first = network("b0", 0, has_ipv6=True)
    nftables, elements = open_nftables(), NftElements()
    nftables.apply(tables.create([first, added], []))
    both = listed()
    nftables.apply(tables.create([first], []))
    alone = listed()
    elements.change(add=tables.network_elements(added))
    assert listed() == both != alone
    elements.change(delete=tables.network_elements(added))
    assert listed() == alone
    elements.close()
    nftables.apply(tables.delete())
