"""Blobs named by their digest. A blob is verified while it is written, and durable before a record names it.

All calls block and are safe from several threads.
"""

import hashlib
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from engine.host.durable import sync_directory, sync_file
from engine.host.failpoints import reach
from engine.model.digest import Digest, is_hex
from engine.model.errors import EngineError, Invalid, Missing, TooLarge

_SMALL = 4 << 20


class Ingest:
    """One blob being written. Left without ``commit``, nothing remains of it."""

    def __init__(self, blobs: Path, drafts: Path) -> None:
        self._blobs = blobs
        descriptor, name = tempfile.mkstemp(prefix="blob-", dir=drafts)
        self._draft: Path | None = Path(name)
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._sha256 = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: bytes | memoryview) -> None:
        reach("blob.write")
        self._sha256.update(data)
        self.size_bytes += len(data)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def commit(self, expected: Digest | None = None, *, durable: bool = True) -> Digest:
        """Make the blob visible under its digest. Raises Invalid when that is not ``expected``.

        ``durable`` False leaves the syncing to the caller, who must syncfs before a row names the blob.
        """
        if self._draft is None:
            raise ValueError("this blob was committed or given up")
        digest = Digest(self._sha256.hexdigest())
        if expected is not None and digest != expected:
            raise Invalid(f"content has digest {digest}, expected {expected}")
        place = self._blobs / digest.hex
        if place.is_file() and place.stat().st_size == self.size_bytes:
            if durable:
                sync_file(place)  # somebody else may have put it there a moment ago
            return digest  # not replaced: the one that is there may be named by a record
        reach("blob.rename")
        self._draft.rename(place)
        self._draft = None
        if durable:
            try:
                self._make_durable()
            except (EngineError, OSError):
                place.unlink()
                raise
        return digest

    def _make_durable(self) -> None:
        """After the rename, so that one commit of the file system's journal has both; no row names it before."""
        reach("blob.sync")
        os.fsync(self._file.fileno())
        sync_directory(self._blobs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._draft is not None:
            self._draft.unlink(missing_ok=True)
            self._draft = None


class ContentStore:
    """Blobs below ``root``/blobs/sha256, drafts in ``root``/tmp."""

    def __init__(self, root: Path) -> None:
        self._blobs = root / "blobs" / "sha256"
        self._drafts = root / "tmp"
        for directory in (self._blobs, self._drafts):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def directory(self) -> Path:
        """Where blobs are."""
        return self._blobs

    def ingest(self) -> Ingest:
        return Ingest(self._blobs, self._drafts)

    def add(self, data: bytes) -> Digest:
        """Store a small blob; safe to repeat."""
        with self.ingest() as ingest:
            ingest.write(data)
            return ingest.commit()

    def open(self, digest: Digest) -> BinaryIO:
        try:
            return self.path(digest).open("rb")
        except FileNotFoundError as error:
            raise Missing(f"content {digest} not found") from error

    def read(self, digest: Digest, *, at_most: int = _SMALL) -> bytes:
        """A small blob, verified. Raises TooLarge, Missing, and Invalid when the disk altered it."""
        with self.open(digest) as file:
            data = file.read(at_most + 1)
        if len(data) > at_most:
            raise TooLarge(f"content {digest} has more than {at_most} bytes")
        if Digest.of(data) != digest:
            raise Invalid(f"content {digest} is damaged on disk")
        return data

    def path(self, digest: Digest) -> Path:
        return self._blobs / digest.hex

    def has(self, digest: Digest) -> bool:
        return self.path(digest).is_file()

    def size(self, digest: Digest) -> int:
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError as error:
            raise Missing(f"content {digest} not found") from error

    def delete(self, digest: Digest) -> None:
        """Deleting what is not there is fine."""
        self.path(digest).unlink(missing_ok=True)

    def drafts(self) -> list[Path]:
        """What is, or was, being written: of this store and of ``LayerStore``."""
        return list(self._drafts.iterdir())

    def digests(self) -> list[Digest]:
        return named_digests(self._blobs)


def named_digests(directory: Path) -> list[Digest]:
    """Those that something in ``directory`` is named for. What else is there is not the store's, and left alone."""
    return [Digest(path.name) for path in directory.iterdir() if is_hex(path.name)]
