"""How strictly a container is held: the tables of the three profiles, and what a container's own wishes make of them.

``compat`` gives what Docker gives. ``default`` drops what ordinary programs do not miss and keeps su, sudo and other
setuid programs working: in a user namespace they gain nothing on the host. ``strict`` takes these too.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from engine.host.capabilities import CAPABILITIES, named
from engine.host.seccomp_filter import Filter
from engine.model.container import ContainerSpec, Profile
from engine.model.errors import Invalid
from engine.oci.seccomp import seccomp_filter

_EVERYDAY: Final = frozenset(
    named("CHOWN DAC_OVERRIDE FOWNER FSETID KILL NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT")
)
# Granted only so that programs whose file asks for it can be executed at all, as Debian's ping: without it execve(2)
# answers EPERM, to root too. What it is good for stays refused unless the container asks for it by name.
_FOR_EXECUTION: Final = frozenset({"CAP_NET_RAW"})
_CAPABILITIES: Final = {
    Profile.COMPAT: _EVERYDAY | {"CAP_AUDIT_WRITE", "CAP_MKNOD", "CAP_NET_RAW"},
    Profile.DEFAULT: _EVERYDAY | _FOR_EXECUTION,
    Profile.STRICT: frozenset[str](),
}

_MASKED_BY_DOCKER: Final = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
# what the host is made of and does; nothing in a container acts on it
_MASKED_TOO: Final = (
    "/proc/cmdline",
    "/proc/config.gz",
    "/proc/diskstats",
    "/proc/iomem",
    "/proc/ioports",
    "/proc/kallsyms",
    "/proc/key-users",
    "/proc/kmsg",
    "/proc/partitions",
    "/proc/vmallocinfo",
    "/sys/block",
    "/sys/class/thermal",
    "/sys/kernel/debug",
    "/sys/kernel/security",
    "/sys/kernel/tracing",
)
_READ_ONLY: Final = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

_PIDS_LIMIT: Final = 2048


@dataclass(frozen=True, slots=True)
class Confinement:
    """``capabilities`` are names with ``CAP_``. ``seccomp`` None: not filtered, or by a profile that the container
    brings. ``pids_limit`` 0 and ``nofile_soft`` 0: not set by the profile."""

    capabilities: frozenset[str]
    no_new_privileges: bool
    root_nosuid: bool
    root_read_only: bool
    masked_paths: tuple[str, ...]
    read_only_paths: tuple[str, ...]
    seccomp: Filter | None
    all_devices: bool
    writable_system: bool
    pids_limit: int
    nofile_soft: int
    scratch: tuple[str, ...]


def has_user_namespace(spec: ContainerSpec) -> bool:
    """Whether the container gets ids of its own, as far as its wishes go; the host must be able to, too."""
    return not (spec.privileged or spec.userns_host or spec.network_mode == "host" or spec.namespaces.are_the_hosts)


def confinement(spec: ContainerSpec, *, bounding: Collection[str]) -> Confinement:
    """``bounding`` is what can be given at all. Raises Invalid, naming the field, for an unknown capability."""
    profile = spec.profile
    is_strict = profile is Profile.STRICT and not spec.privileged
    capabilities = _wanted_capabilities(spec) & frozenset(bounding)
    filtered = not (spec.seccomp_unconfined or spec.privileged or spec.seccomp_profile)
    masked, read_only = hidden_paths(spec)
    return Confinement(
        capabilities=capabilities,
        no_new_privileges=spec.no_new_privileges or is_strict,
        root_nosuid=is_strict,
        root_read_only=spec.read_only_rootfs or is_strict,
        masked_paths=masked,
        read_only_paths=read_only,
        seccomp=seccomp_filter(profile, capabilities=_usable(spec, capabilities)) if filtered else None,
        all_devices=spec.privileged,
        writable_system=spec.privileged,
        pids_limit=0 if profile is Profile.COMPAT or spec.privileged else _PIDS_LIMIT,
        nofile_soft=0 if profile is Profile.COMPAT else 1024,
        scratch=("/run", "/tmp") if is_strict else (),  # noqa: S108 (the container's)
    )


def hidden_paths(spec: ContainerSpec) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What cannot be read, and what cannot be written; the container's own words count before the profile's."""
    masked = () if spec.privileged else _masked_paths(spec.profile)
    read_only = () if spec.privileged else _READ_ONLY
    return (
        masked if spec.masked_paths is None else spec.masked_paths,
        read_only if spec.read_only_paths is None else spec.read_only_paths,
    )


def _masked_paths(profile: Profile) -> tuple[str, ...]:
    return _MASKED_BY_DOCKER if profile is Profile.COMPAT else (*_MASKED_BY_DOCKER, *_MASKED_TOO)


def _wanted_capabilities(spec: ContainerSpec) -> frozenset[str]:
    """Docker's rule: dropping ALL leaves what is added, adding ALL leaves all but what is dropped."""
    added = _names(spec.capabilities_add, "CapAdd")
    dropped = _names(spec.capabilities_drop, "CapDrop")
    everything = frozenset(CAPABILITIES)
    if spec.privileged:
        return everything
    if "ALL" in added:
        return everything - dropped
    if "ALL" in dropped:
        return added
    return (_CAPABILITIES[spec.profile] - dropped) | added


def _usable(spec: ContainerSpec, capabilities: frozenset[str]) -> frozenset[str]:
    """Of what it has, the capabilities whose system calls it may make."""
    if spec.profile is not Profile.DEFAULT:
        return capabilities
    added = _names(spec.capabilities_add, "CapAdd")
    return capabilities if "ALL" in added else capabilities - (_FOR_EXECUTION - added)


def _names(given: Collection[str], field: str) -> frozenset[str]:
    names = set()
    for word in given:
        name = word.upper()
        if name != "ALL":
            name = name if name.startswith("CAP_") else f"CAP_{name}"
            if name not in CAPABILITIES:
                raise Invalid(f'invalid {field}: unknown capability: "{name[:80]}"')
        names.add(name)
    return frozenset(names)
