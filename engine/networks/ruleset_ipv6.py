"""What ``ruleset.py`` says of IPv4, said of IPv6: pieces of text for the places there, and elements. Pure.

    inet naru_x    map published6, published6_at, shared6, … (``sharing.py``), and sets of networks
                   (``network_elements.py``)
    bridge naru_x  set endpoints6     link . MAC . address     who may send as whom
                   set targets6       link . address           who may say that an address is his (RFC 4861, 4.4)

All is empty while nobody has IPv6: a kernel without it would not take these rules.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Self

from engine.host.nft_elements import Element, address, address_as_number, link, mac, port, protocol
from engine.model.container import Endpoint
from engine.model.network import EVERY_IPV6_ADDRESS, Network
from engine.networks.network import link_local_of
from engine.networks.published import is_ipv6

# as IPv4's: Amazon's, Google's, Scaleway's
_METADATA: Final = "{ fd00:ec2::254, fd20:ce::254, fd00:42::42 }"
_LINK_LOCAL: Final = "fe80::/10"
_TARGET: Final = "@th,64,128"  # icmpv6 taddr, a name that nft 1.0.6 does not know


@dataclass(frozen=True, slots=True)
class Ipv6Rules:
    """Each member belongs to the place in ``ruleset.py`` that has its name. All lines of ``guard``, ``input`` and
    ``senders`` speak of IPv6 alone."""

    maps: str = ""
    guard: str = ""
    output: str = ""
    translations: str = ""
    masquerades: str = ""
    input: str = ""
    sets: str = ""
    senders: str = ""

    @classmethod
    def when(cls, is_wanted: bool) -> Self:
        if not is_wanted:
            return cls()
        return cls(
            maps=_MAPS,
            guard=_GUARD,
            output=_OUTPUT,
            translations=_TRANSLATIONS,
            masquerades=_MASQUERADES,
            input=_INPUT,
            sets=_SETS,
            senders=_SENDERS,
        )


def somebody_has_ipv6(networks: Iterable[Network], endpoints: Iterable[Endpoint]) -> bool:
    """Endpoints outlive the IPv6 of their networks: that of the default one is the operator's to turn off."""
    return any(one.ipv6 is not None for one in networks) or any(one.ipv6_address for one in endpoints)


_MAPS: Final = """map published6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
    map published6_at { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
    map shared6 { type inet_proto . inet_service : verdict; }
    map shared6_at { type ipv6_addr . inet_proto . inet_service : verdict; }
    map turns6 { typeof meta l4proto . th dport . numgen random mod 2 : ip6 daddr . tcp dport; }
    map turns6_at { typeof ip6 daddr . meta l4proto . th dport . numgen random mod 2 : ip6 daddr . tcp dport; }
    set bridges6 { type ifname; }
    set gateways6 { type ifname . ipv6_addr; }
    set subnets6 { typeof iifname . ip6 saddr; flags interval; }
    set masqueraded6 { typeof meta protocol . ip6 saddr; flags interval; }"""
_GUARD: Final = f"""meta nfproto ipv6 iifname != @bridges6 drop
        ip6 saddr != {_LINK_LOCAL} iifname . ip6 saddr != @subnets6 drop
        ip6 daddr ::1 drop
        ip6 daddr {_METADATA} meta l4proto {{ tcp, udp }} th dport 53 accept
        ip6 daddr {_METADATA} drop
        meta nfproto ipv6 accept"""
_MASQUERADES: Final = """ct status dnat oifname . ip6 saddr @subnets6 masquerade
        oifname . ip6 saddr @subnets6 accept
        meta protocol . ip6 saddr @masqueraded6 masquerade"""
# who has which address, ping, and names: for all else the host is not there, by its link-local address either
_INPUT: Final = """iifname @bridges6 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
        iifname . ip6 daddr @gateways6 icmpv6 type echo-request accept
        iifname . ip6 daddr @gateways6 meta l4proto { tcp, udp } th dport 53 accept"""
# IPv6 has no route_localnet: an answer to ::1 that comes by a bridge is not taken, so there it is refused at once
_OUTPUT: Final = "ip6 daddr ::1 accept"
_TRANSLATIONS: Final = """dnat ip6 to ip6 daddr . meta l4proto . th dport map @published6_at
        fib daddr type local dnat ip6 to meta l4proto . th dport map @published6
        ip6 daddr . meta l4proto . th dport vmap @shared6_at
        meta nfproto ipv6 fib daddr type local meta l4proto . th dport vmap @shared6"""
_SETS: Final = f"""set endpoints6 {{ type ifname . ether_addr . ipv6_addr; }}
    set targets6 {{ typeof iifname . {_TARGET}; }}"""
# Containers neither are routers nor need to hear of one, and nobody of them asks who listens to which group: a bridge
# that has heard such a question sends to those alone who have answered
_SENDERS: Final = f"""meta protocol ip6 iifname . ether saddr . ip6 saddr != @endpoints6 drop
        meta protocol ip6 icmpv6 type {{ nd-router-solicit, nd-router-advert, nd-redirect, mld-listener-query }} drop
        meta protocol ip6 icmpv6 type nd-neighbor-advert iifname . {_TARGET} != @targets6 drop
        meta protocol ip6 accept"""


def ipv6_elements(endpoint: Endpoint, *, table: str, link_name: str) -> list[Element]:
    """None of an endpoint without IPv6."""
    if not endpoint.ipv6_address:
        return []
    wished = (text for text in endpoint.link_local if ip_address(text).version == 6)
    elements = []
    for text in dict.fromkeys((endpoint.ipv6_address, str(link_local_of(endpoint.mac_address)), *wished)):
        sender = (link(link_name), mac(endpoint.mac_address), address(text))
        elements.append(Element("bridge", table, "endpoints6", sender))
        elements.append(Element("bridge", table, "targets6", (link(link_name), address_as_number(text))))
    for binding in (each for each in endpoint.published if is_ipv6(each) and not each.group):
        key = (protocol(binding.container_port.protocol), port(binding.host_port))
        value = (address(endpoint.ipv6_address), port(binding.container_port.number))
        if binding.host_ip == EVERY_IPV6_ADDRESS:
            elements.append(Element("inet", table, "published6", key, value))
        else:
            elements.append(Element("inet", table, "published6_at", (address(binding.host_ip), *key), value))
    return elements
