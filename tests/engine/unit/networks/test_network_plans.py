from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network

import pytest

from engine.host.nft_elements import Element, address, link, mac, port, protocol
from engine.model.container import Endpoint
from engine.model.errors import Denied, Invalid, Unavailable
from engine.model.network import BRIDGE_NAME, ICC, MASQUERADE, EndpointSettings, KnownAs, Network, NetworkRequest
from engine.model.ports import Protocol
from engine.networks.plans import check_settings, chosen_address, new_endpoint, planned_network, reserved, way_out
from engine.networks.ruleset import Tables

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ID = "0123456789abcdef" * 4
NETWORK = Network(
    ID,
    "mine",
    "nb01234deadbeef",
    IPv4Network("10.0.0.0/29"),
    IPv4Address("10.0.0.1"),
    has_own_subnet=True,
    auxiliary={"nas": IPv4Address("10.0.0.2")},
)


def planned(request: NetworkRequest, *taken: str) -> Network:
    subnets = [IPv4Network(each) for each in taken]
    return planned_network(request, network_id=ID, instance="01234567", taken=subnets, at=NOW)


def test_a_network_gets_a_free_subnet_a_gateway_and_a_bridge_of_our_own() -> None:
    network = planned(NetworkRequest("mine"), "172.20.0.0/16")
    assert not network.subnet.overlaps(IPv4Network("172.20.0.0/16"))
    assert network.gateway == network.subnet.network_address + 1
    assert network.bridge == "nb0123401234567"
    assert len(network.bridge) <= 15


def test_a_taken_subnet_is_refused() -> None:
    with pytest.raises(Denied, match="Pool overlaps"):
        planned(NetworkRequest("mine", subnet=IPv4Network("10.0.0.0/24")), "10.0.0.128/25")


def test_a_gateway_keeps_off_auxiliary_addresses() -> None:
    request = NetworkRequest("mine", subnet=IPv4Network("10.0.0.0/24"), auxiliary={"nas": IPv4Address("10.0.0.1")})
    assert planned(request).gateway == IPv4Address("10.0.0.2")


def test_a_bridge_cannot_be_called_like_a_containers_link() -> None:
    with pytest.raises(Invalid, match="container's link"):
        planned(NetworkRequest("mine", options={BRIDGE_NAME: "nr01234x"}))


def test_addresses_are_the_wished_one_or_the_former_one_or_the_next() -> None:
    used = reserved(NETWORK)
    wish = EndpointSettings(ip_address="10.0.0.5")
    assert chosen_address(NETWORK, wish, used=used, after=None) == IPv4Address("10.0.0.5")
    assert chosen_address(NETWORK, EndpointSettings(), used=used, after=None) == IPv4Address("10.0.0.3")
    assert chosen_address(NETWORK, EndpointSettings(), used=used, after=None, former="10.0.0.6") == IPv4Address(
        "10.0.0.6"
    )
    with pytest.raises(Denied, match="already in use"):
        chosen_address(NETWORK, wish, used=used | {IPv4Address("10.0.0.5")}, after=None)


def test_every_address_is_given_before_none_is_left() -> None:
    used = reserved(NETWORK)
    for _ in range(4):
        used.add(chosen_address(NETWORK, EndpointSettings(), used=used, after=None))
    with pytest.raises(Unavailable, match="no available IPv4 addresses"):
        chosen_address(NETWORK, EndpointSettings(), used=used, after=None)


@pytest.mark.parametrize("text", ["10.0.0.0", "10.0.0.7", "10.0.1.1", "10.0.0.1", "10.0.0.2"])
def test_an_address_that_cannot_be_a_containers_is_refused(text: str) -> None:
    with pytest.raises((Invalid, Denied), match="IPv4Address"):
        check_settings(NETWORK, EndpointSettings(ip_address=text))


def endpoint(name: str, *beside: Endpoint, priority: int = 0, internal: bool = False) -> Endpoint:
    network = Network(ID, name, "b", NETWORK.subnet, NETWORK.gateway, internal=internal)
    settings = EndpointSettings(priority=priority)
    return new_endpoint(network, settings, address=IPv4Address("10.0.0.3"), beside=beside, known_as=KnownAs())


def test_interfaces_fill_gaps_and_the_highest_priority_leads_out() -> None:
    first = endpoint("a")
    second = endpoint("b", first, priority=5)
    third = endpoint("c", second, priority=9, internal=True)
    assert [each.interface for each in (first, second, third)] == ["eth0", "eth1", "eth0"]
    assert way_out([first, second, third]) is second
    assert way_out([third]) is None


def test_a_container_is_known_on_networks_that_people_made() -> None:
    known = KnownAs(("web",), ("10.9.9.9",))
    settings = EndpointSettings(links=("db:store", "cache"))
    made = new_endpoint(NETWORK, settings, address=IPv4Address("10.0.0.3"), beside=(), known_as=known)
    assert (made.names, made.servers, made.links) == (("web",), ("10.9.9.9",), {"store": "db", "cache": "cache"})
    default = Network(ID, "bridge", "b", NETWORK.subnet, NETWORK.gateway)
    made = new_endpoint(default, settings, address=IPv4Address("10.0.0.3"), beside=(), known_as=known)
    assert (made.names, made.servers, made.links) == ((), (), {})


def test_rules_of_a_network_are_as_its_options_say() -> None:
    tables = Tables("naru_01234567", "01234567")
    plain = tables.create([NETWORK], [])
    assert 'iifname "nb01234deadbeef" oifname "nb01234deadbeef" accept' in plain
    assert 'oifname != "nb01234deadbeef" ip saddr 10.0.0.0/29 masquerade' in plain
    shut = Network(ID, "mine", "b0", NETWORK.subnet, NETWORK.gateway, options={ICC: "false", MASQUERADE: "0"})
    text = tables.create([shut], [])
    assert 'iifname "b0" oifname "b0" accept' not in text
    assert "ip saddr 10.0.0.0/29 drop" in text
    assert 'oifname != "b0" ip saddr' not in text
    inside = Network(ID, "mine", "b0", NETWORK.subnet, NETWORK.gateway, internal=True)
    lines = [line.strip() for line in tables.create([inside], []).splitlines()]
    assert lines.index('iifname "b0" drop') < lines.index('oifname { "b0" } ct status dnat accept')


def test_an_element_is_written_as_nft_reads_it() -> None:
    sender = Element("bridge", "t", "endpoints", (link("nr0"), mac("02:42:0a:00:00:02"), address("10.0.0.2")))
    assert sender.text == 'bridge t endpoints { "nr0" . 02:42:0a:00:00:02 . 10.0.0.2 }'
    published = Element("inet", "t", "published", (protocol(Protocol.UDP), port(53)), (address("10.0.0.2"), port(5353)))
    assert published.text == "inet t published { udp . 53 : 10.0.0.2 . 5353 }"
