"""A container's record → the OCI runtime configuration (runtime-spec 1.0.2). Pure, but for writing it."""

import base64
import json
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.host.capabilities import Machine
from engine.host.seccomp_filter import compile_bpf
from engine.model.container import Container, ContainerSpec
from engine.model.errors import Invalid
from engine.oci.confinement import Confinement, confinement
from engine.oci.limits import process_limits, resource_limits
from engine.oci.seccomp import as_oci
from engine.oci.tmpfs import tmpfs_options
from engine.oci.user import User

_BPF_ANNOTATION: Final = "run.oci.seccomp_bpf_data"  # crun(1)
_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INIT: Final = "/dev/init"
_SCRATCH: Final = "mode=1777,size=64m"  # it is memory
_HIGHEST_GID: Final = 2147483647

# major and minor absent = any; crun refuses the spelled-out wildcard -1
_DEVICES: Final[tuple[dict[str, Any], ...]] = (
    *({"type": "c", "major": 1, "minor": minor} for minor in (3, 5, 7, 8, 9)),  # null zero full random urandom
    {"type": "c", "major": 5, "minor": 0},  # tty
    {"type": "c", "major": 5, "minor": 1},  # console
    {"type": "c", "major": 5, "minor": 2},  # ptmx
    {"type": "c", "major": 136},  # pts/*
)


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or directory of the host shown in the container. Its owners must be the container's (``uid_base``)."""

    source: Path
    destination: str
    read_only: bool = False


def runtime_config(
    container: Container,
    *,
    rootfs: Path,
    hostname: str,
    user: User,
    machine: Machine,
    cgroup_path: str,
    mounts: Sequence[Bind] = (),
    seccomp_bpf: bool = False,
    id_count: int = 65536,
    init: Path | None = None,
) -> dict[str, Any]:
    """config.json of the container's bundle.

    ``container.uid_base`` decides whether it has a user namespace. ``seccomp_bpf``: the runtime takes the compiled
    filter; the readable one is always there too. ``init``: a program to run as process 1, if the container wants one.
    Raises Invalid for what only now turns out wrong: no command, unknown capability, ulimit or tmpfs option.
    """
    spec = container.spec
    held = confinement(spec, bounding=machine.bounding)
    with_init = init if spec.init else None
    config: dict[str, Any] = {
        "ociVersion": "1.0.2",
        "process": process_config(spec, held=held, user=user, machine=machine, hostname=hostname, init=bool(with_init)),
        "root": {"path": str(rootfs), "readonly": held.root_read_only},
        "hostname": hostname,
        "mounts": [
            *_system_mounts(spec, held),
            *_tmpfs_mounts(spec, held),
            *(_bind_mount(bind) for bind in mounts),
            *([_bind_mount(Bind(with_init, _INIT, read_only=True))] if with_init else []),
        ],
        "linux": _linux(container, held, machine=machine, cgroup_path=cgroup_path, id_count=id_count),
    }
    if held.seccomp is not None and seccomp_bpf:
        config["annotations"] = {_BPF_ANNOTATION: base64.b64encode(compile_bpf(held.seccomp)).decode()}
    return config


def process_config(
    spec: ContainerSpec,
    *,
    held: Confinement,
    user: User,
    machine: Machine,
    hostname: str,
    init: bool = False,
) -> dict[str, Any]:
    """``process``: the container's own. For an exec, pass the spec with that command, environment and directory."""
    if not spec.argv:
        raise Invalid("no command specified")
    capabilities = sorted(held.capabilities)
    return {
        "terminal": spec.tty,
        "user": {"uid": user.uid, "gid": user.gid, "additionalGids": list(user.additional_gids)},
        "args": [_INIT, "--", *spec.argv] if init else list(spec.argv),
        "env": environment(spec, hostname=hostname, home=user.home),
        "cwd": posixpath.normpath(posixpath.join("/", spec.working_dir)),
        "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities)
        | {"inheritable": [], "ambient": []},
        "rlimits": process_limits(spec.resources.ulimits, machine=machine, nofile_soft=held.nofile_soft),
        "noNewPrivileges": held.no_new_privileges,
        **({"oomScoreAdj": machine.oom_score_adj} if machine.oom_score_adj > 0 else {}),
    }


def environment(spec: ContainerSpec, *, hostname: str, home: str) -> list[str]:
    """Docker's variables, then the container's; a name that repeats keeps its first place and its last value."""
    given = [_PATH, f"HOSTNAME={hostname}", *(["TERM=xterm"] if spec.tty else []), *spec.env]
    values: dict[str, str] = {}
    for entry in given:
        name, equals, value = entry.partition("=")
        if name and equals:
            values[name] = value
    values.setdefault("HOME", home)
    return [f"{name}={value}" for name, value in values.items()]


def write_bundle(bundle: Path, config: dict[str, Any]) -> None:
    """config.json in the existing directory. Blocks. Needs no durability: a reboot ends the container anyway."""
    (bundle / "config.json").write_text(json.dumps(config, separators=(",", ":")))


def _system_mounts(spec: ContainerSpec, held: Confinement) -> list[dict[str, Any]]:
    """What every container has. /dev always: a runtime without it has opened the image's own /dev (CVE-2026-41579)."""
    access = "rw" if held.writable_system else "ro"
    quiet = ["nosuid", "noexec", "nodev"]
    shm = [*quiet, "mode=1777", f"size={spec.shm_size_bytes}"]
    pts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
    return [
        _mount("proc", "/proc", quiet),
        _mount("tmpfs", "/dev", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        _mount("devpts", "/dev/pts", pts),
        _mount("sysfs", "/sys", [*quiet, access]),
        _mount("cgroup", "/sys/fs/cgroup", [*quiet, "relatime", access]),
        _mount("mqueue", "/dev/mqueue", quiet),
        _mount("tmpfs", "/dev/shm", shm, source="shm"),  # noqa: S108 (the container's)
    ]


def _mount(kind: str, destination: str, options: list[str], *, source: str = "") -> dict[str, Any]:
    return {"destination": destination, "type": kind, "source": source or kind, "options": options}


def _tmpfs_mounts(spec: ContainerSpec, held: Confinement) -> list[dict[str, Any]]:
    wanted = dict.fromkeys(held.scratch, _SCRATCH) | dict(spec.tmpfs)
    return [_mount("tmpfs", path, tmpfs_options(wanted[path])) for path in sorted(wanted)]


def _bind_mount(bind: Bind) -> dict[str, Any]:
    options = ["rbind", "rprivate", "ro" if bind.read_only else "rw"]
    return {"destination": bind.destination, "type": "bind", "source": str(bind.source), "options": options}


def _linux(
    container: Container, held: Confinement, *, machine: Machine, cgroup_path: str, id_count: int
) -> dict[str, Any]:
    spec = container.spec
    has_own_network = spec.network_mode != "host"
    kinds = ["pid", "ipc", "uts", "mount", "cgroup", *(["network"] if has_own_network else [])]
    linux: dict[str, Any] = {
        "namespaces": [{"type": kind} for kind in kinds],
        "cgroupsPath": cgroup_path,
        "resources": {
            "devices": _device_rules(held),
            **resource_limits(spec.resources, machine=machine, default_pids=held.pids_limit),
        },
        "sysctl": _sysctls(container, has_own_network=has_own_network, id_count=id_count),
        "maskedPaths": list(held.masked_paths),
        "readonlyPaths": list(held.read_only_paths),
        "rootfsPropagation": "private",
    }
    if container.uid_base is not None:
        mapping = [{"containerID": 0, "hostID": container.uid_base, "size": id_count}]
        linux["namespaces"].append({"type": "user"})
        linux |= {"uidMappings": mapping, "gidMappings": mapping}
    if held.seccomp is not None:
        linux["seccomp"] = as_oci(held.seccomp)
    return linux


def _device_rules(held: Confinement) -> list[dict[str, Any]]:
    if held.all_devices:
        return [{"allow": True, "access": "rwm"}]
    rules: list[dict[str, Any]] = [{"allow": False, "access": "rwm"}]
    if "CAP_MKNOD" in held.capabilities:  # making a node is harmless while opening it is not allowed
        rules += [{"allow": True, "type": kind, "access": "m"} for kind in ("c", "b")]
    return rules + [{"allow": True, **device, "access": "rwm"} for device in _DEVICES]


def _sysctls(container: Container, *, has_own_network: bool, id_count: int) -> dict[str, str]:
    if not has_own_network:
        return dict(container.spec.sysctls)
    # a gid outside of the user namespace is refused (net/ipv4/sysctl_net_ipv4.c, ipv4_ping_group_range)
    highest = _HIGHEST_GID if container.uid_base is None else id_count - 1
    ours = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": f"0 {highest}"}
    return ours | dict(container.spec.sysctls)
