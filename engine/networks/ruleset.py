"""The engine's packet filter rules, as text for nft(8). Pure.

Two tables, both named naru_<instance> and all ours, for all networks together. ``inet`` sees what the host routes;
``bridge`` sees every frame as it enters from a container's link, which is the only place where one container can be
told from another.

    inet naru_x    map published      protocol . port : address . port           published on every address
                   map published_at   host address . protocol . port : …         published on one address
                   map shared, …      see ``sharing.py``                    published by several containers
                   set bridges, …     see ``network_elements.py``                what there is of each network
    bridge naru_x  set endpoints      link . MAC . address                       who may send as whom

The rules themselves are always the same: a network, like an endpoint, comes and goes with its elements. While
anybody has IPv6, there is the same of it besides (``ruleset_ipv6.py``).

Priorities are five before the customary ones, so that our translation comes before that of other tables. An accept
here cannot overrule a drop elsewhere (nft(8), "base chains"): ``foreign_firewall.py`` sees to that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from types import MappingProxyType
from typing import Final

from engine.host.nft_elements import Element, address, link, mac, port, protocol
from engine.model.container import Endpoint
from engine.model.network import EVERY_ADDRESS, Network
from engine.model.ports import PortBinding
from engine.networks.network import link_name, link_prefix
from engine.networks.network_elements import network_elements
from engine.networks.published import is_ipv6
from engine.networks.ruleset_ipv6 import Ipv6Rules, ipv6_elements, somebody_has_ipv6
from engine.networks.sharing import Members, chains, shared_elements, sizes

# Where clouds answer questions about the machine, credentials included: RFC 3927 link-local (most of them), Alibaba,
# Oracle. Some also resolve names there, so port 53 stays open.
_METADATA: Final = "{ 169.254.0.0/16, 100.100.100.200, 192.0.0.192 }"


@dataclass(frozen=True, slots=True)
class Tables:
    """The two tables of one engine."""

    name: str
    instance: str

    def create(
        self, networks: Sequence[Network], endpoints: Sequence[Endpoint], shared: Members = MappingProxyType({})
    ) -> str:
        """Both tables anew, with exactly these: whatever stood there before is gone in the same instant."""
        has_ipv6 = somebody_has_ipv6(networks, endpoints)
        ipv6 = Ipv6Rules.when(has_ipv6)
        rules = self._inet_rules(ipv6) + self._bridge_rules(ipv6)
        rules += chains(sizes(shared), table=self.name, has_ipv6=has_ipv6)
        elements = [element for network in networks for element in self.network_elements(network)]
        elements += [element for endpoint in endpoints for element in self.elements(endpoint)]
        elements += sorted(self.shared_elements(shared), key=lambda each: each.text)
        return "\n".join([self.delete(), rules, *(f"add element {each.text}" for each in elements)])

    def delete(self) -> str:
        """Safe to repeat."""
        families = ("inet", "bridge")
        return "\n".join(f"add table {f} {self.name}\ndelete table {f} {self.name}" for f in families)

    def network_elements(self, network: Network) -> list[Element]:
        """All there is of a network, but for its endpoints."""
        return network_elements(network, table=self.name)

    def chains(self, wanted: Iterable[int], *, has_ipv6: bool) -> str:
        """See ``sharing.chains``."""
        return chains(wanted, table=self.name, has_ipv6=has_ipv6)

    def shared_elements(self, members: Members) -> set[Element]:
        return shared_elements(members, table=self.name)

    def elements(self, endpoint: Endpoint) -> list[Element]:
        """All there is of one endpoint: a sender, and the published ports that are its alone."""
        name = link_name(self.instance, IPv4Address(endpoint.ip_address))
        own = [endpoint.ip_address, *(text for text in endpoint.link_local if ip_address(text).version == 4)]
        senders = [
            Element("bridge", self.name, "endpoints", (link(name), mac(endpoint.mac_address), address(text)))
            for text in own
        ]
        own_ports = [binding for binding in endpoint.published if not binding.group and not is_ipv6(binding)]
        published = [self._published(binding, endpoint.ip_address) for binding in own_ports]
        return [*senders, *published, *ipv6_elements(endpoint, table=self.name, link_name=name)]

    def _published(self, binding: PortBinding, target: str) -> Element:
        key = (protocol(binding.container_port.protocol), port(binding.host_port))
        value = (address(target), port(binding.container_port.number))
        if binding.host_ip == EVERY_ADDRESS:
            return Element("inet", self.name, "published", key, value)
        return Element("inet", self.name, "published_at", (address(binding.host_ip), *key), value)

    def _inet_rules(self, ipv6: Ipv6Rules) -> str:
        return f"""
table inet {self.name} {{
    map published {{ type inet_proto . inet_service : ipv4_addr . inet_service; }}
    map published_at {{ type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }}
    map shared {{ type inet_proto . inet_service : verdict; }}
    map shared_at {{ type ipv4_addr . inet_proto . inet_service : verdict; }}
    map turns {{ typeof meta l4proto . th dport . numgen random mod 2 : ip daddr . tcp dport; }}
    map turns_at {{ typeof ip daddr . meta l4proto . th dport . numgen random mod 2 : ip daddr . tcp dport; }}
    set bridges {{ type ifname; }}
    set internal {{ type ifname; }}
    set joined {{ type ifname . ifname; }}
    set macs {{ type ifname . ether_addr; }}
    set gateways {{ type ifname . ipv4_addr; }}
    set subnets {{ typeof iifname . ip saddr; flags interval; }}
    set masqueraded {{ typeof meta protocol . ip saddr; flags interval; }}
    {ipv6.maps}

    chain guard {{
        type filter hook prerouting priority raw - 5
        iifname != @bridges accept
        {ipv6.guard}
        meta nfproto != ipv4 drop
        # what is not for this host at all: br_netfilter shows the bridge's own traffic here
        iifname . ether daddr != @macs ip saddr 169.254.0.0/16 ip daddr 169.254.0.0/16 accept
        iifname . ip saddr != @subnets drop
        # route_localnet, which published ports on 127.0.0.1 need, would open the host's loopback (CVE-2020-8558)
        ip daddr 127.0.0.0/8 drop
        ip daddr {_METADATA} meta l4proto {{ tcp, udp }} th dport 53 accept
        ip daddr {_METADATA} drop
    }}

    chain prerouting {{
        type nat hook prerouting priority dstnat - 5
        dnat ip to ip daddr . meta l4proto . th dport map @published_at
        fib daddr type local dnat ip to meta l4proto . th dport map @published
        ip daddr . meta l4proto . th dport vmap @shared_at
        meta nfproto ipv4 fib daddr type local meta l4proto . th dport vmap @shared
        {ipv6.translations}
    }}

    chain output {{
        type nat hook output priority -105  # dstnat - 5, a name that nft knows in prerouting only
        {ipv6.output}
        dnat ip to ip daddr . meta l4proto . th dport map @published_at
        fib daddr type local dnat ip to meta l4proto . th dport map @published
        ip daddr . meta l4proto . th dport vmap @shared_at
        meta nfproto ipv4 fib daddr type local meta l4proto . th dport vmap @shared
        {ipv6.translations}
    }}

    chain postrouting {{
        type nat hook postrouting priority srcnat - 5
        # from the host's loopback, and from a container to its own network by way of a published port: answers
        # have to come back through the host
        oifname @bridges ip saddr 127.0.0.0/8 masquerade
        ct status dnat oifname . ip saddr @subnets masquerade
        oifname . ip saddr @subnets accept
        meta protocol . ip saddr @masqueraded masquerade
        {ipv6.masquerades}
    }}

    chain forward {{
        type filter hook forward priority filter - 5
        iifname != @bridges oifname != @bridges accept
        ct state established,related accept
        # what is routed back to where it came from: br_netfilter shows the bridge's own traffic here
        iifname . oifname @joined accept
        # link-local addresses are for neighbours, as far as a frame that should go to one has come here
        iifname @bridges ip saddr 169.254.0.0/16 drop
        iifname @bridges ip daddr {_METADATA} meta l4proto != {{ tcp, udp }} drop
        iifname @bridges ip daddr {_METADATA} th dport != 53 drop
        iifname @internal drop
        oifname @bridges ct status dnat accept
        oifname @bridges drop
    }}

    chain input {{
        type filter hook input priority filter - 5
        iifname != @bridges accept
        ct state established,related accept
        iifname . ip daddr @gateways icmp type echo-request accept
        iifname . ip daddr @gateways meta l4proto {{ tcp, udp }} th dport 53 accept
        {ipv6.input}
        drop
    }}
}}
"""

    def _bridge_rules(self, ipv6: Ipv6Rules) -> str:
        return f"""
table bridge {self.name} {{
    set endpoints {{ type ifname . ether_addr . ipv4_addr; }}
    set apart {{ typeof meta protocol . ip saddr; flags interval; }}
    {ipv6.sets}

    chain prerouting {{
        type filter hook prerouting priority dstnat - 5
        iifname != "{link_prefix(self.instance)}*" accept
        iifname . ether saddr . ip saddr @endpoints accept
        iifname . arp saddr ether . arp saddr ip @endpoints accept
        {ipv6.senders}
        drop
    }}

    chain forward {{
        type filter hook forward priority filter - 5
        # what one of our links sends to another: senders are who they say, by the chain above. Those links do not
        # talk to each other anyway ("isolated", linux/if_link.h), but for links that an older engine has made.
        iifname "{link_prefix(self.instance)}*" meta protocol . ip saddr @apart drop
    }}
}}
"""
