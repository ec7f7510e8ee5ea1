from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from engine.model.container import Endpoint
from engine.model.network import Network
from engine.model.ports import Port, PortBinding, Protocol
from engine.networks.foreign_firewall import listed_rules, wanted_rules
from engine.networks.ruleset import Tables

TABLES = Tables("naru_01234567", "01234567")
NETWORK = Network("0" * 64, "bridge", "naru0", IPv4Network("172.20.0.0/16"), IPv4Address("172.20.0.1"))
ENDPOINT = Endpoint(
    network="bridge",
    ip_address="172.20.0.2",
    prefix_length=16,
    gateway="172.20.0.1",
    mac_address="02:42:ac:14:00:02",
    published=(
        PortBinding(Port(80), "0.0.0.0", 8080),
        PortBinding(Port(53, Protocol.UDP), "127.0.0.1", 5353),
    ),
)
ELEMENTS = [
    'element bridge naru_01234567 endpoints { "nr01234ac140002" . 02:42:ac:14:00:02 . 172.20.0.2 }',
    "element inet naru_01234567 published { tcp . 8080 : 172.20.0.2 . 80 }",
    "element inet naru_01234567 published_at { 127.0.0.1 . udp . 5353 : 172.20.0.2 . 53 }",
]


def test_an_endpoint_is_a_sender_and_its_published_ports() -> None:
    assert [f"element {each.text}" for each in TABLES.elements(ENDPOINT)] == ELEMENTS


def test_an_endpoint_with_ipv6_is_a_sender_by_each_of_its_addresses() -> None:
    published = (PortBinding(Port(80), "::", 8080), PortBinding(Port(53, Protocol.UDP), "fd01::1", 5353))
    both = replace(ENDPOINT, published=published, ipv6_address="fd00::2", link_local=("169.254.8.8", "fe80::8"))
    sender = '"nr01234ac140002" . 02:42:ac:14:00:02'
    assert {each.text.removeprefix("bridge naru_01234567 ") for each in TABLES.elements(both)} == {
        *(f"endpoints {{ {sender} . {address} }}" for address in ("172.20.0.2", "169.254.8.8")),
        *(f"endpoints6 {{ {sender} . {address} }}" for address in ("fd00::2", "fe80::42:acff:fe14:2", "fe80::8")),
        'targets6 { "nr01234ac140002" . 0xfd000000000000000000000000000002 }',
        'targets6 { "nr01234ac140002" . 0xfe800000000000000042acfffe140002 }',
        'targets6 { "nr01234ac140002" . 0xfe800000000000000000000000000008 }',
        "inet naru_01234567 published6 { tcp . 8080 : fd00::2 . 80 }",
        "inet naru_01234567 published6_at { fd01::1 . udp . 5353 : fd00::2 . 53 }",
    }


def test_creating_replaces_whatever_was_there() -> None:
    text = TABLES.create([NETWORK], [ENDPOINT])
    assert text.startswith(TABLES.delete())
    assert text.endswith("\n".join(f"add {each}" for each in ELEMENTS))


def test_only_our_tables_are_named() -> None:
    assert {line.split()[-1] for line in TABLES.delete().splitlines()} == {"naru_01234567"}


def test_beside_docker_its_bridges_are_kept_apart_before_anything_is_accepted() -> None:
    targets = [rule[-1] for rule in wanted_rules("naru0", beside_docker=True)]
    assert targets == ["DROP", "DROP", "ACCEPT", "ACCEPT"]
    assert [rule[-1] for rule in wanted_rules("naru0", beside_docker=False)] == ["ACCEPT", "ACCEPT"]


def test_our_rules_are_told_by_their_comment() -> None:
    listing = (
        "-P FORWARD DROP\n"
        "-A FORWARD -i naru0 -m comment --comment naru_01234567 -j ACCEPT\n"
        '-A FORWARD -i docker0 -m comment --comment "somebody else\'s" -j ACCEPT\n'
    )
    ours = ["-i", "naru0", "-m", "comment", "--comment", "naru_01234567", "-j", "ACCEPT"]
    assert listed_rules(listing, "naru_01234567") == [ours]
