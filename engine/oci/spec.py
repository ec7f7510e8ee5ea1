"""A container's record → the OCI runtime configuration (runtime-spec 1.0.2). Pure, but for writing it."""

import base64
import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from engine.host.capabilities import Machine
from engine.host.seccomp_filter import compile_bpf
from engine.model.container import Container, ContainerSpec
from engine.model.errors import Invalid
from engine.model.mount import MountKind, Propagation
from engine.oci.confinement import Confinement, confinement, has_user_namespace
from engine.oci.devices import DeviceNode, oci_device_rules, oci_devices
from engine.oci.limits import process_limits, resource_limits
from engine.oci.namespaces import namespaces
from engine.oci.seccomp import as_oci
from engine.oci.tmpfs import mount_options, tmpfs_options
from engine.oci.user import User
from engine.wire.sysctls import dotted

_BPF_ANNOTATION: Final = "run.oci.seccomp_bpf_data"  # crun(1)
_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INIT: Final = "/dev/init"
_SCRATCH: Final = "mode=1777,size=64m"  # it is memory
_DOMAIN: Final = "kernel.domainname"
_SHM: Final = "/dev/shm"  # noqa: S108 (the container's)
_HIGHEST_GID: Final = 2147483647


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or directory of the host shown in the container. Its owners must be the container's (``uid_base``)."""

    source: Path
    destination: str
    read_only: bool = False
    propagation: Propagation = Propagation.RPRIVATE
    is_recursive: bool = True


@dataclass(frozen=True, slots=True)
class Shared:
    """What a container has from others: namespaces it joins, kind → path, and where its /dev/shm is, None for a new one
    of its own."""

    namespaces: Mapping[str, str] = field(default_factory=dict)
    shm: Path | None = None


_NOTHING_SHARED: Final = Shared()


def runtime_config(
    container: Container,
    *,
    rootfs: Path,
    hostname: str,
    user: User,
    machine: Machine,
    cgroup_path: str,
    mounts: Sequence[Bind] = (),
    shared: Shared = _NOTHING_SHARED,
    devices: Sequence[DeviceNode] = (),
    seccomp_bpf: bool = False,
    id_count: int = 65536,
    init: Path | None = None,
) -> dict[str, Any]:
    """config.json of the container's bundle.

    ``container.uid_base`` decides whether it has a user namespace. ``seccomp_bpf``: the runtime takes the compiled
    filter; the readable one is always there too. ``init``: a program to run as process 1, if the container wants one.
    ``devices`` are allowed to it, and made unless it has a user namespace: there they must be among ``mounts``.
    Raises Invalid for what only now turns out wrong: no command, unknown capability, ulimit or tmpfs option.
    """
    spec = container.spec
    held = confinement(spec, bounding=machine.bounding)
    with_init = init if spec.init else None
    config: dict[str, Any] = {
        "ociVersion": "1.0.2",
        "process": process_config(spec, held=held, user=user, machine=machine, hostname=hostname, init=bool(with_init)),
        "root": {"path": str(rootfs), "readonly": held.root_read_only},
        **({} if spec.namespaces.uts == "host" else {"hostname": hostname}),
        "mounts": [
            *_arranged(_system_mounts(spec, held, shared), [*_tmpfs_mounts(spec, held), *map(_bind_mount, mounts)]),
            *([_bind_mount(Bind(with_init, _INIT, read_only=True))] if with_init else []),
        ],
        "linux": _linux(container, held, shared, devices, machine=machine, cgroup_path=cgroup_path, id_count=id_count),
    }
    annotations = dict(spec.annotations)
    if held.seccomp is not None and seccomp_bpf:
        annotations[_BPF_ANNOTATION] = base64.b64encode(compile_bpf(held.seccomp)).decode()
    return config | ({"annotations": annotations} if annotations else {})


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
        **({"oomScoreAdj": score} if (score := oom_score(spec, machine=machine)) else {}),
    }


def oom_score(spec: ContainerSpec, *, machine: Machine) -> int:
    """As near to what was asked for as we can give: below our own takes a capability that counts on the host."""
    wanted = spec.oom_score_adj or max(machine.oom_score_adj, 0)
    may_lower = "CAP_SYS_RESOURCE" in machine.bounding and not has_user_namespace(spec)
    return wanted if may_lower else max(wanted, machine.oom_score_adj)


def environment(spec: ContainerSpec, *, hostname: str, home: str) -> list[str]:
    """Docker's variables, then the container's; a name that repeats keeps its first place and its last value.

    One without ``=`` is unset.
    """
    given = [_PATH, f"HOSTNAME={hostname}", *(["TERM=xterm"] if spec.tty else []), *spec.env]
    values: dict[str, str] = {}
    for entry in given:
        name, equals, value = entry.partition("=")
        if not equals:
            values.pop(name, None)
        elif name:
            values[name] = value
    values.setdefault("HOME", home)
    return [f"{name}={value}" for name, value in values.items()]


def domain_name(spec: ContainerSpec) -> str:
    """The NIS domain name (setdomainname(2)) of its UTS namespace; "": as the kernel has it."""
    if spec.namespaces.uts == "host":
        return ""
    return dotted(spec.sysctls).get(_DOMAIN) or spec.domainname


def write_bundle(bundle: Path, config: dict[str, Any]) -> None:
    """config.json in the existing directory. Blocks. Needs no durability: a reboot ends the container anyway."""
    (bundle / "config.json").write_text(json.dumps(config, separators=(",", ":")))


def _system_mounts(spec: ContainerSpec, held: Confinement, shared: Shared) -> list[dict[str, Any]]:
    """What every container has. /dev always: a runtime without it has opened the image's own /dev (CVE-2026-41579)."""
    access = "rw" if held.writable_system else "ro"
    quiet = ["nosuid", "noexec", "nodev"]
    pts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
    return [
        _mount("proc", "/proc", quiet),
        _mount("tmpfs", "/dev", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        _mount("devpts", "/dev/pts", pts),
        _mount("sysfs", "/sys", [*quiet, access]),
        _mount("cgroup", "/sys/fs/cgroup", [*quiet, "relatime", access]),
        _mount("mqueue", "/dev/mqueue", quiet),
        *_shared_memory(spec, quiet, shared.shm),
    ]


def _shared_memory(spec: ContainerSpec, options: list[str], shm: Path | None) -> list[dict[str, Any]]:
    if spec.namespaces.ipc == "none":
        return []
    if shm is not None:
        return [_bind_mount(Bind(shm, _SHM))]
    return [_mount("tmpfs", _SHM, [*options, "mode=1777", f"size={spec.shm_size_bytes}"], source="shm")]


def _arranged(system: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was asked for replaces what every container has at the same place, and comes after what it lies below.

    Whoever brings a /dev brings all that is in it.
    """
    places = {mount["destination"] for mount in wanted}
    kept = [
        mount
        for mount in system
        if mount["destination"] not in places and not ("/dev" in places and mount["destination"].startswith("/dev/"))
    ]
    last = {mount["destination"]: mount for mount in wanted}
    return [*kept, *sorted(last.values(), key=lambda mount: mount["destination"].count("/"))]


def _mount(kind: str, destination: str, options: list[str], *, source: str = "") -> dict[str, Any]:
    return {"destination": destination, "type": kind, "source": source or kind, "options": options}


def _tmpfs_mounts(spec: ContainerSpec, held: Confinement) -> list[dict[str, Any]]:
    wanted = dict.fromkeys(held.scratch, _SCRATCH) | dict(spec.tmpfs)
    asked = [
        _mount("tmpfs", mount.target, mount_options(mount)) for mount in spec.mounts if mount.kind is MountKind.TMPFS
    ]
    return [*(_mount("tmpfs", path, tmpfs_options(wanted[path])) for path in sorted(wanted)), *asked]


def _bind_mount(bind: Bind) -> dict[str, Any]:
    options = ["rbind" if bind.is_recursive else "bind", bind.propagation.value, "ro" if bind.read_only else "rw"]
    return {"destination": bind.destination, "type": "bind", "source": str(bind.source), "options": options}


def _linux(
    container: Container,
    held: Confinement,
    shared: Shared,
    devices: Sequence[DeviceNode],
    *,
    machine: Machine,
    cgroup_path: str,
    id_count: int,
) -> dict[str, Any]:
    spec = container.spec
    has_user = container.uid_base is not None
    linux: dict[str, Any] = {
        "namespaces": namespaces(spec, own_user=has_user, joined=shared.namespaces),
        "cgroupsPath": cgroup_path,
        "resources": {
            "devices": oci_device_rules(
                devices, spec.device_rules, everything=held.all_devices, may_make="CAP_MKNOD" in held.capabilities
            ),
            **resource_limits(spec.resources, machine=machine, default_pids=held.pids_limit),
        },
        "sysctl": _sysctls(container, id_count=id_count),
        "maskedPaths": list(held.masked_paths),
        "readonlyPaths": list(held.read_only_paths),
        "rootfsPropagation": _root_propagation(spec),
    }
    if devices and not has_user:
        linux["devices"] = oci_devices(devices)
    if container.uid_base is not None and "user" not in shared.namespaces:
        mapping = [{"containerID": 0, "hostID": container.uid_base, "size": id_count}]
        linux |= {"uidMappings": mapping, "gidMappings": mapping}
    if spec.seccomp_profile:
        linux["seccomp"] = _own_seccomp(spec.seccomp_profile, held)
    elif held.seccomp is not None:
        linux["seccomp"] = as_oci(held.seccomp)
    return linux


def _own_seccomp(profile: str, held: Confinement) -> dict[str, Any]:
    from engine.oci.seccomp_profile import parse_profile, profile_as_oci  # few containers bring one

    return profile_as_oci(parse_profile(profile), capabilities=held.capabilities)


def _root_propagation(spec: ContainerSpec) -> str:
    """As open as the most open of its mounts: a mount below a private root receives nothing."""
    wanted = [mount.propagation for mount in spec.mounts if mount.propagation is not None]
    if any(propagation.is_shared for propagation in wanted):
        return "shared"
    return "rslave" if any(propagation.is_slave for propagation in wanted) else "private"


def _sysctls(container: Container, *, id_count: int) -> dict[str, str]:
    spec = container.spec
    asked = dotted(spec.sysctls)
    asked.pop(_DOMAIN, None)  # set by the engine: a user namespace may not write it
    if spec.network_mode == "host" or spec.network_of:
        return asked
    # a gid outside of the user namespace is refused (net/ipv4/sysctl_net_ipv4.c, ipv4_ping_group_range)
    highest = _HIGHEST_GID if container.uid_base is None else id_count - 1
    ours = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": f"0 {highest}"}
    return ours | asked
