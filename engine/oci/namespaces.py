"""``linux.namespaces``: which a container has of its own, which it joins, and which it lacks because it has the host's.

One that is joined is named by a path that stays good until the runtime has opened it.
"""

from collections.abc import Mapping
from typing import Any

from engine.model.container import ContainerSpec
from engine.model.namespaces import joined_container

_OWN_ALWAYS = "mount"


def namespaces(spec: ContainerSpec, *, own_user: bool, joined: Mapping[str, str]) -> list[dict[str, Any]]:
    """``joined`` is kind → path, ``user`` among them when the other container has one. ``own_user``: a new one."""
    shared = spec.namespaces
    modes = {
        "pid": shared.pid,
        "ipc": shared.ipc,
        "uts": shared.uts,
        _OWN_ALWAYS: "",
        "cgroup": shared.cgroup,
        "network": spec.network_mode,
    }
    found: list[dict[str, Any]] = []
    for kind, mode in modes.items():
        if joined_container(mode):
            found.append({"type": kind, "path": joined[kind]})
        elif mode != "host":
            found.append({"type": kind})
    if "user" in joined:
        found.append({"type": "user", "path": joined["user"]})
    elif own_user:
        found.append({"type": "user"})
    return found


def joined_containers(spec: ContainerSpec) -> dict[str, str]:
    """Kind of namespace → the container, by name or id, that it is shared with."""
    modes = {"pid": spec.namespaces.pid, "ipc": spec.namespaces.ipc, "network": spec.network_mode}
    return {kind: other for kind, mode in modes.items() if (other := joined_container(mode))}
