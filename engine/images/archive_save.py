"""Writing images as ``docker save`` does today: a docker-archive that is an OCI image layout as well.

The forms are drawn in ``archive_load``. Layers are written as they are stored, compressed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from engine.host.archive import BLOCK, Entry, Kind
from engine.host.archive_write import encode_header
from engine.model.digest import Digest
from engine.model.image import Image
from engine.model.reference import Reference
from engine.store.content import ContentStore
from engine.store.records import Layer

_CHUNK = 1 << 20
_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"


@dataclass(frozen=True, slots=True)
class SavedImage:
    """``references`` are the tags to save it under; none for one that was asked for by its id."""

    image: Image
    layers: Sequence[Layer]
    references: Sequence[Reference]


def archive_chunks(images: Sequence[SavedImage], content: ContentStore) -> Iterator[bytes]:
    """The archive, piece by piece. Reads blobs while it goes: blocking, and Missing when one was removed meanwhile."""
    manifests = [_json(_manifest(saved, content)) for saved in images]
    for directory in (b"blobs", b"blobs/sha256"):
        yield encode_header(Entry(directory, Kind.DIRECTORY, 0o755))
    for digest in dict.fromkeys(layer.blob for saved in images for layer in saved.layers):
        yield from _blob(digest, content)
    documents = {_name(saved.image.id): content.read(saved.image.id) for saved in images}
    documents |= {_name(Digest.of(manifest)): manifest for manifest in manifests}
    documents["index.json"] = _json(_index(images, manifests))
    documents["manifest.json"] = _json([_docker_item(saved) for saved in images])
    documents["oci-layout"] = _json({"imageLayoutVersion": "1.0.0"})
    for name, data in documents.items():
        yield encode_header(Entry(name.encode(), size_bytes=len(data))) + data + bytes(-len(data) % BLOCK)
    yield bytes(2 * BLOCK)


def _blob(digest: Digest, content: ContentStore) -> Iterator[bytes]:
    size = content.size(digest)
    with content.open(digest) as file:
        yield encode_header(Entry(_name(digest).encode(), size_bytes=size))
        while piece := file.read(_CHUNK):
            yield piece
    yield bytes(-size % BLOCK)


def _manifest(saved: SavedImage, content: ContentStore) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _descriptor(_CONFIG, saved.image.id, content.size(saved.image.id)),
        "layers": [_descriptor(layer.media_type, layer.blob, layer.blob_bytes) for layer in saved.layers],
    }


def _index(images: Sequence[SavedImage], manifests: Sequence[bytes]) -> dict[str, Any]:
    entries = []
    for saved, manifest in zip(images, manifests, strict=True):
        descriptor = _descriptor(_MANIFEST, Digest.of(manifest), len(manifest))
        entries += [descriptor | {"annotations": _annotations(reference)} for reference in saved.references]
        if not saved.references:
            entries.append(descriptor)
    return {"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries}


def _annotations(reference: Reference) -> dict[str, str]:
    return {
        "io.containerd.image.name": str(reference),
        "org.opencontainers.image.ref.name": reference.tag or "",
    }


def _docker_item(saved: SavedImage) -> dict[str, Any]:
    return {
        "Config": _name(saved.image.id),
        "RepoTags": [reference.familiar for reference in saved.references] or None,
        "Layers": [_name(layer.blob) for layer in saved.layers],
    }


def _descriptor(media_type: str, digest: Digest, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(digest), "size": size}


def _name(digest: Digest) -> str:
    return f"blobs/sha256/{digest.hex}"


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)
