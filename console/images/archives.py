"""Archives of images as uploaded, looked into before anything is kept: which images and names they would bring.

What ``docker save`` writes: a tar, gzipped or not, with ``manifest.json``, a list of images with their names
(``RepoTags``) and configuration (``Config``, whose file is named by the image's id).
"""

import gzip
import json
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from django.utils.translation import gettext as _

from console.images.context import BROKEN, ENTRY_LIMIT, GZIP_MAGIC, Bounded, BoundedTarInfo, copy_limited
from console.images.references import Reference
from console.jobs import blobs
from console.operations.errors import Invalid

UPLOAD_LIMIT_BYTES: Final = 2 << 30
UNPACKED_LIMIT_BYTES: Final = 16 << 30
_MANIFEST: Final = "manifest.json"
_MANIFEST_BYTES: Final = 4 << 20
_MOST_IMAGES: Final = 500
# blobs/sha256/<id> of new archives, <id>.json of old ones
_CONFIG: Final = re.compile(r"(?:blobs/sha256/)?([0-9a-f]{64})(?:\.json)?")


@dataclass(frozen=True, slots=True)
class Stored:
    """``ids`` are those of images without a name."""

    sha256: str
    tags: tuple[str, ...]
    ids: tuple[str, ...] = ()


def store_images(upload: BinaryIO) -> Stored:
    """Keep the archive as a job's input. Invalid (``archive``) for what is none, and for names that are none."""
    with blobs.incoming() as copy:
        head = copy_limited(upload, copy, limit_bytes=UPLOAD_LIMIT_BYTES, field="archive")
        tags, ids = _named(_manifest(copy, head))
        return Stored(blobs.keep(copy), tags, ids)


def store_files(upload: BinaryIO) -> str:
    """Keep a tar of files. Returns its SHA-256; Invalid (``archive``) for what is no tar."""
    with blobs.incoming() as copy:
        head = copy_limited(upload, copy, limit_bytes=UPLOAD_LIMIT_BYTES, field="archive")
        copy.seek(0)
        try:
            with _opened(copy, head) as tar:
                if next(iter(tar), None) is None:
                    raise Invalid(_("The archive is empty."), field="archive")
        except BROKEN as error:
            raise _broken(error) from error
        return blobs.keep(copy)


def _manifest(copy: BinaryIO, head: bytes) -> list[Any]:
    copy.seek(0)
    try:
        with _opened(copy, head) as tar:
            for number, entry in enumerate(tar):
                if number > ENTRY_LIMIT:
                    break
                if entry.name.removeprefix("./") == _MANIFEST and entry.isreg() and entry.size <= _MANIFEST_BYTES:
                    content = tar.extractfile(entry)
                    found = json.loads(content.read()) if content is not None else None
                    return found if isinstance(found, list) else []
    except (*BROKEN, RecursionError) as error:
        raise _broken(error) from error
    raise Invalid(_("There is no manifest.json in it: is it what “docker save” wrote?"), field="archive")


def _opened(copy: BinaryIO, head: bytes) -> tarfile.TarFile:
    if head.startswith(GZIP_MAGIC):
        plain = Bounded(gzip.GzipFile(fileobj=copy), limit_bytes=UNPACKED_LIMIT_BYTES, field="archive")
        return tarfile.open(fileobj=plain, mode="r|", tarinfo=BoundedTarInfo)
    # a plain one is leapt through, not read
    return tarfile.open(fileobj=copy, mode="r:", tarinfo=BoundedTarInfo)


def _named(manifest: list[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    tags: list[str] = []
    ids: list[str] = []
    if not 0 < len(manifest) <= _MOST_IMAGES:
        raise Invalid(_("There is no image in it."), field="archive")
    for one in manifest:
        config = _CONFIG.fullmatch(str(one.get("Config", ""))) if isinstance(one, Mapping) else None
        named = one.get("RepoTags") or [] if isinstance(one, Mapping) else []
        if config is None or not isinstance(named, list):
            raise Invalid(_("Its manifest.json is not what “docker save” writes."), field="archive")
        tags += [str(Reference.parse(str(name), field="archive")) for name in named]
        ids += [] if named else [config[1]]
    return tuple(dict.fromkeys(tags)), tuple(dict.fromkeys(ids))


def _broken(error: BaseException) -> Invalid:
    why = {"why": str(error)[:200] or type(error).__name__}
    return Invalid(_("The upload is no whole tar archive (%(why)s).") % why, field="archive")
