"""Who answers on the ports of the host that containers share. Pure: ``Sharing`` keeps what it is told, nothing else.

In the kernel, for each such port::

    inet naru_x    map shared         protocol . port                  : jump to the chain for as many as answer there
                   map shared_at      host address . protocol . port   : jump …
                   map turns          protocol . port . number         : address . port       who is number 0, 1, …
                   map turns_at       host address . protocol . port . number : address . port
                   chain one_of_3     a number below three by chance, and whoever has it in ``turns``

and ``shared6``, ``turns6``, … of IPv6. A chain is the same for all ports that three answer on: who comes and goes is a
matter of elements, all in one transaction. A packet that meets it half-way, with an old chain and new turns, may draw
a number that nobody has any more; the chain's second try is number 0, which somebody has as long as there is anybody.
What ``turns`` leads to is declared by ``tcp dport``, which does for every protocol: nft 1.0.6 takes ``ip daddr .
th dport``, and says when it reads it back that the two contradict each other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.host.nft_elements import Element, Part, address, number, port, protocol
from engine.model.container import Endpoint
from engine.model.network import EVERY_ADDRESS, EVERY_IPV6_ADDRESS
from engine.model.ports import Port, PortBinding, Protocol
from engine.model.sharing import Standing
from engine.networks.published import is_ipv6

_CHAINS_AT_ONCE = 4


@dataclass(frozen=True, slots=True, order=True)
class HostPort:
    host_ip: str
    number: int
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class Member:
    """Who would answer on one port, and where."""

    container_id: str
    address: str
    port: Port


Members = Mapping[HostPort, tuple[Member, ...]]


class Sharing:
    """How containers that share ports stand; ``endpoints`` are those of all containers, by id and network."""

    def __init__(self, endpoints: Mapping[str, Mapping[str, Endpoint]]) -> None:
        self._endpoints = endpoints
        self._standings: dict[str, Standing] = {}
        self._unheard: dict[str, frozenset[Port]] = {}

    def expect(self, container_id: str) -> None:
        """It takes part from now on until ``forget``."""
        self._standings[container_id] = Standing.WAITING

    def forget(self, container_id: str) -> None:
        """Safe to repeat."""
        self._standings.pop(container_id, None)
        self._unheard.pop(container_id, None)

    def note(self, container_id: str, standing: Standing, *, unheard: frozenset[Port] = frozenset()) -> None:
        """``unheard``: ports at which nobody in it listens yet. Nothing comes of it for strangers."""
        if container_id in self._standings:
            self._standings[container_id], self._unheard[container_id] = standing, unheard

    @property
    def resting(self) -> frozenset[str]:
        """Containers that others better not turn to."""
        return frozenset(one for one, standing in self._standings.items() if standing is not Standing.READY)

    def answering(self) -> Members:
        """By port, in the order in which they came, those of the best standing; never empty."""
        members: dict[HostPort, list[tuple[Standing, Member]]] = {}
        for container_id in self._standings:
            for endpoint in self._endpoints.get(container_id, {}).values():
                for binding in shared_bindings(endpoint):
                    if is_ipv6(binding) and not endpoint.ipv6_address:
                        continue
                    where = HostPort(binding.host_ip, binding.host_port, binding.container_port.protocol)
                    member = Member(container_id, _address(endpoint, binding), binding.container_port)
                    members.setdefault(where, []).append((self._standing_at(container_id, member.port), member))
        return {where: _best(several) for where, several in members.items()}

    def left_by(self, container_id: str) -> frozenset[Port]:
        """Of the ports it shares, those inside it that nobody new is led to."""
        endpoints = self._endpoints.get(container_id, {}).values()
        shared = {binding.container_port for each in endpoints for binding in shared_bindings(each)}
        everybody = (member for several in self.answering().values() for member in several)
        return frozenset(shared - {member.port for member in everybody if member.container_id == container_id})

    def _standing_at(self, container_id: str, container_port: Port) -> Standing:
        standing = self._standings[container_id]
        if standing is Standing.READY and container_port in self._unheard.get(container_id, ()):
            return Standing.WAITING
        return standing


def shared_bindings(endpoint: Endpoint) -> list[PortBinding]:
    return [binding for binding in endpoint.published if binding.group]


def shared_elements(members: Members, *, table: str) -> set[Element]:
    return {element for where, several in members.items() for element in _elements(where, several, table=table)}


def sizes(members: Members) -> frozenset[int]:
    """Chains are wanted for so many members; some more than there are, so that the next one finds its chain."""
    blocks = {(len(several) - 1) // _CHAINS_AT_ONCE * _CHAINS_AT_ONCE for several in members.values()}
    return frozenset(first + more for first in blocks for more in range(1, _CHAINS_AT_ONCE + 1))


def chains(wanted: Iterable[int], *, table: str, has_ipv6: bool) -> str:
    """Commands that make the chains for so many members. Safe to repeat."""
    return "\n".join(line for size in sorted(wanted) for line in _chain(size, table=table, has_ipv6=has_ipv6))


def _chain(size: int, *, table: str, has_ipv6: bool) -> list[str]:
    name = f"inet {table} {_chain_name(size)}"
    lines = [f"add chain {name}", f"flush chain {name}"]
    for count in (size, 1):
        draw = f"meta l4proto . th dport . numgen random mod {count} map"
        lines.append(f"add rule {name} dnat ip to ip daddr . {draw} @turns_at")
        lines.append(f"add rule {name} dnat ip to {draw} @turns")
        if has_ipv6:
            lines.append(f"add rule {name} dnat ip6 to ip6 daddr . {draw} @turns6_at")
            lines.append(f"add rule {name} dnat ip6 to {draw} @turns6")
    return lines


def _chain_name(size: int) -> str:
    return f"one_of_{size}"


def _elements(where: HostPort, members: tuple[Member, ...], *, table: str) -> list[Element]:
    family = "6" if ":" in where.host_ip else ""
    is_everywhere = where.host_ip in (EVERY_ADDRESS, EVERY_IPV6_ADDRESS)
    suffix = family if is_everywhere else f"{family}_at"
    key: tuple[Part, ...] = (protocol(where.protocol), port(where.number))
    if not is_everywhere:
        key = (address(where.host_ip), *key)
    turns = [
        Element("inet", table, f"turns{suffix}", (*key, number(turn)), (address(one.address), port(one.port.number)))
        for turn, one in enumerate(members)
    ]
    return [Element("inet", table, f"shared{suffix}", key, jump=_chain_name(len(members))), *turns]


def _best(members: list[tuple[Standing, Member]]) -> tuple[Member, ...]:
    best = min(standing for standing, _ in members)
    return tuple(member for standing, member in members if standing is best)


def _address(endpoint: Endpoint, binding: PortBinding) -> str:
    return endpoint.ipv6_address if is_ipv6(binding) else endpoint.ip_address
