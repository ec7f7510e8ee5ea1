"""Adding and removing elements of nft sets and maps, in messages of our own.

libnftables lists the whole host's rules before each change of an element, everybody's: beside a big firewall that is
17 ms and megabytes for what the kernel does in microseconds. So the few messages are written here.

    batch:    nlmsghdr BATCH_BEGIN nfgenmsg | nlmsghdr {NEW,DEL}SETELEM nfgenmsg attributes … | nlmsghdr BATCH_END
    nfgenmsg: family u8, version u8, res_id be16 (of the batch's ends: the subsystem, nftables)
    attributes of an element's message: LIST_TABLE name, LIST_SET name,
        LIST_ELEMENTS { LIST_ELEM { ELEM_KEY { DATA_VALUE }, ELEM_KEY_END { DATA_VALUE }, ELEM_DATA { DATA_VALUE } } }
        of a verdict map, DATA_VERDICT { VERDICT_CODE be32, VERDICT_CHAIN name } in place of the last DATA_VALUE
    linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h

The parts of a concatenation are each filled up to four bytes (nft(8), "concatenations"). One that has a range among
its parts goes from KEY to KEY_END, both included; sets of single ranges are of another kind, and not written here.
"""

import os
import socket
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from engine.model.ports import Protocol

_NETLINK_NETFILTER: Final = 12
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_SUBSYSTEM: Final = 10  # NFNL_SUBSYS_NFTABLES
_NEW_ELEMENT, _DELETE_ELEMENT = (_SUBSYSTEM << 8) | 12, (_SUBSYSTEM << 8) | 14
_REQUEST, _ACK, _CREATE = 0x1, 0x4, 0x400
_ERROR: Final = 2
_NESTED: Final = 0x8000
_LIST_TABLE, _LIST_SET, _LIST_ELEMENTS = 1, 2, 3
_LIST_ELEM, _ELEM_KEY, _ELEM_DATA, _ELEM_KEY_END, _DATA_VALUE = 1, 1, 2, 10, 1
_DATA_VERDICT, _VERDICT_CODE, _VERDICT_CHAIN = 2, 1, 2
_JUMP: Final = -3  # NFT_JUMP
_FAMILIES: Final = {"inet": 1, "bridge": 7}  # NFPROTO_INET, NFPROTO_BRIDGE: linux/netfilter.h
_IFNAMSIZ: Final = 16
_NUMBERS: Final = {Protocol.TCP: 6, Protocol.UDP: 17, Protocol.SCTP: 132}
_RECEIVE_BYTES: Final = 1 << 16
_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a key or value, as nft(8) writes it and as the kernel keeps it; ``last`` of a range alone."""

    text: str
    data: bytes
    last: bytes = b""


def link(name: str) -> Part:
    return Part(f'"{name}"', name.encode().ljust(_IFNAMSIZ, b"\0"))


def mac(address: str) -> Part:
    return Part(address, bytes.fromhex(address.replace(":", "")))


def address(text: str) -> Part:
    """Of either family."""
    return Part(text, ip_address(text).packed)


def subnet(network: IPv4Network | IPv6Network) -> Part:
    """The range of its addresses."""
    return Part(str(network), network.network_address.packed, network.broadcast_address.packed)


def packet_kind(version: int) -> Part:
    """``meta protocol`` of IP's ``version``: the EtherType (linux/if_ether.h)."""
    return Part("ip", b"\x08\x00") if version == 4 else Part("ip6", b"\x86\xdd")


def address_as_number(text: str) -> Part:
    """Where the kernel is shown bytes of a packet that nft has no name for."""
    packed = ip_address(text).packed
    return Part(f"0x{packed.hex()}", packed)


def protocol(kind: Protocol) -> Part:
    return Part(kind.value, bytes([_NUMBERS[kind]]))


def port(number: int) -> Part:
    return Part(str(number), number.to_bytes(2, "big"))


def number(value: int) -> Part:
    """What ``numgen`` makes: in the machine's own byte order."""
    return Part(str(value), struct.pack("=I", value))


@dataclass(frozen=True, slots=True)
class Element:
    """``family`` and ``table`` as nft(8) names them; ``value`` is empty for a set's element, and for a verdict map's,
    which says by ``jump`` where it leads: to a chain that is there."""

    family: str
    table: str
    set_name: str
    key: tuple[Part, ...]
    value: tuple[Part, ...] = ()
    jump: str = ""

    @property
    def text(self) -> str:
        """As it stands behind ``add element`` or ``delete element``."""
        sides = [" . ".join(part.text for part in side) for side in (self.key, self.value) if side]
        if self.jump:
            sides.append(f"jump {self.jump}")
        return f"{self.family} {self.table} {self.set_name} {{ {' : '.join(sides)} }}"


class NftElements:
    """One socket of the network namespace it was made in, opened at the first change. Safe from any thread.

    It is kept because closing one waits for the kernel to be through with what was deleted: 10 ms, an RCU grace period
    (net/netfilter/nf_tables_api.c, nft_rcv_nl_event), where the change itself takes 0.04.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._sequence = 0

    def change(self, *, add: Sequence[Element] = (), delete: Sequence[Element] = ()) -> None:
        """All or nothing: one transaction. Blocks for microseconds.

        Raises OSError: ENOENT when table, set or an element to delete is not there, EEXIST for a key that has another
        value.
        """
        messages = [_message(_DELETE_ELEMENT, 0, each) for each in delete]
        messages += [_message(_NEW_ELEMENT, _CREATE, each) for each in add]
        if not messages:
            return
        # errors come for every message, the good news for this one alone: hundreds of answers would not fit the socket
        kind, flags, body = messages[-1]
        messages[-1] = (kind, flags | _ACK, body)
        parts = [_edge(_BATCH_BEGIN), *messages, _edge(_BATCH_END)]
        with self._lock:
            first = self._sequence + 1
            self._sequence += len(parts)
            batch = b"".join(_with_header(*part, sequence=number) for number, part in enumerate(parts, start=first))
            netlink = self._opened()
            netlink.send(batch)
            _await_answer(netlink, first=first, last=first + len(messages))

    def close(self) -> None:
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def _opened(self) -> socket.socket:
        if self._socket is None:
            kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
            self._socket = socket.socket(socket.AF_NETLINK, kind, _NETLINK_NETFILTER)
            self._socket.settimeout(_TIMEOUT_S)
            self._socket.bind((0, 0))
        return self._socket


def _await_answer(netlink: socket.socket, *, first: int, last: int) -> None:
    """Until the message of number ``last`` is answered, or one from ``first`` on, or the batch as a whole, is refused.

    What an earlier batch was still to be told is passed over.
    """
    while True:
        data = netlink.recv(_RECEIVE_BYTES)
        at = 0
        while at < len(data):
            length, kind, _, sequence, _ = struct.unpack_from("=IHHII", data, at)
            if kind == _ERROR and sequence >= first:
                number = -struct.unpack_from("=i", data, at + 16)[0]
                if number:
                    raise OSError(number, os.strerror(number))
                if sequence == last:
                    return
            at += (length + 3) & ~3


def _edge(kind: int) -> tuple[int, int, bytes]:
    return kind, 0, struct.pack("!BBH", 0, 0, _SUBSYSTEM)


def _message(kind: int, flags: int, element: Element) -> tuple[int, int, bytes]:
    body = _nested(_ELEM_KEY, _attribute(_DATA_VALUE, _joined(element.key)))
    if any(part.last for part in element.key):
        body += _nested(_ELEM_KEY_END, _attribute(_DATA_VALUE, _joined(element.key, last=True)))
    if element.value and kind == _NEW_ELEMENT:
        body += _nested(_ELEM_DATA, _attribute(_DATA_VALUE, _joined(element.value)))
    if element.jump and kind == _NEW_ELEMENT:
        verdict = _attribute(_VERDICT_CODE, struct.pack("!i", _JUMP))
        verdict += _attribute(_VERDICT_CHAIN, element.jump.encode() + b"\0")
        body += _nested(_ELEM_DATA, _nested(_DATA_VERDICT, verdict))
    return (
        kind,
        flags,
        struct.pack("!BBH", _FAMILIES[element.family], 0, 0)
        + _attribute(_LIST_TABLE, element.table.encode() + b"\0")
        + _attribute(_LIST_SET, element.set_name.encode() + b"\0")
        + _nested(_LIST_ELEMENTS, _nested(_LIST_ELEM, body)),
    )


def _joined(parts: tuple[Part, ...], *, last: bool = False) -> bytes:
    values = [part.last if last and part.last else part.data for part in parts]
    return b"".join(value + bytes(-len(value) % 4) for value in values)


def _with_header(kind: int, flags: int, body: bytes, *, sequence: int) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags | _REQUEST, sequence, 0) + body


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def _nested(kind: int, body: bytes) -> bytes:
    return _attribute(kind | _NESTED, body)
