"""Containers that share namespaces of another one: who it is, whether it can be joined, and what comes with it."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from engine.containers.etc_files import hostname_of
from engine.host import processes
from engine.model.container import Container, ContainerSpec
from engine.model.errors import Conflict, Invalid, Missing
from engine.model.namespaces import joined_container, joining
from engine.oci.confinement import has_user_namespace
from engine.oci.namespaces import joined_containers

_FILES = {"pid": "pid", "ipc": "ipc", "network": "net", "user": "user"}
_CALLED = {"pid": "PID", "ipc": "IPC", "network": "network"}


@dataclass(frozen=True, slots=True)
class Joined:
    """``paths`` are good while the stack given to ``join`` is open. ``owners`` is the container whose user namespace
    comes along, None when it has the host's; ``network`` and ``ipc`` are whose network and shared memory are shared."""

    paths: Mapping[str, str] = field(default_factory=dict)
    owners: Container | None = None
    network: Container | None = None
    ipc: Container | None = None


class Joining:
    """``find`` gets a container by name or id and raises Missing."""

    def __init__(self, find: Callable[[str], Container]) -> None:
        self._find = find

    def by_id(self, spec: ContainerSpec) -> ContainerSpec:
        """With ids for the names in ``container:NAME``, and named as its network is. Raises Invalid."""
        try:
            others = {kind: self._find(name) for kind, name in joined_containers(spec).items()}
        except Missing as error:  # which to clients of create means "no such image", and that they should pull it
            raise Invalid(str(error)) from error
        shared = spec.namespaces
        if "network" in others:
            donor = others["network"]
            spec = replace(
                spec,
                network_mode=joining(donor.id),
                hostname=hostname_of(donor),
                domainname=donor.spec.domainname,
            )
        elif "host" in (spec.network_mode, shared.uts):
            spec = replace(spec, hostname=spec.hostname or os.uname().nodename)
        return replace(
            spec,
            namespaces=replace(
                shared,
                pid=joining(others["pid"].id) if "pid" in others else shared.pid,
                ipc=joining(others["ipc"].id) if "ipc" in others else shared.ipc,
            ),
        )

    def join(self, container: Container, undo: ExitStack) -> Joined:
        """Hold the namespaces it is to share. Raises Missing or Conflict when one is not to be had."""
        names = joined_containers(container.spec)
        if not names:
            return Joined()
        others = {kind: self._donor(container, kind, name) for kind, name in names.items()}
        owners = _owners(list(others.values())) if has_user_namespace(container.spec) else None
        with_user = others | ({"user": owners} if owners else {})
        return Joined(
            {kind: _held(other, kind, undo) for kind, other in with_user.items()},
            owners=owners,
            network=others.get("network"),
            ipc=others.get("ipc"),
        )

    def _donor(self, container: Container, kind: str, name: str) -> Container:
        other = self._find(name)
        if other.id == container.id:
            raise Conflict(f"cannot join own {_CALLED[kind]}")
        if not other.is_running or other.process is None:
            raise Conflict(f"cannot join {_CALLED[kind]} of a non running container: {other.id}")
        if kind == "ipc" and other.spec.namespaces.ipc != "shareable":
            raise Conflict(
                f"container {other.name} has a non-shareable IPC (hint: use IpcMode:shareable for the donor container)"
            )
        return other


def shares_processes(spec: ContainerSpec) -> bool:
    return spec.namespaces.pid == "host" or joined_container(spec.namespaces.pid) is not None


def _owners(others: list[Container]) -> Container | None:
    """Whose user namespace all of them are in. Namespaces belong to one: theirs can be entered from there alone."""
    if len({other.uid_base for other in others}) > 1:
        names = " and ".join(sorted({other.name for other in others}))
        raise Conflict(f"containers {names} have different user namespaces and cannot both be joined")
    return others[0] if others[0].uid_base is not None else None


def _held(container: Container, kind: str, undo: ExitStack) -> str:
    """A path by which the runtime finds the namespace, whatever becomes of the container's process."""
    assert container.process is not None
    try:
        handle = os.open(f"/proc/{container.process.pid}/ns/{_FILES[kind]}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Conflict(f"container {container.name} is ending and cannot be joined") from error
    undo.callback(os.close, handle)
    if not processes.is_alive(container.process):  # then the number may be another process's
        raise Conflict(f"container {container.name} is ending and cannot be joined")
    return f"/proc/{os.getpid()}/fd/{handle}"
