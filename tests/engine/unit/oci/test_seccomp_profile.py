"""Seccomp profiles that clients bring: their conditions, and what no runtime could take."""

import json
from typing import Any

import pytest

from engine.model.errors import Invalid
from engine.oci.seccomp_profile import parse_profile, profile_as_oci


def resolved(
    syscalls: list[dict[str, Any]], *, capabilities: tuple[str, ...] = (), kernel: str = "6.1.0-13", **members: Any
) -> dict[str, Any]:
    profile = {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": syscalls} | members
    parsed = parse_profile(json.dumps(profile))
    return profile_as_oci(parsed, capabilities=capabilities, kernel=kernel, machine="x86_64")


def allowed(when: dict[str, Any], **given: Any) -> bool:
    return bool(resolved([{"names": ["mount"], "action": "SCMP_ACT_ALLOW"} | when], **given)["syscalls"])


@pytest.mark.parametrize(
    ("when", "is_allowed"),
    [
        ({}, True),
        ({"includes": {"caps": ["CAP_SYS_ADMIN"]}}, False),
        ({"includes": {"caps": ["CAP_CHOWN"]}}, True),
        ({"includes": {"caps": ["CAP_CHOWN", "CAP_SYS_ADMIN"]}}, False),
        ({"excludes": {"caps": ["CAP_CHOWN"]}}, False),
        ({"excludes": {"caps": ["CAP_SYS_ADMIN"]}}, True),
        ({"includes": {"arches": ["arm64", "amd64"]}}, True),
        ({"includes": {"arches": ["arm64"]}}, False),
        ({"excludes": {"arches": ["amd64"]}}, False),
        ({"includes": {"minKernel": "4.8"}}, True),
        ({"includes": {"minKernel": "6.2"}}, False),
        ({"excludes": {"minKernel": "6.1"}}, False),
        ({"includes": {"arches": ["amd64"]}, "excludes": {"caps": ["CAP_CHOWN"]}}, False),
    ],
)
def test_a_group_of_calls_counts_when_its_conditions_hold(when: dict[str, Any], is_allowed: bool) -> None:
    assert allowed(when, capabilities=("CAP_CHOWN",)) is is_allowed


def test_the_rest_of_a_profile_is_the_runtimes() -> None:
    document = resolved(
        [
            {
                "name": "clone",
                "action": "SCMP_ACT_ERRNO",
                "errnoRet": 38,
                "comment": "threads only",
                "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}],
            }
        ],
        archMap=[
            {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
            {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
        ],
        defaultErrnoRet=1,
        flags=["SECCOMP_FILTER_FLAG_LOG"],
    )
    assert document == {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 1,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "syscalls": [
            {
                "names": ["clone"],
                "action": "SCMP_ACT_ERRNO",
                "errnoRet": 38,
                "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}],
            }
        ],
    }


_CALL = {"names": ["read"], "action": "SCMP_ACT_ALLOW"}


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ("{", "decoding seccomp profile failed"),
        ("[]", "decoding seccomp profile failed"),
        ("/etc/profile.json", "decoding seccomp profile failed"),
        ({}, "defaultAction"),
        ({"defaultAction": "ALLOW"}, "action: 'ALLOW' is unknown"),
        ({"defaultAction": "SCMP_ACT_NOTIFY"}, "needs a listener"),
        ({"listenerPath": "/x"}, "listenerPath"),
        ({"architectures": ["SCMP_ARCH_X86"], "archMap": [{"architecture": "SCMP_ARCH_X86"}]}, "'archMap'"),
        ({"flags": ["FAST"]}, "flag: 'FAST' is unknown"),
        ({"syscalls": [_CALL | {"name": "write"}]}, "both 'name' and 'names'"),
        ({"syscalls": [{"action": "SCMP_ACT_ALLOW"}]}, "no names"),
        ({"syscalls": [_CALL | {"errnoRet": 5000}]}, "errnoRet: 5000 is out of range"),
        ({"syscalls": [_CALL | {"args": [{"index": 6, "op": "SCMP_CMP_EQ"}]}]}, "arguments 0 to 5"),
        ({"syscalls": [_CALL | {"args": [{"index": 0, "op": "SAME"}]}]}, "op: 'SAME' is unknown"),
        ({"syscalls": [_CALL | {"args": [{"index": 0, "op": "SCMP_CMP_EQ", "value": -1}]}]}, "args.value"),
        ({"syscalls": [_CALL | {"includes": {"minKernel": "new"}}]}, "minKernel: 'new'"),
    ],
)
def test_what_no_runtime_could_take_is_refused(profile: str | dict[str, Any], words: str) -> None:
    text = (
        profile
        if isinstance(profile, str)
        else json.dumps({"defaultAction": "SCMP_ACT_ALLOW"} | profile if profile else {})
    )
    with pytest.raises(Invalid, match=f"SecurityOpt: .*{words}"):
        parse_profile(text)
