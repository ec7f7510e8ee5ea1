"""``HostConfig`` of a create request: what of it this engine does, and what of it Docker would do and we refuse."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from engine.model.container import Profile
from engine.model.errors import Invalid, Unsupported
from engine.model.ports import Port, PortBinding
from engine.wire.devices import DevicesJson, decode_devices
from engine.wire.json_body import decode, pascal, unknown_members
from engine.wire.log_config import decode_log_config
from engine.wire.mounts import MountsJson, decode_mounts
from engine.wire.namespaces import NamespacesJson, decode_namespaces
from engine.wire.resources import ResourcesJson, decode_resources, resource_warnings
from engine.wire.restart_policy import RestartPolicyJson, decode_restart_policy
from engine.wire.security_options import SecurityJson, decode_security
from engine.wire.text import check_mapping, check_text, check_texts, shown

EMPTY: Final[tuple[object, ...]] = ("", 0, False, [], {})

# What Docker has and we have not (yet), with the values that ask for nothing.
REFUSED: Final[Mapping[str, tuple[object, ...]]] = {
    "Cgroup": EMPTY,
    "StorageOpt": EMPTY,
}
_CLIENT_ONLY: Final = ("ContainerIDFile",)


class PortBindingJson(msgspec.Struct, rename="pascal"):
    host_ip: str = ""
    host_port: str = ""


class LogConfigJson(msgspec.Struct, rename="pascal"):
    type: str = "json-file"
    config: dict[str, str] = {}


class HostConfigJson(ResourcesJson, rename="pascal", kw_only=True):
    """The members this engine acts upon."""

    log_config: LogConfigJson = msgspec.field(default_factory=LogConfigJson)
    port_bindings: dict[str, list[PortBindingJson]] = {}
    restart_policy: RestartPolicyJson = msgspec.field(default_factory=RestartPolicyJson)
    auto_remove: bool = False
    console_size: list[int] = []
    dns: list[str] = []
    dns_options: list[str] = []
    dns_search: list[str] = []
    extra_hosts: list[str] = []
    publish_all_ports: bool = False
    readonly_rootfs: bool = False
    tmpfs: dict[str, str] = {}
    sysctls: dict[str, str] = {}
    links: list[str] = []
    runtime: str = ""
    shm_size: int = 0
    group_add: list[str] = []
    oom_score_adj: int = 0
    init: bool | None = None
    cgroup_parent: str = ""
    isolation: str = ""


# members by subject; each has a module of its own
_SUBJECTS: Final = (
    (NamespacesJson, decode_namespaces),
    (DevicesJson, decode_devices),
    (MountsJson, decode_mounts),
    (SecurityJson, decode_security),
)
_KNOWN: Final = (
    *REFUSED,
    *_CLIENT_ONLY,
    *(name for struct, _ in _SUBJECTS for name in struct.__struct_encode_fields__),
)


@dataclass(frozen=True, slots=True)
class HostConfig:
    """``by_subject`` are the ContainerSpec fields that the subjects' modules made; ``main`` are all other members."""

    main: HostConfigJson
    by_subject: Mapping[str, Any]


def decode_host_config(raw: Mapping[str, Any]) -> tuple[HostConfig, list[str]]:
    """The members we act upon, and warnings about those nobody knows.

    Raises Unsupported, Invalid or Denied, naming the member.
    """
    refuse_members(raw, REFUSED, path="HostConfig.")
    warnings = [
        f"HostConfig.{name} is unknown and was ignored"
        for name in unknown_members(dict(raw), HostConfigJson, known=_KNOWN)
    ]
    by_subject: dict[str, Any] = {}
    for _, fields_of in _SUBJECTS:
        by_subject |= fields_of(raw)
    given = decode(raw, HostConfigJson)
    return HostConfig(given, by_subject), [*warnings, *resource_warnings(given)]


def refuse_members(raw: Mapping[str, Any], refused: Mapping[str, tuple[object, ...]], *, path: str) -> None:
    for name, harmless in refused.items():
        if name in raw and raw[name] not in harmless:
            raise Unsupported(f"{path}{name} is not supported by this engine (yet); leave it out")


def host_config_fields(host: HostConfig, *, default_profile: Profile) -> dict[str, Any]:
    """The ContainerSpec fields that come from HostConfig. Raises Invalid or Unsupported, naming the member."""
    given = host.main
    _check(given)
    if not 0 <= given.shm_size < 2**62:
        raise Invalid(f"HostConfig.ShmSize: SHM size can not be less than 0: {given.shm_size}")
    return {
        "profile": default_profile,
        **host.by_subject,
        "auto_remove": given.auto_remove,
        "restart": decode_restart_policy(given.restart_policy, auto_remove=given.auto_remove),
        "port_bindings": _bindings(given.port_bindings),
        "publish_all_ports": given.publish_all_ports,
        "extra_hosts": tuple(entry.replace("=", ":", 1) for entry in given.extra_hosts),
        "dns": tuple(given.dns),
        "dns_search": tuple(given.dns_search),
        "dns_options": tuple(given.dns_options),
        "read_only_rootfs": given.readonly_rootfs,
        "sysctls": given.sysctls,
        "links": tuple(_link(link) for link in given.links),
        "tmpfs": given.tmpfs,
        "shm_size_bytes": given.shm_size or 64 << 20,
        "resources": decode_resources(given),
        "log": decode_log_config(given.log_config.type, given.log_config.config),
        "runtime": given.runtime,
        "groups": tuple(given.group_add),
        "oom_score_adj": given.oom_score_adj,
        "init": given.init,
        "cgroup_parent": given.cgroup_parent,
        "isolation": given.isolation,
    }


def _check(given: HostConfigJson) -> None:
    for field in ("dns", "dns_options", "dns_search", "extra_hosts", "group_add", "links"):
        check_texts(f"HostConfig.{pascal(field)}", getattr(given, field), longest=4096)
    for path in given.tmpfs:
        if not path.startswith("/"):
            raise Invalid(f"HostConfig.Tmpfs: invalid mount path {shown(path)}: it must be absolute")
    check_mapping("HostConfig.Tmpfs", given.tmpfs)
    for name in ("runtime", "cpuset_cpus", "cpuset_mems"):
        check_texts(f"HostConfig.{pascal(name)}", [getattr(given, name)], longest=255)
    for address in given.dns:
        _check_address("HostConfig.Dns", address)
    for entry in given.extra_hosts:
        name, colon, address = entry.replace("=", ":", 1).partition(":")
        if not name or not colon:
            raise Invalid(f"HostConfig.ExtraHosts: bad format for add-host: {shown(entry)}: expected NAME:ADDRESS")
        if address != "host-gateway":
            _check_address("HostConfig.ExtraHosts", address.strip("[]"))
    _check_isolation(given.isolation)
    _check_places(given)


def _check_isolation(text: str) -> None:
    if text.lower() not in ("", "default"):
        raise Invalid(f"HostConfig.Isolation: Invalid isolation: {shown(text)} - linux only supports 'default'")


def _link(text: str) -> str:
    """``CONTAINER[:ALIAS]``, also from ``/CONTAINER:/PARENT/ALIAS``, as a container's inspection tells it: clients that
    make a container anew hand that back. Raises Invalid.
    """
    target, colon, alias = text.partition(":")
    if target.startswith("/"):
        target, alias = target[1:], alias.rpartition("/")[2]
    if not target or (colon and not alias) or ":" in alias:
        raise Invalid(f"HostConfig.Links: bad format for links: {shown(text)}: expected CONTAINER[:ALIAS]")
    return f"{target}{colon}{alias}"


def _check_places(given: HostConfigJson) -> None:
    """Where it stands among the host's processes."""
    if not -1000 <= given.oom_score_adj <= 1000:
        raise Invalid(
            f"HostConfig.OomScoreAdj: Invalid value {given.oom_score_adj}, range for oom score adj is [-1000, 1000]"
        )
    check_text("HostConfig.CgroupParent", given.cgroup_parent, longest=1024)
    if any(part in (".", "..") or len(part) > 255 for part in given.cgroup_parent.split("/")):
        raise Invalid(f"HostConfig.CgroupParent: {shown(given.cgroup_parent)} is not a plain path of control groups")


def _check_address(field: str, text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError as error:
        raise Invalid(f"{field}: invalid IP address in add-host or dns: {shown(text)}") from error


def _bindings(given: Mapping[str, list[PortBindingJson]]) -> tuple[PortBinding, ...]:
    bindings = []
    for text, published in given.items():
        port = Port.parse(text)
        bindings += [_binding(port, binding) for binding in published]
    return tuple(dict.fromkeys(bindings))


def _binding(port: Port, given: PortBindingJson) -> PortBinding:
    if given.host_ip:
        _check_address("HostConfig.PortBindings.HostIp", given.host_ip)
    if not given.host_port:
        return PortBinding(port, given.host_ip)
    first, dash, last = given.host_port.partition("-")
    if not _is_port(first) or (dash and not (_is_port(last) and 0 < int(first) <= int(last))):
        raise Invalid(f"HostConfig.PortBindings: invalid port specification: {shown(given.host_port)}")
    is_range = dash and first != last
    return PortBinding(port, given.host_ip, int(first), int(last) if is_range else 0)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= 65535
