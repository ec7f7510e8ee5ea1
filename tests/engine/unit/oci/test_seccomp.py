"""The system call list: what each profile answers to the calls that matter."""

import errno

import pytest

from engine.host.seccomp_filter import Condition, Filter, Operator, compile_bpf
from engine.model.container import Profile
from engine.oci.seccomp import as_oci, seccomp_filter

NOTHING: frozenset[str] = frozenset()


def answer(wanted: Filter, name: str, *arguments: int) -> int | None:
    """None when allowed, else the error: what the kernel will say, by the rules as data."""
    for rule in wanted.rules:
        if name in rule.names and all(_holds(condition, arguments) for condition in rule.conditions):
            return rule.error
    return wanted.default_error


def _holds(condition: Condition, arguments: tuple[int, ...]) -> bool:
    value = arguments[condition.argument]
    match condition.operator:
        case Operator.EQUAL:
            return value == condition.value
        case Operator.GREATER:
            return value > condition.value
        case Operator.LESS:
            return value < condition.value
        case Operator.MASKED_EQUAL:
            return value & condition.value == condition.value_two


@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize(
    "name",
    [
        "mount",
        "umount2",
        "unshare",
        "setns",
        "pivot_root",
        "bpf",
        "perf_event_open",
        "keyctl",
        "add_key",
        "request_key",
        "kexec_load",
        "init_module",
        "swapon",
        "reboot",
        "acct",
        "open_by_handle_at",
        "fsopen",
        "move_mount",
        "open_tree",
        "userfaultfd",
        "iopl",
        "syslog",
    ],
)
def test_calls_that_change_the_host_are_not_permitted(profile: Profile, name: str) -> None:
    assert answer(seccomp_filter(profile, capabilities=NOTHING), name) == errno.EPERM


@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("name", ["clone3", "io_uring_setup", "a_call_of_the_future"])
def test_calls_with_another_way_do_not_exist(profile: Profile, name: str) -> None:
    assert answer(seccomp_filter(profile, capabilities=NOTHING), name) == errno.ENOSYS


@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("name", ["read", "execve", "futex", "close_range", "epoll_pwait2", "rseq", "setuid", "capset"])
def test_everyday_calls_are_allowed(profile: Profile, name: str) -> None:
    assert answer(seccomp_filter(profile, capabilities=NOTHING), name) is None


@pytest.mark.parametrize("flag", [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000])
def test_clone_makes_threads_but_no_namespaces(flag: int) -> None:
    wanted = seccomp_filter(Profile.DEFAULT, capabilities=NOTHING)
    assert answer(wanted, "clone", 0x3D0F00) is None
    assert answer(wanted, "clone", 0x3D0F00 | flag) == errno.EPERM


def test_a_capability_brings_its_calls() -> None:
    wanted = seccomp_filter(Profile.DEFAULT, capabilities=frozenset({"CAP_SYS_ADMIN"}))
    assert answer(wanted, "mount") is None
    assert answer(wanted, "clone", 0x10000000) is None
    assert answer(wanted, "reboot") == errno.EPERM


@pytest.mark.parametrize(
    ("family", "protocol", "error"),
    [
        (1, 0, None),
        (2, 6, None),
        (10, 17, None),
        (16, 0, None),
        (16, 9, errno.EPROTONOSUPPORT),
        (17, 0, errno.EAFNOSUPPORT),
        (38, 0, errno.EAFNOSUPPORT),
        (40, 0, errno.EAFNOSUPPORT),
        (4, 0, errno.EAFNOSUPPORT),
        (1 << 32 | 2, 0, errno.EAFNOSUPPORT),
    ],
)
def test_only_everyday_address_families_exist(family: int, protocol: int, error: int | None) -> None:
    wanted = seccomp_filter(Profile.DEFAULT, capabilities=NOTHING)
    assert answer(wanted, "socket", family, 1, protocol) == error


def test_raw_packets_come_with_the_capability() -> None:
    wanted = seccomp_filter(Profile.DEFAULT, capabilities=frozenset({"CAP_NET_RAW"}))
    assert answer(wanted, "socket", 17, 3, 0) is None
    assert answer(wanted, "socket", 40, 1, 0) == errno.EAFNOSUPPORT


def test_compat_refuses_only_what_reaches_the_hypervisor_or_the_kernels_ciphers() -> None:
    wanted = seccomp_filter(Profile.COMPAT, capabilities=NOTHING)
    assert [family for family in range(46) if answer(wanted, "socket", family, 1, 0)] == [38, 40]


def test_strict_does_not_debug() -> None:
    assert answer(seccomp_filter(Profile.DEFAULT, capabilities=NOTHING), "ptrace") is None
    assert answer(seccomp_filter(Profile.STRICT, capabilities=NOTHING), "ptrace") == errno.EPERM


@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("capabilities", [NOTHING, frozenset({"CAP_SYS_ADMIN", "CAP_NET_RAW", "CAP_SYS_CHROOT"})])
def test_libseccomp_compiles_it(profile: Profile, capabilities: frozenset[str]) -> None:
    program = compile_bpf(seccomp_filter(profile, capabilities=capabilities))
    assert 100 < len(program) // 8 < 4096  # BPF_MAXINSNS


def test_no_rule_of_the_document_repeats_the_default() -> None:
    document = as_oci(seccomp_filter(Profile.DEFAULT, capabilities=NOTHING), machine="x86_64")
    assert document["architectures"] == ["SCMP_ARCH_X86_64"]
    assert all(rule.get("errnoRet") != errno.ENOSYS for rule in document["syscalls"])
