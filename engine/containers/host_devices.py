"""Devices of the host for a container: found by their paths, and made where the runtime cannot make them."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from engine.host import mounts
from engine.host.userns import ID_COUNT
from engine.model.container import ContainerSpec
from engine.model.device import DeviceRequest
from engine.model.errors import Invalid
from engine.oci.devices import DeviceNode
from engine.oci.spec import Bind

_DEV: Final = "/dev"
# what a container has of its own in /dev (runc, libcontainer/devices)
_NOT_DEVICES: Final = frozenset({"pts", "shm", "fd", "mqueue", "console", ".lxc", ".lxd-mounts", ".udev"})
_NODES_BYTES: Final = 1 << 20
_NOBODY: Final = 65534


def wanted_devices(spec: ContainerSpec) -> list[DeviceNode]:
    """What it asks for, and all there are if it is privileged. Blocks. Raises Invalid in Docker's words."""
    found = {node.path: node for node in _below(_DEV, _DEV, access="rwm")} if spec.privileged else {}
    for request in spec.devices:
        found |= {node.path: node for node in _requested(request)}
    return list(found.values())


def _requested(request: DeviceRequest) -> list[DeviceNode]:
    path, access = os.path.realpath(request.path_on_host), request.access or "rwm"
    try:
        status = Path(path).stat()
    except OSError as error:
        raise _refused(request, os.strerror(error.errno or 0).lower()) from error
    if stat.S_ISDIR(status.st_mode):
        found = list(_below(path, request.target, access=access))
    else:
        found = [node for node in [_node(status, request.target, access=access)] if node]
    if not found:
        raise _refused(request, "not a device node")
    return found


def _refused(request: DeviceRequest, why: str) -> Invalid:
    return Invalid(
        "HostConfig.Devices: error gathering device information while adding custom device "
        f'"{request.path_on_host}": {why}'
    )


def _below(directory: str, target: str, *, access: str) -> Iterator[DeviceNode]:
    """Links are left out: what they lead to is there under its own name, or is not of this directory."""
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name in _NOT_DEVICES or entry.is_symlink():
                continue
            path = f"{target}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _below(entry.path, path, access=access)
            elif node := _node(entry.stat(follow_symlinks=False), path, access=access):
                yield node


def _node(status: os.stat_result, path: str, *, access: str) -> DeviceNode | None:
    kind = "c" if stat.S_ISCHR(status.st_mode) else "b" if stat.S_ISBLK(status.st_mode) else ""
    if not kind:
        return None
    return DeviceNode(
        path,
        kind,
        os.major(status.st_rdev),
        os.minor(status.st_rdev),
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        access=access,
    )


def place_devices(nodes: Iterable[DeviceNode], directory: Path, *, uid_base: int) -> list[Bind]:
    """Make them in the new ``directory``, with owners as the container's user namespace maps them; blocks.

    Nobody can make a device in a user namespace, and the host's own nodes belong to owners it does not know.
    """
    directory.mkdir(mode=0o711)
    mounts.mount_tmpfs(directory, size_bytes=_NODES_BYTES, mode=0o711, with_devices=True)
    binds = []
    for number, node in enumerate(nodes):
        path = directory / str(number)
        kind = stat.S_IFCHR if node.kind == "c" else stat.S_IFBLK
        os.mknod(path, kind | 0o600, os.makedev(node.major, node.minor))
        os.chown(path, *(uid_base + (one if one < ID_COUNT else _NOBODY) for one in (node.uid, node.gid)))
        path.chmod(node.mode)
        binds.append(Bind(path, node.path))
    return binds
