"""Answering a question from the directory. Pure; the messages are dnslib's (RFC 1035)."""

import random
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final

from dnslib import AAAA, PTR, QTYPE, RCODE, RR, A, DNSError, DNSRecord

from engine.dns.directory import Asker, Directory

_TTL_S: Final = 5  # a container that is replaced is found again soon, also by programs that remember
_REVERSE: Final = ".in-addr.arpa"
_REVERSE_IPV6: Final = ".ip6.arpa"
_IPV6_DIGITS: Final = 32
_PLAIN_UDP_BYTES: Final = 512
_MOST_UDP_BYTES: Final = 4096
_HEADER_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class Question:
    """One request, whole, with what matters of it."""

    message: DNSRecord
    name: str
    kind: str

    @classmethod
    def parse(cls, data: bytes) -> "Question | None":
        """None for what is no question, or several at once, which nobody sends."""
        try:
            message = DNSRecord.parse(data)
            if message.header.qr or message.header.opcode or len(message.questions) != 1:
                return None
            return cls(message, str(message.q.qname), str(QTYPE.get(message.q.qtype)))
        except (DNSError, ValueError, IndexError, KeyError, UnicodeError):
            return None

    @property
    def most_udp_bytes(self) -> int:
        """What the asker takes in one datagram (RFC 6891)."""
        sizes = [record.edns_len for record in self.message.ar if record.rtype == QTYPE.OPT]
        return int(min(max([_PLAIN_UDP_BYTES, *sizes]), _MOST_UDP_BYTES))


def answer(directory: Directory, asker: Asker, question: Question) -> DNSRecord | None:
    """None for names that are nobody's here."""
    if question.name.lower().rstrip(".").endswith((_REVERSE, _REVERSE_IPV6)):
        return _reverse(directory, asker, question)
    addresses = directory.addresses(asker, question.name)
    if not addresses:
        return None
    reply = question.message.reply(ra=1, aa=0)
    random.shuffle(addresses)  # a turn for each replica
    for address in addresses:
        kind, data = ("AAAA", AAAA) if ":" in address else ("A", A)
        if question.kind in (kind, "ANY"):
            reply.add_answer(RR(question.message.q.qname, getattr(QTYPE, kind), rdata=data(address), ttl=_TTL_S))
    return reply  # other kinds, and a family it does not have: there is such a name, without one of these


def _reverse(directory: Directory, asker: Asker, question: Question) -> DNSRecord | None:
    name = directory.name_of(asker, _reversed_address(question.name.lower().rstrip(".")))
    if name is None:
        return None
    reply = question.message.reply(ra=1, aa=0)
    if question.kind in ("PTR", "ANY"):
        reply.add_answer(RR(question.message.q.qname, QTYPE.PTR, rdata=PTR(name), ttl=_TTL_S))
    return reply


def _reversed_address(name: str) -> str:
    """As it is written; "" for what is none (RFC 1035, 3.5; RFC 3596, 2.5)."""
    if name.endswith(_REVERSE):
        return ".".join(reversed(name.removesuffix(_REVERSE).split(".")))
    digits = "".join(reversed(name.removesuffix(_REVERSE_IPV6).split(".")))
    try:
        return str(IPv6Address(int(digits, 16))) if len(digits) == _IPV6_DIGITS else ""
    except ValueError:
        return ""


def failure(question: Question, code: str) -> bytes:
    """``code`` is REFUSED, SERVFAIL or NXDOMAIN."""
    reply = question.message.reply(ra=1, aa=0)
    reply.header.rcode = getattr(RCODE, code)
    return bytes(reply.pack())


def packed(reply: DNSRecord, *, most_bytes: int) -> bytes:
    """Emptied and marked as cut off when it is longer, so that the asker comes again by TCP."""
    data = bytes(reply.pack())
    return data if len(data) <= most_bytes else bytes(reply.truncate().pack())


def belongs(reply: bytes, question: bytes) -> bool:
    """Whether a datagram answers what was asked: the same number, name and kind."""
    if len(reply) < _HEADER_BYTES or reply[:2] != question[:2] or not reply[2] & 0x80:
        return False
    try:
        ours, theirs = DNSRecord.parse(question).q, DNSRecord.parse(reply).q
    except (DNSError, ValueError, IndexError, KeyError, UnicodeError):
        return False
    return bool(ours.qtype == theirs.qtype and str(ours.qname).lower() == str(theirs.qname).lower())
