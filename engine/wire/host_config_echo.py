"""``HostConfig`` as inspect repeats it."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from engine.model.container import ContainerSpec, Profile
from engine.model.ports import PortBinding
from engine.wire.resources_echo import encode_resources
from engine.wire.restart_policy import encode_restart_policy

# What Docker's answer has besides ``HostConfigJson``, at the value that is true of every container of this engine.
_CONSTANT: Final[Mapping[str, object]] = {
    "Binds": None,
    "ContainerIDFile": "",
    "VolumeDriver": "",
    "VolumesFrom": None,
    "CgroupnsMode": "private",
    "GroupAdd": None,
    "IpcMode": "private",
    "Cgroup": "",
    "Links": None,
    "OomScoreAdj": 0,
    "PidMode": "",
    "UTSMode": "",
    "Isolation": "",
    "CgroupParent": "",
    "Devices": [],
    "DeviceCgroupRules": None,
    "DeviceRequests": None,
    "CpuCount": 0,
    "CpuPercent": 0,
    "IOMaximumIOps": 0,
    "IOMaximumBandwidth": 0,
}


def encode_host_config(spec: ContainerSpec, *, runtime: str) -> dict[str, Any]:
    """Docker's echo of ``HostConfig``; None where it has nil."""
    return dict(_CONSTANT) | {
        "LogConfig": {"Type": spec.log.driver, "Config": dict(spec.log.options)},
        "NetworkMode": spec.network_mode,
        "PortBindings": encode_bindings(spec.port_bindings),
        "RestartPolicy": encode_restart_policy(spec.restart),
        "AutoRemove": spec.auto_remove,
        "ConsoleSize": [0, 0],
        "CapAdd": list(spec.capabilities_add) or None,
        "CapDrop": list(spec.capabilities_drop) or None,
        "Dns": list(spec.dns),
        "DnsOptions": list(spec.dns_options),
        "DnsSearch": list(spec.dns_search),
        "ExtraHosts": list(spec.extra_hosts) or None,
        "Privileged": spec.privileged,
        "PublishAllPorts": spec.publish_all_ports,
        "ReadonlyRootfs": spec.read_only_rootfs,
        "SecurityOpt": _security_options(spec) or None,
        "UsernsMode": "host" if spec.userns_host else "",
        "ShmSize": spec.shm_size_bytes,
        "Runtime": spec.runtime or runtime,
        **encode_resources(spec.resources),
        **({"Sysctls": dict(spec.sysctls)} if spec.sysctls else {}),
        **({"Tmpfs": dict(spec.tmpfs)} if spec.tmpfs else {}),
        **({"Init": True} if spec.init else {}),
    }


def encode_bindings(bindings: tuple[PortBinding, ...]) -> dict[str, list[dict[str, str]]]:
    """A ``PortMap``: per container port, where it is published."""
    ports: dict[str, list[dict[str, str]]] = defaultdict(list)
    for binding in bindings:
        host_port = str(binding.host_port) if binding.host_port else ""
        ports[str(binding.container_port)].append({"HostIp": binding.host_ip, "HostPort": host_port})
    return dict(ports)


def _security_options(spec: ContainerSpec) -> list[str]:
    options = ["seccomp=unconfined"] if spec.seccomp_unconfined else []
    options += ["no-new-privileges"] if spec.no_new_privileges else []
    return options + ([f"profile={spec.profile}"] if spec.profile is not Profile.DEFAULT else [])
