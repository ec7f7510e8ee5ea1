"""Where volumes lie on disk, and how they get there and away.

    DATA/volumes/NAME/_data         what containers see; owners as in containers
    DATA/volumes/NAME/.copying      what an image gives to an empty volume, being copied: worth nothing
    DATA/volumes/NAME/.arriving     the same, whole and on disk, on its way to _data
    DATA/volumes/.new-…             being made: worth nothing
    DATA/volumes/.gone-…-NAME       being removed: worth nothing

A volume's name never begins with a dot. Every function blocks.
"""

import contextlib
import os
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from engine.config import EngineConfig
from engine.host import libc
from engine.host.durable import sync_directory, sync_filesystem
from engine.host.removal import remove_tree
from engine.host.tree_copy import copy_tree
from engine.model.errors import Invalid, Unavailable

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def new_directory(config: EngineConfig) -> Path:
    """With an empty ``_data``: what a volume begins as, or ``discard`` takes away. Raises Unavailable."""
    new = config.volumes / f".new-{secrets.token_hex(8)}"
    try:
        config.volumes.mkdir(mode=0o711, exist_ok=True)
        new.mkdir(mode=0o711)
        (new / "_data").mkdir(mode=0o755)
    except OSError as error:
        raise Unavailable(f"cannot make a directory for a volume: {error.strerror}") from error
    return new


def check_new(new: Path) -> None:
    """Raises Invalid unless a stranger's archive has left just the directory that belongs there."""
    with os.scandir(new) as entries:
        found = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
    if found != {"_data": True}:
        raise Invalid("the archive is no backup of a volume: there is something beside _data, or that is no directory")


def put_in_place(config: EngineConfig, new: Path, name: str, *, durably: bool) -> None:
    """The volume ``name`` is there, with all that is in ``new``. Raises Unavailable."""
    try:
        if durably:
            sync_filesystem(new) if any((new / "_data").iterdir()) else sync_directory(new)
        new.rename(config.volumes / name)
        if durably:
            sync_directory(config.volumes)
    except OSError as error:
        discard(new)
        raise Unavailable(f"cannot make a directory for volume {name}: {error.strerror}") from error


def discard(new: Path) -> None:
    """Safe to repeat."""
    remove_tree(new)


def put_away(config: EngineConfig, name: str) -> Path:
    """Take a volume's name from its files; what is returned is to be discarded. Nothing is ever mounted in it.

    Raises OSError.
    """
    gone = config.volumes / f".gone-{secrets.token_hex(8)}-{name}"
    with contextlib.suppress(FileNotFoundError):
        (config.volumes / name).rename(gone)
    return gone


@dataclass(frozen=True, slots=True)
class Swept:
    """Names of volumes.

    ``gone`` were being removed; ``found`` have files and are not known; ``missing`` are known and have no files.
    """

    gone: tuple[str, ...]
    found: tuple[str, ...]
    missing: tuple[str, ...]


def sweep_volumes(config: EngineConfig, *, known: Collection[str]) -> Swept:
    """Finish what an engine that was killed has begun. Nobody's data is removed because its record is lost."""
    entries = {path.name for path in config.volumes.iterdir()} if config.volumes.is_dir() else set()
    hidden = {name for name in entries if name.startswith(".")}
    present = entries - hidden
    put_away = {removed_name(name) for name in hidden} - {""}
    for name in hidden:
        remove_tree(config.volumes / name)
    found = {name for name in present - set(known) if config.volume_data(name).is_dir()}
    for name in found | (present & set(known)):
        settle(config, name)
    missing = set(known) - present
    return Swept(tuple(put_away & missing), tuple(found), tuple(missing - put_away))


def removed_name(hidden: str) -> str:
    """The volume that a ``.gone-…`` was; "" for any other name."""
    return hidden.split("-", 2)[2] if hidden.startswith(".gone-") and hidden.count("-") > 1 else ""


def half_filled(config: EngineConfig, name: str) -> str:
    """What is left of a filling that was cut short: ``.arriving``, ``.copying``, or "" when nothing is."""
    left = [path.name for path in (_arriving(config, name), _copying(config, name)) if path.exists()]
    return left[0] if left else ""


def settle(config: EngineConfig, name: str) -> None:
    """End a filling that was cut short: what was whole arrives, what was not is dropped. Safe to repeat."""
    remove_tree(_copying(config, name))
    _arrive(config, name)


def made_afresh(config: EngineConfig, name: str) -> None:
    """Its directory, where that is gone and nothing was in it."""
    place = config.volumes / name
    place.mkdir(mode=0o711, exist_ok=True)
    config.volume_data(name).mkdir(mode=0o755)
    sync_directory(place)
    sync_directory(config.volumes)


def fill_volume(config: EngineConfig, name: str, source: int, *, durably: bool) -> None:
    """Give an empty volume what is in the open directory ``source``: all of it, also when the engine is killed.

    One that has something in it stays as it is. Raises OSError.
    """
    if any(config.volume_data(name).iterdir()):
        return
    copying, arriving = _copying(config, name), _arriving(config, name)
    remove_tree(copying)
    copying.mkdir(mode=0o700)
    try:
        fill_directory(copying, source)
    except OSError:
        remove_tree(copying)
        raise
    if durably:
        sync_filesystem(copying)
    copying.rename(arriving)
    if durably:
        sync_directory(arriving.parent)
    _arrive(config, name)


def fill_directory(target: Path, source: int) -> None:
    """Raises OSError, FileExistsError when somebody else fills it too."""
    descriptor = os.open(target, _OPEN)
    try:
        copy_tree(source, descriptor)
    finally:
        os.close(descriptor)


def _arrive(config: EngineConfig, name: str) -> None:
    """Safe to repeat. What a container that runs has put there meanwhile stays."""
    arriving = _arriving(config, name)
    try:
        source = os.open(arriving, _OPEN)
    except FileNotFoundError:
        return
    target = os.open(config.volume_data(name), _OPEN)
    try:
        with os.scandir(source) as entries:
            names = [entry.name for entry in entries]
        for entry in names:
            with contextlib.suppress(FileExistsError):
                libc.rename_new(entry, source_fd=source, target_fd=target)
        status = os.fstat(source)
        os.fchown(target, status.st_uid, status.st_gid)
        os.fchmod(target, status.st_mode & 0o7777)
        for attribute in os.listxattr(source):
            os.setxattr(target, attribute, os.getxattr(source, attribute))
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    finally:
        os.close(source)
        os.close(target)
    remove_tree(arriving)


def _copying(config: EngineConfig, name: str) -> Path:
    return config.volumes / name / ".copying"


def _arriving(config: EngineConfig, name: str) -> Path:
    return config.volumes / name / ".arriving"
