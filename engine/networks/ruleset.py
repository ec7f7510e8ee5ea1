"""The engine's packet filter rules, as text for nft(8). Pure.

Two tables, both named naru_<instance> and all ours. ``inet`` sees what the host routes; ``bridge`` sees every frame
as it enters from a container's link, which is the only place where one container can be told from another.

    inet naru_x    map published      protocol . port : address . port           published on every address
                   map published_at   host address . protocol . port : …         published on one address
    bridge naru_x  set endpoints      link . MAC . address                       who may send as whom

Priorities are five before the customary ones, so that our translation comes before that of other tables. An accept
here cannot overrule a drop elsewhere (nft(8), "base chains"): ``foreign_firewall.py`` sees to that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from engine.model.container import Endpoint
from engine.model.ports import PortBinding
from engine.networks.network import Network, link_name, link_prefix
from engine.networks.published import EVERY_ADDRESS

# Where clouds answer questions about the machine, credentials included: RFC 3927 link-local (most of them), Alibaba,
# Oracle. Some also resolve names there, so port 53 stays open.
_METADATA: Final = "{ 169.254.0.0/16, 100.100.100.200, 192.0.0.192 }"


@dataclass(frozen=True, slots=True)
class Tables:
    """The two tables of one engine."""

    name: str
    instance: str

    def create(self, network: Network, endpoints: Mapping[str, Endpoint]) -> str:
        """Both tables anew, with exactly these endpoints: whatever stood there before is gone in the same instant."""
        rules = self._inet_rules(network) + self._bridge_rules()
        elements = [command for endpoint in endpoints.values() for command in self._elements("add", endpoint)]
        return "\n".join([self.delete(), rules, *elements])

    def delete(self) -> str:
        """Safe to repeat."""
        families = ("inet", "bridge")
        return "\n".join(f"add table {f} {self.name}\ndelete table {f} {self.name}" for f in families)

    def add(self, endpoint: Endpoint) -> str:
        return "\n".join(self._elements("add", endpoint))

    def remove(self, endpoint: Endpoint) -> str:
        """The whole fails when one of the elements is not there."""
        return "\n".join(self._elements("delete", endpoint))

    def _elements(self, verb: str, endpoint: Endpoint) -> Iterable[str]:
        link = link_name(self.instance, IPv4Address(endpoint.ip_address))
        sender = f'"{link}" . {endpoint.mac_address} . {endpoint.ip_address}'
        yield f"{verb} element bridge {self.name} endpoints {{ {sender} }}"
        for binding in endpoint.published:
            yield f"{verb} element inet {self.name} {_published(binding, endpoint.ip_address)}"

    def _inet_rules(self, network: Network) -> str:
        bridge, subnet, gateway = f'"{network.bridge}"', network.subnet, network.gateway
        return f"""
table inet {self.name} {{
    map published {{ type inet_proto . inet_service : ipv4_addr . inet_service; }}
    map published_at {{ type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }}

    chain guard {{
        type filter hook prerouting priority raw - 5
        iifname != {bridge} accept
        meta nfproto != ipv4 drop
        ip saddr != {subnet} drop
        # route_localnet, which published ports on 127.0.0.1 need, would open the host's loopback (CVE-2020-8558)
        ip daddr 127.0.0.0/8 drop
        ip daddr {_METADATA} meta l4proto {{ tcp, udp }} th dport 53 accept
        ip daddr {_METADATA} drop
    }}

    chain prerouting {{
        type nat hook prerouting priority dstnat - 5
        dnat ip to ip daddr . meta l4proto . th dport map @published_at
        fib daddr type local dnat ip to meta l4proto . th dport map @published
    }}

    chain output {{
        type nat hook output priority -105  # dstnat - 5, a name that nft knows in prerouting only
        dnat ip to ip daddr . meta l4proto . th dport map @published_at
        fib daddr type local dnat ip to meta l4proto . th dport map @published
    }}

    chain postrouting {{
        type nat hook postrouting priority srcnat - 5
        # from the host's loopback, and from a container to its own network by way of a published port: answers
        # have to come back through the host
        oifname {bridge} ip saddr 127.0.0.0/8 masquerade
        oifname {bridge} ct status dnat ip saddr {subnet} masquerade
        oifname != {bridge} ip saddr {subnet} masquerade
    }}

    chain forward {{
        type filter hook forward priority filter - 5
        iifname != {bridge} oifname != {bridge} accept
        ct state established,related accept
        iifname {bridge} oifname {bridge} accept
        oifname {bridge} ct status dnat accept
        oifname {bridge} drop
    }}

    chain input {{
        type filter hook input priority filter - 5
        iifname != {bridge} accept
        ct state established,related accept
        ip daddr {gateway} icmp type echo-request accept
        ip daddr {gateway} meta l4proto {{ tcp, udp }} th dport 53 accept
        drop
    }}
}}
"""

    def _bridge_rules(self) -> str:
        return f"""
table bridge {self.name} {{
    set endpoints {{ type ifname . ether_addr . ipv4_addr; }}

    chain prerouting {{
        type filter hook prerouting priority dstnat - 5
        iifname != "{link_prefix(self.instance)}*" accept
        iifname . ether saddr . ip saddr @endpoints accept
        iifname . arp saddr ether . arp saddr ip @endpoints accept
        drop
    }}
}}
"""


def _published(binding: PortBinding, address: str) -> str:
    protocol, port = binding.container_port.protocol, binding.host_port
    target = f"{address} . {binding.container_port.number}"
    if binding.host_ip == EVERY_ADDRESS:
        return f"published {{ {protocol} . {port} : {target} }}"
    return f"published_at {{ {binding.host_ip} . {protocol} . {port} : {target} }}"
