"""What people upload, as the tar that a container's engine takes."""

import hashlib
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from django.utils.translation import gettext as _

from console.files.paths import file_name
from console.jobs import blobs
from console.operations.errors import Invalid

# it passes through Redis, as a build's context does
MOST_BYTES = 64 * 1024 * 1024
MOST_FILES = 100
CHUNK_BYTES = 1024 * 1024


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Upload:
    name: str
    file: BinaryIO
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Packed:
    """``sha256`` names the tar among the inputs of jobs; ``files`` are name, size and SHA-256 of each."""

    sha256: str
    files: tuple[dict[str, Any], ...]


class _Hashed:
    def __init__(self, file: Readable) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self.digest.update(chunk)
        return chunk


def pack_files(uploads: Sequence[Upload]) -> Packed:
    """Keep them as a job's input. Raises Invalid (files)."""
    if not uploads:
        raise Invalid(_("Choose a file to upload."), field="files")
    if len(uploads) > MOST_FILES:
        raise Invalid(_("At most %(most)d files at once.") % {"most": MOST_FILES}, field="files")
    if sum(upload.size_bytes for upload in uploads) > MOST_BYTES:
        raise Invalid(_("All files together may have 64 MiB."), field="files")
    names = [file_name(upload.name, field="files") for upload in uploads]
    if len(set(names)) < len(names):
        raise Invalid(_("Two of the files have the same name."), field="files")
    found = []
    with blobs.incoming() as tar:
        with tarfile.open(fileobj=tar, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for upload in uploads:
                hashed = _Hashed(upload.file)
                archive.addfile(_entry(upload.name, size_bytes=upload.size_bytes), hashed)
                found.append(
                    {"name": upload.name, "size_bytes": upload.size_bytes, "sha256": hashed.digest.hexdigest()}
                )
        return Packed(blobs.keep(tar), tuple(found))


def pack_directory(name: str, into: BinaryIO) -> None:
    """A tar of an empty directory."""
    entry = _entry(name, size_bytes=0)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
    with tarfile.open(fileobj=into, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(entry)
    into.seek(0)


def _entry(name: str, *, size_bytes: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size_bytes, 0o644, int(time.time())
    return entry
