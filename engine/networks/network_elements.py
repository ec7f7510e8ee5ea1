"""What the packet filter has to know of one network: elements of the sets in ``ruleset.py``. Pure.

    inet naru_x    set bridges       bridge                  all there are
                   set internal      bridge                  of those from which nothing leads out
                   set joined        bridge . bridge         of those whose containers may talk to each other
                   set macs          bridge . MAC            the gateway's
                   set gateways      bridge . address        the gateway's
                   set subnets       bridge . subnet         who may send there
                   set masqueraded   EtherType . subnet      who goes out by the host's address
    bridge naru_x  set apart         EtherType . subnet      of those whose containers may not talk to each other

and ``bridges6``, ``gateways6``, ``subnets6``, ``masqueraded6`` of networks that have IPv6. Where a subnet stands alone,
the EtherType makes a concatenation of it, the kind of range that ``nft_elements.py`` writes.
"""

from engine.host.nft_elements import Element, Part, address, link, mac, packet_kind, subnet
from engine.model.network import Ipv6Part, Network
from engine.networks.network import mac_address


def network_elements(network: Network, *, table: str) -> list[Element]:
    bridge = link(network.bridge)

    def inet(name: str, *key: Part) -> Element:
        return Element("inet", table, name, key)

    elements = [
        inet("bridges", bridge),
        inet("macs", bridge, mac(mac_address(network.gateway))),
        inet("gateways", bridge, address(str(network.gateway))),
        inet("subnets", bridge, subnet(network.subnet)),
    ]
    if network.internal:
        elements.append(inet("internal", bridge))
    if network.masquerades:
        elements.append(inet("masqueraded", packet_kind(4), subnet(network.subnet)))
    if network.joins_containers:
        elements.append(inet("joined", bridge, bridge))
    else:
        elements.append(Element("bridge", table, "apart", (packet_kind(4), subnet(network.subnet))))
    return elements + (_ipv6_elements(network, network.ipv6, table=table) if network.ipv6 else [])


def _ipv6_elements(network: Network, part: Ipv6Part, *, table: str) -> list[Element]:
    bridge, range_ = link(network.bridge), subnet(part.subnet)
    keys = [
        ("bridges6", (bridge,)),
        ("gateways6", (bridge, address(str(part.gateway)))),
        ("subnets6", (bridge, range_)),
        *([("masqueraded6", (packet_kind(6), range_))] if network.masquerades else []),
    ]
    return [Element("inet", table, name, key) for name, key in keys]
