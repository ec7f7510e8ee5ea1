"""Paths of the host shown in a container.

Files keep the owners they have on disk, as under Docker: what uid 1000 owns on the host, uid 1000 owns inside, and what
the container's root writes is root's. For a container with a user namespace the path is copied as a mount of its own
that maps owners, laid down in the bundle, and bound from there.
"""

import errno
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from engine.containers.parts import Parts
from engine.host import libc
from engine.host.host_files import HostFiles, MountTree, show_all_below
from engine.model.container import ContainerSpec
from engine.model.errors import Invalid, Unavailable
from engine.model.mount import Mount, MountKind, Propagation
from engine.oci.confinement import has_user_namespace
from engine.oci.spec import Bind


@dataclass(frozen=True, slots=True)
class Placed:
    """``is_incomplete``: the runtime (crun 1.8, in a user namespace) shows the top mount without those below it."""

    bind: Bind
    is_incomplete: bool


class HostBinds:
    """Every method blocks."""

    def __init__(self, parts: Parts) -> None:
        self._files = parts.host_files
        self._has_user_namespaces = parts.chosen.user_namespaces
        self._user_namespaces = parts.user_namespaces

    def check(self, spec: ContainerSpec) -> list[str]:
        """What a start would meet; warnings for the client. Raises Invalid in Docker's words."""
        warnings: list[str] = []
        maps_owners = self._has_user_namespaces and has_user_namespace(spec)
        for mount in _binds(spec):
            if maps_owners and mount.propagation is not None and mount.propagation.is_shared:
                raise Invalid(
                    f"HostConfig.Mounts: propagation {mount.propagation} of {mount.target} needs UsernsMode host: "
                    "mounts made in a user namespace do not leave it"
                )
            try:
                warnings += self._check_source(mount, self._nearest(mount), maps_owners=maps_owners)
            except FileNotFoundError as error:
                raise _no_source(mount) from error
            except OSError as error:
                raise Invalid(_words(mount, error)) from error
        return warnings

    def _nearest(self, mount: Mount) -> str:
        """Its source, or as much of the path as is there already of one that will be made."""
        path = Path(mount.source)
        while mount.creates_source and path != path.parent:
            try:
                self._files.place(str(path))
            except FileNotFoundError:
                path = path.parent
            else:
                break
        return str(path)

    def _check_source(self, mount: Mount, path: str, *, maps_owners: bool) -> list[str]:
        place = self._files.place(path)
        if wanted := mount.propagation:
            is_so = place.is_shared or (wanted.is_slave and place.is_slave)
            if not is_so and (wanted.is_shared or wanted.is_slave):
                kinds = "a shared or slave mount" if wanted.is_slave else "a shared mount"
                raise Invalid(f"path {mount.source} is mounted on {place.mount_point} but it is not {kinds}")
        if not maps_owners:
            return []
        # any mapping will do: what is asked is whether the file system can
        some_fd = self._user_namespaces.mount_fd(self._user_namespaces.allocate_base("", taken=()))
        with closing(self._files.copy_tree(path, recursive=False, userns_fd=some_fd)) as tree:
            if tree.maps_owners:
                return []
        return [
            f"The file system of {mount.source} cannot map owners: in the container its files belong to nobody; "
            "UsernsMode host shows them as they are"
        ]

    def place(self, spec: ContainerSpec, directory: Path, *, userns_fd: int | None) -> list[Placed]:
        """Lay the sources down in the new ``directory``, owners as ``userns_fd`` maps them. Raises Invalid."""
        binds = list(_binds(spec))
        if binds:
            directory.mkdir(mode=0o711)
        return [self._placed(mount, directory / str(number), userns_fd=userns_fd) for number, mount in enumerate(binds)]

    def complete(self, placed: Sequence[Placed], *, pid: int) -> None:
        """For a created container that does not run yet: show what the runtime left out. Raises Unavailable."""
        for each in placed:
            if each.is_incomplete:
                try:
                    show_all_below(each.bind.source, pid=pid, target=each.bind.destination)
                except OSError as error:
                    raise Unavailable(
                        f"cannot show the mounts below {each.bind.destination}: {error.strerror}"
                    ) from error

    def _placed(self, mount: Mount, target: Path, *, userns_fd: int | None) -> Placed:
        try:
            with closing(bind_tree(self._files, mount, userns_fd=userns_fd)) as tree:
                tree.set_attributes(
                    read_only=mount.read_only,
                    recursive=mount.is_read_only_below,
                    propagation=_flag(mount.propagation),
                )
                tree.attach(target)
                is_incomplete = userns_fd is not None and tree.has_mounts_below
        except FileNotFoundError as error:
            raise _no_source(mount) from error
        except OSError as error:
            raise Unavailable(_words(mount, error)) from error
        bind = Bind(
            target,
            mount.target,
            read_only=mount.read_only,
            propagation=mount.propagation or Propagation.RPRIVATE,
            is_recursive=mount.is_recursive,
        )
        return Placed(bind, is_incomplete=is_incomplete)


def bind_tree(files: HostFiles, mount: Mount, *, userns_fd: int | None = None) -> MountTree:
    """What it shows; a source that is missing becomes a directory where that was asked for. Raises OSError."""
    try:
        return files.copy_tree(mount.source, recursive=mount.is_recursive, userns_fd=userns_fd)
    except FileNotFoundError:
        if not mount.creates_source:
            raise
    files.make_directory(mount.source)
    return files.copy_tree(mount.source, recursive=mount.is_recursive, userns_fd=userns_fd)


def _binds(spec: ContainerSpec) -> list[Mount]:
    return [mount for mount in spec.mounts if mount.kind is MountKind.BIND]


def _flag(propagation: Propagation | None) -> int:
    if propagation is not None and propagation.is_shared:
        return libc.MS_SHARED
    return libc.MS_SLAVE if propagation is not None and propagation.is_slave else libc.MS_PRIVATE


def _no_source(mount: Mount) -> Invalid:
    return Invalid(f'invalid mount config for type "bind": bind source path does not exist: {mount.source}')


def _words(mount: Mount, error: OSError) -> str:
    why = os.strerror(error.errno or 0)
    if error.errno == errno.ELOOP:
        why = "it leads in circles, through another process's files, or to a mount that keeps a mount namespace"
    return f'invalid mount config for type "bind": source {mount.source}: {why}'
