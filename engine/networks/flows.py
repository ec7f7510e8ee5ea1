"""What was under way before its port was published, or still is after it no longer is. Blocks."""

import logging
from collections.abc import Iterable
from ipaddress import ip_address

from engine.host import conntrack
from engine.host.netlink import Address, Rtnetlink
from engine.model.container import Endpoint
from engine.model.network import EVERY_ADDRESS, EVERY_IPV6_ADDRESS
from engine.model.ports import Port, PortBinding, Protocol

_log = logging.getLogger(__name__)


def turn_to(endpoint: Endpoint) -> None:
    """Clients that kept sending while nobody was there reach the container from now on."""
    try:
        for binding in _of_datagrams(endpoint):
            conntrack.forget_sent_to(_host_addresses(binding), binding.host_port, binding.container_port.protocol)
    except OSError as error:
        _log.warning("clients that are sending already may not reach %s: %s", endpoint.ip_address, error)


def turn_away_from(endpoint: Endpoint) -> None:
    """Clients that go on sending reach whoever has the port next, not an address without a container: also those that
    were about to connect where others answer as well."""
    if _of_datagrams(endpoint) or any(one.group for one in endpoint.published):
        _forget_answers_from(endpoint)


def turn_datagrams_away_from(endpoint: Endpoint) -> None:
    """The same of a container that goes on: connections stay."""
    if _of_datagrams(endpoint):
        _forget_answers_from(endpoint, Protocol.UDP)


def has_open_connections(endpoint: Endpoint, ports: Iterable[Port]) -> bool:
    """To any of its ``ports``, of TCP. False where the kernel does not tell."""
    try:
        return any(conntrack.has_open_connections(each, port.number) for each in _addresses(endpoint) for port in ports)
    except OSError as error:
        _log.warning("connections to %s are not waited for: %s", endpoint.ip_address, error)
        return False


def _forget_answers_from(endpoint: Endpoint, protocol: Protocol | None = None) -> None:
    try:
        for address in _addresses(endpoint):
            conntrack.forget_answers_from(address, protocol)
            if protocol is None:  # it is gone: what it answered last must not lead anybody there, either
                conntrack.forget_sent_by(address, Protocol.UDP)
    except OSError as error:
        _log.warning("clients that are sending still may be led to %s: %s", endpoint.ip_address, error)


def _addresses(endpoint: Endpoint) -> list[Address]:
    return [ip_address(text) for text in (endpoint.ip_address, endpoint.ipv6_address) if text]


def _of_datagrams(endpoint: Endpoint) -> list[PortBinding]:
    return [one for one in endpoint.published if one.container_port.protocol is Protocol.UDP]


def _host_addresses(binding: PortBinding) -> list[Address]:
    if binding.host_ip not in (EVERY_ADDRESS, EVERY_IPV6_ADDRESS):
        return [ip_address(binding.host_ip)]
    version = 4 if binding.host_ip == EVERY_ADDRESS else 6
    with Rtnetlink() as rtnetlink:
        return [one.address for one in rtnetlink.addresses() if one.address.version == version]
