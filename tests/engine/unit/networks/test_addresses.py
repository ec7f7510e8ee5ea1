from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.errors import Conflict, Invalid, Unavailable
from engine.networks.addresses import candidate_subnets, check_subnet, choose_subnet, gateway_of, next_free
from engine.networks.network import link_name, link_prefix, mac_address

SMALL = IPv4Network("10.0.0.0/29")
HOSTS = [IPv4Address(f"10.0.0.{number}") for number in range(2, 7)]
networks = st.builds(
    lambda number, length: IPv4Network((number, length), strict=False), st.integers(0, 2**32 - 1), st.integers(8, 30)
)


def test_the_first_container_follows_the_gateway() -> None:
    assert gateway_of(SMALL) == IPv4Address("10.0.0.1")
    assert next_free(SMALL, set(), after=None) == HOSTS[0]


def test_a_freed_address_is_not_the_next_one_given() -> None:
    assert next_free(SMALL, set(), after=HOSTS[0]) == HOSTS[1]


def test_addresses_come_round_again_without_network_gateway_and_broadcast() -> None:
    assert next_free(SMALL, set(HOSTS[1:]), after=HOSTS[-1]) == HOSTS[0]


def test_an_address_of_another_subnet_before_is_no_hindrance() -> None:
    assert next_free(SMALL, set(), after=IPv4Address("192.168.0.9")) == HOSTS[0]


def test_a_full_subnet_says_so() -> None:
    with pytest.raises(Unavailable, match=r"no available IPv4 addresses in 10\.0\.0\.0/29"):
        next_free(SMALL, set(HOSTS), after=None)


@given(st.sets(st.sampled_from(HOSTS)), st.none() | st.sampled_from(HOSTS))
def test_an_address_is_given_as_long_as_one_is_free(used: set[IPv4Address], after: IPv4Address | None) -> None:
    if len(used) < len(HOSTS):
        assert next_free(SMALL, used, after=after) in set(HOSTS) - used


@given(st.lists(networks, max_size=12))
def test_the_chosen_subnet_overlaps_nothing(taken: list[IPv4Network]) -> None:
    try:
        chosen = choose_subnet(taken)
    except Unavailable:
        assert all(any(one.overlaps(other) for other in taken) for one in candidate_subnets())
    else:
        assert not any(chosen.overlaps(other) for other in taken)


def test_a_default_route_is_no_obstacle() -> None:
    assert choose_subnet([IPv4Network("0.0.0.0/0")]) == IPv4Network("172.20.0.0/16")


def test_a_subnet_the_host_uses_is_refused() -> None:
    with pytest.raises(Conflict, match=r"overlaps 10\.0\.0\.0/8"):
        check_subnet(SMALL, [IPv4Network("10.0.0.0/8")])


def test_a_subnet_without_room_is_refused() -> None:
    with pytest.raises(Invalid, match="too small"):
        check_subnet(IPv4Network("10.0.0.0/30"), [])


def test_a_link_is_named_for_engine_and_address() -> None:
    name = link_name("0123456789ab", IPv4Address("172.20.0.2"))
    assert name == "nr01234ac140002"
    assert len(name) <= 15
    assert name.startswith(link_prefix("0123456789ab"))


def test_a_mac_address_follows_from_the_address() -> None:
    assert mac_address(IPv4Address("172.20.0.2")) == "02:42:ac:14:00:02"
