"""Manifests and indexes: OCI's image-spec and Docker's schema 2, which agree in all that is used here. Pure.

What is returned is sound: known media types, sizes above zero, digests of the right shape. The document itself was
checked against its digest by whoever fetched it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from engine.model.digest import Digest
from engine.model.errors import Invalid, Missing, TooLarge, Unsupported
from engine.model.platform import Platform
from engine.registry.failures import parsed, printable
from engine.wire.json_body import decode

LARGEST_DOCUMENT: Final = 4 << 20
_MOST_LAYERS: Final = 500
_MOST_ENTRIES: Final = 10_000
_LARGEST_LAYER: Final = 1 << 40

DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar"
_OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"

MANIFESTS: Final = (DOCKER_MANIFEST, OCI_MANIFEST)
INDEXES: Final = (DOCKER_LIST, OCI_INDEX)
ACCEPTED: Final = (*MANIFESTS, *INDEXES)
_CONFIGS: Final = (DOCKER_CONFIG, OCI_CONFIG, "application/octet-stream")
_LAYERS: Final = (
    _DOCKER_LAYER, f"{_DOCKER_LAYER}.gzip", f"{_DOCKER_LAYER}.zstd",
    _OCI_LAYER, f"{_OCI_LAYER}+gzip", f"{_OCI_LAYER}+zstd",
)  # fmt: skip
_VARIANTS: Final = {"arm": ("v8", "v7", "v6", "v5"), "arm64": ("v8",), "amd64": ("v1",)}  # best first


@dataclass(frozen=True, slots=True)
class Descriptor:
    media_type: str
    digest: Digest
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """``layers`` are lowest first."""

    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One of an index. ``platform`` None: not said."""

    descriptor: Descriptor
    platform: Platform | None


@dataclass(frozen=True, slots=True)
class Index:
    media_type: str
    entries: tuple[Entry, ...]


class _PlatformJson(msgspec.Struct):
    os: str = ""
    architecture: str = ""
    variant: str = ""


class _DescriptorJson(msgspec.Struct, rename="camel"):
    digest: str
    size: int
    media_type: str = ""
    urls: list[str] = []
    annotations: dict[str, str] = {}
    platform: _PlatformJson | None = None


class _DocumentJson(msgspec.Struct, rename="camel"):
    schema_version: int
    media_type: str = ""
    config: _DescriptorJson | None = None
    layers: list[_DescriptorJson] | None = None
    manifests: list[_DescriptorJson] | None = None


def parse_document(data: bytes, content_type: str) -> Manifest | Index:
    """Raises Invalid, TooLarge, and Unsupported for what is sound but no image of ours."""
    if len(data) > LARGEST_DOCUMENT:
        raise TooLarge(f"manifest: more than {LARGEST_DOCUMENT} bytes")
    value = parsed(data, what="manifest")
    if value.get("schemaVersion") == 1:
        raise Unsupported("manifest: schema 1 is not supported: push the image again with a Docker of 2016 or newer")
    try:
        document = decode(value, _DocumentJson)
    except Invalid as error:
        raise Invalid(f"manifest: {error}") from error
    return _parsed(document, _media_type(document, content_type.partition(";")[0].strip()))


def _media_type(document: _DocumentJson, content_type: str) -> str:
    if document.schema_version != 2:
        raise Invalid(f"manifest: schemaVersion is {document.schema_version}, expected 2")
    said = document.media_type
    if said and content_type in ACCEPTED and said != content_type:
        raise Invalid(f"manifest: calls itself {_shown(said)} and was sent as {_shown(content_type)}")
    media_type = said or content_type
    if media_type not in ACCEPTED:
        raise Unsupported(f"manifest: media type {_shown(media_type)} is not that of an image or index")
    return media_type


def _parsed(document: _DocumentJson, media_type: str) -> Manifest | Index:
    is_index = media_type in INDEXES
    if (document.manifests is not None) != is_index or (
        document.layers is not None or bool(document.config)
    ) == is_index:
        raise Invalid(f"manifest: has not the members of {_shown(media_type)}")  # as one thing and as another: refused
    if document.manifests is not None:
        return Index(media_type, tuple(_entries(document.manifests)))
    if document.config is None or document.layers is None:
        raise Invalid("manifest: config and layers must both be there")
    if len(document.layers) > _MOST_LAYERS:
        raise TooLarge(f"manifest: more than {_MOST_LAYERS} layers")
    config = _descriptor(document.config, "config", most=LARGEST_DOCUMENT)
    if config.media_type not in _CONFIGS:
        raise Unsupported(f"manifest: {_shown(config.media_type)} is the configuration of something that is no image")
    layers = tuple(_layer(layer, f"layers[{n}]") for n, layer in enumerate(document.layers))
    return Manifest(media_type, config, layers)


def _entries(manifests: Sequence[_DescriptorJson]) -> Iterable[Entry]:
    if len(manifests) > _MOST_ENTRIES:
        raise TooLarge(f"manifest: more than {_MOST_ENTRIES} entries")
    for number, given in enumerate(manifests):
        if "vnd.docker.reference.type" in given.annotations or given.media_type not in ACCEPTED:
            continue  # attestations, and kinds we do not know, which an index may hold
        descriptor = _descriptor(given, f"manifests[{number}]", most=LARGEST_DOCUMENT)
        said = given.platform
        is_said = said is not None and (said.os or said.architecture)
        yield Entry(descriptor, Platform(said.os, said.architecture, said.variant) if said and is_said else None)


def _layer(given: _DescriptorJson, where: str) -> Descriptor:
    if given.urls or "foreign" in given.media_type or "nondistributable" in given.media_type:
        raise Unsupported(f"manifest: {where} is to be fetched from another place, which this engine does not do")
    if given.media_type not in _LAYERS:
        raise Unsupported(f"manifest: {where} has media type {_shown(given.media_type)}, not one of an image's layers")
    return _descriptor(given, where, most=_LARGEST_LAYER)


def _descriptor(given: _DescriptorJson, where: str, *, most: int) -> Descriptor:
    if not 0 < given.size <= most:
        raise Invalid(f"manifest: {where}.size is {given.size}, expected 1 to {most}")
    try:
        return Descriptor(given.media_type, Digest.parse(given.digest), given.size)
    except Invalid as error:
        raise Invalid(f"manifest: {where}: {error}") from error


def _shown(text: str) -> str:
    return repr(printable(text)[:100])


def choose(index: Index, wanted: Platform) -> Descriptor:
    """The entry for ``wanted``: of several variants the best that it can run. Raises Missing in Docker's words."""
    fitting = [
        entry
        for entry in index.entries
        if entry.platform is not None
        and (entry.platform.os, entry.platform.architecture) == (wanted.os, wanted.architecture)
        and _rank(wanted, entry.platform) is not None
    ]
    if fitting:
        return min(fitting, key=lambda entry: _rank(wanted, entry.platform or wanted) or 0).descriptor
    unsaid = [entry for entry in index.entries if entry.platform is None]
    if len(unsaid) == 1 == len(index.entries):
        return unsaid[0].descriptor
    raise Missing(f"no matching manifest for {wanted} in the manifest list entries")


def _rank(wanted: Platform, offered: Platform) -> int | None:
    """0 is best; None when a machine like ``wanted`` does not run it."""
    if wanted.variant == offered.variant:
        return 0
    known = _VARIANTS.get(wanted.architecture, ())
    if not wanted.variant:
        return 1 + (known.index(offered.variant) if offered.variant in known else len(known))
    if not offered.variant:
        return len(known) + 1
    if wanted.variant in known and offered.variant in known:
        step = known.index(offered.variant) - known.index(wanted.variant)
        return step if step >= 0 else None
    return None


def is_fit(actual: Platform, wanted: Platform) -> bool:
    return (actual.os, actual.architecture) == (wanted.os, wanted.architecture) and _rank(wanted, actual) is not None


def encode_manifest(manifest: Manifest) -> bytes:
    """Docker's schema 2 byte for byte as dockerd writes it, so that the same layers have the same digest."""
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": manifest.media_type,
        "config": _encoded(manifest.config),
        "layers": [_encoded(layer) for layer in manifest.layers],
    }
    return json.dumps(document, indent=3).encode()


def _encoded(descriptor: Descriptor) -> dict[str, Any]:
    return {
        "mediaType": descriptor.media_type,
        "size": descriptor.size_bytes,
        "digest": str(descriptor.digest),
    }


def layer_media_type(manifest_type: str, compression: str) -> str:
    """Of a layer in a manifest of that type; ``compression`` is gzip, zstd or none."""
    if manifest_type == DOCKER_MANIFEST:
        return _DOCKER_LAYER if compression == "none" else f"{_DOCKER_LAYER}.{compression}"
    return _OCI_LAYER if compression == "none" else f"{_OCI_LAYER}+{compression}"
