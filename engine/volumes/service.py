"""``Volumes``: all that containers and the API may ask of volumes."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from engine.config import EngineConfig
from engine.host.disk_usage import tree_bytes
from engine.host.host_files import HostFiles
from engine.model.errors import Conflict, EngineError, Missing, Unavailable
from engine.model.volume import ANONYMOUS_LABEL, DRIVER, Volume, VolumeRequest, check_driver, check_volume_name
from engine.store.events import Events
from engine.store.locks import KeyedLock
from engine.store.state import State
from engine.volumes.directories import (
    check_new,
    discard,
    fill_directory,
    fill_volume,
    new_directory,
    put_away,
    put_in_place,
    sweep_volumes,
)
from engine.volumes.mounting import mount_volume, sweep_mounts, unmount_volume
from engine.volumes.options import parse_options

_log = logging.getLogger(__name__)

Found = list[Volume]
Ids = list[str]


class Volumes:
    """For one event loop. ``load``, then ``adopt`` every container there is, then ``sweep``, then use it.

    A container *has* a volume from its creation to its removal, which keeps the volume; and *mounts* it while it runs.
    """

    def __init__(
        self,
        config: EngineConfig,
        state: State,
        events: Events,
        host_files: HostFiles,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._config = config
        self._state = state
        self._events = events
        self._host_files = host_files
        self._now = now
        self._locks = KeyedLock()
        self._volumes: dict[str, Volume] = {}
        self._had: dict[str, dict[str, bool]] = {}  # container id → volume name → whether it goes with the container
        self._mounted: dict[str, set[str]] = {}  # container id → volume names
        self._still: set[str] = set()  # volumes that are not to change

    # -- after a start of the engine

    async def load(self) -> None:
        found = await asyncio.to_thread(self._state.volumes)
        self._volumes = {volume.name: volume for volume in found}
        swept = await asyncio.to_thread(sweep_volumes, self._config, known=tuple(self._volumes))
        for name in swept.gone:
            await self._forget(name)
        for name in swept.found:
            _log.warning("volume %s has files and no record: it is taken up without labels and options", name)
            await self._save(Volume(name, self._now().replace(microsecond=0)))
        for name in swept.missing:
            _log.error("volume %s: its directory %s is gone", name, self._config.volumes / name)

    def adopt(self, container_id: str, volumes: Mapping[str, bool], *, is_running: bool) -> None:
        """A container that an engine before this one made. ``volumes``: by name, whether each goes with it."""
        self._had[container_id] = {name: is_own for name, is_own in volumes.items() if name in self._volumes}
        if is_running:
            self._mounted[container_id] = set(self._had[container_id])

    async def sweep(self) -> None:
        """Remove what was made for containers that are gone, and unmount what none uses."""
        for volume in self.list():
            if volume.made_for and volume.made_for not in self._had and not self.users(volume.name):
                await self._discard(volume)
        keep = {name for names in self._mounted.values() for name in names}
        await asyncio.to_thread(sweep_mounts, self._config, keep=keep)

    # -- queries

    def get(self, name: str) -> Volume:
        """Raises Missing in Docker's words."""
        volume = self._volumes.get(name)
        if volume is None:
            raise Missing(f"get {name}: no such volume")
        return volume

    def list(self) -> Found:
        return sorted(self._volumes.values(), key=lambda volume: volume.name)

    def users(self, name: str) -> Ids:
        """Ids of the containers that have it, running or not."""
        return sorted(container_id for container_id, names in self._had.items() if name in names)

    def path(self, name: str) -> Path:
        """Where its files are: always, or while it is mounted."""
        has_options = bool(self.get(name).options)
        return self._config.volume_mount(name) if has_options else self._config.volume_data(name)

    async def size_bytes(self, name: str) -> int:
        """-1 for one whose files are not the engine's."""
        if self.get(name).options:
            return -1
        return await asyncio.to_thread(tree_bytes, self._config.volume_data(name))

    # -- life

    async def create(self, request: VolumeRequest) -> Volume:
        """The one there is, or a new one. Raises Invalid, Missing and Conflict in Docker's words."""
        name = request.name or secrets.token_hex(32)
        async with self._locks.hold(name):
            return await self._create(replace(request, name=name), made_for="", is_anonymous=not request.name)

    async def create_with(self, name: str, fill: Callable[[Path], Awaitable[object]]) -> Volume:
        """A new one with what ``fill`` makes of the ``_data`` in a directory: all of it, or no volume.

        Raises Conflict when the name is taken, what ``fill`` raises, and Invalid when it makes anything else.
        """
        check_volume_name(name)
        async with self._locks.hold(name):
            if name in self._volumes:
                raise Conflict(f"volume {name} exists already: choose another name, or remove it first")
            new = await asyncio.to_thread(new_directory, self._config)
            try:
                await fill(new)
                await asyncio.to_thread(check_new, new)
                volume = Volume(name, self._now().replace(microsecond=0))
                await self._begin(volume, new)
            except BaseException:
                await asyncio.to_thread(discard, new)
                raise
            return volume

    async def take(self, request: VolumeRequest, container_id: str, *, is_own: bool) -> Volume:
        """As ``create``, and the container has it from now on. ``is_own``: it goes when the container does."""
        name = request.name or secrets.token_hex(32)
        async with self._locks.hold(name):
            made_for = "" if request.name else container_id
            volume = await self._create(replace(request, name=name), made_for=made_for, is_anonymous=not request.name)
            self._had.setdefault(container_id, {})[name] = is_own
        return volume

    async def let_go(self, container_id: str, *, remove_own: bool) -> None:
        """The container is being removed; its own volumes are too, or are to stay. Safe to repeat."""
        for name, is_own in self._had.pop(container_id, {}).items():
            if is_own:
                async with self._locks.hold(name):
                    await self._let_go_own(name, container_id, remove=remove_own)

    async def _let_go_own(self, name: str, container_id: str, *, remove: bool) -> None:
        volume = self._volumes.get(name)
        if volume is not None and remove and not self.users(name):
            await self._discard(volume)
        elif volume is not None and volume.made_for == container_id:
            await self._save(replace(volume, made_for=""))

    async def remove(self, name: str, *, force: bool = False) -> None:
        """``force`` minds no volume that is not there. Raises Missing, and Conflict naming the containers."""
        async with self._locks.hold(name):
            if force and name not in self._volumes:
                return
            volume = self.get(name)
            self._check_changeable(name)
            if users := self.users(name):
                raise Conflict(f"remove {name}: volume is in use - [{', '.join(users)}]")
            await self._discard(volume)

    async def remove_unused(self, name: str) -> int | None:
        """Its bytes; None when it is in use, gone, or not the engine's own files, which ``prune`` leaves alone."""
        async with self._locks.hold(name):
            volume = self._volumes.get(name)
            if volume is None or volume.options or self.users(name) or name in self._still:
                return None
            size_bytes = await self.size_bytes(name)
            await self._discard(volume)
            return size_bytes

    def tell_pruned(self, *, reclaimed_bytes: int) -> None:
        self._events.emit("volume", "prune", "", {"reclaimed": str(reclaimed_bytes)})

    async def _create(self, request: VolumeRequest, *, made_for: str, is_anonymous: bool) -> Volume:
        """Its lock is held."""
        check_volume_name(request.name)
        check_driver(request.name, request.driver)
        try:
            parse_options(request.options)
        except EngineError as error:
            raise type(error)(f"create {request.name}: {error}") from error
        if known := self._volumes.get(request.name):
            _check_same(known, request)
            return known
        labels = {**(request.labels or {}), ANONYMOUS_LABEL: ""} if is_anonymous else request.labels
        at = self._now().replace(microsecond=0)
        volume = Volume(request.name, at, labels, request.options, made_for)
        new = await asyncio.to_thread(new_directory, self._config)
        await self._begin(volume, new)
        return volume

    async def _begin(self, volume: Volume, new: Path) -> None:
        """Its files are in ``new``."""
        await asyncio.to_thread(put_in_place, self._config, new, volume.name, durably=not volume.made_for)
        await self._save(volume)
        self._events.emit("volume", "create", volume.name, {"driver": DRIVER})

    async def _save(self, volume: Volume) -> None:
        await asyncio.to_thread(self._state.save_volume, volume)
        self._volumes[volume.name] = volume

    async def _forget(self, name: str) -> None:
        await asyncio.to_thread(self._state.delete_volume, name)
        self._volumes.pop(name, None)

    async def _discard(self, volume: Volume) -> None:
        """No container has it, though one that has just been removed may still be taken down.

        When the engine is killed meanwhile, the next one goes on (``sweep_volumes``).
        """
        for names in self._mounted.values():
            names.discard(volume.name)
        if volume.options:
            await asyncio.to_thread(unmount_volume, self._config.volume_mount(volume.name))
        try:
            gone = await asyncio.to_thread(put_away, self._config, volume.name)
        except OSError as error:
            raise Unavailable(f"remove {volume.name}: {error.strerror}") from error
        await self._forget(volume.name)
        try:
            await asyncio.to_thread(discard, gone)
        except OSError as error:
            _log.warning("volume %s: its files in %s cannot be removed: %s", volume.name, gone, error)
        self._events.emit("volume", "destroy", volume.name, {"driver": DRIVER})

    # -- use

    async def fill(self, name: str, source: int) -> None:
        """Give it, if it is empty, what is in the open directory ``source``. Raises Unavailable."""
        async with self._locks.hold(name):
            volume = self.get(name)
            try:
                await asyncio.to_thread(self._fill, volume, source)
            except OSError as error:
                raise Unavailable(f"cannot copy the image's files to volume {name}: {error.strerror}") from error

    def _fill(self, volume: Volume, source: int) -> None:
        options = parse_options(volume.options)
        if options is None:
            fill_volume(self._config, volume.name, source, durably=not volume.made_for)
            return
        path = self.path(volume.name)
        if not options.read_only and not any(path.iterdir()):
            fill_directory(path, source)

    @contextmanager
    def held_still(self, name: str) -> Iterator[None]:
        """Within the block nobody removes it or begins to write to it. Raises Conflict when it is held already."""
        self.get(name)
        self._check_changeable(name)
        self._still.add(name)
        try:
            yield
        finally:
            self._still.discard(name)

    def _check_changeable(self, name: str) -> None:
        if name in self._still:
            raise Conflict(f"volume {name} is being exported: try again when that is done")

    async def mount(self, name: str, container_id: str, *, read_only: bool = False) -> None:
        """It can be shown in the container from now on, until ``unmount``.

        Raises Invalid when it cannot, and Conflict when it is not to change.
        """
        options = parse_options(self.get(name).options)
        async with self._locks.hold(name):
            if not read_only:
                self._check_changeable(name)
            if options is not None and not self._is_mounted(name):
                await asyncio.to_thread(mount_volume, self._config.volume_mount(name), options, self._host_files)
            self._mounted.setdefault(container_id, set()).add(name)

    async def unmount(self, container_id: str) -> None:
        """Of all that the container has mounted. Safe to repeat."""
        names = self._mounted.get(container_id, set())
        while names:
            name = min(names)
            async with self._locks.hold(name):
                names.discard(name)
                volume = self._volumes.get(name)
                if volume is not None and volume.options and not self._is_mounted(name):
                    await asyncio.to_thread(unmount_volume, self._config.volume_mount(name))
        self._mounted.pop(container_id, None)

    def _is_mounted(self, name: str) -> bool:
        return any(name in names for names in self._mounted.values())

    def tell_mounted(self, name: str, container_id: str, *, destination: str, read_only: bool) -> None:
        attributes = {
            "container": container_id,
            "destination": destination,
            "driver": DRIVER,
            "propagation": "",
            "read/write": str(not read_only).lower(),
        }
        self._events.emit("volume", "mount", name, attributes)

    def mounted_by(self, container_id: str) -> Collection[str]:
        return tuple(self._mounted.get(container_id, ()))

    def tell_unmounted(self, name: str, container_id: str) -> None:
        self._events.emit("volume", "unmount", name, {"container": container_id, "driver": DRIVER})


def _check_same(known: Volume, request: VolumeRequest) -> None:
    """One that says nothing means whatever there is. Labels are not looked at, as in Docker."""
    if request.options and dict(request.options) != dict(known.options or {}):
        raise Conflict(
            f"create {request.name}: a volume of this name exists with other options: remove it first, or leave "
            "DriverOpts out to use it as it is"
        )
