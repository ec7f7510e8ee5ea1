"""Removing directory trees that a container or an image made: of any depth, following nothing."""

# Paths may be bytes here, and Path holds text only:
# ruff: noqa: PTH106, PTH108
import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TRIES = 10
_DEPTH = 8
_gone = contextlib.suppress(FileNotFoundError)  # somebody else removes the same, or a part of it


def remove_tree(path: Path | bytes) -> None:
    """Remove ``path`` and all below it; a missing path is fine, a symlink is removed itself.

    Neither PATH_MAX nor the recursion limit can be reached, and few descriptors are open at once: what lies deeper than
    _DEPTH is first renamed up to the top. Others may remove or add something meanwhile.
    """
    for _ in range(_TRIES - 1):
        try:
            _remove(path)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
        else:
            return
    _remove(path)


def _remove(path: Path | bytes) -> None:
    with _gone:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            os.unlink(path)
            return
        top = os.open(path, _OPEN)
        try:
            moved = _clear(top, top, depth=0)
            while moved:
                moved += _remove_directory(moved.pop(), top, top, depth=0)
        finally:
            os.close(top)
        os.rmdir(path)


def _remove_directory(name: str, parent: int, top: int, *, depth: int) -> list[str]:
    """Remove it from ``parent``, unless it is too deep or holds what is: names that now are directories of ``top``."""
    moved: list[str] = []
    with _gone:
        if depth == _DEPTH:
            new = f".{secrets.token_hex(8)}"  # unguessable: what is removed may hold any name
            os.rename(name, new, src_dir_fd=parent, dst_dir_fd=top)
            return [new]
        directory = os.open(name, _OPEN, dir_fd=parent)
        try:
            moved = _clear(directory, top, depth=depth + 1)
        finally:
            os.close(directory)
        os.rmdir(name, dir_fd=parent)
    return moved


def _clear(directory: int, top: int, *, depth: int) -> list[str]:
    """Leave nothing in ``directory``; see ``_remove_directory``."""
    moved: list[str] = []
    with os.scandir(directory) as scan:
        entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in scan]
    for name, is_directory in entries:
        with _gone:
            if is_directory:
                moved += _remove_directory(name, directory, top, depth=depth)
            else:
                os.unlink(name, dir_fd=directory)
    return moved
