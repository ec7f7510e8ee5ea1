"""The tars of backups: ``NARU_DATA/backups/<number>.tar``, with ``.part`` while they come. Written at an offset, so
that a piece written twice does no harm; synced and renamed when they are whole.
"""

import contextlib
import os
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.utils.translation import gettext as _

from console.operations.errors import Missing


def kept_path(number: int) -> Path:
    return _folder() / f"{number}.tar"


def coming_path(number: int) -> Path:
    return _folder() / f"{number}.part"


def write_piece(number: int, offset: int, piece: bytes) -> None:
    """What is behind ``offset`` goes: an attempt that begins anew begins at 0."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    file = os.open(coming_path(number), flags, 0o600)
    try:
        os.ftruncate(file, offset)
        os.pwrite(file, piece, offset)
    finally:
        os.close(file)


def coming_bytes(number: int) -> int:
    try:
        return coming_path(number).stat().st_size
    except FileNotFoundError:
        return 0


def keep(number: int) -> None:
    """Safe to repeat."""
    path = coming_path(number)
    if not path.exists() and kept_path(number).exists():
        return
    with path.open("ab") as file:
        os.fsync(file.fileno())
    path.rename(kept_path(number))
    folder = os.open(_folder(), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def open_kept(number: int) -> BinaryIO:
    try:
        return kept_path(number).open("rb")
    except FileNotFoundError as error:
        raise Missing(_("The file of this backup is not there any more.")) from error


def read_piece(number: int, offset: int, size: int) -> bytes:
    with open_kept(number) as file:
        return os.pread(file.fileno(), size, offset)


def drop(number: int) -> None:
    for path in (kept_path(number), coming_path(number)):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def age_s(number: int, *, now_s: float) -> float:
    """Since anything was written; 0 for what is not there."""
    times = [path.stat().st_mtime for path in (kept_path(number), coming_path(number)) if path.exists()]
    return now_s - max(times) if times else 0.0


def known_numbers() -> list[int]:
    """Of the files that there are, whole or not."""
    return sorted({int(path.stem) for path in _folder().iterdir() if path.stem.isdecimal()})


def _folder() -> Path:
    folder = Path(settings.NARU_DATA) / "backups"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
