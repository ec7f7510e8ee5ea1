"""Writing a capsule on the agent, as it is made: one file or layer at a time lies on disk, nothing is in memory whole.

    oci-layout, blobs/sha256/…  layers, configurations, manifests, each once
    index.json, manifest.json   the images, as OCI and as ``docker save`` have it
    blobs/sha256/…              volumes, gzipped tars
    compose.yaml, env.lock, files/…, capsule.json

What engines save differs: stock Docker plain layers by made-up names, with links where two are the same; ours
compressed ones by their digests. Names and order are told at the end, so layers are written as they come.
"""

import asyncio
import json
import posixpath
import tarfile
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import IO, Any, BinaryIO

from console.capsules import manifest as capsule
from console.capsules.locks.hashing import digest_of
from console.capsules.squeezing import PIECE_BYTES, Blob, Squeezer, squeezed_layer
from console.hosts import tars, volume_files
from console.hosts.gateway import Engine
from console.hosts.images import saved
from console.operations.errors import Invalid, Unavailable

DOCUMENT_BYTES = 4 << 20
DOCUMENTS_BYTES = 64 << 20
MOST_LAYER_BYTES = 64 << 30
HEAD_BYTES = 512
OCI = "application/vnd.oci.image"
LAYER_TYPE = f"{OCI}.layer.v1.tar+gzip"


@dataclass(slots=True)
class Packing:
    """``images``: 64 hex digits → names, of which the first is the one that the stack has for it. ``volumes``: names on
    the host by key. ``texts``: files beside the blobs, by path.
    """

    engine: Engine
    images: Mapping[str, Sequence[str]]
    volumes: Mapping[str, str]
    texts: Mapping[str, bytes]
    services: Mapping[str, str]
    _written: set[str] = field(default_factory=set)
    _images: list[capsule.Image] = field(default_factory=list)
    _volumes: list[capsule.Volume] = field(default_factory=list)

    async def chunks(self, facts: Mapping[str, Any]) -> AsyncGenerator[bytes, None]:
        """``facts`` are those of ``capsule.json`` that are known before: ``made_at``, ``stack``, ``fingerprint``."""
        yield entry("oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
        async with aclosing(self._saved_images()) as pieces:
            async for piece in pieces:
                yield piece
        for key, name in self.volumes.items():
            async with aclosing(self._volume(key, name)) as pieces:
                async for piece in pieces:
                    yield piece
        for path, content in self.texts.items():
            yield entry(path, content)
        yield entry(capsule.NAME, self._manifest(facts).text())
        yield bytes(2 * tarfile.BLOCKSIZE)

    def _manifest(self, facts: Mapping[str, Any]) -> capsule.Manifest:
        files = [
            capsule.Content(path=path, digest=digest_of(content), size_bytes=len(content))
            for path, content in self.texts.items()
        ]
        document = {**facts, "format": capsule.FORMAT, "images": self._images, "volumes": self._volumes}
        return capsule.Manifest.model_validate({**document, "files": files})

    # --- images ---

    async def _saved_images(self) -> AsyncGenerator[bytes, None]:
        found = _Archive()
        async with saved(self.engine, list(self.images)) as archive, aclosing(tars.entries(archive)) as entries:
            async for info, file in entries:
                async with aclosing(self._taken(found, info, file)) as pieces:
                    async for piece in pieces:
                        yield piece
        listed, items = [], []
        for image, layers, config in found.images(set(self.images)):
            document = _oci_manifest(config, layers)
            names = [name for name in self.images[image] if "@" not in name]
            for content in (config, document):
                async with aclosing(self._document(content)) as pieces:
                    async for piece in pieces:
                        yield piece
            listed.append((_descriptor(f"{OCI}.manifest.v1+json", document), names))
            items.append(_docker_item(image, layers, names))
            self._images.append(self._image(image, digest_of(document), layers))
        yield entry("index.json", _json(capsule.layout_index(listed)))
        yield entry("manifest.json", _json(items))

    def _image(self, image: str, manifest: str, layers: Sequence[Blob]) -> capsule.Image:
        return capsule.Image(
            id=f"sha256:{image}",
            manifest=manifest,
            services=sorted(name for name, one in self.services.items() if one == image),
            layers=[
                capsule.Layer(
                    digest=f"sha256:{one.digest}",
                    size_bytes=one.size_bytes,
                    diff_id=f"sha256:{one.plain_digest}",
                    plain_bytes=one.plain_bytes,
                )
                for one in layers
            ],
        )

    async def _taken(
        self, found: "_Archive", info: tarfile.TarInfo, file: IO[bytes] | None
    ) -> AsyncGenerator[bytes, None]:
        """A layer of the engine's archive, as a blob; other entries are noted."""
        name = posixpath.normpath(info.name)
        if info.issym() or info.islnk():
            found.link(name, info)
        elif file is not None:
            head = await asyncio.to_thread(file.read, HEAD_BYTES)
            if _is_document(head, info.size):
                found.document(name, head + await asyncio.to_thread(file.read))
            elif posixpath.basename(name) != "VERSION":
                with tempfile.TemporaryFile() as spool:
                    blob = await asyncio.to_thread(squeezed_layer, file, spool, head=head, most_bytes=MOST_LAYER_BYTES)
                    found.layers[name] = blob
                    async with aclosing(self._blob(blob, spool)) as pieces:
                        async for piece in pieces:
                            yield piece

    async def _document(self, content: bytes) -> AsyncGenerator[bytes, None]:
        digest = digest_of(content).removeprefix("sha256:")
        if digest not in self._written:
            self._written.add(digest)
            yield entry(blob_path(digest), content)

    async def _blob(self, blob: Blob, spool: BinaryIO) -> AsyncGenerator[bytes, None]:
        """Once, however often it is met."""
        if blob.digest in self._written:
            return
        self._written.add(blob.digest)
        yield header(blob_path(blob.digest), blob.size_bytes)
        await asyncio.to_thread(spool.seek, 0)
        while piece := await asyncio.to_thread(spool.read, PIECE_BYTES):
            yield piece
        yield padding(blob.size_bytes)

    # --- volumes ---

    async def _volume(self, key: str, name: str) -> AsyncGenerator[bytes, None]:
        with tempfile.TemporaryFile() as spool:
            squeezer = Squeezer(spool)
            async with aclosing(volume_files.read_volume(self.engine, name)) as chunks:
                async for chunk in chunks:
                    await asyncio.to_thread(squeezer.write, chunk)
            blob = squeezer.finish()
            self._volumes.append(
                capsule.Volume(
                    key=key,
                    digest=f"sha256:{blob.digest}",
                    size_bytes=blob.size_bytes,
                    plain_digest=f"sha256:{blob.plain_digest}",
                    plain_bytes=blob.plain_bytes,
                )
            )
            async with aclosing(self._blob(blob, spool)) as pieces:
                async for piece in pieces:
                    yield piece


@dataclass(slots=True)
class _Archive:
    """What of an engine's archive is needed at its end. ``layers`` by their names in it."""

    layers: dict[str, Blob] = field(default_factory=dict)
    _documents: dict[str, bytes] = field(default_factory=dict)
    _links: dict[str, str] = field(default_factory=dict)
    _bytes: int = 0

    def link(self, name: str, info: tarfile.TarInfo) -> None:
        directory = posixpath.dirname(name) if info.issym() else ""
        self._links[name] = posixpath.normpath(posixpath.join(directory, info.linkname))

    def document(self, name: str, content: bytes) -> None:
        self._bytes += len(content)
        if self._bytes > DOCUMENTS_BYTES:
            raise Invalid("the engine's archive of images has too many documents")
        self._documents[name] = content

    def images(self, wanted: set[str]) -> list[tuple[str, list[Blob], bytes]]:
        """Id, layers and configuration of each. Unavailable when one is missing or is not made of what it says."""
        found: dict[str, tuple[str, list[Blob], bytes]] = {}
        for item in json.loads(self._documents.get("manifest.json", b"[]")):
            config = self._documents.get(posixpath.normpath(str(item["Config"])), b"")
            image = digest_of(config).removeprefix("sha256:")
            layers = [self._layer(posixpath.normpath(str(name))) for name in item.get("Layers") or []]
            told = [str(one).removeprefix("sha256:") for one in json.loads(config or b"{}")["rootfs"]["diff_ids"]]
            if told != [layer.plain_digest for layer in layers]:
                raise Unavailable(f"the engine saved image {image[:12]} with other layers than it is made of")
            found[image] = (image, layers, config)
        if missing := sorted(wanted - found.keys()):
            raise Unavailable(f"the engine did not save image {missing[0][:12]}")
        return [found[image] for image in sorted(wanted)]

    def _layer(self, name: str) -> Blob:
        for _step in range(10):
            if name in self.layers:
                return self.layers[name]
            name = self._links.get(name, "")
        raise Unavailable("the engine saved an image without one of its layers")


# --- tar and JSON ---


def header(name: str, size_bytes: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size_bytes, 0o644
    return info.tobuf(tarfile.PAX_FORMAT)


def padding(size_bytes: int) -> bytes:
    return bytes(-size_bytes % tarfile.BLOCKSIZE)


def entry(name: str, content: bytes) -> bytes:
    return header(name, len(content)) + content + padding(len(content))


def blob_path(digest: str) -> str:
    return f"blobs/sha256/{digest}"


def _is_document(head: bytes, size_bytes: int) -> bool:
    return size_bytes <= DOCUMENT_BYTES and head.lstrip()[:1] in (b"{", b"[") and head[257:262] != b"ustar"


def _oci_manifest(config: bytes, layers: Sequence[Blob]) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": _descriptor(f"{OCI}.config.v1+json", config),
        "layers": [
            {"mediaType": LAYER_TYPE, "digest": f"sha256:{one.digest}", "size": one.size_bytes} for one in layers
        ],
    }
    return _json(document)


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def _docker_item(image: str, layers: Sequence[Blob], names: Sequence[str]) -> dict[str, Any]:
    return {
        "Config": blob_path(image),
        "RepoTags": list(names) or None,
        "Layers": [blob_path(one.digest) for one in layers],
    }


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
