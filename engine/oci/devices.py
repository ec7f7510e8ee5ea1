"""Device nodes and device rules of the OCI configuration."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from engine.model.device import DeviceRule

# major and minor absent = any; crun refuses the spelled-out wildcard -1
_BASIC: Final[tuple[dict[str, Any], ...]] = (
    *({"type": "c", "major": 1, "minor": minor} for minor in (3, 5, 7, 8, 9)),  # null zero full random urandom
    {"type": "c", "major": 5, "minor": 0},  # tty
    {"type": "c", "major": 5, "minor": 1},  # console
    {"type": "c", "major": 5, "minor": 2},  # ptmx
    {"type": "c", "major": 136},  # pts/*
)


@dataclass(frozen=True, slots=True)
class DeviceNode:
    """A device of the host at ``path`` in the container. ``kind`` is c or b; ``mode`` are its permission bits."""

    path: str
    kind: str
    major: int
    minor: int
    mode: int
    uid: int
    gid: int
    access: str = "rwm"


def oci_devices(nodes: Iterable[DeviceNode]) -> list[dict[str, Any]]:
    """``linux.devices``, which the runtime makes; in a user namespace it cannot."""
    return [
        {
            "path": node.path,
            "type": node.kind,
            "major": node.major,
            "minor": node.minor,
            "fileMode": node.mode,
            "uid": node.uid,
            "gid": node.gid,
        }
        for node in nodes
    ]


def oci_device_rules(
    nodes: Iterable[DeviceNode], rules: Iterable[DeviceRule], *, everything: bool, may_make: bool
) -> list[dict[str, Any]]:
    """``linux.resources.devices``. ``may_make``: making any node is harmless while opening it is not allowed."""
    if everything:
        return [{"allow": True, "access": "rwm"}]
    allowed: list[dict[str, Any]] = [{"allow": False, "access": "rwm"}]
    if may_make:
        allowed += [{"allow": True, "type": kind, "access": "m"} for kind in ("c", "b")]
    allowed += [{"allow": True, **device, "access": "rwm"} for device in _BASIC]
    allowed += [
        {"allow": True, "type": node.kind, "major": node.major, "minor": node.minor, "access": node.access}
        for node in nodes
    ]
    return allowed + [_rule(rule) for rule in rules]


def _rule(rule: DeviceRule) -> dict[str, Any]:
    numbers = {"major": rule.major, "minor": rule.minor}
    return {
        "allow": True,
        "type": rule.kind,
        **{name: number for name, number in numbers.items() if number is not None},
        "access": rule.access,
    }
