"""Which host a project goes to: those that fit what it says of nodes, best first, and why the others do not. Pure.

All of a stack is on one host, so every service has to fit there, and what they reserve is added up. Constraints are
Compose's (``deploy.placement.constraints``): ``node.labels.NAME``, ``node.hostname``, ``node.platform.os`` and
``node.platform.arch``, with ``==`` or ``!=``. Preferences spread replicas over nodes, and mean nothing here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from django.utils.translation import gettext as _

from console.stacks.compose.model import Project, Service

_CONSTRAINT: Final = re.compile(
    r"\s*(?:node|engine)\.(hostname|platform\.os|platform\.arch|labels\.\S+?)\s*(==|!=)\s*(.*?)\s*"
)
# as engines call them, and as people do
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A host as it is known. What is free is what neither limits promise nor programs use; 0 where nobody knows."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    os: str = "linux"
    architecture: str = "amd64"
    cpus: float = 0.0
    memory_bytes: int = 0
    free_cpus: float = 0.0
    free_memory_bytes: int = 0
    running: int = 0
    is_stale: bool = False
    # why it may not be used at all
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Placing:
    """``reasons`` why not, each once; none: it fits. What is free is without the project, then with it."""

    host: Candidate
    reasons: tuple[str, ...]
    cpus_left: float
    memory_left_bytes: int

    @property
    def fits(self) -> bool:
        return not self.reasons

    @property
    def left(self) -> float:
        """The smaller of the two shares of the host that stay free."""
        return min(
            self.cpus_left / self.host.cpus if self.host.cpus else 0.0,
            self.memory_left_bytes / self.host.memory_bytes if self.host.memory_bytes else 0.0,
        )


@dataclass(frozen=True, slots=True)
class Reserved:
    """What all containers of a project want kept free for them."""

    cpus: float
    memory_bytes: int


def ranked(project: Project, hosts: Iterable[Candidate]) -> list[Placing]:
    """Those that fit come first, by what stays free, then by how few containers run there, then by name."""
    reserved = reserved_by(project)
    found = [_placing(project, host, reserved) for host in hosts]
    return sorted(found, key=lambda one: (not one.fits, -round(one.left, 2), one.host.running, one.host.name))


def reserved_by(project: Project) -> Reserved:
    services = project.services.values()
    return Reserved(
        sum(_reserved_cpus(service) * service.replicas for service in services),
        sum(_reserved_memory(service) * service.replicas for service in services),
    )


def _reserved_cpus(service: Service) -> float:
    return service.deploy.resources.reservations.cpus if service.deploy is not None else 0.0


def _reserved_memory(service: Service) -> int:
    said = service.deploy.resources.reservations.memory_bytes if service.deploy is not None else 0
    return said or service.mem_reservation_bytes


def _placing(project: Project, host: Candidate, reserved: Reserved) -> Placing:
    reasons = [host.refusal] if host.refusal else []
    if host.is_stale:
        reasons.append(_("It was not seen lately."))
    for name, service in project.services.items():
        reasons += _against(name, service, host)
    if reserved.cpus > host.free_cpus:
        words = {"wanted": f"{reserved.cpus:g}", "free": f"{max(host.free_cpus, 0):.1f}"}
        reasons.append(_("Processors: %(wanted)s reserved, %(free)s free.") % words)
    if reserved.memory_bytes > host.free_memory_bytes:
        words = {"wanted": _mib(reserved.memory_bytes), "free": _mib(host.free_memory_bytes)}
        reasons.append(_("Memory: %(wanted)s MiB reserved, %(free)s MiB free.") % words)
    cpus, memory = host.free_cpus - reserved.cpus, host.free_memory_bytes - reserved.memory_bytes
    return Placing(host, tuple(dict.fromkeys(reasons)), cpus, memory)


def _against(name: str, service: Service, host: Candidate) -> list[str]:
    """What of the service speaks against the host."""
    found = []
    placement = service.deploy.placement if service.deploy is not None else None
    for text in placement.constraints if placement is not None else ():
        match = _CONSTRAINT.fullmatch(text)
        if match is None:
            found.append(_("%(service)s: “%(text)s” is no constraint.") % {"service": name, "text": text[:80]})
        elif (_of(host, match[1]) == _plain(match[1], match[3])) != (match[2] == "=="):
            found.append(_("%(service)s: %(text)s") % {"service": name, "text": text[:200]})
    most = placement.max_replicas_per_node if placement is not None else 0
    if most and service.replicas > most:
        found.append(_("%(service)s: at most %(n)d of them may be on one host.") % {"service": name, "n": most})
    system, _slash, rest = service.platform.partition("/")
    if service.platform and (system, _plain("platform.arch", rest.partition("/")[0])) != (
        host.os,
        _plain("platform.arch", host.architecture),
    ):
        found.append(_("%(service)s: it is for %(platform)s.") % {"service": name, "platform": service.platform[:40]})
    return found


def _of(host: Candidate, what: str) -> str | None:
    """None for a label that it has not: no value is that."""
    if what.startswith("labels."):
        return host.labels.get(what.removeprefix("labels."))
    return {"hostname": host.name, "platform.os": host.os}.get(what) or _plain(what, host.architecture)


def _plain(what: str, value: str) -> str:
    return _ARCHITECTURES.get(value, value) if what == "platform.arch" else value


def _mib(size_bytes: int) -> str:
    return str(max(size_bytes, 0) >> 20)
