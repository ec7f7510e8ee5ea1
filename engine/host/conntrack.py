"""Forgetting connections the kernel tracks, so that the next packet meets the rules as they are now.

A datagram protocol has no end of connection: as long as a client keeps sending, its first packet's translation, or
the lack of one, stays in force (conntrack(8)). Filters in deletions came with Linux 5.8.

    nlmsghdr | nfgenmsg: family u8, version u8, res_id be16 | CTA_TUPLE_x { CTA_TUPLE_IP { src, dst },
    CTA_TUPLE_PROTO { number, dst port } } | CTA_FILTER { which of these count }
    linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h; the filter's bits: net/netfilter/nf_conntrack_netlink.c
"""

import os
import socket
import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from engine.model.ports import Protocol

_NETLINK_NETFILTER: Final = 12
_CT_DELETE: Final = (1 << 8) | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE
_REQUEST_ACK: Final = 0x1 | 0x4
_NESTED: Final = 0x8000
_TUPLE_ORIG, _TUPLE_REPLY, _FILTER = 1, 2, 25
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_V4_SRC, _V4_DST, _V6_SRC, _V6_DST = 1, 2, 3, 4
_PROTO_NUM, _PROTO_DST_PORT = 1, 3
_FLAG_IP_SRC, _FLAG_IP_DST, _FLAG_PROTO_NUM, _FLAG_DST_PORT = 1 << 0, 1 << 1, 1 << 3, 1 << 5
_NUMBERS: Final = {Protocol.TCP: socket.IPPROTO_TCP, Protocol.UDP: socket.IPPROTO_UDP, Protocol.SCTP: 132}
_TIMEOUT_S: Final = 10.0

Address = IPv4Address | IPv6Address


def forget_answers_from(address: Address) -> None:
    """Everything that ``address`` is the one to answer: what was translated to it, what was sent to it."""
    source = _V4_SRC if address.version == 4 else _V6_SRC
    _delete(address, _TUPLE_REPLY, _nested(_TUPLE_IP, _attribute(source, address.packed)), _FLAG_IP_SRC)


def forget_sent_to(addresses: Iterable[Address], port: int, protocol: Protocol) -> None:
    """Everything that was first sent to ``port`` of one of ``addresses``."""
    numbers = _attribute(_PROTO_NUM, bytes([_NUMBERS[protocol]])) + _attribute(_PROTO_DST_PORT, port.to_bytes(2, "big"))
    for address in addresses:
        destination = _V4_DST if address.version == 4 else _V6_DST
        to = _nested(_TUPLE_IP, _attribute(destination, address.packed)) + _nested(_TUPLE_PROTO, numbers)
        _delete(address, _TUPLE_ORIG, to, _FLAG_IP_DST | _FLAG_PROTO_NUM | _FLAG_DST_PORT)


def _delete(address: Address, tuple_kind: int, tuple_body: bytes, flags: int) -> None:
    """Raises OSError; nothing that matches is fine."""
    # CTA_FILTER_ORIG_FLAGS is 1 and CTA_FILTER_REPLY_FLAGS 2, like the tuples themselves
    which = _attribute(tuple_kind, struct.pack("=I", flags))
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    body = struct.pack("!BBH", family, 0, 0) + _nested(tuple_kind, tuple_body) + _nested(_FILTER, which)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER) as netlink:
        netlink.settimeout(_TIMEOUT_S)
        netlink.send(struct.pack("=IHHII", 16 + len(body), _CT_DELETE, _REQUEST_ACK, 1, 0) + body)
        number = -struct.unpack_from("=i", netlink.recv(4096), 16)[0]
    if number:
        raise OSError(number, os.strerror(number))


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def _nested(kind: int, body: bytes) -> bytes:
    return _attribute(kind | _NESTED, body)
