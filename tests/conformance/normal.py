"""Answers without what must differ between two engines: ids, times, addresses, paths, version numbers."""

import re
from typing import Any

_VOLATILE = re.compile(
    r"^(Id|ID|Created|CreatedAt|StartedAt|FinishedAt|Pid|ResolvConfPath|HostnamePath|HostsPath|LogPath|SandboxID|SandboxKey"
    r"|EndpointID|NetworkID|Gateway|IPAddress|IPPrefixLen|MacAddress|LowerDir|MergedDir|UpperDir|WorkDir|time|timeNano"
    r"|Hostname|LastTagTime|Size|VirtualSize|Runtime)$"
)
_HEX = re.compile(r"\b[0-9a-f]{64}\b")


def normal(value: Any) -> Any:
    """Volatile members become their type's name; ids within text become ID."""
    if isinstance(value, dict):
        return {
            key: (type(member).__name__ if _VOLATILE.match(key) and member else normal(member))
            for key, member in value.items()
        }
    if isinstance(value, list):
        return [normal(member) for member in value]
    if isinstance(value, str):
        return _HEX.sub("ID", value)
    return value


def differences(theirs: Any, ours: Any, *, path: str = "") -> list[str]:
    """Where ``ours`` lacks or contradicts ``theirs``. What ours has besides is no difference.

    Nor is an empty list or map where Go writes null: dockerd does either, depending on what the client sent.
    """
    if theirs in (None, [], {}) and ours in (None, [], {}):
        return []
    if isinstance(theirs, dict) and isinstance(ours, dict):
        found = []
        for key, member in theirs.items():
            if key not in ours:
                found.append(f"{path}.{key}: absent, Docker has {member!r}")
            else:
                found += differences(member, ours[key], path=f"{path}.{key}")
        return found
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        return [
            difference
            for at, (their, our) in enumerate(zip(theirs, ours, strict=True))
            for difference in differences(their, our, path=f"{path}[{at}]")
        ]
    return [] if theirs == ours else [f"{path}: {ours!r}, Docker has {theirs!r}"]
