"""Looking through a capsule before anything of it is believed. It comes from elsewhere, so it may say anything.

Every entry is a plain file of a known name; every blob is what its name says; what capsule.json says of images, volumes
and files is so. What layers and volumes unpack to is bounded by what it says, and the agent holds them to that.
"""

import hashlib
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from django.utils.translation import gettext as _

from console.capsules import manifest as capsule
from console.capsules.locks.document import Lock, parse_lock
from console.capsules.manifest import FIELD, Manifest
from console.images.context import BROKEN, BoundedTarInfo
from console.operations.errors import Invalid

MOST_ENTRIES = 20_000
DOCUMENT_BYTES = 4 << 20
FIXED = frozenset({"oci-layout", "index.json", "manifest.json", capsule.COMPOSE, capsule.LOCK, capsule.NAME})
BLOBS = "blobs/sha256/"
READ_BYTES = 1 << 20
# what gzip makes small; past it somebody wants a disk full
MOST_RATIO = 400
RATIO_FROM_BYTES = 64 << 20
MOST_PLAIN_BYTES = 256 << 30


@dataclass(frozen=True, slots=True)
class Place:
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Reading:
    """``blobs`` by 64 hex digits, ``texts`` by path: where in the file they lie."""

    manifest: Manifest
    lock: Lock
    blobs: Mapping[str, Place]
    texts: Mapping[str, Place]
    sha256: str

    def place(self, digest: str) -> Place:
        return self.blobs[digest.removeprefix("sha256:")]


@dataclass(slots=True)
class _Entries:
    file: BinaryIO
    is_known: bool = False
    blobs: dict[str, Place] = field(default_factory=dict)
    texts: dict[str, Place] = field(default_factory=dict)

    def content(self, place: Place) -> bytes:
        self.file.seek(place.offset)
        return self.file.read(place.size_bytes)

    def document(self, digest: str) -> dict[str, Any]:
        """Of a blob. Invalid when it is not there, is too long, or is no JSON object."""
        place = self.blobs.get(digest.removeprefix("sha256:"))
        if place is None or place.size_bytes > DOCUMENT_BYTES:
            raise _missing(digest)
        content = self.content(place)
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
            raise _missing(digest)
        try:
            found = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise _invalid(_("The blob %(digest)s is no JSON document."), digest=digest[:19]) from error
        if not isinstance(found, dict):
            raise _invalid(_("The blob %(digest)s is no JSON document."), digest=digest[:19])
        return found


def read_capsule(file: BinaryIO, *, sha256: str = "") -> Reading:
    """Invalid (``capsule``) for whatever is not as it should be. Reads all of it.

    ``sha256`` of one that a host of ours has sent just now: then large blobs are not read once more. Who restores it
    holds them to their digests again.
    """
    entries = _Entries(file, is_known=bool(sha256))
    try:
        _walk(entries)
    except BROKEN as error:
        why = str(error)[:200] or type(error).__name__
        raise _invalid(_("This is no whole tar archive (%(why)s)."), why=why) from error
    place = entries.texts.get(capsule.NAME)
    if place is None:
        raise _invalid(_("There is no capsule.json in it: is it a capsule?"))
    manifest = Manifest.parse(entries.content(place))
    _require_texts(entries, manifest)
    lock = _lock_of(entries, manifest)
    for image in manifest.images:
        _require_image(entries, image)
    for volume in manifest.volumes:
        _require_blob(entries, volume.digest, volume.size_bytes, volume.plain_bytes)
    _require_consistent(manifest, lock)
    return Reading(manifest, lock, entries.blobs, entries.texts, sha256 or _sha256(file))


def read_text(file: BinaryIO, reading_texts: Mapping[str, Place], path: str) -> str:
    """One of the files beside the blobs, which was looked through. Invalid when it is no text."""
    place = reading_texts[path]
    file.seek(place.offset)
    try:
        return file.read(place.size_bytes).decode()
    except UnicodeDecodeError as error:
        raise _invalid(_("“%(name)s” is no text."), name=path[:80]) from error


# --- entries ---


def _walk(entries: _Entries) -> None:
    file = entries.file
    file.seek(0, 2)
    length = file.tell()
    file.seek(0)
    with tarfile.open(fileobj=file, mode="r:", tarinfo=BoundedTarInfo) as tar:
        for number, info in enumerate(tar):
            if number >= MOST_ENTRIES:
                raise _invalid(_("It has more than %(most)d entries."), most=MOST_ENTRIES)
            if not info.isreg() or info.issparse():
                raise _invalid(_("“%(name)s” is no plain file."), name=info.name[:80])
            if info.size < 0 or info.offset_data + info.size > length:
                raise tarfile.ReadError("it was cut short")
            _take(entries, info)
            # the archive would remember all of them
            tar.members = []  # type: ignore[attr-defined]  # tarfile's own, undocumented
        end = tar.offset
    file.seek(end)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("no end-of-archive mark")


def _take(entries: _Entries, info: tarfile.TarInfo) -> None:
    name, place = info.name, Place(info.offset_data, info.size)
    digest = name.removeprefix(BLOBS)
    if name.startswith(BLOBS) and _is_digest(digest):
        if digest in entries.blobs:
            raise _invalid(_("“%(name)s” is there twice."), name=name[:80])
        if not entries.is_known:
            _require_digest(entries.file, name, place, digest)
        entries.blobs[digest] = place
        return
    original = name.removeprefix(capsule.FILES) if name.startswith(capsule.FILES) else ""
    if name not in FIXED and not (original and capsule.PATH.fullmatch(original)):
        raise _invalid(_("“%(name)s” does not belong into a capsule."), name=name[:80])
    if name in entries.texts:
        raise _invalid(_("“%(name)s” is there twice."), name=name[:80])
    if info.size > DOCUMENT_BYTES or len(entries.texts) > len(FIXED) + capsule.MOST_FILES:
        raise _invalid(_("“%(name)s” is larger than 4 MiB, or one of too many."), name=name[:80])
    entries.texts[name] = place


def _require_digest(file: BinaryIO, name: str, place: Place, wanted: str) -> None:
    position = file.tell()
    file.seek(place.offset)
    digest, left = hashlib.sha256(), place.size_bytes
    while left and (piece := file.read(min(READ_BYTES, left))):
        digest.update(piece)
        left -= len(piece)
    file.seek(position)
    if digest.hexdigest() != wanted:
        raise _invalid(_("“%(name)s” is not what its name says: its digest differs."), name=name[:80])


def _sha256(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(READ_BYTES):
        digest.update(piece)
    return digest.hexdigest()


# --- what capsule.json says ---


def _require_texts(entries: _Entries, manifest: Manifest) -> None:
    listed = {one.path: one for one in manifest.files}
    found = {path for path in entries.texts if path in (capsule.COMPOSE, capsule.LOCK) or path.startswith("files/")}
    for path in (capsule.COMPOSE, capsule.LOCK, *sorted(listed)):
        if path not in listed or path not in found:
            raise _invalid(_("“%(name)s” is missing, or not listed in capsule.json."), name=path[:80])
    if len(listed) != len(manifest.files) or found - listed.keys():
        raise _invalid(_("What capsule.json lists is not what is there."))
    for path, one in listed.items():
        content = entries.content(entries.texts[path])
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != one.digest or len(content) != one.size_bytes:
            raise _invalid(_("“%(name)s” is not what its name says: its digest differs."), name=path[:80])


def _lock_of(entries: _Entries, manifest: Manifest) -> Lock:
    try:
        lock = parse_lock(entries.content(entries.texts[capsule.LOCK]))
    except Invalid as error:
        raise Invalid(f"env.lock: {error}", field=FIELD) from error
    if lock.fingerprint != manifest.fingerprint:
        raise _invalid(_("env.lock has another fingerprint than capsule.json."))
    return lock


def _require_image(entries: _Entries, image: capsule.Image) -> None:
    config = entries.document(image.id)
    diff_ids = (config.get("rootfs") or {}).get("diff_ids") if isinstance(config.get("rootfs"), dict) else None
    if diff_ids != [layer.diff_id for layer in image.layers]:
        raise _invalid(_("The image %(digest)s is not made of the layers that are listed."), digest=image.id[:19])
    document = entries.document(image.manifest)
    told = [document.get("config"), *(layers if isinstance(layers := document.get("layers"), list) else [])]
    digests = [one.get("digest") if isinstance(one, dict) else None for one in told]
    if digests != [image.id, *(layer.digest for layer in image.layers)]:
        raise _invalid(_("The image %(digest)s is not made of the layers that are listed."), digest=image.id[:19])
    for layer in image.layers:
        _require_blob(entries, layer.digest, layer.size_bytes, layer.plain_bytes)


def _require_blob(entries: _Entries, digest: str, size_bytes: int, plain_bytes: int) -> None:
    place = entries.blobs.get(digest.removeprefix("sha256:"))
    if place is None or place.size_bytes != size_bytes:
        raise _missing(digest)
    if plain_bytes > RATIO_FROM_BYTES and plain_bytes > MOST_RATIO * size_bytes:
        raise _invalid(_("The blob %(digest)s would unpack to far too much."), digest=digest[:19])


def _require_consistent(manifest: Manifest, lock: Lock) -> None:
    images = {image.id for image in manifest.images}
    for name, service in lock.environment["services"].items():
        if service.get("image") not in images:
            raise _invalid(_("The image of the service “%(name)s” is not in it."), name=name[:80])
    for parts in (manifest.images, [volume.key for volume in manifest.volumes]):
        keys = [part.id if isinstance(part, capsule.Image) else part for part in parts]
        if len(set(keys)) != len(keys):
            raise _invalid(_("What capsule.json lists is there twice."))
    plain = sum(layer.plain_bytes for image in manifest.images for layer in image.layers)
    plain += sum(volume.plain_bytes for volume in manifest.volumes)
    if plain > MOST_PLAIN_BYTES:
        raise _invalid(_("It would unpack to far too much."))


def _is_digest(text: str) -> bool:
    return len(text) == 64 and not set(text) - set("0123456789abcdef")


def _missing(digest: str) -> Invalid:
    return _invalid(_("The blob %(digest)s is missing, or not as long as is said."), digest=digest[:19])


def _invalid(message: str, **words: Any) -> Invalid:
    return Invalid(message % words, field=FIELD)
