"""The escape attempts, and how each must be refused. ``probe.c`` makes them; ``docs/security.md`` counts them.

An attempt is "allowed" in the control (the probe as root on the host itself) or the test of it would say nothing. What
a kernel may have been built without (``may_lack``) is checked there only where it exists; that the filter refuses those
calls by itself is checked by running the compiled filter (``tests/engine/unit/oci/test_seccomp_program.py``).
"""

import errno
from dataclasses import dataclass
from typing import Final

# what a kernel says to a call, family or file that it does not have; ENODATA is the probe's word for "empty"
ABSENT: Final = frozenset({errno.ENOSYS, errno.ENOENT, errno.EAFNOSUPPORT, errno.ENODATA})

_EPERM: Final = (errno.EPERM,)
_EMPTY: Final = (errno.ENODATA,)
_NO_FAMILY: Final = (errno.EAFNOSUPPORT,)
_NO_PROTOCOL: Final = (errno.EPROTONOSUPPORT,)
# read-only, or not ours by the user namespace, whichever wall is met first: that depends on the runtime
_NOT_WRITABLE: Final = (errno.EACCES, errno.EROFS)


@dataclass(frozen=True, slots=True)
class Attempt:
    """``refused``: errnos. ``strict_only``: ``default`` allows it, for the reason that ``docs/security.md`` gives.

    ``needs``: a capability without which the control cannot show that it would be allowed.
    """

    number: int
    name: str
    refused: tuple[int, ...]
    may_lack: bool = False
    strict_only: bool = False
    needs: str = ""


TITLES: Final = {
    1: "write sysctls, core_pattern, modprobe",
    2: "sysrq-trigger",
    3: "read kernel memory, logs, keys, timers, hardware",
    4: "a mask that is something else than the null device",
    5: "release_agent",
    6: "change control groups",
    7: "mount",
    8: "unmount a mask",
    9: "new namespaces",
    10: "enter namespaces",
    11: "pivot_root, leave a chroot",
    12: "device nodes, the host's devices",
    13: "kernel keys",
    14: "bpf, perf, userfaultfd, io_uring",
    15: "modules, kexec, ports, swap, reboot, clock",
    16: "open by handle",
    17: "raw, packet and unusual sockets, netlink",
    18: "links and addresses",
    19: "type into a terminal",
    20: "gain rights",
    21: "the host's processes",
    22: "leaked descriptors",
    24: "the engine's socket",
    31: "priorities, limits, other processes' memory",
}


def _each(
    number: int,
    kind: str,
    *names: str,
    refused: tuple[int, ...],
    may_lack: bool = False,
    strict_only: bool = False,
    needs: str = "",
) -> list[Attempt]:
    return [
        Attempt(number, kind + name, refused, may_lack=may_lack, strict_only=strict_only, needs=needs) for name in names
    ]


ATTEMPTS: Final = (
    *_each(1, "write /proc/sys/kernel/", "core_pattern", "panic", refused=_NOT_WRITABLE),
    *_each(1, "write /proc/sys/kernel/", "modprobe", "ns_last_pid", refused=_NOT_WRITABLE, may_lack=True),
    *_each(1, "write /proc/sys/", "vm/overcommit_memory", "fs/file-max", "net/ipv4/ip_forward", refused=_NOT_WRITABLE),
    *_each(1, "write ", "/proc/irq/default_smp_affinity", refused=_NOT_WRITABLE),
    *_each(1, "sys: ", "uevent_helper", "power state", "module parameter", refused=_NOT_WRITABLE, may_lack=True),
    *_each(2, "write ", "/proc/sysrq-trigger", refused=_NOT_WRITABLE, may_lack=True),
    *_each(3, "read /proc/", "keys", "key-users", "timer_list", "interrupts", refused=_EMPTY),
    *_each(3, "read /proc/", "cmdline", "partitions", "diskstats", "iomem", refused=_EMPTY),
    *_each(3, "read /proc/", "kcore", "kmsg", "kallsyms", "config.gz", refused=_EMPTY, may_lack=True),
    *_each(3, "read /proc/", "vmallocinfo", "sched_debug", "ioports", refused=_EMPTY, may_lack=True),
    *_each(3, "read /proc/", "slabinfo", "pagetypeinfo", refused=(errno.EACCES,), may_lack=True),
    *_each(3, "list /sys/", "firmware", "class/thermal", "block", refused=_EMPTY, may_lack=True),
    *_each(3, "list /sys/kernel/", "debug", "tracing", "security", refused=_EMPTY, may_lack=True),
    *_each(3, "list ", "/sys/devices/virtual/powercap", "/proc/scsi", refused=_EMPTY, may_lack=True),
    *_each(3, "kernel: ", "syslog", refused=_EPERM),
    *_each(4, "itself /proc/", "keys", "timer_list", "kallsyms", refused=(errno.EACCES,), may_lack=True),
    *_each(4, "itself /proc/", "interrupts", "partitions", "kcore", refused=(errno.EACCES,), may_lack=True),
    # a container's view of the control groups begins below the root, where the file is
    *_each(5, "cgroup: ", "release_agent", refused=(errno.ENOENT, *_NOT_WRITABLE), may_lack=True),
    *_each(6, "cgroup: ", "make a directory", "set a limit", "move a process", refused=_NOT_WRITABLE),
    *_each(6, "cgroup: ", "notify_on_release", refused=_NOT_WRITABLE),
    *_each(7, "mount: ", "tmpfs", "proc", "sysfs", "cgroup", "bind", "overlay", "remount", refused=_EPERM),
    *_each(7, "mount: ", "propagation", "fsopen", "fsconfig", "fsmount", "fspick", refused=_EPERM),
    *_each(7, "mount: ", "open_tree", "move_mount", "mount_setattr", refused=_EPERM),
    *_each(8, "umount: ", "a mask", "a mask, lazily", refused=_EPERM),
    *_each(9, "unshare: ", "user", "mount", "network", "pid", "cgroup", "time", refused=_EPERM),
    *_each(9, "clone: ", "user", "mount", "network", refused=_EPERM),
    *_each(9, "clone3: ", "user", refused=(errno.ENOSYS,)),
    *_each(10, "setns: ", "mount", "network", "by pidfd", refused=_EPERM),
    *_each(11, "", "pivot_root", refused=_EPERM),
    *_each(11, "chroot: ", "leave", refused=(errno.EACCES, errno.EPERM)),
    *_each(12, "mknod: ", "block", "memory", "null", refused=_EPERM),
    *_each(12, "device: ", "mem", "kmsg", "loop", "tun", "disk", refused=(errno.ENOENT,), may_lack=True),
    *_each(13, "key: ", "add_key", "keyctl", "request_key", refused=_EPERM),
    *_each(14, "kernel: ", "bpf", "perf_event_open", "userfaultfd", refused=_EPERM, may_lack=True),
    *_each(14, "kernel: ", "io_uring_setup", "io_uring_enter", refused=(errno.ENOSYS,), may_lack=True),
    *_each(14, "kernel: ", "memfd_secret", refused=(errno.ENOSYS,), may_lack=True),
    *_each(15, "kernel: ", "init_module", "finit_module", "delete_module", refused=_EPERM, may_lack=True),
    *_each(15, "kernel: ", "kexec_load", "kexec_file_load", "iopl", "ioperm", refused=_EPERM, may_lack=True),
    *_each(15, "kernel: ", "swapon", "swapoff", "acct", "quotactl", refused=_EPERM, may_lack=True),
    *_each(15, "kernel: ", "reboot", "sethostname", "clock_settime", "adjtimex", refused=_EPERM),
    *_each(16, "", "open_by_handle_at", refused=_EPERM),
    *_each(17, "socket: ", "raw", "raw IPv6", "raw, any protocol", "raw, high bits", refused=_EPERM),
    *_each(17, "socket: ", "packet, the old way", "raw ICMP, high bits", "own header", refused=_EPERM),
    *_each(17, "socket: ", "own header, high bits", refused=(errno.ENOPROTOOPT, errno.EPERM)),
    *_each(17, "socket: ", "raw ICMP", refused=_EPERM, strict_only=True),
    *_each(17, "socket: ", "packet", "packet, cooked", "packet, high bits", "packet, a pair", refused=_NO_FAMILY),
    *_each(17, "socket: ", "vsock", "alg", "xdp", "bluetooth", refused=_NO_FAMILY, may_lack=True),
    *_each(17, "socket: ", "can", "tipc", "rds", refused=_NO_FAMILY, may_lack=True),
    *_each(17, "netlink: ", "nftables", "audit", "xfrm", "uevent", refused=_NO_PROTOCOL, may_lack=True),
    *_each(17, "netlink: ", "generic", "sock_diag", refused=_NO_PROTOCOL, may_lack=True),
    *_each(18, "link: ", "flags", "address", refused=_EPERM),
    *_each(19, "terminal: ", "TIOCSTI", "TIOCSTI, high bits", "TIOCLINUX", refused=_EPERM),
    *_each(20, "", "root is the host's", "capability: raise", refused=_EPERM),
    *_each(20, "", "setuid program", refused=_EPERM, strict_only=True),
    *_each(20, "", "prctl: PR_SET_MM", refused=_EPERM, needs="CAP_SYS_RESOURCE"),
    *_each(21, "host process: ", "signal", "pidfd", refused=(errno.ESRCH,)),
    *_each(21, "host process: ", "its root", refused=(errno.ENOENT,)),
    *_each(22, "", "a descriptor above 2", refused=(errno.EBADF,)),
    *_each(24, "", "the engine's socket", refused=(errno.ENOENT,)),
    *_each(31, "", "oom_score_adj: lower", refused=(errno.EACCES,), needs="CAP_SYS_RESOURCE"),
    *_each(31, "", "limit: raise", refused=_EPERM, needs="CAP_SYS_RESOURCE"),
    *_each(31, "", "priority: raise", refused=(errno.EACCES,)),
    *_each(31, "priority: ", "real time", "input and output", refused=_EPERM),
    *_each(31, "", "memory: migrate_pages", "process: pidfd_getfd", refused=_EPERM, may_lack=True),
    *_each(31, "", "process: no address randomization", refused=(errno.ENOSYS,)),
    *_each(31, "", "process: trace a child", refused=_EPERM, strict_only=True),
)
