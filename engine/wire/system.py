"""``/version``, ``/info`` and ``/system/df``: the engine about itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.model.registry import HostPattern, Mirror
from engine.model.resources import LimitSupport
from engine.wire.log_config import READABLE_DRIVERS
from engine.wire.version import BUILDER_SIZE_UNTIL, CURRENT, OLDEST, SECURITY_OPTION_KEYS_FROM, ApiVersion

_LOOPBACK: Final = ("::1/128", "127.0.0.0/8")
_INDEX: Final = "https://index.docker.io/v1/"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """Constant while an engine runs. ``architecture`` is Go's word (amd64), ``machine`` uname's (x86_64)."""

    id: str
    version: str
    git_commit: str
    runtime_name: str
    runtime_version: str
    runtime_path: str
    kernel_version: str
    operating_system: str
    os_version: str
    architecture: str
    machine: str
    host_name: str
    cpus: int
    memory_bytes: int
    limits: LimitSupport
    unified_cgroups: bool
    user_namespaces: bool
    data_root: str
    warnings: tuple[str, ...] = ()
    insecure_registries: Sequence[HostPattern] = ()
    registry_mirrors: Sequence[Mirror] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineCounts:
    """Of this moment."""

    running: int
    paused: int
    stopped: int
    images: int
    system_time: str
    event_listeners: int = 0


def encode_version(facts: EngineFacts) -> dict[str, Any]:
    details = {
        "ApiVersion": str(CURRENT),
        "Arch": facts.architecture,
        "BuildTime": "",
        "Experimental": "false",
        "GitCommit": facts.git_commit,
        "GoVersion": "",
        "KernelVersion": facts.kernel_version,
        "MinAPIVersion": str(OLDEST),
        "Os": "linux",
    }
    return {
        "Platform": {"Name": "Naru"},
        "Components": [
            {"Name": "Engine", "Version": facts.version, "Details": details},
            {"Name": facts.runtime_name, "Version": facts.runtime_version, "Details": {"GitCommit": ""}},
        ],
        "Version": facts.version,
        "ApiVersion": str(CURRENT),
        "MinAPIVersion": str(OLDEST),
        "GitCommit": facts.git_commit,
        "GoVersion": "",
        "Os": "linux",
        "Arch": facts.architecture,
        "KernelVersion": facts.kernel_version,
        "BuildTime": "",
    }


def encode_info(facts: EngineFacts, counts: EngineCounts) -> dict[str, Any]:
    return {
        "ID": facts.id,
        "Containers": counts.running + counts.paused + counts.stopped,
        "ContainersRunning": counts.running,
        "ContainersPaused": counts.paused,
        "ContainersStopped": counts.stopped,
        "Images": counts.images,
        "NEventsListener": counts.event_listeners,
        "SystemTime": counts.system_time,
        "Name": facts.host_name,
        "ServerVersion": facts.version,
        "KernelVersion": facts.kernel_version,
        "OperatingSystem": facts.operating_system,
        "OSVersion": facts.os_version,
        "OSType": "linux",
        "Architecture": facts.machine,
        "NCPU": facts.cpus,
        "MemTotal": facts.memory_bytes,
        "DockerRootDir": facts.data_root,
        **_abilities(facts),
        **_runtime(facts),
        "RegistryConfig": _registry_config(facts),
        **_NOT_HERE,
        # clients print each as it is
        "Warnings": [*_warnings(facts), *(f"WARNING: {text}" for text in facts.warnings)] or None,
    }


def _abilities(facts: EngineFacts) -> dict[str, Any]:
    return {
        "Driver": "overlay2",
        "DriverStatus": [["Native Overlay Diff", "true"], ["Id mapped layers", str(facts.user_namespaces).lower()]],
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "null"],
            "Authorization": None,
            "Log": list(READABLE_DRIVERS),
        },
        **_limits(facts.limits),
        "IPv4Forwarding": True,
        "BridgeNfIptables": False,
        "BridgeNfIp6tables": False,
        "LoggingDriver": "json-file",
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": "2" if facts.unified_cgroups else "1",
        "SecurityOptions": [
            "name=seccomp,profile=builtin",
            *(["name=userns"] if facts.user_namespaces else []),
        ],
        "LiveRestoreEnabled": True,
    }


def _limits(limits: LimitSupport) -> dict[str, bool]:
    return {
        "MemoryLimit": limits.memory,
        "SwapLimit": limits.memory_swap,
        **({"KernelMemoryTCP": True} if limits.kernel_memory_tcp else {}),
        "CpuCfsPeriod": limits.cpu_cfs,
        "CpuCfsQuota": limits.cpu_cfs,
        "CPUShares": limits.cpu_shares,
        "CPUSet": limits.cpuset,
        "PidsLimit": limits.pids,
        "OomKillDisable": limits.oom_kill_disable,
    }


def _warnings(facts: EngineFacts) -> list[str]:
    """Which limits this machine cannot keep, in Docker's words (daemon/info_unix.go).

    Not the weights of disks: most kernels lack them, and nobody could do anything about it.
    """
    limits = facts.limits
    lacks = (
        (limits.memory, "memory limit"),
        (limits.memory_swap, "swap limit"),
        (limits.oom_kill_disable or facts.unified_cgroups, "oom kill disable"),  # v2 has none, which nobody misses
        (limits.cpu_cfs, "cpu cfs quota"),
        (limits.cpu_cfs, "cpu cfs period"),
        (limits.cpu_shares, "cpu shares"),
        (limits.cpuset, "cpuset"),
        (limits.pids, "pids limit"),
        (limits.blkio_read_bps, "io.max (rbps)" if facts.unified_cgroups else "blkio throttle.read_bps_device"),
        (limits.blkio_write_bps, "io.max (wbps)" if facts.unified_cgroups else "blkio throttle.write_bps_device"),
        (limits.blkio_read_iops, "io.max (riops)" if facts.unified_cgroups else "blkio throttle.read_iops_device"),
        (limits.blkio_write_iops, "io.max (wiops)" if facts.unified_cgroups else "blkio throttle.write_iops_device"),
    )
    return [f"WARNING: No {what} support" for can, what in lacks if not can]


def _runtime(facts: EngineFacts) -> dict[str, Any]:
    nothing = {"ID": "", "Expected": ""}
    return {
        "Runtimes": {facts.runtime_name: {"path": facts.runtime_path}},
        "DefaultRuntime": facts.runtime_name,
        "InitBinary": "",
        "ContainerdCommit": nothing,
        "RuncCommit": {"ID": facts.runtime_version, "Expected": facts.runtime_version},
        "InitCommit": nothing,
    }


def _registry_config(facts: EngineFacts) -> dict[str, Any]:
    mirrors = [str(mirror) for mirror in facts.registry_mirrors]
    hub = {"Name": "docker.io", "Mirrors": mirrors, "Secure": True, "Official": True}
    hosts = [str(pattern) for pattern in facts.insecure_registries if pattern.network is None]
    return {
        "AllowNondistributableArtifactsCIDRs": [],
        "AllowNondistributableArtifactsHostnames": [],
        "InsecureRegistryCIDRs": [
            *(str(pattern) for pattern in facts.insecure_registries if pattern.network is not None),
            *_LOOPBACK,
        ],
        "IndexConfigs": {
            "docker.io": hub,
            **{name: {"Name": name, "Mirrors": [], "Secure": False, "Official": False} for name in hosts},
        },
        "Mirrors": mirrors,
    }


# Keys that clients read without asking whether they are there (Portainer, compose, docker-py).
_NOT_HERE: Final[dict[str, Any]] = {
    "Debug": False,
    "NFd": 0,
    "NGoroutines": 0,
    "IndexServerAddress": _INDEX,
    "GenericResources": None,
    "HttpProxy": "",
    "HttpsProxy": "",
    "NoProxy": "",
    "Labels": ["naru.shared-ports=1"],  # by which clients see that containers can share ports
    "ExperimentalBuild": False,
    "Swarm": {
        "NodeID": "",
        "NodeAddr": "",
        "LocalNodeState": "inactive",
        "ControlAvailable": False,
        "Error": "",
        "RemoteManagers": None,
    },
    "Isolation": "",
    "ProductLicense": "",
    "DefaultAddressPools": [],
    "CDISpecDirs": [],
}


def info_for(version: ApiVersion, info: dict[str, Any]) -> dict[str, Any]:
    """``info`` as clients of an older version read it."""
    if version >= SECURITY_OPTION_KEYS_FROM:
        return info
    names = [option.partition(",")[0].removeprefix("name=") for option in info["SecurityOptions"]]
    return {**info, "SecurityOptions": names, "ExecutionDriver": "<not supported>"}


def encode_disk_usage(
    *,
    layers_bytes: int,
    images: Sequence[dict[str, Any]] | None,
    containers: Sequence[dict[str, Any]] | None,
    volumes: Sequence[dict[str, Any]] | None,
    builds: Sequence[dict[str, Any]] | None = (),
    version: ApiVersion = CURRENT,
) -> dict[str, Any]:
    """None stands for what was not asked for."""
    return {
        "LayersSize": layers_bytes,
        "Images": None if images is None else list(images),
        "Containers": None if containers is None else list(containers),
        "Volumes": None if volumes is None else list(volumes),
        "BuildCache": None if builds is None else list(builds),
        **({"BuilderSize": sum(one["Size"] for one in builds or ())} if version <= BUILDER_SIZE_UNTIL else {}),
    }
