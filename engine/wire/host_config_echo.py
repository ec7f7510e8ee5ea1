"""``HostConfig`` as inspect repeats it."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from engine.model.container import ContainerSpec
from engine.model.ports import PortBinding
from engine.wire.devices import encode_devices
from engine.wire.mounts_echo import encode_mount_requests
from engine.wire.namespaces import encode_namespaces
from engine.wire.resources_echo import encode_resources
from engine.wire.restart_policy import encode_restart_policy
from engine.wire.security_options import encode_security

# What Docker's answer has besides ``HostConfigJson``, at the value that is true of every container of this engine.
_CONSTANT: Final[Mapping[str, object]] = {
    "ContainerIDFile": "",
    "Cgroup": "",
    "DeviceRequests": None,
    "CpuCount": 0,
    "CpuPercent": 0,
    "IOMaximumIOps": 0,
    "IOMaximumBandwidth": 0,
}


def encode_host_config(spec: ContainerSpec, *, runtime: str) -> dict[str, Any]:
    """Docker's echo of ``HostConfig``; None where it has nil."""
    return dict(_CONSTANT) | {
        **encode_mount_requests(spec),
        **encode_namespaces(spec),
        **encode_devices(spec),
        **encode_security(spec),
        "GroupAdd": list(spec.groups) or None,
        "OomScoreAdj": spec.oom_score_adj,
        "CgroupParent": spec.cgroup_parent,
        "Isolation": spec.isolation,
        "LogConfig": {"Type": spec.log.driver, "Config": dict(spec.log.options)},
        "PortBindings": encode_bindings(spec.port_bindings),
        "RestartPolicy": encode_restart_policy(spec.restart),
        "AutoRemove": spec.auto_remove,
        "ConsoleSize": [0, 0],
        "Dns": list(spec.dns),
        "DnsOptions": list(spec.dns_options),
        "DnsSearch": list(spec.dns_search),
        "ExtraHosts": list(spec.extra_hosts) or None,
        "PublishAllPorts": spec.publish_all_ports,
        "ReadonlyRootfs": spec.read_only_rootfs,
        "ShmSize": spec.shm_size_bytes,
        "Runtime": spec.runtime or runtime,
        **encode_resources(spec.resources),
        **({"Sysctls": dict(spec.sysctls)} if spec.sysctls else {}),
        **({"Tmpfs": dict(spec.tmpfs)} if spec.tmpfs else {}),
        **({"Init": spec.init} if spec.init is not None else {}),
    }


def encode_bindings(bindings: tuple[PortBinding, ...]) -> dict[str, list[dict[str, str]]]:
    """A ``PortMap``: per container port, where it is published."""
    ports: dict[str, list[dict[str, str]]] = defaultdict(list)
    for binding in bindings:
        host_port = binding.host_ports if binding.host_port else ""
        ports[str(binding.container_port)].append({"HostIp": binding.host_ip, "HostPort": host_port})
    return dict(ports)
