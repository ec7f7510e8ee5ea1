"""Published ports as a person types them: ``[address:][host port:]container port[/tcp|udp]``. Pure."""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from django.utils.translation import gettext as _

from console.operations.errors import Conflict, Invalid

PORT = re.compile(r"[0-9]{1,5}")
PROTOCOLS = ("tcp", "udp")
DEFAULT_ADDRESS = "127.0.0.1"
EVERY = "*"
ANY_ADDRESS = {"0.0.0.0", "::", ""}  # noqa: S104 - recognised, not bound


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """``host_port`` 0 lets the engine choose one; ``host_address`` "" is all of the host's, of either family."""

    host_address: str
    host_port: int
    container_port: int
    protocol: str = "tcp"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Published on 127.0.0.1 unless an address is given: ``8080:80``, ``0.0.0.0:8080:80``, ``53:53/udp``,
        ``*:8080:80``.
        """
        body, _slash, protocol = text.strip().partition("/")
        protocol = protocol or "tcp"
        if protocol not in PROTOCOLS:
            raise Invalid(_("“%(text)s”: the protocol is tcp or udp.") % {"text": text}, field="ports")
        address, host_port, container_port = _parts(body, text=text)
        try:
            # one way to write it, so that the same address is known again
            address = "" if address == EVERY else str(ipaddress.ip_address(address))
        except ValueError as error:
            raise Invalid(
                _("“%(text)s”: “%(address)s” is no IP address.") % {"text": text, "address": address}, field="ports"
            ) from error
        return cls(address, host_port, container_port, protocol)

    @classmethod
    def parse_all(cls, texts: Iterable[str]) -> list[Self]:
        ports = [cls.parse(text) for text in texts if text.strip()]
        for index, port in enumerate(ports):
            require_free(port, {(p.protocol, p.host_port): [(p.host_address, str(p))] for p in ports[:index]})
        return ports

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def text(self) -> str:
        """As a person would type it."""
        address = f"[{self.host_address}]" if ":" in self.host_address else self.host_address or EVERY
        host_port = self.host_port or ""
        return f"{address}:{host_port}:{self.container_port}" + ("" if self.protocol == "tcp" else f"/{self.protocol}")

    def __str__(self) -> str:
        return f"{self.host_address}:{self.host_port}:{self.container_port}/{self.protocol}"


def require_free(port: PublishedPort, held: Mapping[tuple[str, int], Sequence[tuple[str, str]]]) -> None:
    """Conflict if one of ``held`` (see containers.queries.ports_in_use) has the port on an overlapping address."""
    if port.host_port == 0:
        return
    for address, holder in held.get((port.protocol, port.host_port), ()):
        if address == port.host_address or {address, port.host_address} & ANY_ADDRESS:
            raise Conflict(
                _("Port %(port)d/%(protocol)s is taken already by “%(holder)s”.")
                % {"port": port.host_port, "protocol": port.protocol, "holder": holder},
                field="ports",
            )


def _parts(body: str, *, text: str) -> tuple[str, int, int]:
    head, _colon, last = body.rpartition(":")
    container_port = _number(last, text=text, lowest=1)
    if not head:
        return DEFAULT_ADDRESS, 0, container_port
    address, colon, middle = head.rpartition(":")
    host_port = _number(middle, text=text, lowest=0) if middle else 0
    return (address.strip("[]") if colon else DEFAULT_ADDRESS), host_port, container_port


def _number(word: str, *, text: str, lowest: int) -> int:
    if not PORT.fullmatch(word) or not lowest <= int(word) <= 65535:
        raise Invalid(
            _("“%(text)s” is no port: write “8080:80” or “127.0.0.1:8080:80/tcp”, numbers up to 65535.")
            % {"text": text},
            field="ports",
        )
    return int(word)
