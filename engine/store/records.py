"""What the store remembers besides the engine's own model."""

from dataclasses import dataclass
from datetime import datetime

from engine.model.digest import Digest


@dataclass(frozen=True, slots=True)
class Layer:
    """An unpacked layer in its place above ``parent``; ``chain`` names that place, ``blob`` holds it compressed.

    ``size_bytes`` sums its files. ``max_id`` is the largest owner in it, which a user namespace must reach.
    """

    diff_id: Digest
    chain: Digest
    parent: Digest | None
    blob: Digest
    media_type: str
    size_bytes: int
    blob_bytes: int
    max_id: int


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """The image that a build step once made; ``key`` tells everything the step depended on."""

    key: str
    image_id: Digest
    created_at: datetime
