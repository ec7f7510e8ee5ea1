"""Connections the kernel tracks: which are open, and forgetting them, so that the next packet meets the rules as they
are now.

A datagram protocol has no end of connection: as long as a client keeps sending, its first packet's translation, or
the lack of one, stays in force (conntrack(8)). Filters in deletions came with Linux 5.8.

    nlmsghdr | nfgenmsg: family u8, version u8, res_id be16 | CTA_TUPLE_x { CTA_TUPLE_IP { src, dst },
    CTA_TUPLE_PROTO { number, dst port } } | CTA_FILTER { which of these count }
    linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h; the filter's bits: net/netfilter/nf_conntrack_netlink.c
"""

import os
import socket
import struct
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from engine.model.ports import Protocol

_NETLINK_NETFILTER: Final = 12
_CT_GET, _CT_DELETE = (1 << 8) | 1, (1 << 8) | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, …_DELETE
_REQUEST_ACK, _REQUEST_DUMP = 0x1 | 0x4, 0x1 | 0x300
_ERROR, _DONE = 2, 3
_RECEIVE_BYTES: Final = 1 << 16
_NESTED: Final = 0x8000
_TUPLE_ORIG, _TUPLE_REPLY, _FILTER = 1, 2, 25
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_V4_SRC, _V4_DST, _V6_SRC, _V6_DST = 1, 2, 3, 4
_PROTO_NUM, _PROTO_SRC_PORT, _PROTO_DST_PORT = 1, 2, 3
_FLAG_IP_SRC, _FLAG_IP_DST, _FLAG_PROTO_NUM, _FLAG_SRC_PORT, _FLAG_DST_PORT = 1 << 0, 1 << 1, 1 << 3, 1 << 4, 1 << 5
_PROTOINFO, _PROTOINFO_TCP, _TCP_STATE = 4, 1, 1
# SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT: linux/netfilter/nf_conntrack_tcp.h
_OPEN_STATES: Final = frozenset({1, 2, 3, 4, 5})
_NUMBERS: Final = {Protocol.TCP: socket.IPPROTO_TCP, Protocol.UDP: socket.IPPROTO_UDP, Protocol.SCTP: 132}
_TIMEOUT_S: Final = 10.0

Address = IPv4Address | IPv6Address


def forget_answers_from(address: Address, protocol: Protocol | None = None) -> None:
    """Everything that ``address`` is the one to answer: what was translated to it, what was sent to it."""
    source = _V4_SRC if address.version == 4 else _V6_SRC
    by, flags = _nested(_TUPLE_IP, _attribute(source, address.packed)), _FLAG_IP_SRC
    if protocol is not None:
        by += _nested(_TUPLE_PROTO, _attribute(_PROTO_NUM, bytes([_NUMBERS[protocol]])))
        flags |= _FLAG_PROTO_NUM
    _delete(address, _TUPLE_REPLY, by, flags)


def forget_sent_by(address: Address, protocol: Protocol) -> None:
    """Everything that ``address`` was the first to send: an answer too, once its question is forgotten."""
    source = _V4_SRC if address.version == 4 else _V6_SRC
    by = _nested(_TUPLE_IP, _attribute(source, address.packed))
    by += _nested(_TUPLE_PROTO, _attribute(_PROTO_NUM, bytes([_NUMBERS[protocol]])))
    _delete(address, _TUPLE_ORIG, by, _FLAG_IP_SRC | _FLAG_PROTO_NUM)


def has_open_connections(address: Address, port: int) -> bool:
    """Whether any of TCP is under way that ``port`` of ``address`` is the one to answer. Raises OSError."""
    source = _V4_SRC if address.version == 4 else _V6_SRC
    numbers = _attribute(_PROTO_NUM, bytes([socket.IPPROTO_TCP])) + _attribute(_PROTO_SRC_PORT, port.to_bytes(2, "big"))
    by = _nested(_TUPLE_IP, _attribute(source, address.packed)) + _nested(_TUPLE_PROTO, numbers)
    request = _request(address, _TUPLE_REPLY, by, _FLAG_IP_SRC | _FLAG_PROTO_NUM | _FLAG_SRC_PORT)
    with _opened() as netlink:
        netlink.send(_with_header(_CT_GET, _REQUEST_DUMP, request))
        return any(_is_open(message) for message in _messages(netlink))


def forget_sent_to(addresses: Iterable[Address], port: int, protocol: Protocol) -> None:
    """Everything that was first sent to ``port`` of one of ``addresses``."""
    numbers = _attribute(_PROTO_NUM, bytes([_NUMBERS[protocol]])) + _attribute(_PROTO_DST_PORT, port.to_bytes(2, "big"))
    for address in addresses:
        destination = _V4_DST if address.version == 4 else _V6_DST
        to = _nested(_TUPLE_IP, _attribute(destination, address.packed)) + _nested(_TUPLE_PROTO, numbers)
        _delete(address, _TUPLE_ORIG, to, _FLAG_IP_DST | _FLAG_PROTO_NUM | _FLAG_DST_PORT)


def _delete(address: Address, tuple_kind: int, tuple_body: bytes, flags: int) -> None:
    """Raises OSError; nothing that matches is fine."""
    with _opened() as netlink:
        netlink.send(_with_header(_CT_DELETE, _REQUEST_ACK, _request(address, tuple_kind, tuple_body, flags)))
        _check(netlink.recv(4096))


def _opened() -> socket.socket:
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER)
    netlink.settimeout(_TIMEOUT_S)
    return netlink


def _request(address: Address, tuple_kind: int, tuple_body: bytes, flags: int) -> bytes:
    # CTA_FILTER_ORIG_FLAGS is 1 and CTA_FILTER_REPLY_FLAGS 2, like the tuples themselves
    which = _attribute(tuple_kind, struct.pack("=I", flags))
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    return struct.pack("!BBH", family, 0, 0) + _nested(tuple_kind, tuple_body) + _nested(_FILTER, which)


def _with_header(kind: int, flags: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body


def _check(message: bytes) -> None:
    """An answer that says no more than whether it went well."""
    if number := -struct.unpack_from("=i", message, 16)[0]:
        raise OSError(number, os.strerror(number))


def _messages(netlink: socket.socket) -> Iterator[bytes]:
    """The bodies of a dump's messages, behind nfgenmsg."""
    while True:
        data = netlink.recv(_RECEIVE_BYTES)
        while data:
            length, kind = struct.unpack_from("=IH", data)
            if kind == _DONE:
                return
            if kind == _ERROR:
                _check(data)
            yield data[20:length]
            data = data[(length + 3) & ~3 :]


def _is_open(message: bytes) -> bool:
    """Neither closed by both sides, nor without what would tell."""
    state = _find_attribute(message, _PROTOINFO, _PROTOINFO_TCP, _TCP_STATE)
    return state is not None and state[0] in _OPEN_STATES


def _find_attribute(body: bytes, kind: int, *inner: int) -> bytes | None:
    at = 0
    while at + 4 <= len(body):
        length, found = struct.unpack_from("=HH", body, at)
        if found & ~_NESTED == kind:
            value = body[at + 4 : at + length]
            return _find_attribute(value, *inner) if inner else value
        at += max(4, (length + 3) & ~3)
    return None


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def _nested(kind: int, body: bytes) -> bytes:
    return _attribute(kind | _NESTED, body)
