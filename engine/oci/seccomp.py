"""Which system calls a container may make.

Three answers. Calls that programs need and that act on the caller's own things: allowed. Calls that change the kernel
or the host and are refused: EPERM, which programs take for "not allowed here". Everything else, calls of the future
included: ENOSYS, on which libraries fall back to an older call. A capability that was granted brings its calls along.

clone3 hides its flags in memory where a filter cannot see them, hence ENOSYS unless namespaces are allowed anyway.
Calls of which some arguments are allowed and others not are in ``seccomp_arguments``.
"""

import errno
import functools
import platform
from typing import Any, Final

from engine.host.seccomp_filter import Filter, Operator, Rule
from engine.model.container import Profile
from engine.oci.seccomp_arguments import argument_rules


def _calls(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_FILES: Final = _calls("""
access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
fadvise64 fadvise64_64 arm_fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat
fcntl fcntl64 fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs
fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd getdents getdents64 getxattr getxattrat inotify_add_watch
inotify_init inotify_init1 inotify_rm_watch lchown lchown32 lgetxattr link linkat listxattr listxattrat
llistxattr lremovexattr lseek _llseek lsetxattr lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at
newfstatat oldfstat oldlstat oldstat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read
readahead readdir readlink readlinkat readv removexattr removexattrat rename renameat renameat2 rmdir sendfile
sendfile64 setxattr setxattrat splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range
sync_file_range2 arm_sync_file_range syncfs tee truncate truncate64 umask unlink unlinkat utime utimensat
utimensat_time64 utimes vmsplice write writev cachestat
""")

_EVENTS: Final = _calls("""
epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
eventfd2 io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit pipe pipe2 poll
ppoll ppoll_time64 pselect6 pselect6_time64 select _newselect signalfd signalfd4 timerfd_create timerfd_gettime
timerfd_gettime64 timerfd_settime timerfd_settime64
""")

_MEMORY: Final = _calls("""
brk madvise map_shadow_stack membarrier memfd_create mincore mlock mlock2 mlockall mmap mmap2 mprotect mremap mseal
msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease remap_file_pages
""")

_PROCESSES: Final = _calls("""
alarm arch_prctl arm64_relocate capget capset execve execveat exit exit_group fork futex futex_requeue
futex_time64 futex_wait futex_waitv futex_wake get_robust_list get_thread_area getcpu getegid getegid32 geteuid
geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpgid getpgrp getpid getppid getpriority getresgid
getresgid32 getresuid getresuid32 getrlimit getrusage getsid gettid getuid getuid32 ioprio_get ioprio_set kill
landlock_add_rule landlock_create_ruleset landlock_restrict_self nice pause pidfd_open pidfd_send_signal prctl
prlimit64 restart_syscall riscv_flush_icache rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo
rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max
sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield
seccomp set_robust_list set_thread_area set_tid_address set_tls setfsgid setfsgid32 setfsuid setfsuid32 setgid
setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid
setresuid32 setreuid setreuid32 setrlimit setsid setuid setuid32 sgetmask sigaction sigaltstack signal
sigpending sigprocmask sigreturn sigsuspend ssetmask tgkill tkill ugetrlimit vfork wait4 waitid waitpid
breakpoint cacheflush uprobe uretprobe
""")

_NETWORK: Final = _calls("""
accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64
recvmsg send sendmmsg sendmsg sendto shutdown
""")

_IPC: Final = _calls("""
ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget
""")

_TIME_AND_SYSTEM: Final = _calls("""
adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
clock_nanosleep clock_nanosleep_time64 getrandom gettimeofday nanosleep oldolduname olduname sysinfo time
timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 times
uname
""")

# seeing into one's own processes; strict does without
_DEBUGGING: Final = ("process_vm_readv", "process_vm_writev", "ptrace")

# granted with a capability, refused without any that brings them
_BY_CAPABILITY: Final = {
    "CAP_SYS_ADMIN": _calls("""
bpf clone clone3 fanotify_init fanotify_mark fsconfig fsmount fsopen fspick listmount lookup_dcookie mount
mount_setattr move_mount open_tree open_tree_attr perf_event_open quotactl quotactl_fd setdomainname sethostname
setns statmount syslog umount umount2 unshare
"""),
    "CAP_BPF": ["bpf"],
    "CAP_DAC_READ_SEARCH": ["open_by_handle_at"],
    "CAP_PERFMON": ["perf_event_open"],
    "CAP_SYS_BOOT": ["reboot"],
    "CAP_SYS_CHROOT": ["chroot"],
    "CAP_SYS_MODULE": ["init_module", "finit_module", "delete_module"],
    "CAP_SYS_NICE": _calls("get_mempolicy mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node"),
    "CAP_SYS_PACCT": ["acct"],
    "CAP_SYS_PTRACE": ["kcmp", "pidfd_getfd", "process_madvise", *_DEBUGGING],
    "CAP_SYS_RAWIO": ["iopl", "ioperm"],
    "CAP_SYS_TIME": ["clock_settime", "clock_settime64", "settimeofday", "stime"],
    "CAP_SYS_TTY_CONFIG": ["vhangup"],
    "CAP_SYSLOG": ["syslog"],
}
_COMPAT_ONLY: Final = ["memfd_secret", "modify_ldt", "socketcall"]
_ALWAYS_REFUSED: Final = _calls("""
add_key keyctl request_key userfaultfd kexec_load kexec_file_load swapon swapoff pivot_root nfsservctl
""")
# these stay without an answer of their own (ENOSYS): their callers have another way
_FALLS_BACK: Final = frozenset({"clone", "clone3", "listmount", "statmount"})

_ARCHITECTURES: Final = {
    "x86_64": ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86"),
    "aarch64": ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
}
_OPERATORS: Final = {
    Operator.LESS: "SCMP_CMP_LT",
    Operator.EQUAL: "SCMP_CMP_EQ",
    Operator.GREATER: "SCMP_CMP_GT",
    Operator.MASKED_EQUAL: "SCMP_CMP_MASKED_EQ",
}


@functools.lru_cache(maxsize=32)
def seccomp_filter(profile: Profile, *, capabilities: frozenset[str]) -> Filter:
    """The filter for a process that may use these capabilities (names with ``CAP_``)."""
    allowed = {*_FILES, *_EVENTS, *_MEMORY, *_PROCESSES, *_NETWORK, *_IPC, *_TIME_AND_SYSTEM}
    for capability, names in _BY_CAPABILITY.items():
        if capability in capabilities:
            allowed.update(names)
    if profile is not Profile.STRICT:
        allowed.update(_DEBUGGING)
    if profile is Profile.COMPAT:
        allowed.update(_COMPAT_ONLY)
    known = {*_ALWAYS_REFUSED, *(name for names in _BY_CAPABILITY.values() for name in names)}
    refused = known - allowed - _FALLS_BACK
    rules = (
        Rule(tuple(sorted(allowed))),
        Rule(tuple(sorted(refused)), error=errno.EPERM),
        *argument_rules(profile, capabilities=capabilities),
    )
    return Filter(rules, with_32_bit=profile is Profile.COMPAT)


@functools.lru_cache(maxsize=32)
def as_oci(wanted: Filter, *, machine: str = "") -> dict[str, Any]:
    """``linux.seccomp`` of the OCI runtime-spec (config-linux.md, "Seccomp"). ``machine`` as uname(2) names it."""
    architectures = _ARCHITECTURES.get(machine or platform.machine(), ())
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": wanted.default_error,
        "architectures": list(architectures if wanted.with_32_bit else architectures[:1]),
        "syscalls": [_oci_rule(rule) for rule in wanted.rules if rule.names],
    }


def _oci_rule(rule: Rule) -> dict[str, Any]:
    document: dict[str, Any] = {"names": list(rule.names)}
    if rule.error is None:
        document["action"] = "SCMP_ACT_ALLOW"
    else:
        document |= {"action": "SCMP_ACT_ERRNO", "errnoRet": rule.error}
    if rule.conditions:
        document["args"] = [
            {"index": c.argument, "value": c.value, "valueTwo": c.value_two, "op": _OPERATORS[c.operator]}
            for c in rule.conditions
        ]
    return document
