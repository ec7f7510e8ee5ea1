"""What registries answer, read without believing it: of the wrong shape is Failed, and nothing is without end. Pure.

Formats: the OCI distribution and image specifications, and Docker's image manifest version 2, schema 2.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _

from console.hub.names import DIGEST, TAG, is_repository
from console.outbound.client import Failed

INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ACCEPT: Final = ", ".join((*INDEXES, *MANIFESTS))
MOST_ENTRIES: Final = 1000
MOST_PLATFORMS: Final = 40
_LARGEST: Final = 2**53
_NEXT: Final = re.compile(r"<([^<>]{1,2000})>\s*;\s*rel=\"?next\"?")
_WORD: Final = re.compile(r"[\x20-\x7e]{0,64}")


@dataclass(frozen=True, slots=True)
class Variant:
    """One platform of an image. ``size_bytes`` of what is pulled, 0 where it was not told; ``created_at`` likewise."""

    platform: str
    digest: str
    size_bytes: int = 0
    created_at: datetime | None = None
    layers: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """A tag's document: either the platforms of an index, or the one manifest that it is."""

    digest: str
    is_index: bool
    variants: tuple[Variant, ...] = ()
    size_bytes: int = 0
    layers: int = 0
    # digest of the document that tells platform and date
    config: str = ""


def names_in(body: bytes, member: str) -> list[str]:
    """Of ``_catalog`` (``repositories``) or ``tags/list`` (``tags``), which may be null for none."""
    entries = _object(body).get(member) or []
    is_fine = is_repository if member == "repositories" else TAG.fullmatch
    if not isinstance(entries, list):
        raise _misshapen()
    return [one for one in entries[:MOST_ENTRIES] if isinstance(one, str) and is_fine(one)]


def next_link(header: str) -> str:
    """Where the list goes on, as a ``Link`` header says it (RFC 8288); empty at the end."""
    match = _NEXT.search(header)
    return match[1] if match else ""


def read_listed(body: bytes, *, said: str, wanted: str) -> Listed:
    """``said``: the digest in the answer's header, ``wanted``: the one that was asked for, where it was a digest."""
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    for claimed in (said, wanted):
        if DIGEST.fullmatch(claimed) and claimed != digest:
            raise Failed(_("The registry's answer is not what its digest says."))
    document = _object(body)
    kind = document.get("mediaType")
    if kind in INDEXES or (kind is None and "manifests" in document):
        return Listed(digest, is_index=True, variants=tuple(_variants(_list(document, "manifests"))))
    if kind in MANIFESTS or (kind is None and "config" in document):
        layers = _list(document, "layers")
        size = sum(_size(layer) for layer in layers)
        return Listed(digest, False, size_bytes=min(size, _LARGEST), layers=len(layers), config=_config(document))
    raise Failed(_("The registry answered with a kind of manifest that is not known here."))


def read_config(body: bytes) -> tuple[str, datetime | None]:
    """Platform and date of an image."""
    document = _object(body)
    return _platform(document), _moment(document.get("created"))


def found_in(body: bytes) -> list[str]:
    """Repositories that a search by ``/v1/search`` has found."""
    results = _object(body).get("results") or []
    if not isinstance(results, list):
        raise _misshapen()
    names = [one.get("name") for one in results[:MOST_ENTRIES] if isinstance(one, Mapping)]
    return [name for name in names if isinstance(name, str) and is_repository(name)]


def token_in(body: bytes) -> str:
    document = _object(body)
    token = document.get("token") or document.get("access_token")
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]{1,16384}", token):
        raise Failed(_("The registry's token server gave no token."))
    return token


def _variants(entries: Iterable[Any]) -> Iterable[Variant]:
    for entry in list(entries)[:MOST_PLATFORMS]:
        if not isinstance(entry, Mapping) or not DIGEST.fullmatch(str(entry.get("digest", ""))):
            raise _misshapen()
        platform = entry.get("platform")
        told = _platform(platform) if isinstance(platform, Mapping) else ""
        # attestations lie beside the images they are about
        if not told.startswith("unknown"):
            yield Variant(told, str(entry["digest"]))


def _platform(document: Mapping[str, Any]) -> str:
    words = [document.get(name) for name in ("os", "architecture", "variant")]
    return "/".join(word for word in words if isinstance(word, str) and word and _WORD.fullmatch(word))


def _config(document: Mapping[str, Any]) -> str:
    config = document.get("config")
    digest = str(config.get("digest", "")) if isinstance(config, Mapping) else ""
    if not DIGEST.fullmatch(digest):
        raise _misshapen()
    return digest


def _size(layer: object) -> int:
    size = layer.get("size") if isinstance(layer, Mapping) else None
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= _LARGEST:
        raise _misshapen()
    return size


def _moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    # “0001-01-01” is how some say that they do not tell
    return found if found.tzinfo is not None and found.year > 1 else None


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _misshapen() from error
    if not isinstance(document, Mapping):
        raise _misshapen()
    return document


def _list(document: Mapping[str, Any], name: str) -> list[Any]:
    found = document.get(name) or []
    if not isinstance(found, list):
        raise _misshapen()
    return found


def _misshapen() -> Failed:
    return Failed(_("The registry's answer is not what registries answer."))
