"""Which subnet a network gets and which address a container gets. Pure: what is in use is passed in."""

from collections.abc import Collection, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network
from itertools import chain

from engine.model.errors import Conflict, Invalid, Unavailable

_LONGEST_PREFIX = 29  # five containers and the gateway; less is a mistake


def candidate_subnets() -> Iterator[IPv4Network]:
    """Docker's default pools; its own first choices come late, for a dockerd that may be installed beside us."""
    of_16 = list(IPv4Network("172.16.0.0/12").subnets(new_prefix=16))
    yield from of_16[4:]
    yield from of_16[:4]
    yield from IPv4Network("192.168.0.0/16").subnets(new_prefix=20)


def choose_subnet(taken: Collection[IPv4Network]) -> IPv4Network:
    """The first candidate that overlaps nothing in ``taken`` (a default route is no obstacle)."""
    for subnet in candidate_subnets():
        if overlapping(subnet, taken) is None:
            return subnet
    raise Unavailable("every private subnet the engine may choose is in use on this host: give one with --subnet")


def check_subnet(subnet: IPv4Network, taken: Collection[IPv4Network]) -> None:
    """Raises Invalid for a subnet too small to use, Conflict for one that would hide something of the host's."""
    if subnet.prefixlen > _LONGEST_PREFIX:
        raise Invalid(f"subnet {subnet} is too small: at most /{_LONGEST_PREFIX} can be used")
    other = overlapping(subnet, taken)
    if other is not None:
        raise Conflict(f"subnet {subnet} overlaps {other}, which this host already has a route or an address for")


def overlapping(subnet: IPv4Network, taken: Iterable[IPv4Network]) -> IPv4Network | None:
    return next((other for other in taken if other.prefixlen > 0 and other.overlaps(subnet)), None)


def gateway_of(subnet: IPv4Network) -> IPv4Address:
    return subnet.network_address + 1


def next_free(
    subnet: IPv4Network,
    used: Collection[IPv4Address],
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
    raise Unavailable(f"no available IPv4 addresses in {within or subnet}: {len(used)} are in use")
