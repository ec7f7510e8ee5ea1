"""The compiled filter run by an interpreter: what it answers on its own, whatever this machine's kernel has."""

import ctypes
import errno
import platform

import pytest

from engine.host.capabilities import CAPABILITIES
from engine.host.seccomp_filter import compile_bpf
from engine.model.container import ContainerSpec, Profile
from engine.model.digest import Digest
from engine.oci.confinement import confinement
from engine.oci.seccomp import seccomp_filter
from tests.engine.unit.oci.bpf import I386, verdict

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the calls' numbers are those of x86_64")

HIGH = 1 << 32  # the kernel takes an int from the lower half of a register
NUMBERS = {
    "ioctl": 16, "socket": 41, "socketpair": 53, "setsockopt": 54, "clone": 56, "pivot_root": 155, "mount": 165,
    "swapon": 167, "reboot": 169, "iopl": 172, "ioperm": 173, "init_module": 175, "delete_module": 176,
    "kexec_load": 246, "add_key": 248, "keyctl": 250, "unshare": 272, "move_pages": 279, "perf_event_open": 298,
    "open_by_handle_at": 304,
    "setns": 308, "kcmp": 312, "finit_module": 313, "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323,
    "io_uring_setup": 425, "clone3": 435, "pidfd_getfd": 438, "process_madvise": 440, "open_tree_attr": 467,
    "of the future": 9999,
}  # fmt: skip
ABSENT = ("io_uring_setup", "clone3", "of the future")
BY_ARGUMENTS = ("ioctl", "socket", "socketpair", "setsockopt", "clone")
REFUSED = tuple(name for name in NUMBERS if name not in {*ABSENT, *BY_ARGUMENTS, "open_tree_attr"})
TIOCSTI, TIOCLINUX, TIOCGPTN = 0x5412, 0x541C, 0x80045430
STREAM, DGRAM, RAW, SEQPACKET, OLD_PACKET, CLOEXEC, NONBLOCK = 1, 2, 3, 5, 10, 0o2000000, 0o4000
UNIX, INET, INET6, PACKET, ALG, VSOCK = 1, 2, 10, 17, 38, 40
ICMP, SOL_IP, IP_HDRINCL = 1, 0, 3


def program(profile: Profile = Profile.DEFAULT, **wishes: object) -> bytes:
    """Of a container of the profile that asks for more or less."""
    spec = ContainerSpec(Digest.of(b""), "image", profile=profile, **wishes)  # type: ignore[arg-type]
    held = confinement(spec, bounding=CAPABILITIES)
    assert held.seccomp is not None
    return compile_bpf(held.seccomp)


def ask(of: bytes, name: str, *arguments: int) -> int | None:
    return verdict(of, NUMBERS[name], *arguments)


@pytest.mark.parametrize("profile", list(Profile))
def test_what_changes_kernel_or_host_is_refused(profile: Profile) -> None:
    assert {name: ask(program(profile), name) for name in REFUSED} == dict.fromkeys(REFUSED, errno.EPERM)


@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("name", ABSENT)
def test_what_has_another_way_is_absent(profile: Profile, name: str) -> None:
    assert ask(program(profile), name) == errno.ENOSYS


@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("family", [ALG, VSOCK, HIGH | ALG, HIGH | VSOCK, 46, 255, HIGH | INET])
def test_no_register_reaches_the_hypervisor_or_the_kernels_ciphers(profile: Profile, family: int) -> None:
    assert ask(program(profile), "socket", family, STREAM, 0) == errno.EAFNOSUPPORT


@pytest.mark.parametrize("profile", [Profile.DEFAULT, Profile.STRICT])
@pytest.mark.parametrize("family", sorted(set(range(46)) - {UNIX, INET, INET6, 16}))
def test_unusual_families_do_not_exist(profile: Profile, family: int) -> None:
    assert ask(program(profile), "socket", family, RAW, 0) == errno.EAFNOSUPPORT


@pytest.mark.parametrize("family", [INET, INET6])
@pytest.mark.parametrize("flags", [0, CLOEXEC, NONBLOCK, CLOEXEC | NONBLOCK])
def test_everyday_sockets_are_made_and_raw_ones_not(family: int, flags: int) -> None:
    kinds = {kind: ask(program(), "socket", family, kind | flags, 0) for kind in range(16)}
    assert {kind for kind, error in kinds.items() if error is None} == {STREAM, DGRAM, SEQPACKET}
    assert {kinds[kind] for kind in (RAW, OLD_PACKET)} == {errno.EPERM}
    assert ask(program(), "socket", family, HIGH | RAW, 0) == errno.EPERM


def test_the_one_raw_socket_is_for_icmp() -> None:
    protocols = {protocol: ask(program(), "socket", INET, RAW, protocol) for protocol in (*range(256), HIGH | ICMP)}
    assert {protocol for protocol, error in protocols.items() if error is None} == {ICMP}
    assert set(protocols.values()) == {None, errno.EPERM}
    assert {ask(program(), "socket", INET6, RAW, protocol) for protocol in range(256)} == {errno.EPERM}


def test_nobody_writes_the_headers_of_packets() -> None:
    of = program()
    assert ask(of, "setsockopt", 3, SOL_IP, IP_HDRINCL) == errno.EPERM
    for level, option in ((HIGH | SOL_IP, IP_HDRINCL), (SOL_IP, HIGH | IP_HDRINCL), (HIGH, HIGH | IP_HDRINCL)):
        assert ask(of, "setsockopt", 3, level, option) == errno.ENOPROTOOPT
    levels = {level: ask(of, "setsockopt", 3, level, IP_HDRINCL) for level in range(512)}
    assert {level for level, error in levels.items() if error is not None} == {SOL_IP}
    options = {option: ask(of, "setsockopt", 3, SOL_IP, option) for option in range(256)}
    assert {option for option, error in options.items() if error is not None} == {IP_HDRINCL}


@pytest.mark.parametrize("added", ["NET_RAW", "ALL"])
def test_raw_sockets_come_by_asking_for_them(added: str) -> None:
    of = program(capabilities_add=frozenset({added}))
    assert [ask(of, "socket", family, RAW, 0) for family in (INET, INET6, PACKET)] == [None, None, None]
    assert ask(program(Profile.COMPAT), "socket", PACKET, RAW, 0) is None


@pytest.mark.parametrize("profile", list(Profile))
def test_pairs_are_of_unix_sockets(profile: Profile) -> None:
    assert ask(program(profile), "socketpair", UNIX, STREAM, 0) is None
    assert {ask(program(profile), "socketpair", family, RAW, 0) for family in range(2, 46)} == {errno.EAFNOSUPPORT}


@pytest.mark.parametrize("profile", list(Profile))
def test_nobody_types_for_another(profile: Profile) -> None:
    of = program(profile)
    for request in (TIOCSTI, TIOCLINUX):
        assert [ask(of, "ioctl", 0, high | request) for high in (0, HIGH, -1 << 32)] == [errno.EPERM] * 3
    allowed = (*range(0x5400, 0x5480), TIOCGPTN, TIOCGPTN | -1 << 32, 0, 0xFFFFFFFF, 0x5401 | HIGH)
    assert {ask(of, "ioctl", 0, request) for request in set(allowed) - {TIOCSTI, TIOCLINUX}} == {None}


@pytest.mark.parametrize("profile", list(Profile))
def test_threads_are_made_and_namespaces_not(profile: Profile) -> None:
    of = program(profile)
    assert ask(of, "clone", 0x3D0F00) is None
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert ask(of, "clone", 0x3D0F00 | flag) == errno.EPERM


def test_a_capability_brings_its_calls_and_no_other() -> None:
    of = program(capabilities_add=frozenset({"SYS_NICE", "SYS_PTRACE"}))
    assert [ask(of, name) for name in ("move_pages", "pidfd_getfd", "kcmp")] == [None, None, None]
    assert [ask(of, name) for name in ("mount", "bpf")] == [errno.EPERM, errno.EPERM]


@pytest.mark.parametrize("profile", [Profile.DEFAULT, Profile.STRICT])
def test_programs_of_other_processors_can_do_nothing(profile: Profile) -> None:
    assert verdict(program(profile), 3, architecture=I386) == errno.ENOSYS
    assert verdict(program(profile), 0x40000000) == errno.ENOSYS  # read(2) of x32


def test_a_filter_is_made_and_compiled_once() -> None:
    first, second = (seccomp_filter(Profile.DEFAULT, capabilities=frozenset({"CAP_CHOWN"})) for _ in range(2))
    assert first is second
    assert compile_bpf(first) is compile_bpf(second)


def test_a_library_that_does_not_know_a_call_refuses_it_by_default() -> None:
    library = ctypes.CDLL("libseccomp.so.2")
    unknown = library.seccomp_syscall_resolve_name(b"open_tree_attr") == -1
    wanted = errno.ENOSYS if unknown else errno.EPERM
    assert ask(program(), "open_tree_attr") == wanted
