"""What a workspace may ask of hosts: the rules, and the one function that judges by them. Pure."""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from django.utils.translation import gettext as _

from console.operations.errors import Invalid
from console.workspaces.asked import Asked, names

NAMESPACES = ("pid", "ipc", "uts", "network", "user", "cgroup")
# what a container has anyway; asking for it by name changes nothing
USUAL_CAPABILITIES = names(
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP "
    "SETUID SYS_CHROOT"
)
LOOPBACK = ("127.0.0.0/8", "::1/128")
# what nobody on the internet has; a network on another one would hide from its host what is there
PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
ANY = "*"
CAPABILITY = re.compile(r"[A-Z][A-Z_]{2,39}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:\[\]-]{0,252}")
MOST_ENTRIES = 100
LARGEST = 2**53


@dataclass(frozen=True, slots=True)
class Rules:
    """The defaults give nothing of the host away. Totals are for all of the workspace on one host; 0: no limit.

    ``volumes`` and ``networks`` are beginnings of names, besides "<workspace>_", which is always the workspace's own.
    """

    # empty: every host
    hosts: tuple[str, ...] = ()
    privileged: bool = False
    host_namespaces: tuple[str, ...] = ()
    bind_prefixes: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    addresses: tuple[str, ...] = LOOPBACK
    registries: tuple[str, ...] = (ANY,)
    # within which the addresses of a network may be chosen
    subnets: tuple[str, ...] = PRIVATE_NETWORKS
    volumes: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    most_containers: int = 0
    memory_bytes: int = 0
    cpus: float = 0.0

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """Fields that a later version wrote are left out; what is missing has its default."""
        known = {one.name for one in fields(cls)}
        return cls(**{name: _tuple(value) for name, value in given.items() if name in known})

    def as_json(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def checked(self) -> Self:
        """These rules if each is well-formed; else Invalid, naming the field."""
        for name, is_fine in WELL_FORMED.items():
            entries = getattr(self, name)
            wrong = next((entry for entry in entries if not is_fine(entry)), None)
            if wrong is not None:
                raise Invalid(_("“%(entry)s” does not fit here.") % {"entry": wrong[:80]}, field=name)
            if len(entries) > MOST_ENTRIES:
                raise Invalid(_("At most 100 entries."), field=name)
        for name in ("most_containers", "memory_bytes", "cpus"):
            if not 0 <= getattr(self, name) <= LARGEST:
                raise Invalid(_("Give a number from 0 on; 0 means no limit."), field=name)
        return self


@dataclass(frozen=True, slots=True)
class Used:
    """What the workspace has on the host already, and what there is its own: containers by names and ids, networks and
    volumes by names.
    """

    containers: int = 0
    memory_bytes: int = 0
    cpus: float = 0.0
    own: frozenset[str] = field(default_factory=frozenset)
    networks: frozenset[str] = field(default_factory=frozenset)
    volumes: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Refusal:
    """``rule`` is the field of Rules that would have to allow it; empty where nothing can."""

    rule: str
    message: str


def judge(rules: Rules, asked: Asked, *, workspace: str, host: str, used: Used) -> list[Refusal]:
    """Everything in ``asked`` that the workspace may not have there. Empty: it may be done."""
    return [
        *_of_place(rules, host),
        *_of_walls(rules, asked, own=used.own),
        *_of_names(rules, asked, used, own=f"{workspace}_"),
        *_of_reach(rules, asked),
        *_of_totals(rules, asked, used),
    ]


def _of_place(rules: Rules, host: str) -> Iterator[Refusal]:
    if rules.hosts and host not in rules.hosts:
        yield Refusal("hosts", _("This workspace may not use the host “%(host)s”.") % {"host": host})


def _of_walls(rules: Rules, asked: Asked, *, own: frozenset[str]) -> Iterator[Refusal]:
    if asked.privileged and not rules.privileged:
        yield Refusal("privileged", _("Privileged containers are not allowed in this workspace."))
    for name in sorted(asked.host_namespaces - set(rules.host_namespaces)):
        message = _("The host’s own “%(name)s” namespace is not allowed in this workspace.")
        yield Refusal("host_namespaces", message % {"name": name})
    for name in sorted(asked.capabilities - set(rules.capabilities) - USUAL_CAPABILITIES):
        yield Refusal("capabilities", _("The capability “%(name)s” is not allowed in this workspace.") % {"name": name})
    for name in asked.joins:
        if name not in own:
            yield Refusal("", _("“%(name)s” is no container of this workspace.") % {"name": name})
    for name in asked.other:
        yield Refusal("", _("The field %(field)s cannot be used here.") % {"field": name})
    yield from _of_paths(rules, asked)


def _of_paths(rules: Rules, asked: Asked) -> Iterator[Refusal]:
    for path in asked.binds:
        if not any(_is_below(path, prefix) for prefix in rules.bind_prefixes):
            yield Refusal("bind_prefixes", _("The path “%(path)s” of the host may not be mounted.") % {"path": path})
    for path in asked.devices:
        if not any(_is_below(path, one) for one in rules.devices):
            yield Refusal("devices", _("The device “%(path)s” is not allowed in this workspace.") % {"path": path})


def _of_names(rules: Rules, asked: Asked, used: Used, *, own: str) -> Iterator[Refusal]:
    for name in asked.volumes:
        if name not in used.volumes and not name.startswith((own, *rules.volumes)):
            yield Refusal("volumes", _("The volume “%(name)s” is not this workspace’s.") % {"name": name})
    for name in asked.networks:
        if name not in used.networks and not name.startswith((own, *rules.networks)):
            yield Refusal("networks", _("The network “%(name)s” is not this workspace’s.") % {"name": name})


def _of_reach(rules: Rules, asked: Asked) -> Iterator[Refusal]:
    for address in asked.addresses:
        if not _is_published(address, rules.addresses):
            yield Refusal("addresses", _("Ports may not be published on %(address)s.") % {"address": address})
    for subnet in asked.subnets:
        if not _is_within(subnet, rules.subnets):
            yield Refusal("subnets", _("A network may not have the addresses %(subnet)s.") % {"subnet": subnet})
    for name in asked.registries:
        if ANY not in rules.registries and name not in rules.registries:
            yield Refusal("registries", _("The registry “%(name)s” is not allowed in this workspace.") % {"name": name})


def _of_totals(rules: Rules, asked: Asked, used: Used) -> Iterator[Refusal]:
    if rules.most_containers and used.containers + asked.containers > rules.most_containers:
        yield Refusal(
            "most_containers", _("The workspace has its %(most)d containers already.") % {"most": rules.most_containers}
        )
    if asked.containers:
        yield from _of_limits(rules, asked, used)


def _of_limits(rules: Rules, asked: Asked, used: Used) -> Iterator[Refusal]:
    if rules.memory_bytes and not 0 < asked.memory_bytes <= rules.memory_bytes - used.memory_bytes:
        left = max(rules.memory_bytes - used.memory_bytes, 0) // 2**20
        yield Refusal("memory_bytes", _("Give a memory limit: the workspace has %(left)d MiB left.") % {"left": left})
    # limits are decimal fractions: what is left after taking them off may be short by a rounding error
    if rules.cpus and not 0 < asked.cpus <= rules.cpus - used.cpus + 1e-6:
        free = f"{max(rules.cpus - used.cpus, 0.0):g}"
        yield Refusal("cpus", _("Give a CPU limit: the workspace has %(left)s CPUs left.") % {"left": free})


def _is_below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix.rstrip("/") + "/")


def _is_published(address: str, allowed: Sequence[str]) -> bool:
    """All of the addresses meant must be allowed: 0.0.0.0 means every one."""
    try:
        wanted = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return False
    if isinstance(wanted, ipaddress.IPv6Address) and wanted.ipv4_mapped:
        wanted = wanted.ipv4_mapped
    meant = ipaddress.ip_network(f"{wanted}/0") if wanted.is_unspecified else ipaddress.ip_network(wanted)
    for text in allowed:
        network = ipaddress.ip_network(text)
        if network.version == meant.version and meant.subnet_of(network):  # type: ignore[arg-type]  # same version
            return True
    return False


def _is_within(subnet: str, allowed: Sequence[str]) -> bool:
    try:
        wanted = ipaddress.ip_network(subnet, strict=False)
    except ValueError:
        return False
    for text in allowed:
        network = ipaddress.ip_network(text)
        if network.version == wanted.version and wanted.subnet_of(network):  # type: ignore[arg-type]  # same version
            return True
    return False


# --- well-formed entries ---


def _is_path(text: str) -> bool:
    return text.startswith("/") and "\0" not in text and ".." not in text.split("/") and len(text) <= 4096


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


WELL_FORMED: Mapping[str, Callable[[str], bool]] = {
    "hosts": lambda text: bool(NAME.fullmatch(text)),
    "host_namespaces": lambda text: text in NAMESPACES,
    "bind_prefixes": _is_path,
    "capabilities": lambda text: bool(CAPABILITY.fullmatch(text)),
    "devices": lambda text: _is_path(text) or bool(NAME.fullmatch(text)),
    "addresses": _is_network,
    "subnets": _is_network,
    "registries": lambda text: text == ANY or bool(NAME.fullmatch(text)),
    "volumes": lambda text: bool(NAME.fullmatch(text)),
    "networks": lambda text: bool(NAME.fullmatch(text)),
}


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
