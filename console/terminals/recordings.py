"""Recordings of sessions: asciicast version 2 files (docs.asciinema.org, "asciicast v2"), written as a session goes.

``NARU_DATA/terminals/<number>.part`` while it goes, ``<number>.cast`` once it is sealed. One JSON value a line: first
``{"version":2,"width":…,"height":…,"timestamp":…}``, then ``[seconds, kind, text]`` with the kinds "o" output, "i"
input, "r" size and "m" mark.
"""

import asyncio
import codecs
import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext as _

from console.jobs.agent.masking import Masker
from console.operations.errors import Missing

MEDIA_TYPE: Final = "application/x-asciicast"
MOST_BYTES: Final = 16 << 20
FLUSH_S: Final = 0.5
MOST_UNWRITTEN_BYTES: Final = 256 * 1024
CUT_SHORT: Final = "the rest is not recorded: it is longer than recordings may be"


@dataclass(frozen=True, slots=True)
class Sealed:
    """What proves a recording: its SHA-256 in hexadecimal, and its size."""

    sha256: str
    size_bytes: int


def part_path(number: int) -> Path:
    return folder() / f"{number}.part"


def sealed_path(number: int) -> Path:
    return folder() / f"{number}.cast"


def folder() -> Path:
    return Path(settings.NARU_DATA) / "terminals"


def seal(number: int) -> Sealed | None:
    """Close the file for good; None when nothing was recorded. Safe to repeat. Raises OSError."""
    part, sealed = part_path(number), sealed_path(number)
    with contextlib.suppress(FileNotFoundError):
        with part.open("rb+") as file:
            # a process that was killed may have left half a line
            file.truncate(_end_of_lines(file.read()))
            os.fsync(file.fileno())
        part.rename(sealed)
        _sync_folder(sealed.parent)
    return measure(number)


def measure(number: int) -> Sealed | None:
    """The sealed file as it is now; None when there is none."""
    try:
        with sealed_path(number).open("rb") as file:
            return Sealed(hashlib.file_digest(file, "sha256").hexdigest(), file.tell())
    except FileNotFoundError:
        return None


def read(number: int) -> bytes:
    """All of it; recordings have a limit. Missing when the file is not there any more."""
    try:
        return sealed_path(number).read_bytes()
    except FileNotFoundError as error:
        raise Missing(_("Session %(number)d has no recording.") % {"number": number}) from error


def _end_of_lines(text: bytes) -> int:
    return text.rfind(b"\n") + 1


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class _Text:
    """One direction: bytes become text, secrets in it are hidden, also where they come in pieces."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._masker = Masker(secrets)

    def feed(self, data: bytes) -> str:
        return self._masker.feed(self._decoder.decode(data))

    def finish(self) -> str:
        return self._masker.feed(self._decoder.decode(b"", final=True)) + self._masker.finish()


class Recorder:
    """Belongs to one event loop. Its owner ``start``s it, waits for ``writing``, and calls ``finish``."""

    def __init__(
        self,
        number: int,
        *,
        secrets: Iterable[str] = (),
        with_input: bool = False,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._number = number
        self._title_masker = Masker(secrets := list(secrets))
        self._texts = {"o": _Text(secrets), "i": _Text(secrets)}
        self._with_input = with_input
        self._most_bytes = most_bytes
        self._clock = clock
        self._began = clock()
        self._lines: list[bytes] = []
        self._unwritten_bytes = 0
        self._taken_bytes = 0
        self._is_cut = False
        self._is_closing = False
        self._news = asyncio.Event()
        self._caught_up = asyncio.Event()
        self.writing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """The file is written from now on, by a task that ends with an OSError when that is not possible."""
        self.writing = asyncio.create_task(self._write_until_closed())

    def begin(self, *, columns: int, rows: int, title: str) -> None:
        title = self._title_masker.masked(title)
        self._add({"version": 2, "width": columns, "height": rows, "timestamp": int(time.time()), "title": title})

    def output(self, data: bytes) -> None:
        self._take("o", self._texts["o"].feed(data))

    def input(self, data: bytes) -> None:
        if self._with_input:
            self._take("i", self._texts["i"].feed(data))

    def resized(self, *, columns: int, rows: int) -> None:
        self._take("r", f"{columns}x{rows}")

    async def caught_up(self) -> None:
        """Waits while much is not written yet."""
        while self._unwritten_bytes > MOST_UNWRITTEN_BYTES:
            self._caught_up.clear()
            await self._caught_up.wait()

    async def finish(self) -> Sealed | None:
        """The last of it, then the seal. Raises OSError."""
        for kind, text in self._texts.items():
            self._take(kind, text.finish())
        self._is_closing = True
        self._news.set()
        if self.writing is not None:
            await self.writing
        return await asyncio.to_thread(seal, self._number)

    def _take(self, kind: str, text: str) -> None:
        if text:
            self._add([round(self._clock() - self._began, 6), kind, text])

    def _add(self, entry: Any) -> None:
        if self._is_cut:
            return
        line = json.dumps(entry).encode() + b"\n"
        if self._taken_bytes + len(line) > self._most_bytes:
            self._is_cut = True
            line = json.dumps([entry[0], "m", CUT_SHORT]).encode() + b"\n"
        self._lines.append(line)
        self._unwritten_bytes += len(line)
        self._taken_bytes += len(line)
        self._news.set()

    async def _write_until_closed(self) -> None:
        while not self._is_closing or self._lines:
            await self._news.wait()
            self._news.clear()
            await self._pause()
            lines, self._lines = self._lines, []
            if lines:
                await asyncio.to_thread(_append, part_path(self._number), b"".join(lines))
            self._unwritten_bytes -= sum(map(len, lines))
            self._caught_up.set()

    async def _pause(self) -> None:
        """So that what is typed letter by letter is not written so; less when there is much, or an end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_S):
                while self._unwritten_bytes <= MOST_UNWRITTEN_BYTES // 2 and not self._is_closing:
                    await self._news.wait()
                    self._news.clear()


def _append(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(data)
