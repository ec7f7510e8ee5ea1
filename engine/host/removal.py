"""Removing directory trees that a container or an image made: of any depth, following nothing."""

# Paths may be bytes here, and Path holds text only:
# ruff: noqa: PTH106, PTH108
import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TRIES = 10
_gone = contextlib.suppress(FileNotFoundError)  # somebody else removes the same, or a part of it


def remove_tree(path: Path | bytes) -> None:
    """Remove ``path`` and all below it; a missing path is fine, a symlink is removed itself.

    Works in constant stack and with two descriptors: a directory inside a directory is first renamed up to the top,
    so that neither PATH_MAX nor the recursion limit can be reached. Others may remove or add something meanwhile.
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
            _empty(top)
        finally:
            os.close(top)
        os.rmdir(path)


def _empty(top: int) -> None:
    names = (f".{secrets.token_hex(8)}" for _ in iter(int, 1))  # unguessable: what is removed may hold any name
    waiting = _clear(top, top, names)
    while waiting:
        name = waiting.pop()
        with _gone:
            directory = os.open(name, _OPEN, dir_fd=top)
            try:
                waiting += _clear(directory, top, names)
            finally:
                os.close(directory)
            os.rmdir(name, dir_fd=top)


def _clear(directory: int, top: int, names: Iterator[str]) -> list[str]:
    """Unlink the files of ``directory`` and move its directories to ``top``; the names they have there."""
    moved: list[str] = []
    with os.scandir(directory) as scan:
        entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in scan]
    for name, is_directory in entries:
        with _gone:
            if not is_directory:
                os.unlink(name, dir_fd=directory)
            elif not _is_removed(name, directory):
                new = next(names)
                os.rename(name, new, src_dir_fd=directory, dst_dir_fd=top)
                moved.append(new)
    return moved


def _is_removed(name: str, directory: int) -> bool:
    """Whether it was empty and is removed now."""
    try:
        os.rmdir(name, dir_fd=directory)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    return True
