"""Volumes of a container that is being created: found or made, and filled from its image."""

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engine.containers.parts import Parts
from engine.containers.views import Views
from engine.containers.wanted_mounts import wanted_mounts
from engine.host.inroot import open_in_root
from engine.model.container import Container, ContainerSpec
from engine.model.errors import Invalid
from engine.model.mount import Mount, MountKind
from engine.model.volume import VolumeRequest


class VolumeUse:
    """``get`` finds a container by name and raises Missing."""

    def __init__(self, parts: Parts, *, views: Views, get: Callable[[str], Container]) -> None:
        self._volumes = parts.volumes
        self._views = views
        self._get = get

    async def settled(self, container: Container) -> Container:
        """With all its mounts, and each of its volumes there, the container's, and filled from its image if empty.

        Raises Invalid, Missing (a driver) and Conflict in Docker's words; then ``let_go`` undoes what was done.
        """
        spec = container.spec
        if not (spec.mounts or spec.volumes or spec.volumes_from):
            return container
        mounts = wanted_mounts(spec, mounts_of=lambda name: self._get(name).spec.mounts)
        mounts = tuple([await self._taken(mount, container) for mount in mounts])
        container = replace(container, spec=replace(spec, mounts=mounts))
        if fillable := [mount for mount in mounts if mount.copies_from_image]:
            await self._fill(container, fillable)
        return container

    async def let_go(self, container_id: str) -> None:
        """Of a container that was not made after all."""
        await self._volumes.let_go(container_id, remove_own=True)

    async def _taken(self, mount: Mount, container: Container) -> Mount:
        if mount.kind is not MountKind.VOLUME:
            return mount
        options = mount.volume_options
        request = VolumeRequest(
            name=mount.volume or mount.source,
            driver=(options.driver if options else "") or _default_driver(mount, container.spec),
            labels=(options.labels if options else None) or None,
            options=(options.driver_options if options else None) or None,
        )
        volume = await self._volumes.take(request, container.id, is_own=goes_with_container(mount))
        return replace(mount, volume=volume.name)

    async def _fill(self, container: Container, mounts: list[Mount]) -> None:
        async with self._views.layers(container.layers) as root:
            for mount in mounts:
                if (source := _directory(root, mount)) is not None:
                    try:
                        await self._fill_one(mount.volume, container.id, source)
                    finally:
                        os.close(source)

    async def _fill_one(self, name: str, container_id: str, source: int) -> None:
        await self._volumes.mount(name, container_id)
        try:
            await self._volumes.fill(name, source)
        finally:
            await self._volumes.unmount(container_id)


def _default_driver(mount: Mount, spec: ContainerSpec) -> str:
    """``VolumeDriver`` is about ``Binds`` and ``Volumes``: ``Mounts`` name their drivers themselves, and what another
    container lends is there."""
    is_new_path = mount.is_implied and not mount.source and not mount.volume
    return spec.volume_driver if mount.bind or is_new_path else ""


def goes_with_container(mount: Mount) -> bool:
    """Whether nobody has given it a name, so that ``rm -v`` removes it."""
    return mount.kind is MountKind.VOLUME and not mount.source


def volumes_of(spec: ContainerSpec) -> dict[str, bool]:
    """By name, whether each goes with the container."""
    return {mount.volume: goes_with_container(mount) for mount in spec.mounts if mount.volume}


def _directory(root: Path, mount: Mount) -> int | None:
    """What the image has where the volume will be, open; None when there is nothing."""
    try:
        return open_in_root(root, mount.target, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        if error.errno == errno.ENOTDIR and mount.is_implied and _exists(root, mount.target):
            raise Invalid(f"cannot mount volume over existing file, file exists {mount.target}") from error
        return None


def _exists(root: Path, path: str) -> bool:
    try:
        os.close(open_in_root(root, path, os.O_PATH))
    except OSError:
        return False
    return True
