"""Making files survive a power cut: what is renamed into place after these calls is whole when it is seen again."""

import os
from pathlib import Path

from engine.host import libc


def sync_filesystem(path: Path) -> None:
    """Write back all of the file system that holds ``path`` (syncfs(2)): one call instead of an fsync per file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        libc.syncfs(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make what is in it durable; costs little where it is already."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Make the names in ``path`` durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
