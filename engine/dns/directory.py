"""Who is called what on which network, and what somebody who asks may learn. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Member:
    """One container on one network. ``links``: what it alone calls others, alias to name. ``servers``: its own
    resolvers, for names that are nobody's here; empty: the host's. ``ipv6_address`` is "" where there is none;
    ``other_addresses`` are those it may ask by as well. One that is ``resting`` is not found by a name that others have
    who are not."""

    container: str
    address: str
    names: tuple[str, ...]
    links: Mapping[str, str] = field(default_factory=dict)
    servers: tuple[str, ...] = ()
    ipv6_address: str = ""
    other_addresses: tuple[str, ...] = ()
    resting: bool = False

    @property
    def addresses(self) -> tuple[str, ...]:
        """By which it is found."""
        return (self.address, self.ipv6_address) if self.ipv6_address else (self.address,)


@dataclass(frozen=True, slots=True)
class Network:
    """``gateways`` is where its members ask, one of each family that it has."""

    id: str
    name: str
    gateways: tuple[str, ...]
    internal: bool
    members: tuple[Member, ...]

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> "Network":
        members = tuple(
            Member(
                each["container"],
                each["address"],
                tuple(each["names"]),
                each["links"],
                tuple(each["servers"]),
                each["ipv6_address"],
                tuple(each["other_addresses"]),
                each["resting"],
            )
            for each in message["members"]
        )
        return cls(message["network"], message["name"], tuple(message["gateways"]), message["internal"], members)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: itself on each of its networks."""

    places: tuple[tuple[Network, Member], ...]

    @property
    def may_ask_outside(self) -> bool:
        """Not from networks that have no way out: a name can carry data away, too."""
        return any(not network.internal for network, _ in self.places)

    @property
    def servers(self) -> tuple[str, ...]:
        return next((member.servers for _, member in self.places if member.servers), ())


class Directory:
    def __init__(self) -> None:
        self._networks: dict[str, Network] = {}
        self._names: dict[str, dict[str, list[str]]] = {}

    @property
    def networks(self) -> Iterable[Network]:
        return self._networks.values()

    def replace(self, network: Network) -> None:
        """All that was known of this network before is forgotten."""
        members: dict[str, list[Member]] = defaultdict(list)
        for member in network.members:
            for name in {each.lower() for each in member.names}:
                members[name].append(member)
        self._networks[network.id] = network
        self._names[network.id] = {name: _found(several) for name, several in members.items()}

    def forget(self, network_id: str) -> None:
        self._networks.pop(network_id, None)
        self._names.pop(network_id, None)

    def find_asker(self, network_id: str, address: str) -> Asker | None:
        """Who has ``address`` on a network; None: a stranger."""
        network = self._networks.get(network_id)
        members = network.members if network else ()
        own = next((each for each in members if address in (*each.addresses, *each.other_addresses)), None)
        if own is None:
            return None
        return Asker(
            tuple(
                (network, member)
                for network in self._networks.values()
                for member in network.members
                if member.container == own.container
            )
        )

    def addresses(self, asker: Asker, name: str) -> list[str]:
        """Of everybody by that name on one of the asker's networks, of both families; ``name.network`` means one of
        them."""
        name = name.rstrip(".").lower()
        found: list[str] = []
        for network, member in asker.places:
            local = name.removesuffix(f".{network.name.lower()}")
            aliases = {alias.lower(): target for alias, target in member.links.items()}
            local = aliases.get(local, local).lower()
            found += self._names[network.id].get(local, ())
        return list(dict.fromkeys(found))

    def name_of(self, asker: Asker, address: str) -> str | None:
        """The name that goes with an address on one of the asker's networks."""
        for network, _ in asker.places:
            for member in network.members:
                if address in member.addresses and member.names:
                    return f"{member.names[0]}.{network.name}"
        return None


def _found(members: Iterable[Member]) -> list[str]:
    awake = [member for member in members if not member.resting]
    return [address for member in awake or members for address in member.addresses]
