"""Kernel settings a container may have of its own: those that belong to a namespace, if it has that namespace."""

from collections.abc import Mapping
from typing import Final

from engine.model.container import ContainerSpec
from engine.model.errors import Invalid
from engine.wire.text import check_mapping, shown

# runc, libcontainer/configs/validate: what the kernel keeps per IPC namespace
_OF_IPC: Final = frozenset(
    f"kernel.{name}" for name in ["msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"]
)


def check_sysctls(spec: ContainerSpec) -> None:
    """Raises Invalid, in the runtime's words but before there is a container."""
    check_mapping("HostConfig.Sysctls", spec.sysctls)
    for given in spec.sysctls:
        name = given.replace("/", ".")
        if why := _refusal(name, spec):
            raise Invalid(f'HostConfig.Sysctls: sysctl "{shown(name)[1:-1]}" {why}')


def _refusal(name: str, spec: ContainerSpec) -> str:
    shared = spec.namespaces
    if name in _OF_IPC or name.startswith("fs.mqueue."):
        return "is not allowed in the hosts ipc namespace" if shared.ipc == "host" else ""
    if name.startswith("net."):
        return "not allowed in host network namespace" if spec.network_mode == "host" else ""
    if name == "kernel.domainname":
        return "is not allowed in the hosts uts namespace" if shared.uts == "host" else ""
    if name == "kernel.hostname":
        return "is not allowed as it conflicts with Hostname"
    return "is not in a separate kernel namespace"


def dotted(sysctls: Mapping[str, str]) -> dict[str, str]:
    """As runtimes take them."""
    return {name.replace("/", "."): value for name, value in sysctls.items()}
