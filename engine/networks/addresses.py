"""Which subnet a network gets and which address a container gets. Pure: what is in use is passed in."""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from itertools import chain

from engine.model.errors import Conflict, Invalid, Unavailable

_SHORTEST_SUFFIX = 3  # bits: five containers and the gateway; less is a mistake

Address = IPv4Address | IPv6Address
Subnet = IPv4Network | IPv6Network


def candidate_subnets() -> Iterator[IPv4Network]:
    """Docker's default pools; its own first choices come late, for a dockerd that may be installed beside us."""
    of_16 = list(IPv4Network("172.16.0.0/12").subnets(new_prefix=16))
    yield from of_16[4:]
    yield from of_16[:4]
    yield from IPv4Network("192.168.0.0/16").subnets(new_prefix=20)


def choose_subnet(taken: Collection[Subnet]) -> IPv4Network:
    """The first candidate that overlaps nothing in ``taken`` (a default route is no obstacle)."""
    for subnet in candidate_subnets():
        if overlapping(subnet, taken) is None:
            return subnet
    raise Unavailable("every private subnet the engine may choose is in use on this host: give one with --subnet")


def own_ipv6_prefix(seed: str) -> IPv6Network:
    """48 bits that nobody else is likely to have (RFC 4193, 3.2), always the same of the same ``seed``."""
    digest = hashlib.sha256(f"ipv6 prefix {seed}".encode()).digest()
    return IPv6Network((bytes([0xFD]) + digest[:5] + bytes(10), 48))


def choose_ipv6_subnet(prefix: IPv6Network, taken: Collection[Subnet]) -> IPv6Network:
    """The first 64 bits within ``prefix`` that overlap nothing in ``taken``."""
    for subnet in prefix.subnets(new_prefix=64):
        if overlapping(subnet, taken) is None:
            return subnet
    raise Unavailable(f"every IPv6 subnet of {prefix} is in use on this host: give one with --subnet")


def check_subnet(subnet: Subnet, taken: Collection[Subnet]) -> None:
    """Raises Invalid for a subnet too small to use, Conflict for one that would hide something of the host's."""
    longest = subnet.max_prefixlen - _SHORTEST_SUFFIX
    if subnet.prefixlen > longest:
        raise Invalid(f"subnet {subnet} is too small: at most /{longest} can be used")
    other = overlapping(subnet, taken)
    if other is not None:
        raise Conflict(f"subnet {subnet} overlaps {other}, which this host already has a route or an address for")


def overlapping(subnet: Subnet, taken: Iterable[Subnet]) -> Subnet | None:
    """Those of the other family are no obstacle."""
    return next((other for other in taken if other.prefixlen > 0 and other.overlaps(subnet)), None)


def gateway_of(subnet: IPv4Network) -> IPv4Address:
    return subnet.network_address + 1


def first_gateway(subnet: Subnet, *, auxiliary: Collection[Address]) -> Address:
    """The first address of a subnet that is not set aside for others."""
    first = subnet.network_address + 1
    return next((each for each in (first + step for step in range(len(auxiliary) + 1)) if each not in auxiliary), first)


def next_free(
    subnet: IPv4Network,
    used: Collection[Address],
    *,
    after: IPv4Address | None,
    gateway: IPv4Address | None = None,
    within: IPv4Network | None = None,
) -> IPv4Address:
    """The first address behind ``after`` that nobody uses, round and round; never network, gateway, broadcast,
    and none outside ``within``. ``gateway`` None: the subnet's first address.

    Not the lowest free one: the kernel takes some 30 ms to remove a dead container's link, and neighbours and
    connection tracking remember its address for longer.
    """
    first, last = int(subnet.network_address) + 1, int(subnet.broadcast_address) - 1
    if within is not None:
        first, last = max(first, int(within.network_address)), min(last, int(within.broadcast_address))
    own = gateway or gateway_of(subnet)
    begin = int(after) + 1 if after is not None and first <= int(after) < last else first
    for number in chain(range(begin, last + 1), range(first, begin)):
        address = IPv4Address(number)
        if address not in used and address != own:
            return address
    count = sum(each.version == 4 for each in used)
    raise Unavailable(f"no available IPv4 addresses in {within or subnet}: {count} are in use")


def next_free_ipv6(
    subnet: IPv6Network,
    used: Collection[Address],
    *,
    beside: IPv4Address,
    of: IPv4Network,
    gateway: IPv6Address,
    within: IPv6Network | None = None,
) -> IPv6Address:
    """The address that has the number of ``beside`` in its own subnet, ``of``, or else the first behind it that nobody
    uses; never the subnet's first, and none outside ``within``.

    So a container has both of one number, for people to tell, and keeps the second when it keeps the first.
    """
    room = within or subnet
    first, last = max(int(room.network_address), int(subnet.network_address) + 1), int(room.broadcast_address)
    begin = int(room.network_address) + int(beside) - int(of.network_address)
    begin = begin if first <= begin <= last else first
    for number in chain(range(begin, last + 1), range(first, begin)):
        address = IPv6Address(number)
        if address not in used and address != gateway:
            return address
    raise Unavailable(f"no available IPv6 addresses in {room}: all are in use")
