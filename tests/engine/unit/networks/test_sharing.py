"""Who answers on shared ports, and what the packet filter is told of it."""

import pytest

from engine.model.container import Endpoint
from engine.model.errors import Invalid
from engine.model.ports import Port, PortBinding, Protocol
from engine.model.sharing import Standing, drain_limit_s
from engine.networks.sharing import HostPort, Member, Sharing, chains, shared_elements, sizes

WEB = HostPort("0.0.0.0", 8080, Protocol.TCP)


def endpoint(last: int, *bindings: PortBinding) -> Endpoint:
    return Endpoint("bridge", f"10.0.0.{last}", 24, "10.0.0.1", f"02:42:0a:00:00:{last:02x}", published=bindings)


def web(last: int) -> Endpoint:
    return endpoint(last, PortBinding(Port(80), "0.0.0.0", 8080, group="web"))


def group(*standings: Standing) -> Sharing:
    """Containers ``a``, ``b``, … that stand so."""
    names = "abcdef"[: len(standings)]
    sharing = Sharing({name: {"bridge": web(number)} for number, name in enumerate(names, start=2)})
    for name, standing in zip(names, standings, strict=True):
        sharing.expect(name)
        sharing.note(name, standing)
    return sharing


def answering(sharing: Sharing) -> str:
    return "".join(member.container_id for several in sharing.answering().values() for member in several)


@pytest.mark.parametrize(
    ("standings", "expected"),
    [
        ((Standing.READY, Standing.WAITING, Standing.READY), "ac"),
        ((Standing.WAITING, Standing.WAITING), "ab"),
        ((Standing.LEAVING, Standing.WAITING), "b"),
        ((Standing.LEAVING, Standing.PAUSED), "a"),
        ((Standing.PAUSED, Standing.PAUSED), "ab"),
    ],
)
def test_those_of_the_best_standing_answer(standings: tuple[Standing, ...], expected: str) -> None:
    assert answering(group(*standings)) == expected


def test_one_in_which_nobody_listens_yet_waits() -> None:
    sharing = group(Standing.READY, Standing.READY)
    sharing.note("a", Standing.READY, unheard=frozenset({Port(80)}))
    assert answering(sharing) == "b"
    sharing.note("a", Standing.READY)
    assert answering(sharing) == "ab"


def test_strangers_and_forgotten_ones_do_not_answer() -> None:
    sharing = group(Standing.READY, Standing.READY)
    sharing.forget("a")
    sharing.note("a", Standing.READY)
    assert answering(sharing) == "b"
    sharing.forget("b")
    assert sharing.answering() == {}


def test_a_port_is_left_when_others_answer_there() -> None:
    sharing = group(Standing.LEAVING, Standing.READY)
    assert sharing.left_by("a") == {Port(80)}
    assert sharing.left_by("b") == set()
    sharing.note("b", Standing.LEAVING)
    assert sharing.left_by("a") == set()


def test_ports_that_nobody_shares_are_not_looked_at() -> None:
    sharing = Sharing({"a": {"bridge": endpoint(2, PortBinding(Port(80), "0.0.0.0", 8080))}})
    sharing.expect("a")
    assert sharing.answering() == {}


def test_each_member_has_its_number() -> None:
    at = HostPort("127.0.0.1", 53, Protocol.UDP)
    members = {
        WEB: (Member("a", "10.0.0.2", Port(80)), Member("b", "10.0.0.3", Port(81))),
        at: (Member("c", "10.0.0.4", Port(53)),),
        HostPort("::", 8080, Protocol.TCP): (Member("a", "fd00::2", Port(80)),),
    }
    assert {each.text.removeprefix("inet t ") for each in shared_elements(members, table="t")} == {
        "shared { tcp . 8080 : jump one_of_2 }",
        "turns { tcp . 8080 . 0 : 10.0.0.2 . 80 }",
        "turns { tcp . 8080 . 1 : 10.0.0.3 . 81 }",
        "shared_at { 127.0.0.1 . udp . 53 : jump one_of_1 }",
        "turns_at { 127.0.0.1 . udp . 53 . 0 : 10.0.0.4 . 53 }",
        "shared6 { tcp . 8080 : jump one_of_1 }",
        "turns6 { tcp . 8080 . 0 : fd00::2 . 80 }",
    }


def test_the_next_member_finds_its_chain() -> None:
    three, five = (tuple(Member(str(one), "10.0.0.2", Port(80)) for one in range(count)) for count in (3, 5))
    assert sizes({}) == set()
    assert sizes({WEB: three}) == {1, 2, 3, 4}
    assert sizes({WEB: five}) == {5, 6, 7, 8}


def test_a_chain_tries_a_number_that_somebody_has_for_certain() -> None:
    rules = [line for line in chains([3], table="t", has_ipv6=False).splitlines() if "add rule" in line]
    assert [line.partition("mod ")[2] for line in rules] == [
        "3 map @turns_at",
        "3 map @turns",
        "1 map @turns_at",
        "1 map @turns",
    ]
    assert "ip6" in chains([3], table="t", has_ipv6=True)


@pytest.mark.parametrize(("text", "seconds"), [("", 5), ("0", 0), ("0s", 0), ("1m", 60), ("500ms", 0.5), ("1h", 3600)])
def test_a_drain_is_a_duration(text: str, seconds: float) -> None:
    assert drain_limit_s({"naru.drain": text}) == seconds


@pytest.mark.parametrize("text", ["5", "-1s", "61m", "soon", "9999999h", "s"])
def test_what_is_no_drain_is_named(text: str) -> None:
    with pytest.raises(Invalid, match=r"^Labels: naru\.drain: "):
        drain_limit_s({"naru.drain": text})
