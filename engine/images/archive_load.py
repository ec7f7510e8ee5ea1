"""Reading what ``docker save`` and OCI tools write: a tar that holds images.

One pass over the stream: layers go straight into the content store, the small JSON documents stay in memory, and
nothing is ever written under a name from the archive. Then ``images_in`` says which members make which image.

The forms (moby image/tarexport; OCI image-spec, image-layout.md)::

    manifest.json   [{"Config": NAME, "RepoTags": [...], "Layers": [NAME, ...]}]
                    NAME: x.json, HEX/layer.tar (perhaps a symlink), or blobs/sha256/HEX
    index.json      OCI index -> manifest -> config and layers, all at blobs/sha256/HEX
"""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from engine.host.archive import Entry, Kind, Limits, TarReader
from engine.host.archive_stream import PlainStream, Readable, detect
from engine.host.archive_unpack import clean
from engine.images.ahead import Ahead
from engine.images.document import without_nulls
from engine.images.layer_blob import LayerBlob, store_layer
from engine.model.digest import Digest, is_hex
from engine.model.errors import Invalid, TooLarge, Unsupported
from engine.model.platform import Platform
from engine.model.reference import Reference
from engine.store.content import ContentStore

_LARGEST_DOCUMENT = 4 << 20
_DOCUMENTS = 64 << 20  # bytes of all documents together
_MEMBERS = 100_000
_HOPS = 16  # symlinks from one name to the member meant
_NESTING = 4  # indexes within indexes
_BLOCK = 512
_Value = TypeVar("_Value")


@dataclass(slots=True)
class Contents:
    """What an archive held, by cleaned name. ``stored`` are all blobs written for it, to be discarded if unwanted."""

    documents: dict[str, bytes] = field(default_factory=dict)
    layers: dict[str, LayerBlob] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    stored: list[Digest] = field(default_factory=list)

    def document(self, name: str) -> bytes:
        return _found(self.documents, self._resolved(name), "JSON document")

    def layer(self, name: str) -> LayerBlob:
        return _found(self.layers, self._resolved(name), "layer")

    def _resolved(self, name: str) -> str:
        name = _cleaned(name)
        for _ in range(_HOPS):
            if name not in self.links:
                return name
            name = self.links[name]
        raise Invalid(f"archive: {name[:80]!r} is a loop of links")


@dataclass(frozen=True, slots=True)
class ArchivedImage:
    """``layers`` are lowest first, and may not be what ``config`` says: verify each against its diff id."""

    config: bytes
    layers: tuple[LayerBlob, ...]
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Intake:
    """Where an archive goes: its documents to ``contents``, its layers to ``content``, and to ``ahead`` as well."""

    contents: Contents
    content: ContentStore
    limits: Limits
    ahead: Ahead | None = None


def read_archive(file: Readable, intake: Intake) -> None:
    """Fill ``intake`` from ``file``, which may be compressed, to its end. Blocking. Raises Invalid or TooLarge."""
    limits = intake.limits
    stream = PlainStream(file, limits=limits, hashed=False)
    try:
        reader = TarReader(stream, Limits(entries=_MEMBERS, total_bytes=limits.total_bytes))
        while (entry := reader.next()) is not None:
            _take(entry, reader, intake)
        reader.drain()
    finally:
        stream.close()


def images_in(contents: Contents, *, platform: Platform) -> list[ArchivedImage]:
    """The images, in the archive's order; of several platforms in one index, ``platform``'s."""
    if "manifest.json" in contents.documents:
        return [_docker_image(item, contents) for item in _decode(contents.document("manifest.json"), list[_Item])]
    if "index.json" in contents.documents:
        index = _decode(contents.document("index.json"), _Index)
        return list(_oci_images(index, contents, platform, None, _NESTING))
    if "repositories" in contents.documents:
        raise Unsupported("archive: written by Docker 1.9 or older; load and save it with a newer Docker once")
    raise Invalid("archive: holds neither manifest.json nor index.json, so it is not an image archive")


def _take(entry: Entry, reader: TarReader, intake: Intake) -> None:
    name = "/".join(part.decode("utf-8", "surrogateescape") for part in clean(entry.name))
    links = intake.contents.links
    if entry.kind is Kind.SYMLINK:
        target = posixpath.join(posixpath.dirname(name), entry.target.decode("utf-8", "surrogateescape"))
        links[name] = _cleaned(posixpath.normpath(target))
    elif entry.kind is Kind.HARD_LINK:
        links[name] = _cleaned(entry.target.decode("utf-8", "surrogateescape"))
    elif entry.kind is Kind.FILE:
        _take_file(name, entry, _Body(reader), intake)


def _take_file(name: str, entry: Entry, body: "_Body", intake: Intake) -> None:
    contents = intake.contents
    head = body.head(_BLOCK)
    if _is_document(head):
        room = _DOCUMENTS - sum(map(len, contents.documents.values()))
        if entry.size_bytes > min(_LARGEST_DOCUMENT, room):
            raise TooLarge(f"archive: document {name[:80]!r} has {entry.size_bytes} bytes")
        contents.documents[name] = head + body.head(_LARGEST_DOCUMENT)
    elif len(head) == _BLOCK or detect(head) != "none":  # the rest are notes, like VERSION
        contents.layers[name] = _take_layer(name, body, head, intake)


def _take_layer(name: str, body: "_Body", head: bytes, intake: Intake) -> LayerBlob:
    if intake.ahead is None or _is_here(name, intake.content):
        layer = store_layer(intake.content, body, head=head, limits=intake.limits)
    else:
        feed = intake.ahead.begin(is_plain=detect(head) == "none")
        try:
            layer = store_layer(intake.content, body, head=head, limits=intake.limits, beside=feed.write)
            feed.end(layer.given)
        finally:
            feed.end()
        intake.ahead.keep(feed, layer.digest)
    intake.contents.stored.append(layer.digest)
    return layer


def _is_here(name: str, content: ContentStore) -> bool:
    """Whether ``name`` says what is in it, and that is in the store: its layer will hardly have to be unpacked."""
    directory, _, last = name.rpartition("/")
    return directory == "blobs/sha256" and is_hex(last) and content.has(Digest(last))


def _is_document(head: bytes) -> bool:
    return head.lstrip()[:1] in (b"{", b"[") and head[257:262] != b"ustar"


class _Body:
    """The body of the reader's current entry. What is large is not copied on its way."""

    def __init__(self, reader: TarReader) -> None:
        self._pieces = reader.body()
        self._rest = memoryview(b"")

    def head(self, size: int) -> bytes:
        """The next bytes: so many, or all there are."""
        head = b""
        while len(head) < size and (piece := self.read_some(size - len(head))):
            head += piece
        return head

    def read_some(self, limit: int, /) -> memoryview:
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        taken, self._rest = self._rest[:limit], self._rest[limit:]
        return taken


# -- docker-archive


class _Item(msgspec.Struct, rename="pascal"):
    config: str
    repo_tags: list[str] = []
    layers: list[str] = []


def _docker_image(item: _Item, contents: Contents) -> ArchivedImage:
    return ArchivedImage(
        config=contents.document(item.config),
        layers=tuple(contents.layer(name) for name in item.layers),
        references=tuple(Reference.parse(tag).as_tag() for tag in item.repo_tags),
    )


# -- OCI image layout


class _Descriptor(msgspec.Struct, rename="camel"):
    digest: str
    media_type: str = ""
    annotations: dict[str, str] = {}
    platform: dict[str, Any] = {}


class _Index(msgspec.Struct):
    manifests: list[_Descriptor]


class _Manifest(msgspec.Struct):
    config: _Descriptor
    layers: list[_Descriptor] = []


def _oci_images(
    index: _Index, contents: Contents, platform: Platform, name: Reference | None, nesting: int
) -> Iterator[ArchivedImage]:
    if nesting == 0:
        raise Invalid("archive: indexes are nested too deeply")
    for descriptor in _wanted(index.manifests, platform):
        reference = _reference(descriptor) or name
        data = _blob(descriptor, contents)
        if b'"manifests"' in data and b'"config"' not in data:
            yield from _oci_images(_decode(data, _Index), contents, platform, reference, nesting - 1)
        else:
            yield _oci_image(_decode(data, _Manifest), contents, reference)


def _wanted(descriptors: list[_Descriptor], platform: Platform) -> list[_Descriptor]:
    """All without a stated platform, and those for ``platform``; or all, when that leaves none. Never attestations."""
    images = [item for item in descriptors if "vnd.docker.reference.type" not in item.annotations]
    fitting = [
        item
        for item in images
        if not item.platform
        or (item.platform.get("os"), item.platform.get("architecture")) == (platform.os, platform.architecture)
    ]
    return fitting or images


def _oci_image(manifest: _Manifest, contents: Contents, reference: Reference | None) -> ArchivedImage:
    layers = []
    for descriptor in manifest.layers:
        layer = contents.layer(_blob_name(descriptor))
        if layer.given != Digest.parse(descriptor.digest):
            raise Invalid(f"archive: layer {descriptor.digest} has digest {layer.given}")
        layers.append(layer)
    return ArchivedImage(_blob(manifest.config, contents), tuple(layers), (reference,) if reference else ())


def _blob(descriptor: _Descriptor, contents: Contents) -> bytes:
    data = contents.document(_blob_name(descriptor))
    if Digest.of(data) != Digest.parse(descriptor.digest):
        raise Invalid(f"archive: blob {descriptor.digest} has digest {Digest.of(data)}")
    return data


def _blob_name(descriptor: _Descriptor) -> str:
    return f"blobs/sha256/{Digest.parse(descriptor.digest).hex}"


def _reference(descriptor: _Descriptor) -> Reference | None:
    """The full name that containerd writes, or OCI's ref.name when it is more than a tag."""
    name = descriptor.annotations.get("io.containerd.image.name", "")
    plain = descriptor.annotations.get("org.opencontainers.image.ref.name", "")
    name = name or (plain if any(mark in plain for mark in ":/") else "")
    return Reference.parse(name).with_default_tag() if name else None


def _found(members: dict[str, _Value], name: str, kind: str) -> _Value:
    if name not in members:
        raise Invalid(f"archive: {kind} {name[:120]!r} is missing")
    return members[name]


def _cleaned(name: str) -> str:
    return "/".join(part.decode("utf-8", "surrogateescape") for part in clean(name.encode("utf-8", "surrogateescape")))


def _decode(data: bytes, kind: type[_Value]) -> _Value:
    try:
        return msgspec.json.decode(without_nulls(data), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"archive: {error}") from error
