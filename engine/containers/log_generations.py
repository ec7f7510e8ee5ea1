"""A container's log on disk: one file that conmon writes, and the last files it wrote before. All functions block.

::

    log/container.log          what conmon writes; it opens the file once, by this name
        container.log.tmp      the next one, while conmon opens it: it renames it over container.log (ctr_logging.c)
        container.log.1 .2 …   a hard link to each of those files that is kept, numbered from the oldest

The newest number is the same file as container.log: a file has its link before conmon leaves it, so that the rename
destroys nothing. If nobody adds links for a while, one rename still destroys nothing.
"""

import os
from pathlib import Path
from typing import Final

CURRENT: Final = "container.log"
NEXT: Final = "container.log.tmp"
_PREFIX: Final = f"{CURRENT}."


def numbers(directory: Path | int) -> list[int]:
    """Of the generations there are, oldest first. ``directory`` may be an open one."""
    names = os.listdir(directory)  # noqa: PTH208 (pathlib does not know open directories)
    found = (name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX))
    return sorted(int(number) for number in found if number.isascii() and number.isdigit())


def generation_name(number: int) -> str:
    return f"{_PREFIX}{number}"


def make_log(directory: Path) -> None:
    """The log of a container that has not run yet."""
    (directory / CURRENT).touch(mode=0o600)
    os.link(directory / CURRENT, directory / generation_name(1))


def settle(directory: Path, *, is_written: bool) -> None:
    """After a time when nobody added links: give the current file the newest number. ``is_written``: conmon runs."""
    current = directory / CURRENT
    if not is_written:
        (directory / NEXT).unlink(missing_ok=True)
        _end_last_line(current)
    inode, upcoming = current.stat().st_ino, _inode(directory / NEXT)
    present = numbers(directory)
    while present:
        newest = (directory / generation_name(present[-1])).stat()
        if newest.st_ino in (inode, upcoming):
            return
        if newest.st_size:
            break
        (directory / generation_name(present.pop())).unlink()  # linked for a rename that never came
    os.link(current, directory / generation_name((present or [0])[-1] + 1))


def link_next(directory: Path) -> None:
    """Keep the file that conmon is about to go over to."""
    os.link(directory / NEXT, directory / generation_name((numbers(directory) or [0])[-1] + 1))


def begin_new(directory: Path) -> None:
    """An empty current file. While conmon does not run; it would do the same."""
    (directory / NEXT).touch(mode=0o600)
    link_next(directory)
    (directory / NEXT).replace(directory / CURRENT)


def current_size(directory: Path) -> int:
    return (directory / CURRENT).stat().st_size


def surplus(directory: Path, *, keep: int) -> list[int]:
    """The numbers that are more than ``keep``."""
    present = numbers(directory)
    return present[: max(0, len(present) - keep)]


def drop(directory: Path, surplus_numbers: list[int]) -> None:
    for number in surplus_numbers:
        (directory / generation_name(number)).unlink(missing_ok=True)


def _end_last_line(path: Path) -> None:
    """conmon may have been killed within a write; what the next one appends must not become part of that line."""
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            os.write(fd, b"\n")
    finally:
        os.close(fd)


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
