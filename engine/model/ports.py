"""Ports a container exposes and publishes."""

from dataclasses import dataclass
from enum import StrEnum

from engine.model.errors import Invalid


class Protocol(StrEnum):
    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"


@dataclass(frozen=True, slots=True, order=True)
class Port:
    """A port inside a container. ``str()`` gives Docker's ``80/tcp``."""

    number: int
    protocol: Protocol = Protocol.TCP

    def __str__(self) -> str:
        return f"{self.number}/{self.protocol}"

    @classmethod
    def parse(cls, text: str) -> "Port":
        number, _, protocol = text.partition("/")
        try:
            port = cls(int(number, 10), Protocol(protocol.lower() or "tcp"))
        except ValueError as error:
            raise Invalid(f"invalid port {text[:80]!r}: expected NUMBER[/tcp|udp|sctp]") from error
        if not number.isascii() or not number.isdigit() or not 1 <= port.number <= 65535:
            raise Invalid(f"invalid port {text[:80]!r}: the number must be 1 to 65535")
        return port


@dataclass(frozen=True, slots=True, order=True)
class PortBinding:
    """``container_port`` published at ``host_ip:host_port``.

    As asked for, ``host_port`` 0 means "any free one", ``last_host_port`` other than 0 "the first free one from
    ``host_port`` to this", and an empty ``host_ip`` "every address"; once published there is one port and one address.
    Containers of one ``group`` may publish the same; "" shares with nobody.
    """

    container_port: Port
    host_ip: str = ""
    host_port: int = 0
    last_host_port: int = 0
    group: str = ""

    @property
    def host_ports(self) -> str:
        """``8080``, ``8080-8090``, or ``0``."""
        return f"{self.host_port}-{self.last_host_port}" if self.last_host_port else str(self.host_port)
