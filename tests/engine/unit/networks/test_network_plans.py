from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

import pytest

from engine.host.nft_elements import Element, address, link, mac, port, protocol
from engine.model.container import Endpoint
from engine.model.errors import Denied, Invalid, Unavailable
from engine.model.network import (
    BRIDGE_NAME,
    ICC,
    MASQUERADE,
    EndpointSettings,
    Ipv6Part,
    Ipv6Request,
    KnownAs,
    Network,
    NetworkRequest,
)
from engine.model.ports import Protocol
from engine.networks.addresses import next_free_ipv6, own_ipv6_prefix
from engine.networks.network import link_local_of
from engine.networks.network_elements import network_elements
from engine.networks.plans import (
    addresses_of,
    check_settings,
    chosen_address,
    chosen_ipv6_address,
    ipv6_way_out,
    new_endpoint,
    planned_network,
    reserved,
    way_out,
    without_ipv6,
)
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
    subnets = [ip_network(each) for each in taken]
    return planned_network(
        request,
        network_id=ID,
        instance="01234567",
        taken=subnets,
        ipv6_prefix=IPv6Network("fd12:3456:789a::/48"),
        at=NOW,
    )


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


def elements_of(network: Network) -> set[str]:
    return {element.text.partition(" t ")[2] for element in network_elements(network, table="t")}


def test_the_packet_filter_knows_a_network_as_its_options_say() -> None:
    plain = elements_of(NETWORK)
    assert {'joined { "nb01234deadbeef" . "nb01234deadbeef" }', "masqueraded { ip . 10.0.0.0/29 }"} <= plain
    assert not {one.split()[0] for one in plain} & {"internal", "apart"}
    shut = Network(ID, "mine", "b0", NETWORK.subnet, NETWORK.gateway, options={ICC: "false", MASQUERADE: "0"})
    assert "apart { ip . 10.0.0.0/29 }" in elements_of(shut)
    assert not {one.split()[0] for one in elements_of(shut)} & {"internal", "joined", "masqueraded"}
    inside = Network(ID, "mine", "b0", NETWORK.subnet, NETWORK.gateway, internal=True)
    assert 'internal { "b0" }' in elements_of(inside)


def test_an_element_is_written_as_nft_reads_it() -> None:
    sender = Element("bridge", "t", "endpoints", (link("nr0"), mac("02:42:0a:00:00:02"), address("10.0.0.2")))
    assert sender.text == 'bridge t endpoints { "nr0" . 02:42:0a:00:00:02 . 10.0.0.2 }'
    published = Element("inet", "t", "published", (protocol(Protocol.UDP), port(53)), (address("10.0.0.2"), port(5353)))
    assert published.text == "inet t published { udp . 53 : 10.0.0.2 . 5353 }"


PART = Ipv6Part(IPv6Network("fd00::/64"), IPv6Address("fd00::1"), has_own_subnet=True)
BOTH = Network(
    ID, "both", "b0", NETWORK.subnet, NETWORK.gateway, has_own_subnet=True, enable_ipv6=True, ipv6_config=PART
)


def test_ipv6_without_a_subnet_gets_one_of_this_engines_own() -> None:
    assert planned(NetworkRequest("mine")).ipv6 is None
    first = planned(NetworkRequest("mine", enable_ipv6=True)).ipv6
    assert first is not None
    assert (first.subnet, first.gateway) == (IPv6Network("fd12:3456:789a::/64"), IPv6Address("fd12:3456:789a::1"))
    second = planned(NetworkRequest("mine", enable_ipv6=True), "fd12:3456:789a::/64").ipv6
    assert second is not None
    assert second.subnet == IPv6Network("fd12:3456:789a:1::/64")


def test_engines_have_prefixes_of_their_own() -> None:
    assert own_ipv6_prefix("a") == own_ipv6_prefix("a") != own_ipv6_prefix("b")
    assert own_ipv6_prefix("a").subnet_of(IPv6Network("fd00::/8"))


def test_a_taken_ipv6_subnet_is_refused_only_where_it_would_be_in_force() -> None:
    said = Ipv6Request(IPv6Network("fd00::/64"))
    with pytest.raises(Denied, match="Pool overlaps"):
        planned(NetworkRequest("mine", enable_ipv6=True, ipv6=said), "fd00::/56")
    noted = planned(NetworkRequest("mine", ipv6=said), "fd00::/56")
    assert (noted.ipv6, noted.ipv6_config and noted.ipv6_config.subnet) == (None, said.subnet)


def test_both_addresses_of_a_container_have_one_number_where_that_is_free() -> None:
    beside = IPv4Address("10.0.0.5")
    used = reserved(BOTH)
    assert chosen_ipv6_address(BOTH, EndpointSettings(), used=used, beside=beside) == IPv6Address("fd00::5")
    used |= {IPv6Address("fd00::5")}
    assert chosen_ipv6_address(BOTH, EndpointSettings(), used=used, beside=beside) == IPv6Address("fd00::6")
    assert chosen_ipv6_address(without_ipv6(BOTH), EndpointSettings(), used=used, beside=beside) is None


def test_ipv6_addresses_keep_within_range_and_subnet() -> None:
    def chosen(subnet: str, within: str | None = None, *used: str) -> str:
        return str(
            next_free_ipv6(
                IPv6Network(subnet),
                {IPv6Address(each) for each in used},
                beside=IPv4Address("10.0.0.5"),
                of=IPv4Network("10.0.0.0/24"),
                gateway=IPv6Network(subnet).network_address + 1,
                within=IPv6Network(within) if within else None,
            )
        )

    assert chosen("fd00::/64", "fd00::ff00/120") == "fd00::ff05"
    assert chosen("fd00::/126") == "fd00::2"
    assert chosen("fd00::/126", None, "fd00::2") == "fd00::3"
    with pytest.raises(Unavailable, match="no available IPv6 addresses"):
        chosen("fd00::/126", None, "fd00::2", "fd00::3")


@pytest.mark.parametrize("text", ["fd00::", "fd00::1", "fd00:1::2"])
def test_an_ipv6_address_that_cannot_be_a_containers_is_refused(text: str) -> None:
    with pytest.raises((Invalid, Denied), match="IPv6Address"):
        check_settings(BOTH, EndpointSettings(ipv6_address=text))


def test_an_ipv6_address_is_taken_where_the_client_gave_the_subnet() -> None:
    wish = EndpointSettings(ipv6_address="fd00::7")
    check_settings(BOTH, wish)
    check_settings(without_ipv6(BOTH), wish)  # as Docker has it: noted, and of no effect
    with pytest.raises(Invalid, match="user configured subnets"):
        check_settings(NETWORK, wish)
    with pytest.raises(Denied, match="already in use"):
        chosen_ipv6_address(BOTH, wish, used={IPv6Address("fd00::7")}, beside=IPv4Address("10.0.0.5"))
    with pytest.raises(Invalid, match="no IPv6"):
        check_settings(NETWORK, EndpointSettings(link_local=("169.254.8.8", "fe80::8")))


def test_ipv6_leaves_by_a_network_that_has_it() -> None:
    plain = endpoint("a", priority=5)
    made = new_endpoint(
        BOTH,
        EndpointSettings(link_local=("169.254.8.8",)),
        address=IPv4Address("10.0.0.3"),
        ipv6_address=IPv6Address("fd00::3"),
        beside=[plain],
        known_as=KnownAs(),
    )
    assert (made.ipv6_address, made.ipv6_prefix_length, made.ipv6_gateway) == ("fd00::3", 64, "fd00::1")
    assert {str(each) for each in addresses_of(made)} == {"10.0.0.3", "fd00::3", "169.254.8.8"}
    assert way_out([plain, made]) is plain
    assert ipv6_way_out([plain, made]) is made
    assert ipv6_way_out([plain]) is None


def test_a_links_own_address_follows_from_its_mac_address() -> None:
    assert str(link_local_of("02:42:0a:00:00:02")) == "fe80::42:aff:fe00:2"


def test_nothing_speaks_of_ipv6_until_a_network_has_it() -> None:
    tables = Tables("naru_01234567", "01234567")
    assert "ip6" not in tables.create([NETWORK], [])
    assert "meta nfproto ipv6 iifname != @bridges6 drop" in tables.create([NETWORK, BOTH], [])
    assert {'subnets6 { "b0" . fd00::/64 }', "masqueraded6 { ip6 . fd00::/64 }"} <= elements_of(BOTH)
    assert "ip6" not in tables.create([without_ipv6(BOTH)], [])
