"""A build context as uploaded: tar, tar.gz or zip, checked through to its end before anything is kept.

What is kept is a plain or gzipped tar; a zip is rewritten to one. No entry may lead out of the context.
"""

import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import BinaryIO, Protocol

from django.utils.translation import gettext as _

from console.jobs import blobs
from console.operations.errors import Invalid

UPLOAD_LIMIT_BYTES = 64 * 1024 * 1024
UNPACKED_LIMIT_BYTES = 2 * 1024 * 1024 * 1024
ENTRY_LIMIT = 100_000
# what is read in one piece: names, link targets, extended headers
TEXT_LIMIT_BYTES = 1024 * 1024
EXTENDED_HEADERS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
DOCKERFILE_LIMIT_BYTES = 256 * 1024
CHUNK_BYTES = 1024 * 1024
BLOCK_BYTES = 512
READ_BYTES = BLOCK_BYTES * 128
TAIL_BYTES = READ_BYTES * 2
GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK"
# what the archives' readers raise on damaged bytes
BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
)


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def store_context(upload: BinaryIO, *, dockerfile_path: str) -> str:
    """Keep the context as a job's input. Returns its SHA-256.

    Invalid (naming ``context`` or ``dockerfile_path``) for an empty, oversized, truncated or otherwise broken upload,
    for an entry that would leave the context, and when there is no Dockerfile at ``dockerfile_path``.
    """
    wanted = _clean_path(dockerfile_path, field="dockerfile_path")
    with blobs.incoming() as copy:
        head = copy_limited(upload, copy)
        copy.seek(0)
        try:
            if head.startswith(ZIP_MAGIC):
                with blobs.incoming() as tar:
                    names = _zip_to_tar(copy, tar)
                    _require_dockerfile(names, wanted)
                    return blobs.keep(tar)
            names = _checked_gzip(copy) if head.startswith(GZIP_MAGIC) else _checked_tar(Bounded(copy))
        except BROKEN as error:
            raise Invalid(
                _("The upload is no whole tar, tar.gz or zip archive; it may have been cut short (%(why)s).")
                % {"why": str(error) or type(error).__name__},
                field="context",
            ) from error
        _require_dockerfile(names, wanted)
        return blobs.keep(copy)


def kept_dockerfile(sha256: str, *, dockerfile_path: str) -> str:
    """The Dockerfile of a stored context. Invalid unless it is a plain file, in plain directories."""
    wanted = _clean_path(dockerfile_path, field="dockerfile_path")
    found: bytes | None = None
    with blobs.open_kept(sha256) as file, tarfile.open(fileobj=file, mode="r:*") as tar:
        for entry in tar:
            name = str(PurePosixPath(entry.name))
            is_before = wanted.startswith(f"{name}/") and not entry.isdir()
            if is_before or (name == wanted and not entry.isreg()):
                raise Invalid(_("“%(path)s” has to be a plain file.") % {"path": wanted}, field="dockerfile_path")
            if name == wanted and (content := tar.extractfile(entry)) is not None:
                # of two entries with one name the last counts
                found = content.read(DOCKERFILE_LIMIT_BYTES + 1)
    if found is None or len(found) > DOCKERFILE_LIMIT_BYTES:
        raise Invalid(_("The Dockerfile is longer than 256 KiB."), field="dockerfile_path")
    return found.decode(errors="replace")


def copy_limited(upload: BinaryIO, into: BinaryIO, *, limit_bytes: int | None = None, field: str = "context") -> bytes:
    """Its first four bytes. Invalid (``field``) for an upload that is empty or larger."""
    most = UPLOAD_LIMIT_BYTES if limit_bytes is None else limit_bytes
    head, size = b"", 0
    while chunk := upload.read(CHUNK_BYTES):
        head = head or chunk[:4]
        size += len(chunk)
        if size > most:
            words = {"n": most >> 20}
            raise Invalid(_("The upload is larger than %(n)d MiB.") % words, field=field)
        into.write(chunk)
    if size == 0:
        raise Invalid(_("The upload is empty."), field=field)
    return head


def _checked_gzip(file: BinaryIO) -> set[str]:
    with gzip.open(file) as plain:
        counted = Bounded(plain)
        names = _checked_tar(counted)
        # to the end, where gzip's own checksum is
        _drain(counted)
    return names


def _checked_tar(counted: "Bounded") -> set[str]:
    """Read every entry to its end. Returns the names of regular files."""
    names: set[str] = set()
    entries = 0
    with tarfile.open(fileobj=counted, mode="r|", bufsize=READ_BYTES, tarinfo=BoundedTarInfo) as tar:
        for entry in tar:
            entries += 1
            if entries > ENTRY_LIMIT:
                raise Invalid(_("The context has more than 100,000 entries."), field="context")
            _check_entry(entry)
            if entry.isreg():
                names.add(_clean_path(entry.name, field="context"))
        end = tar.offset
    # tarfile ends quietly at a cut between two entries, and at a damaged header; a whole archive ends in zeros
    if counted.block_at(end) != bytes(BLOCK_BYTES):
        raise tarfile.ReadError("no end-of-archive mark")
    return names


def _check_entry(entry: tarfile.TarInfo) -> None:
    _clean_path(entry.name, field="context")
    if entry.islnk():
        _clean_path(entry.linkname, field="context")
    if not (entry.isreg() or entry.isdir() or entry.issym() or entry.islnk()):
        raise Invalid(
            _("“%(name)s” is a device or a pipe; a context holds files.") % {"name": entry.name}, field="context"
        )


def _zip_to_tar(file: BinaryIO, into: BinaryIO) -> set[str]:
    names: set[str] = set()
    unpacked = 0
    with zipfile.ZipFile(file) as archive, tarfile.open(fileobj=into, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        entries = archive.infolist()
        if len(entries) > ENTRY_LIMIT:
            raise Invalid(_("The context has more than 100,000 entries."), field="context")
        for entry in entries:
            name = _clean_path(entry.filename, field="context")
            unpacked += entry.file_size
            if unpacked > UNPACKED_LIMIT_BYTES:
                raise Invalid(_("The context unpacks to more than 2 GiB."), field="context")
            _add_zip_entry(tar, archive, entry, name)
            if not entry.is_dir():
                names.add(name)
    return names


def _add_zip_entry(tar: tarfile.TarFile, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> None:
    mode = entry.external_attr >> 16
    info = tarfile.TarInfo(name)
    if entry.is_dir():
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(info)
    elif stat.S_ISLNK(mode):
        if entry.file_size > TEXT_LIMIT_BYTES:
            raise zipfile.BadZipFile("a link's target is too long")
        info.type, info.linkname = tarfile.SYMTYPE, archive.read(entry).decode(errors="surrogateescape")
        tar.addfile(info)
    else:
        info.size, info.mode = entry.file_size, stat.S_IMODE(mode) & 0o777 or 0o644
        with archive.open(entry) as content:
            # raises if the entry holds less than it says; its checksum is verified at its end
            tar.addfile(info, content)
            content.read(1)


def _require_dockerfile(names: set[str], wanted: str) -> None:
    if wanted not in names:
        raise Invalid(_("There is no “%(path)s” in the context.") % {"path": wanted}, field="dockerfile_path")


def _clean_path(name: str, *, field: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or "\\" in name.split("/", 1)[0][:3]:
        raise Invalid(_("“%(name)s” leads out of the context.") % {"name": name}, field=field)
    return str(path)


def _drain(file: Readable) -> None:
    while file.read(CHUNK_BYTES):
        pass


class BoundedTarInfo(tarfile.TarInfo):
    """tarfile reads an extended header (a long name, pax records) in one piece, however long it says it is."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in EXTENDED_HEADERS and self.size > TEXT_LIMIT_BYTES:
            raise tarfile.ReadError("an extended header is too long")
        member: tarfile.TarInfo = super()._proc_member(tar)  # type: ignore[misc]
        return member


class Bounded(io.RawIOBase):
    """Passes reads on, stops a bomb, and remembers the last bytes that were read."""

    def __init__(self, file: Readable, *, limit_bytes: int | None = None, field: str = "context") -> None:
        self.file = file
        self.limit_bytes = UNPACKED_LIMIT_BYTES if limit_bytes is None else limit_bytes
        self.field = field
        self.size_bytes = 0
        self.tail = b""

    def read(self, size: int = -1, /) -> bytes:
        chunk = self.file.read(size)
        self.size_bytes += len(chunk)
        if self.size_bytes > self.limit_bytes:
            words = {"n": self.limit_bytes >> 30}
            raise Invalid(_("The upload unpacks to more than %(n)d GiB.") % words, field=self.field)
        self.tail = (self.tail + chunk)[-TAIL_BYTES:]
        return chunk

    def block_at(self, offset: int) -> bytes:
        """The block there, if it is among what was read last."""
        start = offset - (self.size_bytes - len(self.tail))
        return self.tail[start : start + BLOCK_BYTES] if start >= 0 else b""
