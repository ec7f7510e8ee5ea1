"""What who may learn by asking."""

import pytest
from dnslib import RCODE, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from engine.dns.answers import Question, answer, belongs, failure, packed
from engine.dns.directory import Asker, Directory, Member, Network

ONE = Member("1", "10.0.0.2", ("one", "web", "1" * 12))
TWO = Member("2", "10.0.0.3", ("two", "Web"), links={"Zwei": "one"})
THREE = Member("3", "10.1.0.2", ("three",))
ONE_THERE = Member("1", "10.1.0.3", ("one",), servers=("10.9.9.9",))
MINE = Network("m", "mine", ("10.0.0.1",), internal=False, members=(ONE, TWO))
YOURS = Network("y", "yours", ("10.1.0.1",), internal=True, members=(THREE, ONE_THERE))


@pytest.fixture
def directory() -> Directory:
    made = Directory()
    made.replace(MINE)
    made.replace(YOURS)
    return made


def asker(directory: Directory, network: str, address: str) -> Asker:
    found = directory.find_asker(network, address)
    assert found is not None
    return found


def ask(directory: Directory, who: Asker, name: str, kind: str = "A") -> DNSRecord | None:
    question = Question.parse(bytes(DNSRecord.question(name, kind).pack()))
    assert question is not None
    reply = answer(directory, who, question)
    return DNSRecord.parse(packed(reply, most_bytes=512)) if reply else None


def addresses(reply: DNSRecord | None) -> set[str]:
    assert reply is not None
    return {str(record.rdata) for record in reply.rr}


@pytest.mark.parametrize("name", ["one", "ONE", "one.", "one.mine", "one.Mine.", "1" * 12])
def test_a_container_is_found_by_its_names_on_a_shared_network(directory: Directory, name: str) -> None:
    assert addresses(ask(directory, asker(directory, "m", "10.0.0.3"), name)) == {"10.0.0.2"}


def test_an_alias_leads_to_all_who_have_it(directory: Directory) -> None:
    assert addresses(ask(directory, asker(directory, "m", "10.0.0.2"), "web")) == {"10.0.0.2", "10.0.0.3"}


def test_replicas_take_turns(directory: Directory) -> None:
    who = asker(directory, "m", "10.0.0.2")
    firsts = set()
    for _ in range(100):
        reply = ask(directory, who, "web")
        assert reply is not None
        firsts.add(str(reply.rr[0].rdata))
    assert firsts == {"10.0.0.2", "10.0.0.3"}


def test_names_of_other_networks_are_not_told(directory: Directory) -> None:
    assert ask(directory, asker(directory, "m", "10.0.0.3"), "three") is None
    assert ask(directory, asker(directory, "y", "10.1.0.2"), "two") is None


def test_who_is_on_two_networks_finds_names_of_both_wherever_it_asks(directory: Directory) -> None:
    for network, address in (("m", "10.0.0.2"), ("y", "10.1.0.3")):
        who = asker(directory, network, address)
        assert addresses(ask(directory, who, "two")) == {"10.0.0.3"}
        assert addresses(ask(directory, who, "three")) == {"10.1.0.2"}


def test_a_link_is_a_name_for_its_owner_alone(directory: Directory) -> None:
    assert addresses(ask(directory, asker(directory, "m", "10.0.0.3"), "zwei")) == {"10.0.0.2"}
    assert ask(directory, asker(directory, "m", "10.0.0.2"), "zwei") is None


def test_a_name_without_an_ipv6_address_exists_all_the_same(directory: Directory) -> None:
    reply = ask(directory, asker(directory, "m", "10.0.0.3"), "one", "AAAA")
    assert reply is not None
    assert (reply.header.rcode, reply.rr) == (RCODE.NOERROR, [])


def test_an_address_has_a_name(directory: Directory) -> None:
    who = asker(directory, "m", "10.0.0.3")
    assert addresses(ask(directory, who, "2.0.0.10.in-addr.arpa", "PTR")) == {"one.mine."}
    assert ask(directory, who, "2.0.1.10.in-addr.arpa", "PTR") is None


def test_strangers_are_nobody(directory: Directory) -> None:
    assert directory.find_asker("m", "10.0.0.99") is None
    assert directory.find_asker("y", "10.0.0.2") is None
    assert directory.find_asker("gone", "10.0.0.2") is None


def test_only_who_has_a_way_out_may_ask_outside(directory: Directory) -> None:
    assert asker(directory, "m", "10.0.0.2").may_ask_outside
    assert asker(directory, "m", "10.0.0.2").servers == ("10.9.9.9",)
    assert not asker(directory, "y", "10.1.0.2").may_ask_outside


def test_what_is_told_anew_replaces_what_was_told(directory: Directory) -> None:
    directory.replace(Network("m", "mine", ("10.0.0.1",), internal=False, members=(TWO,)))
    assert ask(directory, asker(directory, "m", "10.0.0.3"), "one") is None
    directory.forget("m")
    assert directory.find_asker("m", "10.0.0.3") is None


def test_an_answer_too_long_for_a_datagram_is_cut_off_and_says_so() -> None:
    members = tuple(Member(str(n), f"10.0.{n // 250}.{n % 250 + 2}", ("web",)) for n in range(300))
    directory = Directory()
    directory.replace(Network("m", "mine", ("10.0.0.1",), internal=False, members=members))
    question = Question.parse(bytes(DNSRecord.question("web").pack()))
    assert question is not None
    reply = answer(directory, asker(directory, "m", "10.0.0.2"), question)
    assert reply is not None
    short = packed(reply, most_bytes=512)
    assert len(short) <= 512
    assert DNSRecord.parse(short).header.tc
    assert len(DNSRecord.parse(packed(reply, most_bytes=65535)).rr) == 300


@given(st.binary(max_size=200))
def test_no_packet_is_too_strange(data: bytes) -> None:
    question = Question.parse(data)
    if question is not None:
        assert failure(question, "REFUSED")[:2] == data[:2]


def test_an_answer_to_another_question_does_not_belong() -> None:
    question = DNSRecord.question("a.example")
    other = DNSRecord.question("b.example")
    other.header.id = question.header.id
    assert belongs(bytes(question.reply().pack()), bytes(question.pack()))
    assert not belongs(bytes(other.reply().pack()), bytes(question.pack()))
    assert not belongs(bytes(question.pack()), bytes(question.pack()))
    assert not belongs(b"", bytes(question.pack()))


SIX = Member("6", "10.6.0.2", ("six",), ipv6_address="fd00::2", other_addresses=("fe80::2",))
SEVEN = Member("7", "10.6.0.3", ("seven", "six"))
DUAL = Network("d", "dual", ("10.6.0.1", "fd00::1"), internal=False, members=(SIX, SEVEN))


@pytest.mark.parametrize("source", ["10.6.0.2", "fd00::2", "fe80::2"])
def test_both_families_are_answered_whichever_is_asked_by(directory: Directory, source: str) -> None:
    directory.replace(DUAL)
    who = asker(directory, "d", source)
    assert addresses(ask(directory, who, "six", "AAAA")) == {"fd00::2"}
    assert addresses(ask(directory, who, "six", "A")) == {"10.6.0.2", "10.6.0.3"}
    assert addresses(ask(directory, who, "six", "ANY")) == {"fd00::2", "10.6.0.2", "10.6.0.3"}


def test_a_container_without_ipv6_exists_all_the_same(directory: Directory) -> None:
    directory.replace(DUAL)
    reply = ask(directory, asker(directory, "d", "10.6.0.2"), "seven", "AAAA")
    assert reply is not None
    assert (reply.header.rcode, reply.rr) == (RCODE.NOERROR, [])


def test_an_ipv6_address_has_a_name_and_nonsense_has_none(directory: Directory) -> None:
    directory.replace(DUAL)
    who = asker(directory, "d", "10.6.0.3")
    digits = ".".join(reversed("fd00" + "0" * 27 + "2"))
    assert addresses(ask(directory, who, f"{digits}.ip6.arpa", "PTR")) == {"six.dual."}
    for name in ("ip6.arpa", "2.ip6.arpa", f"x.{digits[2:]}.ip6.arpa", f"{digits.replace('d', 'z')}.ip6.arpa"):
        assert ask(directory, who, name, "PTR") is None
