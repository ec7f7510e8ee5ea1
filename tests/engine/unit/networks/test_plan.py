from ipaddress import IPv4Address, IPv4Network

import pytest

from engine.host.netlink import Link, LinkAddress
from engine.model.errors import Conflict
from engine.model.network import Network
from engine.networks.bridge import AddAddress, Create, RemoveAddress, SetMacAddress, SetSysctl, SetUp, bridge_plan

GATEWAY = IPv4Address("172.20.0.1")
MAC = "02:42:ac:14:00:01"
WANTED = Network("0" * 64, "bridge", "naru0", IPv4Network("172.20.0.0/16"), GATEWAY)
SYSCTLS = [
    SetSysctl("net/ipv6/conf/naru0/disable_ipv6", "1"),
    SetSysctl("net/ipv4/conf/naru0/route_localnet", "1"),
]


def bridge(*, kind: str = "bridge", mac: str = MAC, is_up: bool = True) -> Link:
    return Link(index=7, name="naru0", kind=kind, mac_address=mac, is_up=is_up, master=0)


def test_a_missing_bridge_is_made_and_comes_up_last() -> None:
    assert bridge_plan(WANTED, None, []) == [
        Create("naru0", MAC),
        *SYSCTLS,
        AddAddress("naru0", GATEWAY, 16),
        SetUp("naru0"),
    ]


def test_a_bridge_that_is_right_needs_nothing() -> None:
    assert bridge_plan(WANTED, bridge(), [LinkAddress(7, GATEWAY, 16)]) == SYSCTLS


def test_an_address_of_another_time_goes_before_ours_comes() -> None:
    old = IPv4Address("172.17.0.1")
    plan = bridge_plan(WANTED, bridge(), [LinkAddress(7, old, 16)])
    assert plan == [RemoveAddress("naru0", old, 16), *SYSCTLS, AddAddress("naru0", GATEWAY, 16)]


def test_a_bridge_that_is_down_and_has_another_mac_address_is_mended() -> None:
    plan = bridge_plan(WANTED, bridge(mac="02:42:00:00:00:01", is_up=False), [LinkAddress(7, GATEWAY, 16)])
    assert plan == [SetMacAddress("naru0", MAC), *SYSCTLS, SetUp("naru0")]


def test_a_link_that_is_no_bridge_is_not_touched() -> None:
    with pytest.raises(Conflict, match="not a bridge"):
        bridge_plan(WANTED, bridge(kind="veth"), [])
