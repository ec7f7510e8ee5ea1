"""What this process, and so any container it starts, can have at most. Asking for more makes a runtime fail."""

import os
import resource
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engine.host.cgroups import Cgroups
from engine.host.limit_support import limit_support
from engine.model.resources import LimitSupport


def named(text: str) -> tuple[str, ...]:
    """Full names from a list of short ones, for tables: "CHOWN KILL" → CAP_CHOWN, CAP_KILL."""
    return tuple(f"CAP_{name}" for name in text.split())


# linux/capability.h; the place in the list is the bit
CAPABILITIES: Final = named("""
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
    NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
    SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
    MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
""")

# asm-generic/resource.h; the place in the list is the number
_RLIMITS: Final = tuple(
    f"RLIMIT_{name}"
    for name in (
        *("CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE"),
        *("MEMLOCK", "AS", "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"),
    )
)
UNLIMITED: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Machine:
    """``bounding`` are names with ``CAP_``. ``rlimits_hard`` by OCI name; UNLIMITED for none."""

    bounding: frozenset[str]
    rlimits_hard: Mapping[str, int]
    oom_score_adj: int
    cpus: int
    memory_bytes: int
    has_swap_limit: bool
    unified_cgroups: bool = False
    limits: LimitSupport = field(default_factory=LimitSupport)


def this_machine(cgroups: Cgroups) -> Machine:
    """Read once, at the engine's start, after ``cgroups.prepare()``."""
    limits = {name: resource.getrlimit(number)[1] for number, name in enumerate(_RLIMITS)}
    return Machine(
        bounding=bounding_set(),
        rlimits_hard={name: UNLIMITED if hard == resource.RLIM_INFINITY else hard for name, hard in limits.items()},
        oom_score_adj=int(Path("/proc/self/oom_score_adj").read_text()),
        cpus=os.cpu_count() or 1,
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        has_swap_limit=cgroups.has_swap_limit(),
        unified_cgroups=cgroups.unified,
        limits=limit_support(cgroups),
    )


def bounding_set() -> frozenset[str]:
    """Our own (proc(5), /proc/PID/status, "CapBnd"); bits newer than our list are left out."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapBnd:"):
            bits = int(line.split()[1], 16)
            return frozenset(name for bit, name in enumerate(CAPABILITIES) if bits >> bit & 1)
    return frozenset()
