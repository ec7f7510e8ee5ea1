"""Opening files inside a tree that a stranger filled: links resolve as if the tree were the root (openat2(2)).

What is found stays found: it is held by descriptor, so that a name that changes hands afterwards leads nobody astray.
"""

import errno
import os
import posixpath
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.host import libc

_RESOLVE_NO_MAGICLINKS: Final = 0x02
_RESOLVE_IN_ROOT: Final = 0x10
_MOST_LINKS: Final = 255


def open_in_root(root: Path, path: str, flags: int, *, mode: int = 0) -> int:
    """A descriptor, close-on-exec; ``path`` is taken from ``root``, and neither ``..`` nor a link leaves it.

    Raises OSError.
    """
    directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _open_below(directory, path, flags, mode=mode)
    finally:
        os.close(directory)


def _open_below(root: int, path: str, flags: int, *, mode: int = 0) -> int:
    resolve = _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS
    return libc.openat2(root, path, flags=flags | os.O_CLOEXEC, mode=mode, resolve=resolve)


@dataclass(frozen=True, slots=True)
class Located:
    """Something in the tree: its name in an open directory. ``name`` is "." where it is that directory itself."""

    directory: int
    name: bytes
    status: os.stat_result


@contextmanager
def located(root: Path, directory: str, base: str) -> Iterator[Located]:
    """``base`` in ``directory``, the latter through links and the former not; ``base`` "" is ``directory`` itself.

    Raises OSError: NotADirectoryError when ``base`` is "" and there is something else.
    """
    descriptor = open_in_root(root, directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        name = os.fsencode(base or ".")
        yield Located(descriptor, name, os.stat(name, dir_fd=descriptor, follow_symlinks=False))
    finally:
        os.close(descriptor)


def followed(root: Path, path: str) -> str:
    """Where ``path`` leads when all links are followed within ``root``: absolute there, existing or not.

    Raises OSError (ELOOP). Only a text to show: by the time it is used, it may lead elsewhere.
    """
    directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _followed(directory, path)
    finally:
        os.close(directory)


def _followed(root: int, path: str) -> str:
    waiting = deque(path.split("/"))
    reached, links = "/", 0
    while waiting:
        part = waiting.popleft()
        if part in ("", "."):
            continue
        if part == "..":
            reached = posixpath.dirname(reached)
            continue
        target = _link_target(root, posixpath.join(reached, part))
        if target is None:
            reached = posixpath.join(reached, part)
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if target.startswith("/"):
            reached = "/"
        waiting.extendleft(reversed(target.split("/")))
    return reached


def _link_target(root: int, path: str) -> str | None:
    """None when it is no link, or not there."""
    try:
        descriptor = _open_below(root, path, os.O_PATH | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        if not stat.S_ISLNK(os.fstat(descriptor).st_mode):
            return None
        return os.readlink("", dir_fd=descriptor)
    finally:
        os.close(descriptor)
