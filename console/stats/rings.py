"""A bounded file of samples, of a container or of a host: fine for the last hour, coarse for the last day.

    header   16 bytes   b"naru ring" · version u8 · numbers in a slot u8 · CRC-32 of their names · a zero
    tiers    one after the other, each a number of slots:
             10 s × 360 (an hour) · 60 s × 360 (six hours) · 300 s × 288 (a day)
    slot     at u32 (seconds since 1970) · numbers f32 · CRC-32 of both u32      little endian

A sample's time says which slot of a tier is its own, so nothing points into the file and old samples are overwritten
by being a round behind. A slot that was torn fails its checksum and is as good as empty; that of a coarse tier is made
anew from the fine one with the next sample. Writing a sample twice is writing it once. One process writes, any read.

What a sample does not tell is NaN. Nothing is synced: a power cut costs what the kernel had not written back yet.
"""

import math
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"naru ring"
VERSION = 1
HEADER_BYTES = 16
AT = struct.Struct("<I")
CRC = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Tier:
    step_s: int
    slots: int

    @property
    def span_s(self) -> int:
        return self.step_s * self.slots


TIERS = (Tier(10, 360), Tier(60, 360), Tier(300, 288))
FINE = TIERS[0]


@dataclass(frozen=True, slots=True)
class Layout:
    """Names of what a sample tells, in order. Of ``peaks`` the most within a coarse step is kept beside the mean."""

    names: tuple[str, ...]
    peaks: tuple[str, ...] = ()

    @property
    def numbers(self) -> int:
        return len(self.names) + len(self.peaks)

    @property
    def slot_bytes(self) -> int:
        return AT.size + 4 * self.numbers + CRC.size

    @property
    def header(self) -> bytes:
        told = zlib.crc32(" ".join((*self.names, "|", *self.peaks)).encode())
        return (MAGIC + bytes([VERSION, self.numbers]) + CRC.pack(told)).ljust(HEADER_BYTES, b"\0")

    def with_peaks(self, values: Sequence[float]) -> list[float]:
        return [*values, *(values[self.names.index(name)] for name in self.peaks)]

    def folded(self, samples: Sequence["Sample"]) -> list[float]:
        """Means, and the most of the peaks, of those that tell it."""
        columns = list(zip(*(sample.values for sample in samples), strict=True))
        count = len(self.names)
        return [_mean(column) for column in columns[:count]] + [_most(column) for column in columns[count:]]


@dataclass(frozen=True, slots=True)
class Sample:
    """``values``: the layout's names, then its peaks. ``at_s`` is when its step begins."""

    at_s: int
    values: tuple[float, ...]


class Ring:
    def __init__(self, path: Path, layout: Layout) -> None:
        self.path = path
        self.layout = layout

    def add(self, at_s: int, values: Sequence[float]) -> None:
        """Write a sample, and the coarse steps that it is part of. OSError when the disk does not take it."""
        with self._opened_to_write() as fd:
            self._write(fd, 0, Sample(at_s - at_s % FINE.step_s, tuple(self.layout.with_peaks(values))))
            for number, tier in enumerate(TIERS[1:], start=1):
                start = at_s - at_s % tier.step_s
                if not self._read(fd, number, start - 1, start):
                    # the step before it is over, and may have been torn when its last sample was written
                    self._fold_last_before(fd, number, start)
                self._fold(fd, number, start)

    def read(self, tier: int, since_s: int, until_s: int) -> list[Sample]:
        """Samples of steps that begin in ``(since_s, until_s]``, oldest first. None of a file that is not there."""
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        try:
            if os.pread(fd, HEADER_BYTES, 0) != self.layout.header:
                return []
            return self._read(fd, tier, since_s, until_s)
        finally:
            os.close(fd)

    @contextmanager
    def _opened_to_write(self) -> Iterator[int]:
        """A file with another header is begun anew: it is of an earlier version, or its first write was torn."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.pread(fd, HEADER_BYTES, 0) != self.layout.header:
                os.ftruncate(fd, 0)
                os.pwrite(fd, self.layout.header, 0)
            yield fd
        finally:
            os.close(fd)

    def _fold_last_before(self, fd: int, number: int, start_s: int) -> None:
        step_s = TIERS[number].step_s
        if self._fold(fd, number, start_s - step_s):
            return
        # there was a pause
        for sample in self._read(fd, 0, start_s - FINE.span_s, start_s - 1)[-1:]:
            self._fold(fd, number, sample.at_s - sample.at_s % step_s)

    def _fold(self, fd: int, number: int, start_s: int) -> bool:
        """Make the coarse step anew; False when nothing of it is known."""
        fine = self._read(fd, 0, start_s - 1, start_s + TIERS[number].step_s - 1)
        if fine:
            self._write(fd, number, Sample(start_s, tuple(self.layout.folded(fine))))
        return bool(fine)

    def _write(self, fd: int, number: int, sample: Sample) -> None:
        body = AT.pack(sample.at_s) + struct.pack(f"<{self.layout.numbers}f", *sample.values)
        os.pwrite(fd, body + CRC.pack(zlib.crc32(body)), self._offset(number, sample.at_s))

    def _read(self, fd: int, number: int, since_s: int, until_s: int) -> list[Sample]:
        tier = TIERS[number]
        first = max(since_s + 1, until_s - tier.span_s + 1)
        start = first + -first % tier.step_s
        if start > until_s:
            return []
        found: list[Sample] = []
        count = (until_s - start) // tier.step_s + 1
        while count > 0:
            # up to the tier's end, where it goes on at its beginning
            run = min(count, tier.slots - start // tier.step_s % tier.slots)
            found += self._run(fd, number, start, run)
            start, count = start + run * tier.step_s, count - run
        return found

    def _run(self, fd: int, number: int, start_s: int, count: int) -> list[Sample]:
        size, step_s = self.layout.slot_bytes, TIERS[number].step_s
        raw = os.pread(fd, size * count, self._offset(number, start_s))
        slots = (raw[at : at + size] for at in range(0, len(raw) - size + 1, size))
        samples = (self._sample(slot, start_s + place * step_s) for place, slot in enumerate(slots))
        return [sample for sample in samples if sample is not None]

    def _sample(self, slot: bytes, wanted_s: int) -> Sample | None:
        """None for one that is empty, of an earlier round, or torn."""
        if AT.unpack_from(slot)[0] != wanted_s or zlib.crc32(slot[: -CRC.size]) != CRC.unpack(slot[-CRC.size :])[0]:
            return None
        return Sample(wanted_s, struct.unpack_from(f"<{self.layout.numbers}f", slot, AT.size))

    def _offset(self, number: int, at_s: int) -> int:
        before = sum(tier.slots for tier in TIERS[:number])
        tier = TIERS[number]
        return HEADER_BYTES + (before + at_s // tier.step_s % tier.slots) * self.layout.slot_bytes


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _most(values: Sequence[float]) -> float:
    return max((value for value in values if not math.isnan(value)), default=math.nan)
