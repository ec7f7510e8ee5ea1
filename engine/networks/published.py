"""Which container holds which port of the host."""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv4Address
from typing import Final

from engine.host.ports import HeldPort
from engine.model.errors import Conflict, Invalid, Unsupported
from engine.model.network import EVERY_ADDRESS
from engine.model.ports import PortBinding, Protocol

_FIRST_RANDOM: Final = 32768  # ip_local_port_range of ip(7): Docker takes its random ports from there as well
_LAST_RANDOM: Final = 60999

Hold = Callable[[str, int, Protocol], HeldPort]


@dataclass(frozen=True, slots=True)
class _Claim:
    binding: PortBinding
    port: HeldPort


class PublishedPorts:
    """Claims are held from ``claim`` to ``release``, across restarts of the engine by ``adopt``."""

    def __init__(self, *, hold: Hold = HeldPort.claim, chance: random.Random | None = None) -> None:
        self._claims: dict[str, list[_Claim]] = {}
        self._hold = hold
        self._chance = chance or random.SystemRandom()

    def of(self, container_id: str) -> tuple[PortBinding, ...]:
        return tuple(claim.binding for claim in self._claims.get(container_id, ()))

    def claim(self, container_id: str, bindings: tuple[PortBinding, ...]) -> tuple[PortBinding, ...]:
        """All of them, made concrete, or none. Replaces what the container held. Raises Conflict in Docker's words."""
        wanted = [replace(binding, host_ip=_checked_host_ip(binding.host_ip)) for binding in bindings]
        self.release(container_id)
        with ExitStack() as undo:
            undo.callback(self.release, container_id)
            claims = self._claims.setdefault(container_id, [])
            # fixed ones first: others must not take the port that the next binding asks for
            for binding in sorted(wanted, key=lambda one: (one.host_port == 0, one.last_host_port != 0)):
                claims.append(self._claim_one(container_id, binding))
            undo.pop_all()
        return self.of(container_id)

    def adopt(self, container_id: str, bindings: tuple[PortBinding, ...]) -> list[Conflict]:
        """Hold again what a former engine had published; tells which ports another program took meanwhile."""
        self.release(container_id)
        taken: list[Conflict] = []
        claims = self._claims.setdefault(container_id, [])
        for binding in bindings:
            try:
                port = self._hold(binding.host_ip, binding.host_port, binding.container_port.protocol)
            except Conflict as error:
                taken.append(error)
                port = HeldPort(None)
            claims.append(_Claim(binding, port))
        return taken

    def release(self, container_id: str) -> None:
        """Safe to repeat."""
        for claim in self._claims.pop(container_id, ()):
            claim.port.release()

    def release_all(self) -> None:
        for container_id in list(self._claims):
            self.release(container_id)

    def _claim_one(self, container_id: str, binding: PortBinding) -> _Claim:
        try:
            if binding.last_host_port:
                return self._claim_first(binding, range(binding.host_port, binding.last_host_port + 1))
            if binding.host_port:
                return self._claim_fixed(binding)
            return self._claim_first(binding, self._random_ports())
        except Conflict as error:
            raise Conflict(
                f"driver failed programming external connectivity on endpoint {container_id[:12]}: {error}"
            ) from error

    def _claim_fixed(self, binding: PortBinding) -> _Claim:
        if any(_collide(binding, claim.binding) for claims in self._claims.values() for claim in claims):
            raise Conflict(f"Bind for {binding.host_ip}:{binding.host_port} failed: port is already allocated")
        port = self._hold(binding.host_ip, binding.host_port, binding.container_port.protocol)
        return _Claim(binding, port)

    def _claim_first(self, binding: PortBinding, numbers: Iterable[int]) -> _Claim:
        for number in numbers:
            try:
                return self._claim_fixed(replace(binding, host_port=number, last_host_port=0))
            except Conflict as error:
                if "assign" in str(error):  # not the port but the address is wrong: no other port will do
                    raise
        raise Conflict(f"Bind for {binding.host_ip}:{binding.host_ports} failed: all ports are allocated")

    def _random_ports(self) -> Iterator[int]:
        count = _LAST_RANDOM - _FIRST_RANDOM + 1
        start = self._chance.randrange(count)
        return (_FIRST_RANDOM + (start + step) % count for step in range(count))


def _collide(one: PortBinding, other: PortBinding) -> bool:
    if (one.host_port, one.container_port.protocol) != (other.host_port, other.container_port.protocol):
        return False
    return one.host_ip == other.host_ip or EVERY_ADDRESS in (one.host_ip, other.host_ip)


def _checked_host_ip(text: str) -> str:
    if not text:
        return EVERY_ADDRESS
    if ":" in text:
        raise Unsupported(f"cannot publish on {text}: this engine publishes on IPv4 addresses only")
    try:
        return str(IPv4Address(text))
    except AddressValueError as error:
        raise Invalid(f"invalid host IP {text[:80]!r}: expected an IPv4 address") from error
