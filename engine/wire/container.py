"""Containers as ``inspect`` and ``ps`` show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from engine.model.container import Container, Status
from engine.model.digest import Digest
from engine.model.health import Health, HealthStatus
from engine.model.network import EndpointSettings
from engine.wire.container_config import encode_container_config
from engine.wire.host_config_echo import encode_bindings, encode_host_config
from engine.wire.mounts_echo import VolumePath, encode_mount_points
from engine.wire.network import encode_endpoint
from engine.wire.times import ZERO, human_duration, timestamp, unix_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFacts:
    """What a container's record does not hold: where it lies on disk, and what it is joined to.

    ``network_ids`` are by name. ``lower_dirs`` are highest first. ``image_label`` is the name to show in lists.
    ``volume_path`` tells where a volume's data lies. ``link_names`` are those it has as another one's link.
    """

    hostname: str
    runtime: str
    network_ids: Mapping[str, str] = field(default_factory=dict)
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
    volume_path: VolumePath = str
    link_names: Sequence[str] = ()
    size_rw_bytes: int | None = None
    size_image_bytes: int = 0


def encode_inspect(container: Container, facts: ContainerFacts) -> dict[str, Any]:
    argv = container.spec.argv
    host_config = encode_host_config(container.spec, runtime=facts.runtime)
    host_config |= {"Links": _links(container)}
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
        "Mounts": encode_mount_points(container.spec, volume_path=facts.volume_path),
        "Config": encode_container_config(container.spec, hostname=facts.hostname),
        "NetworkSettings": _network_settings(container, facts),
        **_sizes(facts),
    }


def _links(container: Container) -> list[str] | None:
    """As Docker words them: whom, and what it is to whom."""
    pairs = [link.partition(":") for link in container.spec.links]
    return [f"/{target}:/{container.name}/{alias or target}" for target, _, alias in pairs] or None


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
    networks = _networks(container, facts)
    has_sandbox = container.is_running and not (container.spec.network_of or container.spec.network_disabled)
    bridge = networks.get("bridge", {}) if container.spec.is_bridged else {}
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
        # of the default bridge alone, as clients knew it before there were others
        "EndpointID": bridge.get("EndpointID", ""),
        "Gateway": bridge.get("Gateway", ""),
        "GlobalIPv6Address": bridge.get("GlobalIPv6Address", ""),
        "GlobalIPv6PrefixLen": bridge.get("GlobalIPv6PrefixLen", 0),
        "IPAddress": bridge.get("IPAddress", ""),
        "IPPrefixLen": bridge.get("IPPrefixLen", 0),
        "IPv6Gateway": bridge.get("IPv6Gateway", ""),
        "MacAddress": bridge.get("MacAddress", ""),
        "Networks": networks,
    }


def _networks(container: Container, facts: ContainerFacts) -> dict[str, dict[str, Any]]:
    spec = container.spec
    if spec.network_of:
        return {}
    wishes = spec.wished_networks if spec.is_bridged else {spec.network_mode: EndpointSettings()}
    return {
        name: encode_endpoint(container, name, wish, network_id=facts.network_ids.get(name, ""))
        for name, wish in wishes.items()
    }


def _port_map(container: Container) -> Mapping[str, Any]:
    """Exposed ports that are not published are there with null; nothing is there while the container does not run."""
    if not container.endpoints or not container.is_running:
        return {}
    exposed: dict[str, Any] = {str(port): None for port in sorted(container.spec.exposed_ports)}
    return exposed | encode_bindings(container.published)


def encode_summary(container: Container, facts: ContainerFacts, *, now: datetime) -> dict[str, Any]:
    """One line of ``docker ps``."""
    return {
        "Id": container.id,
        "Names": sorted((f"/{container.name}", *facts.link_names)),
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
            "Networks": _networks(container, facts),
        },
        "Mounts": encode_mount_points(container.spec, volume_path=facts.volume_path),
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
    if not container.endpoints or not container.is_running:
        return []
    published = container.published
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
