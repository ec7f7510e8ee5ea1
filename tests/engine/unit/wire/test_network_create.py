"""What a client may ask of a network, and of a container on it."""

import json
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.errors import Denied, EngineError, Invalid, Missing, Unsupported
from engine.model.network import EndpointSettings, Ipv6Request, NetworkRequest
from engine.wire.endpoint_settings import all_wishes, decode_connection, decode_networking
from engine.wire.network_create import decode_network
from engine.wire.version import ApiVersion

OLD, NEW = ApiVersion(1, 43), ApiVersion(1, 44)


def decoded(**members: Any) -> NetworkRequest:
    return decode_network(json.dumps({"Name": "mine", **members}).encode())[0]


def subnet(**config: Any) -> NetworkRequest:
    return decoded(IPAM={"Config": [config]})


def test_nothing_said_is_a_plain_network() -> None:
    assert decoded() == NetworkRequest("mine")
    # as docker-compose and the command line have it
    said = {"CheckDuplicate": True, "Driver": "bridge", "IPAM": {"Driver": "default", "Options": None, "Config": []}}
    assert decoded(**said, Options=None, Labels=None, EnableIPv6=False, Scope="", ConfigFrom=None) == decoded()


def test_addresses_are_taken_as_said() -> None:
    request = subnet(
        Subnet="10.0.0.0/24", Gateway="10.0.0.9", IPRange="10.0.0.64/26", AuxiliaryAddresses={"a": "10.0.0.7"}
    )
    assert (request.subnet, request.gateway) == (IPv4Network("10.0.0.0/24"), IPv4Address("10.0.0.9"))
    assert (request.ip_range, dict(request.auxiliary)) == (IPv4Network("10.0.0.64/26"), {"a": IPv4Address("10.0.0.7")})


def test_one_subnet_of_each_family_is_taken_as_said() -> None:
    said = {"Subnet": "2001:389::/64", "IPRange": "2001:389::0/96", "Gateway": "2001:389::ffff"}
    request = decoded(EnableIPv6=True, IPAM={"Config": [{"Subnet": "10.0.0.0/24"}, said]})
    ipv6 = Ipv6Request(IPv6Network("2001:389::/64"), IPv6Address("2001:389::ffff"), IPv6Network("2001:389::/96"))
    assert request == NetworkRequest("mine", subnet=IPv4Network("10.0.0.0/24"), enable_ipv6=True, ipv6=ipv6)
    assert decoded(EnableIPv6=True) == NetworkRequest("mine", enable_ipv6=True)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"Subnet": "10.0.0.0"}, "Subnet"),
        ({"Subnet": "10.0.0.1/24"}, "Subnet"),
        ({"Subnet": "10.0.0.0/255.255.255.0"}, "Subnet"),
        ({"Subnet": "10.0.0.0/031"}, "Subnet"),
        ({"Subnet": "10.0.0.0/31"}, "Subnet"),
        ({"Subnet": "10.0.0.0/0"}, "Subnet"),
        ({"Subnet": "224.0.0.0/16"}, "Subnet"),
        ({"Subnet": "169.254.0.0/16"}, "Subnet"),
        ({"Subnet": "nonsense/8"}, "Subnet"),
        ({"Gateway": "10.0.0.1"}, "Subnet"),
        ({"Subnet": "10.0.0.0/24", "Gateway": "10.0.0.0"}, "Gateway"),
        ({"Subnet": "10.0.0.0/24", "Gateway": "10.0.0.255"}, "Gateway"),
        ({"Subnet": "10.0.0.0/24", "Gateway": "10.0.1.1"}, "Gateway"),
        ({"Subnet": "10.0.0.0/24", "Gateway": "x"}, "Gateway"),
        ({"Subnet": "10.0.0.0/24", "IPRange": "10.0.0.0/23"}, "IPRange"),
        ({"Subnet": "10.0.0.0/24", "IPRange": "10.0.0.1/26"}, "IPRange"),
        ({"Subnet": "10.0.0.0/24", "AuxiliaryAddresses": {"a": "10.1.0.1"}}, "AuxiliaryAddresses"),
        ({"Subnet": "10.0.0.0/24", "Gateway": "10.0.0.1", "AuxiliaryAddresses": {"a": "10.0.0.1"}}, "Auxiliary"),
        ({"Subnet": "fd00::"}, "Subnet"),
        ({"Subnet": "fd00::1/64"}, "Subnet"),
        ({"Subnet": "fd00::/064"}, "Subnet"),
        ({"Subnet": "fd00::%eth0/64"}, "Subnet"),
        ({"Subnet": "fd00::/127"}, "Subnet"),
        ({"Subnet": "::/16"}, "Subnet"),
        ({"Subnet": "ff00::/16"}, "Subnet"),
        ({"Subnet": "fe80::/64"}, "Subnet"),
        ({"Subnet": "::ffff:10.0.0.0/112"}, "Subnet"),
        ({"Gateway": "fd00::1"}, "Subnet"),
        ({"Subnet": "fd00::/64", "Gateway": "fd00::"}, "Gateway"),
        ({"Subnet": "fd00::/64", "Gateway": "10.0.0.1"}, "Gateway"),
        ({"Subnet": "fd00::/64", "Gateway": "fd00::1%eth0"}, "Gateway"),
        ({"Subnet": "fd00::/64", "IPRange": "fd00::/60"}, "IPRange"),
        ({"Subnet": "fd00::/64", "AuxiliaryAddresses": {"a": "fd01::5"}}, "AuxiliaryAddresses"),
    ],
)
def test_bad_addresses_are_refused_by_name(config: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid, match=field):
        subnet(**config)


@pytest.mark.parametrize(
    ("members", "error", "words"),
    [
        ({"Name": ""}, Invalid, "Name"),
        ({"Name": "a/b"}, Invalid, "Name"),
        ({"Name": "host"}, Denied, "predefined"),
        ({"Driver": "macvlan"}, Missing, "plugin"),
        ({"Driver": "host"}, Denied, "only one instance"),
        ({"Scope": "swarm"}, Unsupported, "Scope"),
        ({"IPAM": {"Driver": "dhcp"}}, Missing, "IPAM.Driver"),
        ({"Ingress": True}, Unsupported, "Ingress"),
        ({"ConfigOnly": True}, Unsupported, "ConfigOnly"),
        ({"ConfigFrom": {"Network": "x"}}, Unsupported, "ConfigFrom"),
        ({"EnableIPv4": False}, Unsupported, "EnableIPv4"),
        ({"IPAM": {"Config": [{"Subnet": "10.0.0.0/24"}, {"Subnet": "10.1.0.0/24"}]}}, Denied, "multiple subnets"),
        ({"IPAM": {"Config": [{"Subnet": "fd00::/64"}, {"Subnet": "fd01::/64"}]}}, Denied, "multiple subnets"),
        ({"Options": {"com.docker.network.bridge.enable_icc": "perhaps"}}, Invalid, "enable_icc"),
        ({"Options": {"com.docker.network.driver.mtu": "67"}}, Invalid, "mtu"),
        ({"Options": {"com.docker.network.driver.mtu": "²"}}, Invalid, "mtu"),
        ({"Options": {"com.docker.network.bridge.name": "../x"}}, Invalid, "name"),
        ({"Options": {"com.docker.network.bridge.host_binding_ipv4": "::"}}, Invalid, "host_binding"),
        ({"Options": {"com.docker.network.bridge.unheard_of": "1"}}, Unsupported, "unheard_of"),
        ({"Labels": {"a": 5}}, Invalid, "Labels"),
    ],
)
def test_what_cannot_be_is_refused_by_name(members: dict[str, Any], error: type[EngineError], words: str) -> None:
    with pytest.raises(error, match=words):
        decoded(**members)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=3)
)
_CONFIG = st.dictionaries(st.sampled_from(["Subnet", "IPRange", "Gateway", "AuxiliaryAddresses"]), _JSON, max_size=4)


@given(
    st.dictionaries(st.sampled_from(["Name", "Driver", "Options", "Labels", "Internal", "IPAM", "Scope"]), _JSON),
    st.lists(_CONFIG, max_size=2),
)
def test_no_request_is_answered_by_anything_but_a_request_or_a_refusal(body: dict[str, Any], config: list[Any]) -> None:
    with suppress(EngineError):
        decode_network(json.dumps({"IPAM": {"Config": config}, **body}).encode())


def test_several_networks_at_create_want_a_new_client() -> None:
    both: dict[str, Any] = {"EndpointsConfig": {"a": {}, "b": {}}}
    assert list(decode_networking(both, version=NEW)) == ["a", "b"]
    with pytest.raises(Invalid, match="'a', 'b'"):
        decode_networking(both, version=OLD)


def test_what_inspect_tells_may_be_sent_back() -> None:
    told = {"NetworkID": "n", "EndpointID": "e", "Gateway": "10.0.0.1", "IPAddress": "10.0.0.2", "IPPrefixLen": 24}
    assert decode_networking({"EndpointsConfig": {"a": told}}, version=OLD) == {"a": EndpointSettings()}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"IPAMConfig": {"IPv4Address": "x"}}, "IPv4Address"),
        ({"IPAMConfig": {"IPv6Address": "10.0.0.2"}}, "IPv6Address"),
        ({"IPAMConfig": {"IPv6Address": "fd00::2%eth0"}}, "IPv6Address"),
        ({"IPAMConfig": {"LinkLocalIPs": ["10.0.0.2"]}}, "LinkLocalIPs"),
        ({"IPAMConfig": {"LinkLocalIPs": ["fe80::1%eth0"]}}, "LinkLocalIPs"),
        ({"IPAMConfig": {"LinkLocalIPs": [f"169.254.1.{number}" for number in range(17)]}}, "LinkLocalIPs"),
        ({"MacAddress": "01:00:00:00:00:01"}, "MacAddress"),
        ({"Aliases": ["a\0"]}, "Aliases"),
        ({"GwPriority": 2**40}, "GwPriority"),
        ({"DriverOpts": {"com.docker.network.endpoint.sysctls": "x"}}, "DriverOpts"),
        ({"IPAddress": 5}, "IPAddress"),
    ],
)
def test_a_bad_wish_is_refused_by_name(config: dict[str, Any], words: str) -> None:
    body = json.dumps({"Container": "c", "EndpointConfig": config}).encode()
    with pytest.raises(EngineError, match=f"EndpointConfig.*{words}"):
        decode_connection(body)


def test_addresses_that_a_container_wishes_for_are_spelled_alike() -> None:
    wish = {"IPv4Address": "10.0.0.5", "IPv6Address": "FD00:0::5", "LinkLocalIPs": ["169.254.8.8", "fe80:0::8"]}
    body = json.dumps({"Container": "c", "EndpointConfig": {"IPAMConfig": wish}}).encode()
    assert decode_connection(body).settings == EndpointSettings(
        ip_address="10.0.0.5", ipv6_address="fd00::5", link_local=("169.254.8.8", "fe80::8")
    )


A, B = EndpointSettings(aliases=("a",)), EndpointSettings(aliases=("b",))


@pytest.mark.parametrize(
    ("mode", "settings", "wishes"),
    [
        ("bridge", {}, None),
        ("bridge", {"bridge": EndpointSettings()}, None),
        ("mine", {}, None),
        ("mine", {"mine": A}, {"mine": A}),
        ("bridge", {"mine": A}, {"mine": A}),  # endpoints stand in for the default network
        ("mine", {"yours": B}, {"mine": EndpointSettings(), "yours": B}),
        ("mine", {"yours": B, "mine": A}, {"mine": A, "yours": B}),
    ],
)
def test_mode_and_endpoints_make_the_networks(mode: str, settings: Any, wishes: Any) -> None:
    assert all_wishes(mode, settings, mac_address="") == wishes
