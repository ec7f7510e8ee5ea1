"""Which container holds which port of the host."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_address
from typing import Final

from engine.host.ports import HeldPort
from engine.model.errors import Conflict, Invalid
from engine.model.network import EVERY_ADDRESS, EVERY_IPV6_ADDRESS
from engine.model.ports import PortBinding, Protocol

_FIRST_RANDOM: Final = 32768  # ip_local_port_range of ip(7): Docker takes its random ports from there as well
_LAST_RANDOM: Final = 60999

Hold = Callable[[str, int, Protocol], HeldPort]


@dataclass(frozen=True, slots=True)
class _Claim:
    binding: PortBinding
    port: HeldPort


class PublishedPorts:
    """Claims are held from ``claim`` to ``release``, across restarts of the engine by ``adopt``.

    What a group shares is held once, by all of them together.
    """

    def __init__(self, *, hold: Hold = HeldPort.claim, chance: random.Random | None = None) -> None:
        self._claims: dict[str, list[_Claim]] = {}
        self._hold = hold
        self._chance = chance or random.SystemRandom()

    def of(self, container_id: str) -> tuple[PortBinding, ...]:
        return tuple(claim.binding for claim in self._claims.get(container_id, ()))

    def claim(
        self, container_id: str, bindings: tuple[PortBinding, ...], *, has_ipv6: bool = False
    ) -> tuple[PortBinding, ...]:
        """All of them, made concrete, or none. Replaces what the container held. Raises Conflict in Docker's words.

        ``has_ipv6``: the container can be reached by it, and a binding that names no address is published by both.
        """
        wanted = [_on_addresses(binding, has_ipv6=has_ipv6) for binding in dict.fromkeys(bindings)]
        self.release(container_id)
        with ExitStack() as undo:
            undo.callback(self.release, container_id)
            claims = self._claims.setdefault(container_id, [])
            # fixed ones first: others must not take the port that the next binding asks for
            for several in sorted(wanted, key=lambda each: (each[0].host_port == 0, each[0].last_host_port != 0)):
                claims += self._claim_together(container_id, several, beside=claims)
            undo.pop_all()
        return self.of(container_id)

    def adopt(self, container_id: str, bindings: tuple[PortBinding, ...]) -> list[Conflict]:
        """Hold again what a former engine had published; tells which ports another program took meanwhile."""
        self.release(container_id)
        taken: list[Conflict] = []
        claims = self._claims.setdefault(container_id, [])
        for binding in bindings:
            try:
                port = self._shared(container_id, binding) or self._held(binding)
            except Conflict as error:
                taken.append(error)
                port = HeldPort(None)
            claims.append(_Claim(binding, port))
        return taken

    def release(self, container_id: str) -> None:
        """Safe to repeat."""
        gone = self._claims.pop(container_id, ())
        still_held = {id(claim.port) for claims in self._claims.values() for claim in claims} if gone else set()
        for claim in gone:
            if id(claim.port) not in still_held:
                claim.port.release()

    def release_all(self) -> None:
        for container_id in list(self._claims):
            self.release(container_id)

    def _claim_together(
        self, container_id: str, bindings: Sequence[PortBinding], *, beside: Iterable[_Claim]
    ) -> list[_Claim]:
        """What is one and the same but for the address: of one number. None that is among ``beside`` already."""
        have = {claim.binding for claim in beside}
        bindings = [binding for binding in bindings if binding not in have]
        if not bindings:
            return []
        try:
            first, last = bindings[0].host_port, bindings[0].last_host_port
            if last:
                return self._claim_first(container_id, bindings, range(first, last + 1))
            if first:
                return self._claim_fixed(container_id, bindings)
            return self._claim_first(container_id, bindings, self._random_ports())
        except Conflict as error:
            raise Conflict(
                f"driver failed programming external connectivity on endpoint {container_id[:12]}: {error}"
            ) from error

    def _claim_fixed(self, container_id: str, bindings: Sequence[PortBinding]) -> list[_Claim]:
        with ExitStack() as undo:
            claims: list[_Claim] = []
            for binding in bindings:
                port = self._shared(container_id, binding)
                if port is None:
                    port = self._held(binding)
                    undo.callback(port.release)
                claims.append(_Claim(binding, port))
            undo.pop_all()
        return claims

    def _shared(self, container_id: str, binding: PortBinding) -> HeldPort | None:
        """What others of its group hold already; None: nobody holds it. Raises Conflict when strangers do."""
        shared = None
        for owner, claims in self._claims.items():
            for claim in claims:
                if not _collide(binding, claim.binding):
                    continue
                if owner == container_id or not _share(binding, claim.binding):
                    raise Conflict(f"Bind for {_shown(binding)} failed: port is already allocated")
                shared = claim.port
        return shared

    def _held(self, binding: PortBinding) -> HeldPort:
        return self._hold(binding.host_ip, binding.host_port, binding.container_port.protocol)

    def _claim_first(self, container_id: str, bindings: Sequence[PortBinding], numbers: Iterable[int]) -> list[_Claim]:
        for number in numbers:
            chosen = [replace(each, host_port=number, last_host_port=0) for each in bindings]
            try:
                return self._claim_fixed(container_id, chosen)
            except Conflict as error:
                if "assign" in str(error):  # not the port but the address is wrong: no other port will do
                    raise
        raise Conflict(f"Bind for {_shown(bindings[0])} failed: all ports are allocated")

    def _random_ports(self) -> Iterator[int]:
        count = _LAST_RANDOM - _FIRST_RANDOM + 1
        start = self._chance.randrange(count)
        return (_FIRST_RANDOM + (start + step) % count for step in range(count))


def _collide(one: PortBinding, other: PortBinding) -> bool:
    if (one.host_port, one.container_port.protocol) != (other.host_port, other.container_port.protocol):
        return False
    if is_ipv6(one) != is_ipv6(other):
        return False
    every = EVERY_IPV6_ADDRESS if is_ipv6(one) else EVERY_ADDRESS
    return one.host_ip == other.host_ip or every in (one.host_ip, other.host_ip)


def _share(one: PortBinding, other: PortBinding) -> bool:
    """Of two that collide: whether both may have it."""
    return bool(one.group) and (one.group, one.host_ip) == (other.group, other.host_ip)


def is_ipv6(binding: PortBinding) -> bool:
    return ":" in binding.host_ip


def keeping_numbers(wanted: Iterable[PortBinding], held: Iterable[PortBinding]) -> tuple[PortBinding, ...]:
    """``wanted``, where one of several ports will do with the one of ``held``: people may know it by now."""
    numbers = {binding.container_port: binding.host_port for binding in held}
    return tuple(_with_number(binding, numbers.get(binding.container_port, 0)) for binding in wanted)


def _with_number(binding: PortBinding, number: int) -> PortBinding:
    is_chosen = binding.host_port and not binding.last_host_port
    return binding if is_chosen or not number else replace(binding, host_port=number, last_host_port=0)


def _shown(binding: PortBinding) -> str:
    host_ip = f"[{binding.host_ip}]" if is_ipv6(binding) else binding.host_ip
    return f"{host_ip}:{binding.host_ports}"


def _on_addresses(binding: PortBinding, *, has_ipv6: bool) -> list[PortBinding]:
    """The addresses that one binding means. Raises Invalid."""
    if not binding.host_ip:
        both = (EVERY_ADDRESS, EVERY_IPV6_ADDRESS) if has_ipv6 else (EVERY_ADDRESS,)
        return [replace(binding, host_ip=address) for address in both]
    try:
        address = ip_address(binding.host_ip)
    except ValueError as error:
        raise Invalid(f"invalid host IP {binding.host_ip[:80]!r}: expected an IPv4 or IPv6 address") from error
    if isinstance(address, IPv6Address):
        if address.scope_id is not None or address.is_link_local:
            raise Invalid(f"invalid host IP {binding.host_ip[:80]!r}: cannot publish on link-local addresses")
        if address.is_loopback:
            raise Invalid("cannot publish on ::1: IPv6 leads nothing from there to containers; publish on 127.0.0.1")
        if not has_ipv6:
            raise Invalid(
                f"cannot publish on {address}: the container's way out is a network without IPv6; "
                "make one with EnableIPv6, or publish on an IPv4 address"
            )
    return [replace(binding, host_ip=str(address))]
