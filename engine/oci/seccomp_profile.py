"""A seccomp profile that a client brings, in Docker's format (moby, profiles/seccomp/seccomp.go), for the runtime.

Docker's format is ``linux.seccomp`` of the OCI runtime-spec with conditions: a group of calls may hold only with or
without a capability, on an architecture (by Go's name), or from a kernel on. Those are decided here.
"""

import platform
import re
from collections.abc import Collection
from typing import Any, Final

import msgspec

from engine.model.errors import Invalid
from engine.model.platform import Platform

# what libseccomp calls an architecture, by uname(2)'s name
_NATIVE: Final = {
    "x86_64": "SCMP_ARCH_X86_64",
    "aarch64": "SCMP_ARCH_AARCH64",
    "armv7l": "SCMP_ARCH_ARM",
    "i686": "SCMP_ARCH_X86",
    "ppc64le": "SCMP_ARCH_PPC64LE",
    "riscv64": "SCMP_ARCH_RISCV64",
    "s390x": "SCMP_ARCH_S390X",
}
_ACTIONS: Final = frozenset(
    f"SCMP_ACT_{name}" for name in ["ALLOW", "ERRNO", "KILL", "KILL_PROCESS", "KILL_THREAD", "LOG", "TRACE", "TRAP"]
)
_OPERATORS: Final = frozenset(f"SCMP_CMP_{name}" for name in ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"])
_FLAGS: Final = frozenset(
    f"SECCOMP_FILTER_FLAG_{name}" for name in ["TSYNC", "LOG", "SPEC_ALLOW", "WAIT_KILLABLE_RECV"]
)
_LARGEST_ERRNO: Final = 4095
_KERNEL: Final = re.compile(r"(\d+)\.(\d+)")


class _Argument(msgspec.Struct, rename="camel", kw_only=True):
    index: int
    op: str
    value: int = 0
    value_two: int = 0


class _When(msgspec.Struct, rename="camel", kw_only=True):
    caps: list[str] = []
    arches: list[str] = []
    min_kernel: str = ""


class _Calls(msgspec.Struct, rename="camel", kw_only=True):
    action: str
    name: str = ""
    names: list[str] = []
    errno_ret: int | None = None
    args: list[_Argument] | None = None
    comment: str = ""
    includes: _When | None = None
    excludes: _When | None = None


class _Architecture(msgspec.Struct, rename="camel", kw_only=True):
    architecture: str
    sub_architectures: list[str] | None = None


class SeccompProfile(msgspec.Struct, rename="camel", kw_only=True):
    default_action: str
    default_errno_ret: int | None = None
    architectures: list[str] | None = None
    arch_map: list[_Architecture] | None = None
    flags: list[str] | None = None
    syscalls: list[_Calls] | None = None
    listener_path: str = ""
    listener_metadata: str = ""


def parse_profile(text: str) -> SeccompProfile:
    """Raises Invalid: as Docker words it, or naming the member that no runtime could take."""
    try:
        profile = msgspec.json.decode(text, type=SeccompProfile)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise Invalid(f"HostConfig.SecurityOpt: decoding seccomp profile failed: {error}") from error
    if profile.architectures and profile.arch_map:
        raise _refused("'architectures' and 'archMap' were specified in the seccomp profile, use either")
    if profile.listener_path or profile.listener_metadata:
        raise _refused("listenerPath: handing calls over to another program is not supported")
    for flag in profile.flags or ():
        _known(flag, _FLAGS, "flag")
    _check_action(profile.default_action, profile.default_errno_ret)
    for calls in profile.syscalls or ():
        _check_calls(calls)
    return profile


def profile_as_oci(
    profile: SeccompProfile, *, capabilities: Collection[str], kernel: str = "", machine: str = ""
) -> dict[str, Any]:
    """``linux.seccomp`` for a process with these capabilities. ``kernel`` and ``machine`` as uname(2) names them."""
    machine = machine or platform.machine()
    release = _version(kernel or platform.release())
    architecture = Platform.of_machine(machine).architecture
    document: dict[str, Any] = {
        "defaultAction": profile.default_action,
        "architectures": _architectures(profile, machine),
        "syscalls": [
            _as_oci(calls)
            for calls in profile.syscalls or ()
            if _holds(calls, capabilities=capabilities, architecture=architecture, release=release)
        ],
    }
    if profile.default_errno_ret is not None:
        document["defaultErrnoRet"] = profile.default_errno_ret
    return document | ({"flags": profile.flags} if profile.flags else {})


def _check_calls(calls: _Calls) -> None:
    if calls.name and calls.names:
        raise _refused("both 'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'")
    if not calls.name and not calls.names:
        raise _refused("a group of syscalls has no names")
    _check_action(calls.action, calls.errno_ret)
    for argument in calls.args or ():
        _known(argument.op, _OPERATORS, "op")
        if not 0 <= argument.index <= 5:
            raise _refused(f"args.index: a call has arguments 0 to 5, not {argument.index}")
        if not all(0 <= value < 2**64 for value in (argument.value, argument.value_two)):
            raise _refused("args.value: a number of 64 bits without sign is wanted")
    for when in (calls.includes, calls.excludes):
        if when and when.min_kernel:
            _version(when.min_kernel)


def _check_action(action: str, errno: int | None) -> None:
    if action == "SCMP_ACT_NOTIFY":
        raise _refused("action: SCMP_ACT_NOTIFY needs a listener, which is not supported")
    _known(action, _ACTIONS, "action")
    if errno is not None and not 0 <= errno <= _LARGEST_ERRNO:
        raise _refused(f"errnoRet: {errno} is out of range, it must be from 0 to {_LARGEST_ERRNO}")


def _known(word: str, words: Collection[str], member: str) -> None:
    if word not in words:
        raise _refused(f"{member}: {word[:80]!a} is unknown; possible are {', '.join(sorted(words))}")


def _refused(why: str) -> Invalid:
    return Invalid(f"HostConfig.SecurityOpt: seccomp profile: {why}")


def _architectures(profile: SeccompProfile, machine: str) -> list[str]:
    if profile.architectures:
        return profile.architectures
    for entry in profile.arch_map or ():
        if entry.architecture == _NATIVE.get(machine):
            return [entry.architecture, *(entry.sub_architectures or ())]
    return []


def _holds(calls: _Calls, *, capabilities: Collection[str], architecture: str, release: tuple[int, int]) -> bool:
    """All that is included must be so, and nothing that is excluded."""
    included, excluded = calls.includes or _When(), calls.excludes or _When()
    return (
        (not included.arches or architecture in included.arches)
        and architecture not in excluded.arches
        and all(capability in capabilities for capability in included.caps)
        and not any(capability in capabilities for capability in excluded.caps)
        and (not included.min_kernel or release >= _version(included.min_kernel))
        and (not excluded.min_kernel or release < _version(excluded.min_kernel))
    )


def _as_oci(calls: _Calls) -> dict[str, Any]:
    document: dict[str, Any] = {"names": calls.names or [calls.name], "action": calls.action}
    if calls.errno_ret is not None:
        document["errnoRet"] = calls.errno_ret
    if calls.args:
        document["args"] = [
            {"index": each.index, "value": each.value, "valueTwo": each.value_two, "op": each.op} for each in calls.args
        ]
    return document


def _version(text: str) -> tuple[int, int]:
    found = _KERNEL.match(text)
    if found is None:
        raise _refused(f"minKernel: {text[:80]!a} is no kernel version like 4.8")
    return int(found[1]), int(found[2])
