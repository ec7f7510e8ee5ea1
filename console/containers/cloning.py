"""What clones of a container are called, which ports they have, and what they cannot share with it. Pure."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from enum import StrEnum
from itertools import count, islice

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.containers.ports import PublishedPort, require_free
from console.containers.queries import HeldPorts
from console.containers.specs.spec import ContainerSpec
from console.containers.words import checked_name
from console.operations.errors import Conflict, Invalid

MOST = 50
NUMBER = "{n}"
LAST_PORT = 65535
COMPOSE = "com.docker.compose."


class PortsOfClones(StrEnum):
    ENGINE = "engine"
    COUNTED = "counted"


PORTS_WORDS = {
    PortsOfClones.ENGINE: gettext_lazy("The engine chooses free ones"),
    PortsOfClones.COUNTED: gettext_lazy("The next free ones, counted up"),
}


def shareable(spec: ContainerSpec) -> ContainerSpec:
    """Without addresses, which only one can have, and without the labels by which compose knows its own."""
    networks = tuple(replace(join, ipv4="", ipv6="") for join in spec.networks)
    labels = {name: value for name, value in spec.labels.items() if not name.startswith(COMPOSE)}
    return replace(spec, networks=networks, labels=labels, mac_address="")


def shared_volumes(spec: ContainerSpec) -> list[str]:
    """Sources that all clones have in common."""
    return [mount.source for mount in spec.mounts if mount.source and not mount.read_only]


def clone_names(pattern: str, *, times: int, taken: AbstractSet[str]) -> list[str]:
    """``web-{n}`` with the next free numbers from 1 on; without ``{n}`` the number goes to the end."""
    if not 1 <= times <= MOST:
        raise Invalid(_("From 1 to %(most)d clones.") % {"most": MOST}, field="count")
    pattern = pattern.strip()
    if NUMBER not in pattern:
        pattern += f"-{NUMBER}"
    checked_name(pattern.replace(NUMBER, "1"), field="pattern")
    names = (checked_name(pattern.replace(NUMBER, str(number)), field="pattern") for number in count(1))
    return list(islice((name for name in names if name not in taken), times))


def clone_ports(
    ports: Sequence[PublishedPort], *, times: int, held: HeldPorts, how: PortsOfClones
) -> list[list[PublishedPort]]:
    """The ports of each clone. Conflict when there are none left."""
    if how is PortsOfClones.ENGINE:
        return [[replace(port, host_port=0) for port in ports] for _number in range(times)]
    held = {key: list(holders) for key, holders in held.items()}
    return [[_next_free(port, held) for port in ports] for _number in range(times)]


def _next_free(port: PublishedPort, held: HeldPorts) -> PublishedPort:
    if port.host_port == 0:
        return port
    for candidate in _from(port):
        try:
            require_free(candidate, held)
        except Conflict:
            continue
        held.setdefault((candidate.protocol, candidate.host_port), []).append((candidate.host_address, "?"))
        return candidate
    raise Conflict(_("There is no free port from %(port)d on.") % {"port": port.host_port}, field="ports")


def _from(port: PublishedPort) -> Iterator[PublishedPort]:
    return (replace(port, host_port=number) for number in range(port.host_port, LAST_PORT + 1))
