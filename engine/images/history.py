"""How an image came to be, step by step, as ``docker history`` shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.images.catalog import Catalog
from engine.model.digest import Digest
from engine.model.image import Image


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """``image_id`` is None where the step's own image is not here: Docker's ``<missing>``."""

    image_id: Digest | None
    created_at: datetime | None
    created_by: str
    tags: tuple[str, ...]
    size_bytes: int
    comment: str


def history_of(image: Image, layer_bytes: Sequence[int], catalog: Catalog) -> list[HistoryEntry]:
    """Newest first; ``layer_bytes`` are the sizes of its layers, lowest first."""
    sizes = iter(layer_bytes)
    known = _ancestors(image, catalog)
    entries = []
    for count, step in enumerate(image.history, start=1):
        own = known.get(count)
        entries.append(
            HistoryEntry(
                image_id=own.id if own else None,
                created_at=step.created_at,
                created_by=step.created_by,
                tags=tuple(ref.familiar for ref in catalog.references(own.id) if ref.tag) if own else (),
                size_bytes=0 if step.empty_layer else next(sizes, 0),
                comment=step.comment,
            )
        )
    return entries[::-1]


def _ancestors(image: Image, catalog: Catalog) -> dict[int, Image]:
    """The image and those it was built upon, by how many steps each has."""
    known = {len(image.history): image}
    while image.parent and (parent := catalog.find(image.parent)):
        known.setdefault(len(parent.history), parent)
        image = parent
    return known
