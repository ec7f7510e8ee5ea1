"""Containers as ``inspect`` and ``ps`` show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from engine.model.container import Container, Status
from engine.model.digest import Digest
from engine.model.health import Health, HealthStatus
from engine.wire.container_config import encode_container_config
from engine.wire.host_config_echo import encode_bindings, encode_host_config
from engine.wire.mounts_echo import encode_mount_points
from engine.wire.network import encode_endpoint, endpoint_id
from engine.wire.times import ZERO, human_duration, timestamp, unix_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFacts:
    """What a container's record does not hold: where it lies on disk, and what it is joined to.

    ``lower_dirs`` are highest first. ``image_label`` is the name to show in lists.
    """

    hostname: str
    network_id: str
    runtime: str
    image_label: str = ""
    log_path: str = ""
    etc_dir: str = ""
    merged_dir: str = ""
    upper_dir: str = ""
    work_dir: str = ""
    lower_dirs: Sequence[str] = ()
    masked_paths: Sequence[str] = ()
    read_only_paths: Sequence[str] = ()
    exec_ids: Sequence[str] = ()
    size_rw_bytes: int | None = None
    size_image_bytes: int = 0


def encode_inspect(container: Container, facts: ContainerFacts) -> dict[str, Any]:
    argv = container.spec.argv
    host_config = encode_host_config(container.spec, runtime=facts.runtime)
    host_config |= {"MaskedPaths": list(facts.masked_paths), "ReadonlyPaths": list(facts.read_only_paths)}
    return {
        "Id": container.id,
        "Created": timestamp(container.created_at),
        "Path": argv[0] if argv else "",
        "Args": list(argv[1:]),
        "State": _state(container),
        "Image": str(container.spec.image_id),
        **_files(container, facts),
        "Name": f"/{container.name}",
        "RestartCount": container.restart_count,
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": list(facts.exec_ids) or None,
        "HostConfig": host_config,
        "GraphDriver": {
            "Data": {
                "ID": container.id,
                "LowerDir": ":".join(facts.lower_dirs),
                "MergedDir": facts.merged_dir,
                "UpperDir": facts.upper_dir,
                "WorkDir": facts.work_dir,
            },
            "Name": "overlay2",
        },
        "Mounts": encode_mount_points(container.spec),
        "Config": encode_container_config(container.spec, hostname=facts.hostname),
        "NetworkSettings": _network_settings(container, facts),
        **_sizes(facts),
    }


def _files(container: Container, facts: ContainerFacts) -> dict[str, str]:
    """They are made by the first start."""
    paths = {
        "ResolvConfPath": f"{facts.etc_dir}/resolv.conf",
        "HostnamePath": f"{facts.etc_dir}/hostname",
        "HostsPath": f"{facts.etc_dir}/hosts",
        "LogPath": facts.log_path,
    }
    return paths if container.started_at else dict.fromkeys(paths, "")


def _state(container: Container) -> dict[str, Any]:
    health = {"Health": _health(container.health)} if container.health else {}
    return {
        "Status": container.status.value,
        "Running": container.is_active,
        "Paused": container.status is Status.PAUSED,
        "Restarting": container.status is Status.RESTARTING,
        "OOMKilled": container.oom_killed,
        "Dead": container.status is Status.DEAD,
        "Pid": container.process.pid if container.process and container.is_running else 0,
        "ExitCode": 0 if container.is_running else container.exit_code,
        "Error": container.error,
        "StartedAt": timestamp(container.started_at),
        "FinishedAt": timestamp(container.finished_at) if container.finished_at else ZERO,
        **health,
    }


def _health(health: Health) -> dict[str, Any]:
    return {
        "Status": health.status.value,
        "FailingStreak": health.failing_streak,
        "Log": [
            {
                "Start": timestamp(probe.started_at),
                "End": timestamp(probe.ended_at),
                "ExitCode": probe.exit_code,
                "Output": probe.output,
            }
            for probe in health.probes
        ],
    }


def _sizes(facts: ContainerFacts) -> dict[str, int]:
    if facts.size_rw_bytes is None:
        return {}
    return {"SizeRw": facts.size_rw_bytes, "SizeRootFs": facts.size_image_bytes + facts.size_rw_bytes}


def _network_settings(container: Container, facts: ContainerFacts) -> dict[str, Any]:
    own = encode_endpoint(container, facts.network_id)
    is_bridged = container.spec.is_bridged
    has_sandbox = container.is_running and not (container.spec.network_of or container.spec.network_disabled)
    joined = own if is_bridged else dict.fromkeys(own, "") | {"IPPrefixLen": 0, "GlobalIPv6PrefixLen": 0}
    return {
        "Bridge": "",
        "SandboxID": Digest.of(f"sandbox {container.id}".encode()).hex if has_sandbox else "",
        "SandboxKey": f"/proc/{container.process.pid}/ns/net" if container.process and has_sandbox else "",
        "Ports": _port_map(container),
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        "EndpointID": endpoint_id(container.id) if container.is_running and is_bridged else "",
        "Gateway": joined["Gateway"],
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "IPAddress": joined["IPAddress"],
        "IPPrefixLen": joined["IPPrefixLen"],
        "IPv6Gateway": "",
        "MacAddress": joined["MacAddress"],
        "Networks": {} if container.spec.network_of else {container.spec.network_mode: own},
    }


def _port_map(container: Container) -> Mapping[str, Any]:
    """Exposed ports that are not published are there with null; nothing is there while the container does not run."""
    if container.endpoint is None or not container.is_running:
        return {}
    exposed: dict[str, Any] = {str(port): None for port in sorted(container.spec.exposed_ports)}
    return exposed | encode_bindings(container.endpoint.published)


def encode_summary(container: Container, facts: ContainerFacts, *, now: datetime) -> dict[str, Any]:
    """One line of ``docker ps``."""
    return {
        "Id": container.id,
        "Names": [f"/{container.name}"],
        "Image": facts.image_label or container.spec.image_name,
        "ImageID": str(container.spec.image_id),
        "Command": _command(container.spec.argv),
        "Created": unix_seconds(container.created_at),
        "Ports": _port_list(container),
        "Labels": dict(container.spec.labels),
        "State": container.status.value,
        "Status": status_text(container, now=now),
        "HostConfig": {"NetworkMode": container.spec.network_mode},
        "NetworkSettings": {
            "Networks": {}
            if container.spec.network_of
            else {container.spec.network_mode: encode_endpoint(container, facts.network_id)},
        },
        "Mounts": encode_mount_points(container.spec),
        **_sizes(facts),
    }


def status_text(container: Container, *, now: datetime) -> str:
    """moby's container.State.String."""
    if container.is_running:
        up = f"Up {_ago(container.started_at, now)}"
        return f"{up} (Paused)" if container.status is Status.PAUSED else f"{up}{_health_text(container.health)}"
    if container.status is Status.RESTARTING:
        return f"Restarting ({container.exit_code}) {_ago(container.finished_at, now)} ago"
    if container.status is Status.REMOVING:
        return "Removal In Progress"
    if container.status is Status.DEAD:
        return "Dead"
    if container.status is Status.CREATED or container.finished_at is None:
        return "Created"
    return f"Exited ({container.exit_code}) {_ago(container.finished_at, now)} ago"


def _health_text(health: Health | None) -> str:
    if health is None:
        return ""
    return " (health: starting)" if health.status is HealthStatus.STARTING else f" ({health.status})"


def _ago(at: datetime | None, now: datetime) -> str:
    return human_duration(now - at if at else timedelta())


def _command(argv: Sequence[str]) -> str:
    return " ".join([*argv[:1], *(f"'{word}'" if " " in word else word for word in argv[1:])])


def _port_list(container: Container) -> list[dict[str, Any]]:
    if container.endpoint is None or not container.is_running:
        return []
    published = container.endpoint.published
    bound = {binding.container_port for binding in published}
    ports: list[dict[str, Any]] = [
        {
            "IP": binding.host_ip,
            "PrivatePort": binding.container_port.number,
            "PublicPort": binding.host_port,
            "Type": binding.container_port.protocol.value,
        }
        for binding in published
    ]
    ports += [
        {"PrivatePort": port.number, "Type": port.protocol.value}
        for port in sorted(container.spec.exposed_ports - bound)
    ]
    return ports
