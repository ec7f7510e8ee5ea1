"""Links, addresses and routes, by rtnetlink(7).

The messages are pyroute2's. The sockets are ours: pyroute2's own clients either fork the engine to reach another
namespace (IPRoute(netns=…), 12 ms) or spend more on their machinery than the kernel does on the work. All calls block
for well under a millisecond, but for the removal of a link (20 ms); call them from a thread.
"""

import errno
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Final, Self

from engine.host import libc
from engine.host.rtnl_messages import ifaddrmsg, ifinfmsg, rtmsg
from engine.model.errors import Unavailable

# linux/netlink.h
_NLMSG_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port id
_NLMSG_ERROR: Final = 2
_NLMSG_DONE: Final = 3
_NLM_F_REQUEST: Final = 0x1
_NLM_F_ACK: Final = 0x4
_NLM_F_DUMP: Final = 0x300
_NLM_F_REPLACE: Final = 0x100
_NLM_F_EXCL: Final = 0x200
_NLM_F_CREATE: Final = 0x400
# linux/rtnetlink.h
_RTM_NEWLINK, _RTM_DELLINK, _RTM_GETLINK = 16, 17, 18
_RTM_NEWADDR, _RTM_DELADDR, _RTM_GETADDR = 20, 21, 22
_RTM_NEWROUTE, _RTM_GETROUTE = 24, 26
_RTN_UNICAST: Final = 1
_RTPROT_BOOT: Final = 3
_RT_TABLE_MAIN: Final = 254
_RT_SCOPE_LINK: Final = 253
_IFA_F_NODAD: Final = 0x2  # linux/if_addr.h
_IFF_UP: Final = 0x1
_SIOCGIFINDEX: Final = 0x8933  # linux/sockios.h
_RECEIVE_BYTES: Final = 1 << 17
_TIMEOUT_S: Final = 10.0

Address = IPv4Address | IPv6Address
Subnet = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Link:
    """``kind`` is "bridge", "veth", … or empty for hardware; ``master`` the index of the bridge it is plugged into."""

    index: int
    name: str
    kind: str
    mac_address: str
    is_up: bool
    master: int


@dataclass(frozen=True, slots=True)
class LinkAddress:
    link_index: int
    address: Address
    prefix_length: int

    @property
    def network(self) -> Subnet:
        return _subnet(self.address, self.prefix_length)


class Rtnetlink:
    """One socket. It stays in the network namespace it was made in, whichever thread uses it later."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.settimeout(_TIMEOUT_S)
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def link_index(self, name: str) -> int:
        """Raises OSError (ENODEV) when there is no such link."""
        answer = fcntl.ioctl(self._socket, _SIOCGIFINDEX, struct.pack("16si20x", name.encode(), 0))
        return int(struct.unpack("16si20x", answer)[1])

    def links(self) -> list[Link]:
        return [_link(message) for message in self._dump(ifinfmsg(), _RTM_GETLINK)]

    def find_link(self, name: str) -> Link | None:
        return next((link for link in self.links() if link.name == name), None)

    def addresses(self) -> list[LinkAddress]:
        """Addresses of all links, IPv4's first."""
        return [*self._addresses(socket.AF_INET), *self._addresses(socket.AF_INET6)]

    def _addresses(self, family: int) -> list[LinkAddress]:
        request = ifaddrmsg()
        request["family"] = family
        return [
            LinkAddress(message["index"], ip_address(address), message["prefixlen"])
            for message in self._dump(request, _RTM_GETADDR)
            if message["family"] == family  # a kernel without IPv6 tells of all there are
            if (address := message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS"))
        ]

    def routes(self) -> list[tuple[Subnet, int | None]]:
        """Destinations of all routes in all tables, each with the index of the link it leaves by; IPv4's first."""
        return [*self._routes(socket.AF_INET), *self._routes(socket.AF_INET6)]

    def _routes(self, family: int) -> list[tuple[Subnet, int | None]]:
        request = rtmsg()
        request["family"] = family
        everywhere = "::" if family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104
        return [
            (
                _subnet(ip_address(message.get_attr("RTA_DST") or everywhere), message["dst_len"]),
                message.get_attr("RTA_OIF"),
            )
            for message in self._dump(request, _RTM_GETROUTE)
            if message["family"] == family
        ]

    def add_bridge(self, name: str, *, mac_address: str) -> None:
        """Down at first. With an address of its own it keeps that, whichever ports come and go."""
        message = ifinfmsg()
        message["attrs"] = [
            ("IFLA_IFNAME", name),
            ("IFLA_ADDRESS", mac_address),
            ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "bridge")]}),
        ]
        self._change(_encoded(message, _RTM_NEWLINK, _NLM_F_CREATE | _NLM_F_EXCL))

    def add_veth(
        self,
        name: str,
        *,
        master: int,
        netns_fd: int,
        peer_name: str,
        peer_mac_address: str,
        hairpin: bool,
        isolated: bool = False,
        mtu: int | None = None,
    ) -> None:
        """A pair of links, in one message: ``name`` up and plugged into ``master``, its peer down in the namespace.

        A peer that is to be up at once is refused (ENOTCONN), since the pair is not joined yet. ``hairpin``: the
        bridge may send a frame back to where it came from. ``isolated``: it sends none to others that are isolated.
        """
        size = [("IFLA_MTU", mtu)] if mtu else []
        peer = {
            "attrs": [
                ("IFLA_IFNAME", peer_name),
                ("IFLA_ADDRESS", peer_mac_address),
                ("IFLA_NET_NS_FD", netns_fd),
                *size,
            ]
        }
        pair = {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", {"attrs": [("VETH_INFO_PEER", peer)]})]}
        message = ifinfmsg()
        message["flags"] = message["change"] = _IFF_UP
        message["attrs"] = [("IFLA_IFNAME", name), ("IFLA_MASTER", master), *size, ("IFLA_LINKINFO", pair)]
        messages = [_encoded(message, _RTM_NEWLINK, _NLM_F_CREATE | _NLM_F_EXCL)]
        if hairpin:
            messages.append(_port_setting(name, "IFLA_BRPORT_MODE"))
        if isolated:
            messages.append(_port_setting(name, "IFLA_BRPORT_ISOLATED"))
        self._change(*messages)

    def set_hairpin(self, name: str) -> None:
        """See ``add_veth``."""
        self._change(_port_setting(name, "IFLA_BRPORT_MODE"))

    def delete_link(self, name: str) -> None:
        """None of that name: fine."""
        message = ifinfmsg()
        message["attrs"] = [("IFLA_IFNAME", name)]
        try:
            self._change(_encoded(message, _RTM_DELLINK))
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise

    def set_up(self, link_index: int) -> None:
        self._change(_up(link_index))

    def settle(self, link_index: int) -> None:
        """A link whose other end has come up just now carries frames from here on: the kernel does by the way what it
        would do at its leisure when it is asked (rtnl_getlink in net/core/rtnetlink.c, since Linux 6.8). Until then,
        what is sent is lost, and a connection would begin with a second of waiting."""
        message = ifinfmsg()
        message["index"] = link_index
        self._send(_encoded(message, _RTM_GETLINK), flags=0)
        while not any(True for _ in self._receive()):
            pass

    def set_mac_address(self, link_index: int, mac_address: str) -> None:
        message = ifinfmsg()
        message["index"] = link_index
        message["attrs"] = [("IFLA_ADDRESS", mac_address)]
        self._change(_encoded(message, _RTM_NEWLINK))

    def set_mtu(self, link_index: int, mtu: int) -> None:
        message = ifinfmsg()
        message["index"] = link_index
        message["attrs"] = [("IFLA_MTU", mtu)]
        self._change(_encoded(message, _RTM_NEWLINK))

    def set_default_route(self, link_index: int, gateway: Address) -> None:
        """In place of the one there is, if there is one."""
        self._change(_default_route(link_index, gateway, _NLM_F_REPLACE))

    def add_address(self, link_index: int, address: Address, prefix_length: int) -> None:
        """Usable at once: nobody is asked whether he has it too."""
        self._change(_encoded(_address(link_index, address, prefix_length), _RTM_NEWADDR, _NLM_F_CREATE))

    def delete_address(self, link_index: int, address: Address, prefix_length: int) -> None:
        self._change(_encoded(_address(link_index, address, prefix_length), _RTM_DELADDR))

    def configure(
        self, link_index: int, *, addresses: Sequence[tuple[Address, int]], gateways: Sequence[Address]
    ) -> None:
        """All a container needs, in one send: ``lo`` up, the link up with its addresses, the default routes if any.

        ``addresses`` with their prefix lengths.
        """
        given = [
            _encoded(_address(link_index, address, prefix_length), _RTM_NEWADDR, _NLM_F_CREATE)
            for address, prefix_length in addresses
        ]
        routes = [_default_route(link_index, gateway, 0) for gateway in gateways]
        self._change(_up(self.link_index("lo")), _up(link_index), *given, *routes)

    def _change(self, *messages: bytearray) -> None:
        """Send all at once and wait for every acknowledgement; raises OSError for the first that failed."""
        self._send(*messages, flags=_NLM_F_ACK)
        first_error, waiting = 0, len(messages)
        while waiting:
            for kind, body in self._receive():
                if kind == _NLMSG_ERROR:
                    waiting -= 1
                    first_error = first_error or -struct.unpack_from("=i", body, 16)[0]
        if first_error:
            raise OSError(first_error, os.strerror(first_error))

    def _dump(self, request: Any, kind: int) -> list[Any]:
        self._send(_encoded(request, kind), flags=_NLM_F_DUMP)
        found: list[Any] = []
        while True:
            for answer, body in self._receive():
                if answer == _NLMSG_DONE:
                    return found
                if answer == _NLMSG_ERROR:
                    number = -struct.unpack_from("=i", body, 16)[0]
                    raise OSError(number, os.strerror(number))
                message = type(request)(body)
                message.decode()
                found.append(message)

    def _send(self, *messages: bytearray, flags: int) -> None:
        self._sequence += 1
        for message in messages:
            length, kind, own_flags, _, _ = _NLMSG_HEADER.unpack_from(message)
            _NLMSG_HEADER.pack_into(message, 0, length, kind, own_flags | flags, self._sequence, 0)
        self._socket.send(b"".join(messages))

    def _receive(self) -> Iterator[tuple[int, bytes]]:
        """Type and whole message, header included, of the answers to the latest request in one datagram."""
        data = self._socket.recv(_RECEIVE_BYTES)
        at = 0
        while at < len(data):
            length, kind, _, sequence, _ = _NLMSG_HEADER.unpack_from(data, at)
            if sequence == self._sequence:
                yield kind, data[at : at + length]
            at += (length + 3) & ~3


def open_in(netns_fd: int, *, before: Callable[[], None] | None = None) -> Rtnetlink:
    """A socket in another network namespace; ``before`` is called inside it.

    A thread is made for it and thrown away: one that failed to come back would do its next work in the wrong place.
    """
    result: list[Rtnetlink | BaseException] = []

    def enter() -> None:
        try:
            libc.setns(netns_fd, libc.CLONE_NEWNET)
            if before is not None:
                before()
            result.append(Rtnetlink())
        except BaseException as error:  # noqa: BLE001 (handed to the thread that waits)
            result.append(error)

    thread = threading.Thread(target=enter, name="netns")
    thread.start()
    thread.join()
    outcome = result[0]
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def open_namespace(pid: int) -> int:
    """A descriptor of the network namespace a process is in; the caller closes it."""
    try:
        return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Unavailable(f"process {pid} has no network namespace to set up: {error.strerror}") from error


def _encoded(message: Any, kind: int, flags: int = 0) -> bytearray:
    message["header"]["type"] = kind
    message["header"]["flags"] = _NLM_F_REQUEST | flags
    message.encode()
    return bytearray(message.data)


def _up(link_index: int) -> bytearray:
    message = ifinfmsg()
    message["index"] = link_index
    message["flags"] = message["change"] = _IFF_UP
    return _encoded(message, _RTM_NEWLINK)


def _default_route(link_index: int, gateway: Address, flags: int) -> bytearray:
    route = rtmsg()
    route["family"], route["table"], route["proto"], route["type"] = (
        _family(gateway),
        _RT_TABLE_MAIN,
        _RTPROT_BOOT,
        _RTN_UNICAST,
    )
    route["attrs"] = [("RTA_GATEWAY", str(gateway)), ("RTA_OIF", link_index)]
    return _encoded(route, _RTM_NEWROUTE, _NLM_F_CREATE | flags)


def _port_setting(name: str, setting: str) -> bytearray:
    message = ifinfmsg()
    port = {"attrs": [(setting, 1)]}
    message["attrs"] = [
        ("IFLA_IFNAME", name),
        ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", port)]}),
    ]
    return _encoded(message, _RTM_NEWLINK)


def _address(link_index: int, address: Address, prefix_length: int) -> Any:
    message = ifaddrmsg()
    message["family"], message["index"], message["prefixlen"] = _family(address), link_index, prefix_length
    message["attrs"] = [("IFA_LOCAL", str(address)), ("IFA_ADDRESS", str(address))]
    if isinstance(address, IPv6Address):
        message["flags"] = _IFA_F_NODAD
        return message
    message["attrs"].append(("IFA_BROADCAST", str(_subnet(address, prefix_length).broadcast_address)))
    if address.is_link_local:
        message["scope"] = _RT_SCOPE_LINK  # not to be taken for what goes further
    return message


def _family(address: Address) -> int:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


def _subnet(address: Address, prefix_length: int) -> Subnet:
    if isinstance(address, IPv4Address):
        return IPv4Network((address, prefix_length), strict=False)
    return IPv6Network((address, prefix_length), strict=False)


def _link(message: Any) -> Link:
    info = message.get_attr("IFLA_LINKINFO")
    return Link(
        index=message["index"],
        name=message.get_attr("IFLA_IFNAME"),
        kind=(info.get_attr("IFLA_INFO_KIND") if info else None) or "",
        mac_address=message.get_attr("IFLA_ADDRESS") or "",
        is_up=bool(message["flags"] & _IFF_UP),
        master=message.get_attr("IFLA_MASTER") or 0,
    )
