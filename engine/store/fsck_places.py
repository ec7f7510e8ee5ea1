"""Checks of what lies where in the engine's data root: strays, modes and owners."""

import asyncio
import functools
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.config import EngineConfig
from engine.host.removal import remove_tree
from engine.model.digest import chain_ids, is_hex
from engine.store.findings import Code, Finding, Mend
from engine.store.records_on_disk import RecordsOnDisk

_PRIVATE_FILE, _PRIVATE, PASSABLE = 0o600, 0o700, 0o711  # passable: a container's root walks through to its files


def misplaced(config: EngineConfig) -> Iterator[Finding]:
    """Modes and owners that let others in, or the engine's containers not."""
    for path, mode in _wanted_modes(config):
        yield from wrong_mode(path, mode)


def wrong_mode(path: Path, mode: int) -> Iterator[Finding]:
    """What is wrong with ``path``, which need not be there, when it is to be root's and to have ``mode``."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(status.st_mode):
        yield Finding(Code.STRAY_FILE, str(path), "is a symbolic link: put the file itself there")
        return
    if stat.S_IMODE(status.st_mode) != mode:
        text = f"has mode {stat.S_IMODE(status.st_mode):04o}, not {mode:04o}"
        yield Finding(Code.MODE_WRONG, str(path), text, _blocking(functools.partial(path.chmod, mode)))
    if (status.st_uid, status.st_gid) != (0, 0):
        text = f"belongs to {status.st_uid}:{status.st_gid}, not to root"
        yield Finding(Code.OWNER_WRONG, str(path), text, _blocking(functools.partial(os.chown, path, 0, 0)))


def _wanted_modes(config: EngineConfig) -> Iterator[tuple[Path, int]]:
    yield from ((config.state_path, _PRIVATE_FILE), (config.lock_path, _PRIVATE_FILE))
    kept_logs = config.kept_log("x").parent
    yield from ((path, _PRIVATE) for path in (config.blobs, config.tmp, kept_logs))
    yield config.layers, PASSABLE
    containers = config.container_dir("x").parent
    yield from ((path, _PRIVATE_FILE) for path in _names(config.blobs) if is_hex(path.name))
    for directory in (config.layers, containers):
        yield from ((path, PASSABLE) for path in _names(directory) if is_hex(path.name))


def strays(config: EngineConfig, records: RecordsOnDisk) -> Iterator[Finding]:
    """What nothing on record needs. The engine drops most of it at its start, too."""
    needed = {chain for image in records.images.values() for chain in chain_ids(image.diff_ids)}
    needed.update(chain for container in records.containers.values() for chain in chain_ids(container.layers))
    blobs = {records.layers[chain].blob.hex for chain in needed if chain in records.layers}
    blobs.update(image.hex for image in records.images)
    yield from _unnamed(config.blobs, blobs, Code.STRAY_BLOB, "no image or layer needs it")
    chains = {chain.hex for chain in needed if chain in records.layers}
    yield from _unnamed(config.layers, chains, Code.STRAY_LAYER, "no image or container needs it")
    for path in _names(config.tmp):
        yield _stray(path, Code.STRAY_DRAFT, "was being written when its engine ended")
    for chain in records.layers.keys() - needed:
        if not (config.layers / chain.hex).exists():
            yield Finding(Code.STRAY_LAYER, chain.short, "its record is needed by no image or container", _nothing)
    yield from _stray_containers(config, records)


def _stray_containers(config: EngineConfig, records: RecordsOnDisk) -> Iterator[Finding]:
    """Not those that are still set up on the host: a start of the engine takes them down."""
    for path in _names(config.container_dir("x").parent):
        if path.name not in records.containers and not config.bundle(path.name).exists():
            yield _stray(path, Code.STRAY_CONTAINER, "belongs to no container on record")


def _unnamed(directory: Path, wanted: set[str], code: Code, text: str) -> Iterator[Finding]:
    for path in _names(directory):
        if not is_hex(path.name):
            yield _stray(path, Code.STRAY_FILE, "is not named for a digest")
        elif path.name not in wanted:
            yield _stray(path, code, text)


def _stray(path: Path, code: Code, text: str) -> Finding:
    return Finding(code, str(path), text, _blocking(functools.partial(remove_tree, path)), "removed")


def _names(directory: Path) -> list[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else []


def _blocking(work: Callable[[], object]) -> Mend:
    async def mend(_: object) -> None:
        await asyncio.to_thread(work)

    return mend


async def _nothing(_: object) -> None:
    """The sweep at the end does it."""
