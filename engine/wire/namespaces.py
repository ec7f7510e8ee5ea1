"""Namespaces a container shares: the modes of ``HostConfig``, and what they do not go together with."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.model.container import ContainerSpec
from engine.model.errors import Invalid
from engine.model.namespaces import Namespaces, joined_container
from engine.wire.json_body import decode
from engine.wire.text import check_name, check_network, shown


class NamespacesJson(msgspec.Struct, rename="pascal", kw_only=True):
    network_mode: str = ""
    pid_mode: str = ""
    ipc_mode: str = ""
    uts_mode: str = msgspec.field(default="", name="UTSMode")
    cgroupns_mode: str = ""
    userns_mode: str = ""


_CONTAINER: Final = "container:X"  # any X
# member → what Docker calls it in its refusal, and its words
_MODES: Final = {
    "pid_mode": ("PidMode", "PID mode", ("", "host", "private", _CONTAINER)),
    "ipc_mode": ("IpcMode", "IPC mode", ("", "none", "private", "shareable", "host", _CONTAINER)),
    "uts_mode": ("UTSMode", "UTS mode", ("", "host", "private")),
    "cgroupns_mode": ("CgroupnsMode", "cgroup namespace mode", ("", "host", "private")),
    "userns_mode": ("UsernsMode", "userns mode", ("", "host", "private")),
}


def decode_namespaces(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The ContainerSpec fields. Raises Invalid; whether there is such a network is for others to know."""
    given = decode(raw, NamespacesJson)
    for name, (member, called, words) in _MODES.items():
        mode = getattr(given, name)
        if mode in words and mode != _CONTAINER:
            continue
        check_name(f"HostConfig.{member}", mode)
        if not (joined_container(mode) and _CONTAINER in words):
            raise Invalid(f"HostConfig.{member}: invalid {called}: {shown(mode)}")
    return {
        "network_mode": _network_mode(given.network_mode),
        "userns_host": given.userns_mode == "host",
        "namespaces": Namespaces(given.pid_mode, given.ipc_mode, given.uts_mode, given.cgroupns_mode),
    }


def encode_namespaces(spec: ContainerSpec) -> dict[str, str]:
    shared = spec.namespaces
    return {
        "NetworkMode": spec.network_mode,
        "PidMode": shared.pid,
        "IpcMode": shared.ipc or "private",
        "UTSMode": shared.uts,
        "CgroupnsMode": shared.cgroup or "private",
        "UsernsMode": "host" if spec.userns_host else "",
    }


def check_conflicts(spec: ContainerSpec) -> None:
    """What a client cannot ask for together, before the image is merged in; in Docker's order and words
    (moby, runconfig/errors.go)."""
    is_joined = spec.network_of is not None
    refusals = (
        (is_joined and spec.hostname, "hostname and the network mode"),
        (spec.namespaces.uts == "host" and spec.hostname, "hostname and the UTS mode"),
        (spec.namespaces.uts == "host" and spec.domainname, "domainname and the UTS mode"),
        (
            spec.network_mode == "host" and spec.links,
            "host type networking can't be used with links. This would result in undefined behavior",
        ),
        (
            is_joined and spec.links,
            "container type network can't be used with links. This would result in undefined behavior",
        ),
        (is_joined and spec.dns, "dns and the network mode"),
        (is_joined and spec.extra_hosts, "custom host-to-IP mapping and the network mode"),
        ((is_joined or spec.network_mode == "host") and spec.mac_address, "mac-address and the network mode"),
        (
            is_joined and (spec.port_bindings or spec.publish_all_ports),
            "port publishing and the container type network mode",
        ),
        (
            not spec.is_bridged and set(spec.networks or ()) - {spec.network_mode},
            f"cannot attach to a network besides network mode {shown(spec.network_mode)}",
        ),
        (is_joined and spec.exposed_ports, "port exposing and the container type network mode"),
    )
    for refused, what in refusals:
        if refused:
            raise Invalid(f"conflicting options: {what}")


def _network_mode(text: str) -> str:
    check_name("HostConfig.NetworkMode", text)
    if text in ("", "default", "bridge"):
        return "bridge"
    if text in ("none", "host"):
        return text
    if text.startswith("container:"):
        if not joined_container(text):
            raise Invalid("HostConfig.NetworkMode: invalid container format container:<name|id>")
        return text
    return check_network("HostConfig.NetworkMode", text)
