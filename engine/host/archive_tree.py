"""Trees and single files as plain archives: what ``docker cp`` and ``docker export`` give."""

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engine.host.archive_write import Found, Links, TarWriter, add_found, walk
from engine.host.inroot import Located


def write_located(found: Located, name: bytes, write: Callable[[bytes], object]) -> None:
    """What was located, with all below it when it is a directory; its own entry is called ``name``.

    ``name`` "/" gives entries that begin with a slash, as Docker has them for a container's root. Raises OSError.
    """
    writer, links = TarWriter(write), Links()
    shown = b"" if name == b"/" else name
    itself = Found(shown, found.name, found.directory, found.status)
    add_found(writer, itself, links)
    if stat.S_ISDIR(found.status.st_mode):
        descriptor = os.open(found.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=found.directory)
        try:
            _add_below(writer, Path(f"/proc/self/fd/{descriptor}"), shown + b"/", links)
        finally:
            os.close(descriptor)
    writer.finish()


def write_tree(root: Path, write: Callable[[bytes], object]) -> None:
    """All below ``root``, without ``root`` itself. Raises OSError."""
    writer = TarWriter(write)
    _add_below(writer, root, b"", Links())
    writer.finish()


def _add_below(writer: TarWriter, root: Path, prefix: bytes, links: Links) -> None:
    for found in walk(root):
        add_found(writer, replace(found, path=prefix + found.path), links)
