"""Files that the console keeps for rows of its own: ``NARU_DATA/<folder>/<number>.tar``, ``.part`` while they come.

Written at an offset, so that a piece written twice does no harm; synced and renamed when they are whole.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from django.conf import settings
from django.utils.translation import gettext as _

from console.operations.errors import Missing


@dataclass(frozen=True, slots=True)
class KeptFiles:
    folder: str

    def kept_path(self, number: int) -> Path:
        return self._folder() / f"{number}.tar"

    def coming_path(self, number: int) -> Path:
        return self._folder() / f"{number}.part"

    def write_piece(self, number: int, offset: int, piece: bytes) -> None:
        """What is behind ``offset`` goes: an attempt that begins anew begins at 0."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        file = os.open(self.coming_path(number), flags, 0o600)
        try:
            os.ftruncate(file, offset)
            os.pwrite(file, piece, offset)
        finally:
            os.close(file)

    def coming_bytes(self, number: int) -> int:
        try:
            return self.coming_path(number).stat().st_size
        except FileNotFoundError:
            return 0

    def keep(self, number: int) -> None:
        """Safe to repeat."""
        path = self.coming_path(number)
        if not path.exists() and self.kept_path(number).exists():
            return
        with path.open("ab") as file:
            os.fsync(file.fileno())
        path.rename(self.kept_path(number))
        folder = os.open(self._folder(), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def incoming(self) -> Iterator[BinaryIO]:
        """A file beside them to write to; ``adopt`` gives it a number, else it vanishes."""
        with tempfile.NamedTemporaryFile(dir=self._folder(), prefix=".new-", delete=False) as new:
            try:
                yield cast("BinaryIO", new)
            finally:
                Path(new.name).unlink(missing_ok=True)

    def adopt(self, file: BinaryIO, number: int) -> None:
        """Keep what ``incoming`` gave, durably."""
        file.flush()
        os.fsync(file.fileno())
        os.link(file.name, self.coming_path(number))
        self.keep(number)

    def open_coming(self, number: int) -> BinaryIO:
        return self.coming_path(number).open("rb")

    def open_kept(self, number: int) -> BinaryIO:
        try:
            return self.kept_path(number).open("rb")
        except FileNotFoundError as error:
            raise Missing(_("Its file is not there any more.")) from error

    def read_piece(self, number: int, offset: int, size: int) -> bytes:
        with self.open_kept(number) as file:
            return os.pread(file.fileno(), size, offset)

    def drop(self, number: int) -> None:
        for path in (self.kept_path(number), self.coming_path(number)):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    def age_s(self, number: int, *, now_s: float) -> float:
        """Since anything was written; 0 for what is not there."""
        times = [path.stat().st_mtime for path in (self.kept_path(number), self.coming_path(number)) if path.exists()]
        return now_s - max(times) if times else 0.0

    def known_numbers(self) -> list[int]:
        """Of the files that there are, whole or not."""
        return sorted({int(path.stem) for path in self._folder().iterdir() if path.stem.isdecimal()})

    def drop_incoming(self, *, older_than_s: float, now_s: float) -> None:
        """What a crash left of uploads."""
        for path in self._folder().glob(".new-*"):
            if now_s - path.stat().st_mtime > older_than_s:
                path.unlink(missing_ok=True)

    def _folder(self) -> Path:
        folder = Path(settings.NARU_DATA) / self.folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder
