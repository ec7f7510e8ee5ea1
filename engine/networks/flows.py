"""Datagrams that were under way before their port was published, or still are after it no longer is. Blocks."""

import logging
from ipaddress import ip_address

from engine.host.conntrack import forget_answers_from, forget_sent_to
from engine.host.netlink import Address, Rtnetlink
from engine.model.container import Endpoint
from engine.model.network import EVERY_ADDRESS, EVERY_IPV6_ADDRESS
from engine.model.ports import PortBinding, Protocol

_log = logging.getLogger(__name__)


def turn_to(endpoint: Endpoint) -> None:
    """Clients that kept sending while nobody was there reach the container from now on."""
    try:
        for binding in _of_datagrams(endpoint):
            forget_sent_to(_host_addresses(binding), binding.host_port, binding.container_port.protocol)
    except OSError as error:
        _log.warning("clients that are sending already may not reach %s: %s", endpoint.ip_address, error)


def turn_away_from(endpoint: Endpoint) -> None:
    """Clients that go on sending reach whoever has the port next, not an address without a container."""
    if not _of_datagrams(endpoint):
        return
    try:
        for text in filter(None, (endpoint.ip_address, endpoint.ipv6_address)):
            forget_answers_from(ip_address(text))
    except OSError as error:
        _log.warning("clients that are sending still may be led to %s: %s", endpoint.ip_address, error)


def _of_datagrams(endpoint: Endpoint) -> list[PortBinding]:
    return [one for one in endpoint.published if one.container_port.protocol is Protocol.UDP]


def _host_addresses(binding: PortBinding) -> list[Address]:
    if binding.host_ip not in (EVERY_ADDRESS, EVERY_IPV6_ADDRESS):
        return [ip_address(binding.host_ip)]
    version = 4 if binding.host_ip == EVERY_ADDRESS else 6
    with Rtnetlink() as rtnetlink:
        return [one.address for one in rtnetlink.addresses() if one.address.version == version]
