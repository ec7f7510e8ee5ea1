"""What a check of the engine's tree can find."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from engine.store.content import ContentStore
from engine.store.layers import LayerStore
from engine.store.state import State


class Code(StrEnum):
    """Stable words: scripts match them."""

    DATABASE_DAMAGED = "database-damaged"
    DATABASE_MISSING = "database-missing"
    RECORD_DAMAGED = "record-damaged"
    RECORD_PUT_ASIDE = "record-put-aside"
    TAG_DANGLING = "tag-dangling"
    IMAGE_CONFIG_MISSING = "image-config-missing"
    IMAGE_CONFIG_DAMAGED = "image-config-damaged"
    IMAGE_LAYER_LOST = "image-layer-lost"
    LAYER_BLOB_MISSING = "layer-blob-missing"
    LAYER_BLOB_DAMAGED = "layer-blob-damaged"
    LAYER_DIRECTORY_MISSING = "layer-directory-missing"
    LAYER_TREE_DAMAGED = "layer-tree-damaged"
    CONTAINER_LAYER_LOST = "container-layer-lost"
    CONTAINER_DIRECTORY_MISSING = "container-directory-missing"
    VOLUME_FILES_MISSING = "volume-files-missing"
    VOLUME_HALF_FILLED = "volume-half-filled"
    VOLUME_HALF_REMOVED = "volume-half-removed"
    STRAY_BLOB = "stray-blob"
    STRAY_LAYER = "stray-layer"
    STRAY_DRAFT = "stray-draft"
    STRAY_CONTAINER = "stray-container"
    STRAY_VOLUME = "stray-volume"
    STRAY_FILE = "stray-file"
    MODE_WRONG = "mode-wrong"
    OWNER_WRONG = "owner-wrong"


@dataclass(frozen=True, slots=True)
class Stores:
    state: State
    content: ContentStore
    layers: LayerStore


Mend = Callable[[Stores], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Finding:
    """``mend`` None: only a person can decide, and ``text`` says what would help. ``mended`` is said once it is."""

    code: Code
    subject: str
    text: str
    mend: Mend | None = None
    mended: str = "mended"

    def line(self, *, is_mended: bool) -> str:
        return f"{self.code} {self.subject}: {self.text}{f' ({self.mended})' if is_mended else ''}"
