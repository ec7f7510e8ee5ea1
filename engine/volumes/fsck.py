"""Checking volumes: their records against their files, which ``directories`` draws. Their content is people's own.

Nothing that may be somebody's data is removed: files without a record get one, as at a start of the engine.
"""

import asyncio
import functools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from engine.config import EngineConfig
from engine.model.container import Container
from engine.model.errors import Invalid
from engine.model.mount import MountKind
from engine.model.volume import Volume, check_volume_name
from engine.store.findings import Code, Finding, Mend, Stores
from engine.store.fsck_places import PASSABLE, wrong_mode
from engine.store.records_on_disk import RecordsOnDisk
from engine.volumes.directories import discard, half_filled, made_afresh, removed_name, settle


def volume_findings(config: EngineConfig, records: RecordsOnDisk) -> Iterator[Finding]:
    """Blocks. Only names and kinds are looked at, no content."""
    places = sorted(config.volumes.iterdir()) if config.volumes.is_dir() else []
    yield from wrong_mode(config.volumes, PASSABLE)
    being_removed = {removed_name(path.name): path for path in places if path.name.startswith(".")}
    for path in places:
        if path.name.startswith("."):
            what = "removed" if removed_name(path.name) else "made"
            yield Finding(
                Code.STRAY_DRAFT, str(path), f"was being {what} when its engine ended", _doing(discard, path), "removed"
            )
        elif path.name not in records.volumes:
            yield _unknown(path, config)
    for volume in records.volumes.values():
        yield from _known(volume, config, records, is_being_removed=volume.name in being_removed)


def _unknown(path: Path, config: EngineConfig) -> Finding:
    try:
        name = check_volume_name(path.name)
    except Invalid:
        name = ""
    if not name or path.is_symlink() or not _is_directory(path / "_data"):
        return Finding(Code.STRAY_FILE, str(path), "is no volume: move it away")
    text = "has files and no record that can be read"
    mended = "on record again, without its labels and options"
    return Finding(Code.STRAY_VOLUME, path.name, text, _taken_up(config, name), mended)


def _known(
    volume: Volume, config: EngineConfig, records: RecordsOnDisk, *, is_being_removed: bool
) -> Iterator[Finding]:
    place, data = config.volumes / volume.name, config.volume_data(volume.name)
    users = [each for each in records.containers.values() if volume.name in _volumes_of(each)]
    if not place.exists() and is_being_removed:
        text = "its files were being removed when its engine ended"
        yield Finding(Code.VOLUME_HALF_REMOVED, volume.name, text, _forgotten(config, volume), "its record is removed")
    elif place.is_symlink() or data.is_symlink() or (data.exists() and not data.is_dir()):
        yield Finding(Code.VOLUME_FILES_MISSING, volume.name, f"{data} is no directory: put its files there")
    elif not data.exists():
        yield _without_files(volume, config, [each.name for each in users])
    else:
        yield from wrong_mode(place, PASSABLE)
        if stage := half_filled(config, volume.name):
            text = f"was being filled from an image when its engine ended ({stage})"
            yield Finding(Code.VOLUME_HALF_FILLED, volume.name, text, _doing(settle, config, volume.name), "settled")
    if volume.made_for and not users and data.exists() and not _is_unsure(records, volume):
        text = f"was made for container {volume.made_for[:12]}, which is not there"
        yield Finding(Code.STRAY_VOLUME, volume.name, text, _forgotten(config, volume), "removed")


def _without_files(volume: Volume, config: EngineConfig, users: list[str]) -> Finding:
    data = config.volume_data(volume.name)
    if volume.options:  # its files are elsewhere, and are mounted
        text, mend = f"{data} is not there", _doing(made_afresh, config, volume.name)
        return Finding(Code.VOLUME_FILES_MISSING, volume.name, text, mend, "made again")
    if users:
        text = f"{data} is not there; put it back from a copy, or remove {', '.join(users)} first"
        return Finding(Code.VOLUME_FILES_MISSING, volume.name, text)
    text = f"{data} is not there and no container uses it"
    return Finding(Code.VOLUME_FILES_MISSING, volume.name, text, _forgotten(config, volume), "its record is removed")


def _is_unsure(records: RecordsOnDisk, volume: Volume) -> bool:
    """Its container may be one whose record cannot be read."""
    unread = [key for table, key, _ in (*records.damaged, *records.put_aside) if table == "container"]
    return volume.made_for in unread


def _volumes_of(container: Container) -> set[str]:
    return {mount.volume for mount in container.spec.mounts if mount.kind is MountKind.VOLUME}


def _is_directory(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _taken_up(config: EngineConfig, name: str) -> Mend:
    async def mend(stores: Stores) -> None:
        await asyncio.to_thread(settle, config, name)
        volume = Volume(name, datetime.now(UTC).replace(microsecond=0))
        await asyncio.to_thread(stores.state.save_volume, volume)

    return mend


def _forgotten(config: EngineConfig, volume: Volume) -> Mend:
    async def mend(stores: Stores) -> None:
        await asyncio.to_thread(discard, config.volumes / volume.name)
        await asyncio.to_thread(stores.state.delete_volume, volume.name)

    return mend


def _doing(work: Callable[..., object], *arguments: object) -> Mend:
    async def mend(_: Stores) -> None:
        await asyncio.to_thread(functools.partial(work, *arguments))

    return mend
