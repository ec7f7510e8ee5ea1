"""What of a capsule is kept beside its file: where things lie in it, and what capsule.json and env.lock say.

{"manifest": …, "lock": …, "blobs": {64 hex digits: [offset, bytes]}, "texts": {path: [offset, bytes]}}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from console.capsules import manifest as capsule
from console.capsules.files import files
from console.capsules.locks.document import Lock
from console.capsules.manifest import Manifest
from console.capsules.models import StackCapsule
from console.capsules.reading import Place, Reading, read_text

Part = list[int]


@dataclass(frozen=True, slots=True)
class Index:
    manifest: Manifest
    lock: Lock
    blobs: Mapping[str, Part]
    texts: Mapping[str, Part]

    @classmethod
    def of(cls, found: StackCapsule) -> Self:
        """Of one that is kept."""
        document = found.index
        lock = document["lock"]
        return cls(
            Manifest.model_validate(document["manifest"]),
            Lock(lock["salt"], lock["environment"], lock["secrets"], lock["about"]),
            document["blobs"],
            document["texts"],
        )

    def parts(self, digests: list[str]) -> dict[str, Part]:
        """Of blobs, by 64 hex digits."""
        return {plain(digest): self.blobs[plain(digest)] for digest in digests}


def index_document(reading: Reading) -> dict[str, Any]:
    return {
        "manifest": reading.manifest.model_dump(),
        "lock": reading.lock.document(),
        "blobs": {digest: [place.offset, place.size_bytes] for digest, place in reading.blobs.items()},
        "texts": {path: [place.offset, place.size_bytes] for path, place in reading.texts.items()},
    }


def compose_text(found: StackCapsule) -> str:
    """Its compose.yaml. Missing when its file is not there any more."""
    index = Index.of(found)
    with files.open_kept(found.number) as file:
        return read_text(file, {path: Place(*part) for path, part in index.texts.items()}, capsule.COMPOSE)


def plain(digest: str) -> str:
    """64 hex digits."""
    return digest.removeprefix("sha256:")
