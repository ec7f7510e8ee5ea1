import random
from dataclasses import replace

import pytest

from engine.host.ports import HeldPort
from engine.model.errors import Conflict, Invalid
from engine.model.ports import Port, PortBinding, Protocol
from engine.networks.published import PublishedPorts, keeping_numbers

WEB = PortBinding(Port(80), "0.0.0.0", 8080)


class Host:
    """Ports of a host where ``taken`` are other programs'."""

    def __init__(self, *taken: int) -> None:
        self.taken = set(taken)
        self.held: list[int] = []

    def hold(self, host_ip: str, number: int, protocol: Protocol) -> HeldPort:
        if number in self.taken:
            raise Conflict(f"listen {protocol}4 {host_ip}:{number}: bind: address already in use")
        return HeldPort(None)

    def hold_and_note(self, host_ip: str, number: int, protocol: Protocol) -> HeldPort:
        held = HeldPort(None)
        self.held.append(number)
        held.release = lambda: self.held.remove(number)  # type: ignore[method-assign]
        return held

    def ports(self) -> PublishedPorts:
        return PublishedPorts(hold=self.hold, chance=random.Random(1))


@pytest.mark.parametrize(
    ("first", "second"),
    [("0.0.0.0", "0.0.0.0"), ("0.0.0.0", "127.0.0.1"), ("127.0.0.1", ""), ("127.0.0.1", "127.0.0.1")],
)
def test_a_port_is_published_once(first: str, second: str) -> None:
    ports = Host().ports()
    ports.claim("one", (PortBinding(Port(80), first, 8080),))
    with pytest.raises(Conflict) as refusal:
        ports.claim("two", (PortBinding(Port(81), second, 8080),))
    assert str(refusal.value) == (
        "driver failed programming external connectivity on endpoint two: "
        f"Bind for {second or '0.0.0.0'}:8080 failed: port is already allocated"
    )


@pytest.mark.parametrize(
    "other", [PortBinding(Port(80), "127.0.0.2", 8080), PortBinding(Port(80, Protocol.UDP), "127.0.0.1", 8080)]
)
def test_another_address_or_protocol_is_another_port(other: PortBinding) -> None:
    ports = Host().ports()
    ports.claim("one", (PortBinding(Port(80), "127.0.0.1", 8080),))
    assert ports.claim("two", (other,)) == (other,)


def test_one_container_cannot_publish_two_of_its_ports_at_one_of_the_host() -> None:
    with pytest.raises(Conflict, match="already allocated"):
        Host().ports().claim("one", (WEB, PortBinding(Port(81), "0.0.0.0", 8080)))
    assert Host().ports().claim("one", (WEB, WEB)) == (WEB,)


def test_a_program_of_the_host_is_noticed() -> None:
    with pytest.raises(Conflict, match=r"endpoint one: listen tcp4 0\.0\.0\.0:8080: bind: address already in use"):
        Host(8080).ports().claim("one", (WEB,))


def test_a_random_port_avoids_those_in_use() -> None:
    host = Host(*range(32768, 61000))
    host.taken.remove(40000)
    (binding,) = host.ports().claim("one", (PortBinding(Port(80)),))
    assert binding == PortBinding(Port(80), "0.0.0.0", 40000)


def test_no_port_left_is_a_conflict() -> None:
    with pytest.raises(Conflict, match="all ports are allocated"):
        Host(*range(32768, 61000)).ports().claim("one", (PortBinding(Port(80)),))


def test_a_port_asked_for_is_not_lost_to_a_random_one() -> None:
    host = Host(*range(32768, 61000))
    host.taken -= {40000, 40001}
    asked = PortBinding(Port(81), "0.0.0.0", 40000)
    bindings = host.ports().claim("one", (PortBinding(Port(80)), asked))
    assert set(bindings) == {asked, PortBinding(Port(80), "0.0.0.0", 40001)}


def test_claiming_again_replaces() -> None:
    ports = Host().ports()
    ports.claim("one", (WEB,))
    assert ports.claim("one", (WEB,)) == (WEB,)
    ports.claim("one", ())
    assert ports.claim("two", (WEB,)) == (WEB,)


def test_what_was_adopted_is_held_even_if_the_host_took_the_port() -> None:
    ports = Host(8080).ports()
    assert [str(one) for one in ports.adopt("one", (WEB,))] == [
        "listen tcp4 0.0.0.0:8080: bind: address already in use"
    ]
    assert ports.of("one") == (WEB,)


@pytest.mark.parametrize("address", ["::", "::1", "localhost", "fd00::1%lo"])
def test_what_cannot_be_published_on_is_refused_and_nothing_changes(address: str) -> None:
    ports = Host().ports()
    ports.claim("one", (WEB,))
    with pytest.raises(Invalid, match=address):
        ports.claim("one", (PortBinding(Port(80), address, 8080),))
    assert ports.of("one") == (WEB,)


def test_of_a_range_the_first_free_port_is_published() -> None:
    ports = Host(8000).ports()
    ports.claim("one", (PortBinding(Port(80), "127.0.0.1", 8001),))
    asked = PortBinding(Port(80), "", 8000, 8003)
    (binding,) = ports.claim("two", (asked,))
    assert binding == PortBinding(Port(80), "0.0.0.0", 8002)
    fixed, ranged = ports.claim("two", (asked, PortBinding(Port(81), "", 8002)))
    assert (fixed.host_port, ranged.host_port) == (8002, 8003)


def test_a_range_without_a_free_port_is_a_conflict() -> None:
    with pytest.raises(Conflict, match=r"Bind for 0\.0\.0\.0:8000-8001 failed: all ports are allocated"):
        Host(8000, 8001).ports().claim("one", (PortBinding(Port(80), "", 8000, 8001),))


BOTH = (PortBinding(Port(80), "0.0.0.0", 8080), PortBinding(Port(80), "::", 8080))


def test_no_address_means_every_one_of_both_families() -> None:
    ports = Host().ports()
    assert ports.claim("one", (PortBinding(Port(80), "", 8080),), has_ipv6=True) == BOTH
    assert ports.claim("one", (PortBinding(Port(80), "", 8080),)) == BOTH[:1]
    assert ports.claim("one", (PortBinding(Port(80), "0:0::", 8080),), has_ipv6=True) == BOTH[1:]
    assert ports.claim("one", (BOTH[0], PortBinding(Port(80), "", 8080)), has_ipv6=True) == BOTH


def test_a_random_port_is_the_same_of_both_families() -> None:
    host = Host(*range(32768, 61000))
    host.taken.remove(40000)
    one, other = host.ports().claim("one", (PortBinding(Port(80)),), has_ipv6=True)
    assert (one.host_ip, other.host_ip, one.host_port, other.host_port) == ("0.0.0.0", "::", 40000, 40000)


def test_what_is_refused_of_one_family_is_held_of_none() -> None:
    ports = Host().ports()
    ports.claim("one", (PortBinding(Port(80), "fd00::1", 8080),), has_ipv6=True)
    with pytest.raises(Conflict, match=r"Bind for \[::\]:8080 failed"):
        ports.claim("two", (PortBinding(Port(80), "", 8080),), has_ipv6=True)
    assert ports.claim("three", (WEB,)) == (WEB,)


def test_a_port_goes_over_to_another_network_with_its_number() -> None:
    assert keeping_numbers((PortBinding(Port(80)), PortBinding(Port(81))), BOTH) == (
        PortBinding(Port(80), "", 8080),
        PortBinding(Port(81)),
    )


SHARED = replace(WEB, group="web")


def test_those_of_a_group_hold_a_port_once_and_until_the_last_has_left() -> None:
    host = Host()
    ports = PublishedPorts(hold=host.hold_and_note)
    ports.claim("one", (SHARED,))
    ports.claim("two", (replace(SHARED, container_port=Port(81)),))
    ports.claim("one", (SHARED,))
    assert host.held == [8080]
    ports.release("one")
    assert (host.held, ports.of("one")) == ([8080], ())
    ports.release("two")
    assert host.held == []


@pytest.mark.parametrize("other", [WEB, replace(WEB, group="x"), replace(SHARED, host_ip="127.0.0.1")])
def test_a_group_shares_with_nobody_else(other: PortBinding) -> None:
    ports = Host().ports()
    ports.claim("one", (SHARED,))
    with pytest.raises(Conflict, match="already allocated"):
        ports.claim("two", (other,))


def test_a_member_shares_with_others_and_not_with_itself() -> None:
    with pytest.raises(Conflict, match="already allocated"):
        Host().ports().claim("one", (SHARED, replace(SHARED, container_port=Port(81))))


def test_what_a_refused_member_was_to_share_stays_held_by_the_others() -> None:
    host = Host()
    ports = PublishedPorts(hold=host.hold_and_note)
    ports.claim("one", (SHARED,))
    ports.claim("other", (PortBinding(Port(80), "0.0.0.0", 8081),))
    with pytest.raises(Conflict):
        ports.claim("two", (SHARED, PortBinding(Port(80), "0.0.0.0", 8081, group="web")))
    assert host.held == [8080, 8081]


def test_a_group_is_held_once_when_it_is_adopted() -> None:
    host = Host()
    ports = PublishedPorts(hold=host.hold_and_note)
    assert ports.adopt("one", (SHARED,)) == ports.adopt("two", (SHARED,)) == []
    assert host.held == [8080]
