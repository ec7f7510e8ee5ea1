"""Old entries in files of their own: compressed JSON lines with all that their seals cover, hashed and signed.

``NARU_DATA/audit/segments/FIRST-LAST.jsonl.zst``; one line per entry, the array of ``chain.canonical`` with the entry's
seal at its end. A file can be moved to where archives lie and put back for a check.
"""

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import zstandard
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.utils.translation import gettext as _

from console.audit.chain import Row, canonical
from console.audit.keys import folder
from console.audit.models import AuditSegment

_BLOCK = 1024 * 1024


class BadSegment(ValueError):
    """Its record or its file is not what was signed."""


def path_of(segment: AuditSegment) -> Path:
    return folder() / "segments" / segment.file_name


def write_segment(rows: Iterable[tuple[Row, str]], path: Path) -> str:
    """Whole and on disk when this returns its SHA-256, or not there. ``rows`` come with their seals."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    compressor = zstandard.ZstdCompressor(level=10)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        with compressor.stream_writer(file, closefd=False) as writer:
            for row, written in rows:
                writer.write(canonical(row)[:-1] + json.dumps([written]).encode().replace(b"[", b",", 1) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    _sync(path.parent)
    return _sha256(path)


def read_segment(path: Path) -> Iterator[list[object]]:
    """Its lines: the canonical array and, last, the seal."""
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as reader:
        rest = b""
        while block := reader.read(_BLOCK):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                yield json.loads(line)


def sign(segment: AuditSegment, key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.sign(_signed_text(segment))).decode()


def check_segment(segment: AuditSegment, key: Ed25519PublicKey) -> None:
    """Raises BadSegment. A file that was moved away is named, and its record is still checked."""
    try:
        key.verify(base64.b64decode(segment.signature, validate=True), _signed_text(segment))
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise BadSegment(
            _("The record of segment %(segment)s is not what was signed.") % {"segment": segment}
        ) from error
    path = path_of(segment)
    if not path.exists():
        raise BadSegment(_("%(path)s is missing: put it back to have its entries checked.") % {"path": path})
    if _sha256(path) != segment.sha256:
        raise BadSegment(_("%(path)s is not the file that was signed.") % {"path": path})


def _signed_text(segment: AuditSegment) -> bytes:
    facts = [segment.first, segment.last, segment.before, segment.seal, segment.file_name, segment.sha256]
    return json.dumps(["naru-segment-1", *facts], separators=(",", ":")).encode()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
