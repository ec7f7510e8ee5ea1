"""Which images there are and what they are called: the records in memory, each change written through to the state."""

import re
from collections import defaultdict
from datetime import UTC, datetime

from engine.model.digest import Digest, chain_ids
from engine.model.errors import Missing
from engine.model.image import Image
from engine.model.reference import Reference
from engine.store.state import State

_ID = re.compile(r"(?:sha256:)?([a-f0-9]{1,64})")
_EARLIEST = datetime.min.replace(tzinfo=UTC)


class Catalog:
    """Reading never blocks; ``save``, ``tag``, ``untag`` and ``delete`` do."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._images = {image.id: image for image in state.images()}
        self._tags = {reference: image for reference, image in state.tags().items() if image in self._images}

    def images(self) -> list[Image]:
        """Newest first."""
        return sorted(self._images.values(), key=lambda image: (image.created_at or _EARLIEST, image.id), reverse=True)

    def find(self, image_id: Digest) -> Image | None:
        return self._images.get(image_id)

    def get(self, name: str) -> Image:
        """By tag, name@digest, id or unique beginning of an id, in Docker's order. Raises Missing or Invalid."""
        match = _ID.fullmatch(name)
        if match and len(match[1]) == 64:
            if image := self._images.get(Digest(match[1])):
                return image
            raise Missing(f"No such image: {name}")
        if name.startswith("sha256:"):
            return self._by_prefix(name, match[1] if match else "")
        reference = Reference.parse(name).with_default_tag()
        if image := self._by_reference(reference):
            return image
        return self._by_prefix(reference.familiar, match[1] if match else "")

    def references(self, image_id: Digest) -> list[Reference]:
        return sorted((ref for ref, image in self._tags.items() if image == image_id), key=str)

    def tagged(self, reference: Reference) -> Image | None:
        image_id = self._tags.get(reference)
        return self._images.get(image_id) if image_id else None

    def names(self) -> list[Reference]:
        return sorted(self._tags, key=str)

    def children(self, image_id: Digest) -> list[Image]:
        return [image for image in self._images.values() if image.parent == image_id]

    def chains(self) -> dict[Digest, set[Digest]]:
        """For each chain of layers, the images that need it."""
        users: dict[Digest, set[Digest]] = defaultdict(set)
        for image in self._images.values():
            for chain in chain_ids(image.diff_ids):
                users[chain].add(image.id)
        return users

    def save(self, image: Image) -> None:
        self._state.save_image(image)
        self._images[image.id] = image

    def tag(self, reference: Reference, image_id: Digest) -> None:
        self._state.set_tag(reference, image_id)
        self._tags[reference] = image_id

    def untag(self, reference: Reference) -> None:
        self._state.delete_tag(reference)
        self._tags.pop(reference, None)

    def delete(self, image_id: Digest) -> None:
        self._state.delete_image(image_id)
        self._images.pop(image_id, None)
        self._tags = {reference: image for reference, image in self._tags.items() if image != image_id}

    def _by_reference(self, reference: Reference) -> Image | None:
        image_id = self._tags.get(reference)
        if image_id is None and reference.digest and reference.tag:  # name:tag@digest: the digest decides, as in Docker
            image_id = self._tags.get(Reference(reference.domain, reference.path, None, reference.digest))
        return self._images.get(image_id) if image_id else None

    def _by_prefix(self, shown: str, prefix: str) -> Image:
        matches = [image for image in self._images.values() if prefix and image.id.hex.startswith(prefix)]
        if len(matches) > 1:
            raise Missing(f"No such image: {shown}: {len(matches)} image ids begin with {prefix}, give more digits")
        if not matches:
            raise Missing(f"No such image: {shown}")
        return matches[0]


def names_id(name: str, image_id: Digest) -> bool:
    """Whether ``name``, which was found to mean this image, is its id or the beginning of that."""
    return str(image_id).startswith(name) or image_id.hex.startswith(name)
