"""How far a container is to be confined: ``SecurityOpt``, ``CapAdd``, ``MaskedPaths``, ``Annotations`` and the like."""

import posixpath
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.model.container import ContainerSpec, Profile
from engine.model.errors import Denied, Invalid, Unsupported
from engine.wire.json_body import decode
from engine.wire.text import check_mapping, check_texts, shown

_LONGEST_OPTION: Final = 256 << 10  # a seccomp profile is one option
_TRUE: Final = ("", "1", "t", "T", "true", "TRUE", "True")
_FALSE: Final = ("0", "f", "F", "false", "FALSE", "False")
# A container's annotations reach the runtime, and some runtimes take orders there: hooks, monitors, other handlers,
# systemd properties, files to read (CVE-2026-53488 is of this kind).
_RUNTIMES_OWN: Final = re.compile(
    r"(run\.oci|module\.wasm|org\.systemd|org\.criu|dev\.gvisor|io\.(katacontainers|containerd|podman|crun)"
    r"|io\.[^/]*runtime)\b",
    re.IGNORECASE,
)


class SecurityJson(msgspec.Struct, rename="pascal", kw_only=True):
    security_opt: list[str] = []
    cap_add: list[str] = []
    cap_drop: list[str] = []
    privileged: bool = False
    masked_paths: list[str] | None = None
    readonly_paths: list[str] | None = None
    annotations: dict[str, str] = {}


def decode_security(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The ContainerSpec fields; ``profile`` only if one was asked for. Raises Invalid, Unsupported or Denied."""
    given = decode(raw, SecurityJson)
    check_texts("HostConfig.SecurityOpt", given.security_opt, longest=_LONGEST_OPTION, lines=True)
    for member, names in (("CapAdd", given.cap_add), ("CapDrop", given.cap_drop)):
        check_texts(f"HostConfig.{member}", names, longest=255)
    _check_annotations(given.annotations)
    fields: dict[str, Any] = {
        "privileged": given.privileged,
        "capabilities_add": tuple(given.cap_add),
        "capabilities_drop": tuple(given.cap_drop),
        "masked_paths": _paths("MaskedPaths", given.masked_paths),
        "read_only_paths": _paths("ReadonlyPaths", given.readonly_paths),
        "annotations": given.annotations,
        "security_options": tuple(given.security_opt),
    }
    for option in given.security_opt:
        fields |= _option(option)
    return fields


def encode_security(spec: ContainerSpec) -> dict[str, Any]:
    options = list(spec.security_options)
    # as Docker writes it where a label would keep the container from what it is to see
    has_hosts = spec.privileged or spec.namespaces.are_the_hosts
    if has_hosts and not any(option.startswith("label") for option in options):
        options.append("label=disable")
    if spec.profile is not Profile.DEFAULT and not any(option.startswith("profile") for option in options):
        options.append(f"profile={spec.profile}")
    return {
        "CapAdd": list(spec.capabilities_add) or None,
        "CapDrop": list(spec.capabilities_drop) or None,
        "Privileged": spec.privileged,
        "SecurityOpt": options or None,
        **({"Annotations": dict(spec.annotations)} if spec.annotations else {}),
    }


def _option(option: str) -> dict[str, Any]:
    """``key=value``, or ``key:value`` as older clients write it."""
    key, _, value = option.partition("=" if "=" in option else ":")
    match key:
        case "no-new-privileges" if value in (*_TRUE, *_FALSE):
            return {"no_new_privileges": value in _TRUE}
        case "no-new-privileges":
            raise Invalid(f"HostConfig.SecurityOpt: invalid --security-opt: {shown(option)}: true or false is wanted")
        case "seccomp" if value in ("unconfined", "builtin"):
            return {"seccomp_unconfined": value == "unconfined", "seccomp_profile": ""}
        case "seccomp":
            return {"seccomp_unconfined": False, "seccomp_profile": value}
        case "profile" if value in list(Profile):
            return {"profile": Profile(value)}
        case "systempaths" if value == "unconfined":
            return {"masked_paths": (), "read_only_paths": ()}
        case "apparmor" if value == "unconfined":
            return {}
        case "label" if value == "disable":
            return {}
    raise Unsupported(
        f"HostConfig.SecurityOpt: {shown(option)} is not supported; possible are no-new-privileges, "
        "seccomp=unconfined or a profile, systempaths=unconfined and profile=compat|default|strict; "
        "this engine applies neither AppArmor nor SELinux, so only apparmor=unconfined and label=disable are true"
    )


def _paths(member: str, paths: list[str] | None) -> tuple[str, ...] | None:
    if paths is None:
        return None
    check_texts(f"HostConfig.{member}", paths, longest=4096)
    for path in paths:
        if not posixpath.isabs(path) or ".." in path.split("/"):
            raise Invalid(f"HostConfig.{member}: {shown(path)} is not an absolute path without ..")
    return tuple(paths)


def _check_annotations(annotations: Mapping[str, str]) -> None:
    check_mapping("HostConfig.Annotations", annotations, lines=True)
    for name in annotations:
        if not name:
            raise Invalid("HostConfig.Annotations: the empty string is not permitted as an annotation key")
        if _RUNTIMES_OWN.match(name):
            raise Denied(f"HostConfig.Annotations: {shown(name)} would give orders to the runtime and is refused")
