"""``HostConfig`` of a create request: what of it this engine does, and what of it Docker would do and we refuse."""

import ipaddress
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.model.container import LogConfig, Profile
from engine.model.errors import Invalid, Unsupported
from engine.model.ports import Port, PortBinding
from engine.wire.json_body import decode, pascal, unknown_members
from engine.wire.resources import ResourcesJson, decode_resources, resource_warnings
from engine.wire.restart_policy import RestartPolicyJson, decode_restart_policy
from engine.wire.text import check_mapping, check_texts, shown

EMPTY: Final[tuple[object, ...]] = ("", 0, False, [], {})

# What Docker has and we have not (yet), with the values that ask for nothing.
REFUSED: Final[Mapping[str, tuple[object, ...]]] = {
    "Annotations": EMPTY,
    "Binds": EMPTY,
    "Cgroup": EMPTY,
    "CgroupParent": EMPTY,
    "CgroupnsMode": (*EMPTY, "private"),
    "DeviceCgroupRules": EMPTY,
    "DeviceRequests": EMPTY,
    "Devices": EMPTY,
    "GroupAdd": EMPTY,
    "Init": EMPTY,
    "IpcMode": (*EMPTY, "private"),
    "Isolation": (*EMPTY, "default"),
    "Links": EMPTY,
    "MaskedPaths": (),  # an empty list would unmask everything
    "Mounts": EMPTY,
    "OomScoreAdj": EMPTY,
    "PidMode": (*EMPTY, "private"),
    "ReadonlyPaths": (),
    "StorageOpt": EMPTY,
    "UTSMode": (*EMPTY, "private"),
    "VolumeDriver": (*EMPTY, "local"),
    "VolumesFrom": EMPTY,
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
    network_mode: str = ""
    port_bindings: dict[str, list[PortBindingJson]] = {}
    restart_policy: RestartPolicyJson = msgspec.field(default_factory=RestartPolicyJson)
    auto_remove: bool = False
    console_size: list[int] = []
    cap_add: list[str] = []
    cap_drop: list[str] = []
    dns: list[str] = []
    dns_options: list[str] = []
    dns_search: list[str] = []
    extra_hosts: list[str] = []
    privileged: bool = False
    publish_all_ports: bool = False
    readonly_rootfs: bool = False
    security_opt: list[str] = []
    tmpfs: dict[str, str] = {}
    userns_mode: str = ""
    sysctls: dict[str, str] = {}
    runtime: str = ""
    shm_size: int = 0


def decode_host_config(raw: Mapping[str, Any]) -> tuple[HostConfigJson, list[str]]:
    """The members we act upon, and warnings about those nobody knows. Raises Unsupported, naming the member."""
    refuse_members(raw, REFUSED, path="HostConfig.")
    known = (*REFUSED, *_CLIENT_ONLY)
    warnings = [
        f"HostConfig.{name} is unknown and was ignored"
        for name in unknown_members(dict(raw), HostConfigJson, known=known)
    ]
    given = decode(raw, HostConfigJson)
    return given, [*warnings, *resource_warnings(given)]


def refuse_members(raw: Mapping[str, Any], refused: Mapping[str, tuple[object, ...]], *, path: str) -> None:
    for name, harmless in refused.items():
        if name in raw and raw[name] not in harmless:
            raise Unsupported(f"{path}{name} is not supported by this engine (yet); leave it out")


def host_config_fields(given: HostConfigJson, *, default_profile: Profile) -> dict[str, Any]:
    """The ContainerSpec fields that come from HostConfig. Raises Invalid or Unsupported, naming the member."""
    _refuse_values(given)
    _check(given)
    if not 0 <= given.shm_size < 2**62:
        raise Invalid(f"HostConfig.ShmSize: SHM size can not be less than 0: {given.shm_size}")
    unconfined, no_new_privileges, profile = _security(given.security_opt)
    return {
        "auto_remove": given.auto_remove,
        "restart": decode_restart_policy(given.restart_policy, auto_remove=given.auto_remove),
        "port_bindings": _bindings(given.port_bindings),
        "publish_all_ports": given.publish_all_ports,
        "network_mode": _network_mode(given.network_mode),
        "extra_hosts": tuple(entry.replace("=", ":", 1) for entry in given.extra_hosts),
        "dns": tuple(given.dns),
        "dns_search": tuple(given.dns_search),
        "dns_options": tuple(given.dns_options),
        "userns_host": given.userns_mode == "host",
        "privileged": given.privileged,
        "read_only_rootfs": given.readonly_rootfs,
        "capabilities_add": _capabilities(given.cap_add),
        "capabilities_drop": _capabilities(given.cap_drop),
        "seccomp_unconfined": unconfined,
        "no_new_privileges": no_new_privileges,
        "profile": profile or default_profile,
        "sysctls": given.sysctls,
        "tmpfs": given.tmpfs,
        "shm_size_bytes": given.shm_size or 64 << 20,
        "resources": decode_resources(given),
        "log": LogConfig(),
        "runtime": given.runtime,
    }


def _refuse_values(given: HostConfigJson) -> None:
    """Members of which we do a part."""
    if given.log_config.type not in ("", "json-file"):
        raise Unsupported(f"HostConfig.LogConfig.Type: {shown(given.log_config.type)} is not supported, only json-file")
    if given.log_config.config:
        names = ", ".join(shown(name) for name in sorted(given.log_config.config)[:5])
        raise Unsupported(f"HostConfig.LogConfig.Config: {names}: log options are not supported yet")
    if given.userns_mode not in ("", "host", "private"):
        raise Unsupported(f"HostConfig.UsernsMode: {shown(given.userns_mode)} is not supported, only 'host'")


def _check(given: HostConfigJson) -> None:
    for field in ("dns", "dns_options", "dns_search", "extra_hosts", "cap_add", "cap_drop", "security_opt"):
        check_texts(f"HostConfig.{pascal(field)}", getattr(given, field), longest=4096)
    for path in given.tmpfs:
        if not path.startswith("/"):
            raise Invalid(f"HostConfig.Tmpfs: invalid mount path {shown(path)}: it must be absolute")
    check_mapping("HostConfig.Tmpfs", given.tmpfs)
    check_mapping("HostConfig.Sysctls", given.sysctls)
    for name in ("network_mode", "runtime", "cpuset_cpus", "cpuset_mems", "userns_mode"):
        check_texts(f"HostConfig.{pascal(name)}", [getattr(given, name)], longest=255)
    for address in given.dns:
        _check_address("HostConfig.Dns", address)
    for entry in given.extra_hosts:
        name, colon, address = entry.replace("=", ":", 1).partition(":")
        if not name or not colon:
            raise Invalid(f"HostConfig.ExtraHosts: bad format for add-host: {shown(entry)}: expected NAME:ADDRESS")
        if address != "host-gateway":
            _check_address("HostConfig.ExtraHosts", address.strip("[]"))


def _check_address(field: str, text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError as error:
        raise Invalid(f"{field}: invalid IP address in add-host or dns: {shown(text)}") from error


def _network_mode(text: str) -> str:
    if text in ("", "default", "bridge"):
        return "bridge"
    if text in ("none", "host"):
        return text
    raise Unsupported(f"HostConfig.NetworkMode: {shown(text)} is not supported yet, only bridge, none and host")


def _security(options: list[str]) -> tuple[bool, bool, Profile | None]:
    unconfined = no_new_privileges = False
    profile = None
    for option in options:
        key, _, value = option.replace(":", "=", 1).partition("=")
        if key == "no-new-privileges" and value in ("", "true", "false"):
            no_new_privileges = value != "false"
        elif key == "seccomp" and value in ("unconfined", "builtin"):
            unconfined = value == "unconfined"
        elif key == "profile" and value in list(Profile):
            profile = Profile(value)
        elif option.replace(":", "=") not in ("apparmor=unconfined", "label=disable"):  # we apply neither
            raise Unsupported(
                f"HostConfig.SecurityOpt: {shown(option)} is not supported; possible are no-new-privileges, "
                "seccomp=unconfined and profile=compat|default|strict"
            )
    return unconfined, no_new_privileges, profile


def _capabilities(names: list[str]) -> tuple[str, ...]:
    return tuple(sorted({name.upper().removeprefix("CAP_") for name in names}))


def _bindings(given: Mapping[str, list[PortBindingJson]]) -> tuple[PortBinding, ...]:
    bindings = []
    for text, published in given.items():
        port = Port.parse(text)
        bindings += [_binding(port, binding) for binding in published]
    return tuple(dict.fromkeys(bindings))


def _binding(port: Port, given: PortBindingJson) -> PortBinding:
    if given.host_ip:
        _check_address("HostConfig.PortBindings.HostIp", given.host_ip)
    first, dash, last = given.host_port.partition("-")
    if dash and first != last:
        raise Unsupported(f"HostConfig.PortBindings: a range of host ports ({shown(given.host_port)}) is not supported")
    if first and not (first.isascii() and first.isdigit() and len(first) < 6 and int(first) <= 65535):
        raise Invalid(f"HostConfig.PortBindings: invalid port specification: {shown(given.host_port)}")
    return PortBinding(port, given.host_ip, int(first or "0"))
