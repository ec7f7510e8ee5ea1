"""Mounting what a volume's options name, in the engine's own mount namespace, where an engine after this finds it."""

import errno
import os
import socket
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

from engine.config import EngineConfig
from engine.host import libc, mounts
from engine.host.host_files import HostFiles
from engine.model.errors import Invalid, Unavailable
from engine.volumes.options import MountOptions


def mount_volume(target: Path, options: MountOptions, host_files: HostFiles) -> None:
    """At ``target``, which is made. Blocks, for a server on the network perhaps long. Raises Invalid in Docker's words.

    What is there already was mounted by an engine that was killed before it could tell, and is unmounted first.
    """
    unmount_volume(target)
    target.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    try:
        if options.host_path:
            _bind(target, options, host_files)
        else:
            target.mkdir(mode=0o755)
            libc.mount(options.device, target, kind=options.kind, flags=options.flags, data=_data(options))
    except OSError as error:
        unmount_volume(target)
        raise Invalid(
            f"error while mounting volume '{target.name}': failed to mount local volume: mount "
            f"{options.device}, type {options.kind}: {_words(error)}"
        ) from error


def unmount_volume(target: Path) -> None:
    """Safe to repeat. Containers that still see it keep their own view of it. Blocks. Raises Unavailable."""
    for point in mounts.mounts_below(target):
        mounts.unmount(point, lazy=True)
    try:
        target.rmdir()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise Unavailable(f"cannot unmount {target}: {error.strerror}") from error


def sweep_mounts(config: EngineConfig, *, keep: Collection[str]) -> None:
    """Unmount the volumes that no running container uses. Blocks."""
    if config.volume_mounts.is_dir():
        for path in config.volume_mounts.iterdir():
            if path.name not in keep:
                unmount_volume(path)


def _bind(target: Path, options: MountOptions, host_files: HostFiles) -> None:
    with closing(host_files.copy_tree(options.host_path, recursive=options.is_recursive)) as tree:
        if not tree.is_directory:
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        tree.set_attributes(read_only=options.read_only, recursive=True, propagation=libc.MS_PRIVATE)
        tree.attach(target)


def _data(options: MountOptions) -> str:
    """The kernel looks no names up."""
    words = list(options.data)
    if options.address:
        words[words.index(f"addr={options.address}")] = f"addr={_resolved(options.address)}"
    return ",".join(words)


def _resolved(address: str) -> str:
    try:
        return str(socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise Invalid(f"error resolving passed in network volume address: {address[:80]}: {error.strerror}") from error


def _words(error: OSError) -> str:
    if error.errno == errno.ENODEV:
        return "no such device: this kernel does not know the file system"
    return os.strerror(error.errno or 0).lower()
