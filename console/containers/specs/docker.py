"""To Docker's JSON, as ``POST /containers/create`` takes it."""

from collections.abc import Mapping
from typing import Any

from console.containers.specs.spec import ContainerSpec, Join, Mount, MountKind, is_asked
from console.containers.specs.texts import PROPAGATIONS, mount_text, read_size, volume_words

Body = Mapping[str, Any]

# fields that mean the same there
CONFIG = {
    "workdir": "WorkingDir",
    "user": "User",
    "hostname": "Hostname",
    "domainname": "Domainname",
    "stop_signal": "StopSignal",
    "stop_timeout_s": "StopTimeout",
    "tty": "Tty",
    "stdin": "OpenStdin",
    "labels": "Labels",
    "mac_address": "MacAddress",
}
HOST = {
    "memory_bytes": "Memory",
    "memory_reservation_bytes": "MemoryReservation",
    "memory_swap_bytes": "MemorySwap",
    "memory_swappiness": "MemorySwappiness",
    "cpuset_cpus": "CpusetCpus",
    "cpuset_mems": "CpusetMems",
    "cpu_shares": "CpuShares",
    "cpu_period_us": "CpuPeriod",
    "cpu_quota_us": "CpuQuota",
    "pids_limit": "PidsLimit",
    "shm_bytes": "ShmSize",
    "blkio_weight": "BlkioWeight",
    "oom_kill_disable": "OomKillDisable",
    "oom_score_adj": "OomScoreAdj",
    "auto_remove": "AutoRemove",
    "publish_all": "PublishAllPorts",
    "privileged": "Privileged",
    "cap_add": "CapAdd",
    "cap_drop": "CapDrop",
    "security_opt": "SecurityOpt",
    "read_only": "ReadonlyRootfs",
    "init": "Init",
    "group_add": "GroupAdd",
    "sysctls": "Sysctls",
    "userns": "UsernsMode",
    "pid_mode": "PidMode",
    "ipc_mode": "IpcMode",
    "uts_mode": "UTSMode",
    "cgroupns": "CgroupnsMode",
    "volumes_from": "VolumesFrom",
    "links": "Links",
    "dns": "Dns",
    "dns_search": "DnsSearch",
    "dns_options": "DnsOptions",
    "extra_hosts": "ExtraHosts",
}
HEALTH = {
    "health_interval_ms": "Interval",
    "health_timeout_ms": "Timeout",
    "health_start_period_ms": "StartPeriod",
}
COVER_MS = 1_000_000


def as_docker(spec: ContainerSpec, *, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """All of it but the platform, which is a parameter. ``labels`` are added."""
    body: dict[str, Any] = {member: _sent(spec, name) for name, member in CONFIG.items() if _says(spec, name)}
    body |= {"Image": spec.image, "Env": [f"{name}={value}" for name, value in spec.env.items()]}
    body["Labels"] = {**spec.labels, **(labels or {})}
    body["ExposedPorts"] = {port: {} for port in (*_published(spec), *spec.expose)}
    if spec.command:
        body["Cmd"] = list(spec.command)
    if spec.entrypoint is not None:
        body["Entrypoint"] = [spec.entrypoint]
    volumes = [mount.target for mount in spec.mounts if _is_own_volume(mount)]
    if volumes:
        body["Volumes"] = {target: {} for target in volumes}
    if health := _health(spec):
        body["Healthcheck"] = health
    body["HostConfig"] = _host_config(spec)
    if endpoints := {join.name: _endpoint(join) for join in spec.networks if not _shares(join.name)}:
        body["NetworkingConfig"] = {"EndpointsConfig": endpoints}
    return body


def _says(spec: ContainerSpec, name: str) -> bool:
    return is_asked(name, getattr(spec, name))


def _sent(spec: ContainerSpec, name: str) -> Any:
    value = getattr(spec, name)
    return dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value


def _host_config(spec: ContainerSpec) -> dict[str, Any]:
    host = {member: _sent(spec, name) for name, member in HOST.items() if _says(spec, name)}
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in spec.ports:
        binding = {"HostIp": port.host_address, "HostPort": str(port.host_port or "")}
        bindings.setdefault(f"{port.container_port}/{port.protocol}", []).append(binding)
    for member in {"CapAdd", "CapDrop"} & host.keys():
        host[member] = [name if name == "ALL" else f"CAP_{name}" for name in host[member]]
    name, _colon, most = spec.restart.partition(":")
    parts = {
        "PortBindings": bindings,
        "NanoCpus": round(spec.cpus * 1e9),
        "NetworkMode": spec.networks[0].name if spec.networks else "",
        "RestartPolicy": {"Name": name, "MaximumRetryCount": int(most or 0)} if spec.restart else None,
        "Ulimits": [_ulimit(text) for text in spec.ulimits],
        "Devices": [_device(text) for text in spec.devices],
        "LogConfig": {"Type": spec.log_driver, "Config": dict(spec.log_options)} if _has_log(spec) else None,
        "Binds": [volume_words(mount) for mount in spec.mounts if _is_bind(mount)],
        "Tmpfs": {mount.target: _tmpfs_words(mount) for mount in spec.mounts if _is_loose_tmpfs(mount)},
        "Mounts": [_mount(mount) for mount in spec.mounts if mount.strict],
    }
    return host | {member: value for member, value in parts.items() if value}


def _published(spec: ContainerSpec) -> list[str]:
    return list(dict.fromkeys(f"{port.container_port}/{port.protocol}" for port in spec.ports))


def _has_log(spec: ContainerSpec) -> bool:
    return bool(spec.log_driver or spec.log_options)


def _is_own_volume(mount: Mount) -> bool:
    return mount.kind is MountKind.VOLUME and not mount.strict and not mount.source


def _is_bind(mount: Mount) -> bool:
    return mount.kind is not MountKind.TMPFS and not mount.strict and bool(mount.source)


def _is_loose_tmpfs(mount: Mount) -> bool:
    return mount.kind is MountKind.TMPFS and not mount.strict


def _tmpfs_words(mount: Mount) -> str:
    return mount_text(mount).partition(":")[2].partition(":")[2]


def _mount(mount: Mount) -> dict[str, Any]:
    found: dict[str, Any] = {"Type": mount.kind.value, "Target": mount.target}
    found |= {"Source": mount.source} if mount.source else {}
    found |= {"ReadOnly": True} if mount.read_only else {}
    tmpfs: dict[str, int] = {}
    for word in filter(None, mount.options.split(",")):
        name, _equals, value = word.partition("=")
        if name == "size":
            tmpfs["SizeBytes"] = read_size(value, field="mounts")
        elif name == "mode":
            tmpfs["Mode"] = int(value, 8)
        elif word == "nocopy":
            found["VolumeOptions"] = {"NoCopy": True}
        elif word in PROPAGATIONS:
            found["BindOptions"] = {"Propagation": word}
    return found | ({"TmpfsOptions": tmpfs} if tmpfs else {})


def _ulimit(text: str) -> dict[str, Any]:
    name, _equals, values = text.partition("=")
    soft, _colon, hard = values.partition(":")
    return {"Name": name, "Soft": int(soft), "Hard": int(hard or soft)}


def _device(text: str) -> dict[str, str]:
    source, *rest = text.split(":")
    target = next((part for part in rest if part.startswith("/")), source)
    rights = next((part for part in rest if not part.startswith("/")), "rwm")
    return {"PathOnHost": source, "PathInContainer": target, "CgroupPermissions": rights}


def _health(spec: ContainerSpec) -> dict[str, Any]:
    if spec.no_healthcheck:
        return {"Test": ["NONE"]}
    times = {member: getattr(spec, name) * COVER_MS for name, member in HEALTH.items() if getattr(spec, name)}
    test = {"Test": ["CMD-SHELL", spec.health_command]} if spec.health_command else {}
    return test | times | ({"Retries": spec.health_retries} if spec.health_retries else {})


def _shares(name: str) -> bool:
    """A network of somebody else's, which has no endpoint of its own."""
    return name in ("host", "none", "default") or name.startswith("container:")


def _endpoint(join: Join) -> dict[str, Any]:
    addresses = {"IPv4Address": join.ipv4, "IPv6Address": join.ipv6}
    given = {name: address for name, address in addresses.items() if address}
    found: dict[str, Any] = {"Aliases": list(join.aliases)} if join.aliases else {}
    return found | ({"IPAMConfig": given} if given else {})
