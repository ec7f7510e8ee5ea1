"""Elements written by us are those that nft reads."""

import pytest

from engine.host.nft_elements import Element, address, change_elements, link, mac, port, protocol
from engine.model.ports import Protocol
from tests.engine.host.networks.conftest import Machine, shell

pytestmark = pytest.mark.host

SENDER = Element("bridge", "t", "senders", (link("nr012340a000002"), mac("02:42:0a:00:00:02"), address("10.0.0.2")))
PORT = Element("inet", "t", "ports", (protocol(Protocol.TCP), port(8080)), (address("10.0.0.2"), port(80)))
OTHER = Element("inet", "t", "ports", (protocol(Protocol.TCP), port(8080)), (address("10.0.0.3"), port(80)))


@pytest.fixture
def tables(machine: Machine) -> None:
    shell("nft", "add table bridge t; add set bridge t senders { type ifname . ether_addr . ipv4_addr; }")
    shell(
        "nft", "add table inet t; add map inet t ports { type inet_proto . inet_service : ipv4_addr . inet_service; }"
    )


def listed() -> str:
    return " ".join(shell("nft", "list", "ruleset").split())


def test_what_is_added_is_listed_and_what_is_deleted_is_not(tables: None) -> None:
    empty = listed()
    change_elements(add=[SENDER, PORT])
    assert '"nr012340a000002" . 02:42:0a:00:00:02 . 10.0.0.2' in listed()
    assert "tcp . 8080 : 10.0.0.2 . 80" in listed()
    change_elements(delete=[SENDER, PORT])
    assert listed() == empty


def test_a_change_that_fails_in_part_is_not_made_at_all(tables: None) -> None:
    empty = listed()
    with pytest.raises(FileNotFoundError):
        change_elements(add=[SENDER], delete=[PORT])
    assert listed() == empty
    with pytest.raises(FileNotFoundError):
        change_elements(add=[SENDER, Element("inet", "absent", "ports", PORT.key, PORT.value)])
    assert listed() == empty


def test_a_key_has_one_value(tables: None) -> None:
    change_elements(add=[PORT])
    with pytest.raises(FileExistsError):
        change_elements(add=[OTHER])
    change_elements(delete=[PORT], add=[OTHER])
    assert "tcp . 8080 : 10.0.0.3 . 80" in listed()


def test_many_elements_fit_in_one_change(tables: None) -> None:
    many = [
        Element("inet", "t", "ports", (protocol(Protocol.UDP), port(number)), PORT.value) for number in range(1, 400)
    ]
    change_elements(add=many)
    assert listed().count("udp . ") == 399
