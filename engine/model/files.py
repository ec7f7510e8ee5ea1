"""Files inside a container, as told to clients: one of them, and what changed since the image."""

from dataclasses import dataclass
from enum import IntEnum


@dataclass(frozen=True, slots=True)
class PathStat:
    """``name`` is the last part of the path asked for. ``mode`` is ``st_mode``. Text holds odd bytes as surrogates.

    ``link_target`` is "" unless it is a symlink: then the absolute path in the container where following it ends.
    """

    name: str
    size_bytes: int
    mode: int
    mtime_ns: int
    link_target: str = ""


class ChangeKind(IntEnum):
    """Docker's numbers."""

    MODIFIED = 0
    ADDED = 1
    DELETED = 2


@dataclass(frozen=True, slots=True)
class FileChange:
    """``path`` is absolute in the container."""

    path: str
    kind: ChangeKind


@dataclass(frozen=True, slots=True)
class SizedChange:
    """``mode`` and ``size_bytes`` are how it is now, for what was removed how it was; 0 where it could not be seen.

    ``was_bytes``: what of the image lies under a modified file; None where that is no file.
    """

    path: str
    kind: ChangeKind
    mode: int = 0
    size_bytes: int = 0
    was_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ListedFile:
    """What a directory holds. ``link_target`` is as the link has it; names are "" where the container knows none."""

    name: str
    mode: int
    size_bytes: int
    uid: int
    gid: int
    mtime_ns: int
    link_target: str = ""
    user: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class ListedDirectory:
    """Sorted by name. ``total``: how many there are, of which ``files`` may be the first ones only."""

    path: str
    files: tuple[ListedFile, ...]
    total: int
