"""Elements written by us are those that nft reads."""

from collections.abc import Iterator

import pytest

from engine.host.nft_elements import Element, NftElements, address, link, mac, port, protocol
from engine.model.ports import Protocol
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
