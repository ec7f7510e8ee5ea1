"""How much room a directory tree takes."""

import os
import stat
from pathlib import Path


def tree_bytes(root: Path) -> int:
    """Sizes of files and symlinks below ``root``, each inode once, as Docker counts; what vanishes is 0. Blocks."""
    total = 0
    seen: set[tuple[int, int]] = set()
    waiting = [str(root)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += _file_bytes(entry, seen)
        except (FileNotFoundError, NotADirectoryError):
            continue
    return total


def _file_bytes(entry: os.DirEntry[str], seen: set[tuple[int, int]]) -> int:
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return 0
    inode = (found.st_dev, found.st_ino)
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)) or inode in seen:
        return 0
    if found.st_nlink > 1:
        seen.add(inode)
    return found.st_size
