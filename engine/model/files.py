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
