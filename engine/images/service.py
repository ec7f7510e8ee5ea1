"""Images as the engine's other parts and its API use them.

Changes to names and images happen one at a time; layers are unpacked meanwhile. An image is saved after its layers and
its configuration are on disk, so one that is listed is whole.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from engine.host.failpoints import reach
from engine.images.catalog import Catalog, names_id
from engine.images.document import encode_config
from engine.images.history import HistoryEntry, history_of
from engine.images.removal import (
    Deleted,
    Removed,
    Untagged,
    Use,
    by_running,
    is_prunable,
    removal_by_id,
    removal_by_reference,
)
from engine.model.digest import Digest, chain_ids
from engine.model.errors import Conflict, EngineError
from engine.model.image import History, Image, ImageConfig, Origin
from engine.model.platform import Platform
from engine.model.reference import Reference
from engine.store.content import ContentStore
from engine.store.events import Events
from engine.store.garbage import sweep
from engine.store.layers import LayerStore
from engine.store.state import State

InUse = Callable[[Digest], list[str]]
_NOBODY = Digest("0" * 64)


@dataclass(frozen=True, slots=True)
class Pruned:
    removed: list[Removed]
    reclaimed_bytes: int


class Images:
    def __init__(self, content: ContentStore, layers: LayerStore, state: State, events: Events) -> None:
        self._content = content
        self._layers = layers
        self._state = state
        self._events = events
        self._catalog = Catalog(state)
        self._changing = asyncio.Lock()
        self._discarding = asyncio.Lock()
        self._incoming = 0
        self._unwanted: set[Digest] = set()

    # -- reading

    def get(self, name: str) -> Image:
        """By tag, name@digest, id or unique beginning of an id. Raises Missing ``No such image: …`` or Invalid."""
        return self._catalog.get(name)

    def list(self) -> Sequence[Image]:
        """All of them, newest first, those between tagged ones and their base included."""
        return self._catalog.images()

    def references(self, image_id: Digest) -> Sequence[Reference]:
        """Tags and digests it is known by, sorted."""
        return self._catalog.references(image_id)

    def children(self, image_id: Digest) -> Sequence[Image]:
        """Images built upon it, one step away."""
        return self._catalog.children(image_id)

    def shared_bytes(self, images: Sequence[Image]) -> Mapping[Digest, int]:
        """For each of these images, how much of its layers others of them have, too."""
        users = Counter(chain for image in images for chain in chain_ids(image.diff_ids))
        return {
            image.id: sum(layer.size_bytes for layer in self._layers.stack(image.diff_ids) if users[layer.chain] > 1)
            for image in images
        }

    def history(self, image: Image) -> Sequence[HistoryEntry]:
        """Newest first."""
        sizes = [layer.size_bytes for layer in self._layers.stack(image.diff_ids)]
        return history_of(image, sizes, self._catalog)

    # -- making

    async def create(
        self,
        *,
        config: ImageConfig,
        diff_ids: Sequence[Digest],
        history: Sequence[History],
        platform: Platform,
        created_at: datetime,
        author: str = "",
        comment: str = "",
        parent: Digest | None = None,
        docker_version: str = "",
        origin: Origin | None = None,
    ) -> Image:
        """An image of layers that are in the store; the same content gives the same id, and the image there is.

        When it fails, those of the layers go that nothing else needs and nobody has pinned.
        """
        draft = Image(
            id=_NOBODY,
            config=config,
            platform=platform,
            created_at=created_at,
            diff_ids=tuple(diff_ids),
            history=tuple(history),
            author=author,
            comment=comment,
            docker_version=docker_version,
            parent=parent,
            origin=origin,
        )
        document = encode_config(draft)
        try:
            return await self._save(replace(draft, id=Digest.of(document)), document)
        except (EngineError, OSError):
            await self.drop_unneeded(diff_ids)
            raise

    async def drop_unneeded(self, diff_ids: Sequence[Digest]) -> None:
        """Layers that were made for an image that is not to be, as far as nothing else needs them."""
        async with self._changing:
            await asyncio.to_thread(self._drop_layers, diff_ids)

    async def tag(self, name: str, reference: Reference) -> None:
        """Call the image ``name`` also ``reference``, which another image may lose by it."""
        reference = reference.as_tag()
        async with self._changing:
            image = self.get(name)
            await asyncio.to_thread(self._catalog.tag, reference, image.id)
        self.emit(image, "tag", reference.familiar)

    # -- for those who bring images in

    def find(self, image_id: Digest) -> Image | None:
        return self._catalog.find(image_id)

    def tagged(self, reference: Reference) -> Image | None:
        """What exactly this tag, or name@digest, means."""
        return self._catalog.tagged(reference)

    def names(self) -> Sequence[Reference]:
        """Every tag and name@digest there is, sorted."""
        return self._catalog.names()

    async def complete(self, image: Image, document: bytes, unpacking: Coroutine[None, None, None]) -> Image:
        """Save an image once ``unpacking`` has brought its layers; if that fails, what it brought goes again."""
        try:
            with self._layers.pin(image.diff_ids):
                await unpacking
                return await self._save(image, document)
        except BaseException:
            await self.drop_unneeded(image.diff_ids)
            raise

    async def name(self, image: Image, references: Sequence[Reference]) -> None:
        """Call it so, whatever bore these names before."""
        async with self._changing:
            for reference in references:
                await asyncio.to_thread(self._catalog.tag, reference, image.id)

    # -- removing

    async def remove(self, name: str, *, force: bool = False, prune: bool = True, in_use: InUse) -> Sequence[Removed]:
        """Docker's ``rmi``: take a name away, or the image. Raises Conflict in Docker's words.

        ``in_use`` gives the ids of containers made from an image; ``prune`` removes parents that nothing else needs.
        """
        async with self._changing:
            image = self.get(name)
            references = self.references(image.id)
            use = self._use(image.id, in_use)
            if names_id(name, image.id):
                plan = removal_by_id(image.id, references, use, force=force)
            else:
                named = self._reference(name, references)
                plan = removal_by_reference(image.id, named, references, use, name=name, force=force)
            removed: list[Removed] = []
            for reference in plan.untag:
                await asyncio.to_thread(self._catalog.untag, reference)
                removed.append(Untagged(reference.familiar))
                self.emit(image, "untag", str(image.id))
            if plan.delete:
                removed += await self._delete(image, prune=prune, in_use=in_use)
            return removed

    async def prune(
        self, *, dangling_only: bool = True, in_use: InUse, allow: Callable[[Image], bool] = lambda _: True
    ) -> Pruned:
        """Remove images without a name, or all that no container uses, as far as they are allowed to go."""
        before = await asyncio.to_thread(self._stored_bytes)
        removed: list[Removed] = []
        for image in self.list():
            if self._catalog.find(image.id) is None or (dangling_only and self._has_tag(image.id)):
                continue
            if in_use(image.id) or self.children(image.id) or not allow(image):
                continue
            try:
                removed += await self.remove(str(image.id), force=not dangling_only, in_use=in_use)
            except Conflict:
                continue  # taken into use since it was looked at
        reclaimed = before - await asyncio.to_thread(self._stored_bytes)
        self._events.emit("image", "prune", "", {"reclaimed": str(reclaimed)})
        return Pruned(removed, reclaimed)

    async def sweep(self) -> None:
        """Drop drafts, and layers and blobs that nothing refers to. Only at start, before anything else runs."""
        await asyncio.to_thread(sweep, self._content, self._layers, self._state)

    # -- steps of the above

    @asynccontextmanager
    async def taking_in(self, stored: Sequence[Digest]) -> AsyncIterator[None]:
        """Discard what came in and became no layer, once nobody takes anything in who may have stored the same."""
        async with self._discarding:
            self._incoming += 1
        try:
            yield
        finally:
            async with self._discarding:
                self._incoming -= 1
                self._unwanted.update(stored)
                if self._incoming == 0:
                    await asyncio.to_thread(self._layers.discard_blobs, self._unwanted)
                    self._unwanted.clear()

    async def _save(self, image: Image, document: bytes) -> Image:
        async with self._changing:
            if present := self._catalog.find(image.id):
                return present
            sizes = [layer.size_bytes for layer in self._layers.stack(image.diff_ids)]
            image = replace(image, size_bytes=sum(sizes))
            reach("image.config")
            await asyncio.to_thread(self._content.add, document)
            try:
                await asyncio.to_thread(self._catalog.save, image)
            except (EngineError, OSError):
                await asyncio.to_thread(self._content.delete, image.id)
                raise
            return image

    async def _delete(self, image: Image, *, prune: bool, in_use: InUse) -> Sequence[Removed]:
        """The image, its layers that no other needs, then its parents as far as they are nameless and unused."""
        await asyncio.to_thread(self._catalog.delete, image.id)
        self.emit(image, "delete", str(image.id))
        removed: list[Removed] = [Deleted(str(image.id))]
        await asyncio.to_thread(self._content.delete, image.id)
        removed += await asyncio.to_thread(self._drop_layers, image.diff_ids)
        parent = self._catalog.find(image.parent) if image.parent and prune else None
        if parent and is_prunable(self.references(parent.id), self._use(parent.id, in_use)):
            removed += await self._delete(parent, prune=True, in_use=in_use)
        return removed

    def _drop_layers(self, diff_ids: Sequence[Digest]) -> Sequence[Deleted]:
        """Those of a stack that nothing needs, highest first."""
        needed = set(self._catalog.chains())
        for container in self._state.containers():
            needed.update(chain_ids(container.layers))
        dropped = []
        for chain in reversed(chain_ids(diff_ids)):
            if chain not in needed and not self._layers.is_pinned(chain):
                self._layers.remove(chain)
                dropped.append(Deleted(str(chain)))
        return dropped

    def _has_tag(self, image_id: Digest) -> bool:
        return any(reference.tag for reference in self.references(image_id))

    def _use(self, image_id: Digest, in_use: InUse) -> Use:
        containers = in_use(image_id)
        found = {container_id: self._state.find_container(container_id) for container_id in containers}
        running = {container_id: bool(found and found.is_active) for container_id, found in found.items()}
        return by_running(containers, running, [child.id for child in self.children(image_id)])

    def _reference(self, name: str, references: Sequence[Reference]) -> Reference:
        reference = Reference.parse(name).with_default_tag()
        if reference not in references and reference.digest:
            reference = replace(reference, tag=None)
        return reference

    def _stored_bytes(self) -> int:
        return sum(layer.size_bytes for layer in self._state.layers())

    def emit(self, image: Image, action: str, name: str) -> None:
        """Tell those who watch that ``action`` was done to it."""
        self._events.emit("image", action, str(image.id), {**image.config.labels, "name": name})
