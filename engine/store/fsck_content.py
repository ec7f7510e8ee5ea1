"""Checks of what is on record: whether its blobs, layers and directories are there, and hold what they should."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from engine.config import EngineConfig
from engine.host import processes
from engine.host.tree_listing import difference, listing
from engine.model.container import Container
from engine.model.digest import Digest, chain_ids
from engine.model.errors import EngineError
from engine.model.image import Image
from engine.store.findings import Code, Finding, Mend, Stores
from engine.store.records import Layer
from engine.store.records_on_disk import RecordsOnDisk


class ContentChecks:
    """For one check of one tree. ``quick``: no content is read."""

    def __init__(self, config: EngineConfig, records: RecordsOnDisk, stores: Stores, *, quick: bool) -> None:
        self._config = config
        self._records = records
        self._stores = stores
        self._quick = quick
        self._lost: dict[Digest, str] = {}  # layers that images can no longer be made of, and why

    async def findings(self) -> AsyncIterator[Finding]:
        for layer in _lowest_first(self._records.layers):
            async for finding in self._layer(layer):
                yield finding
        for image in self._records.images.values():
            for finding in await asyncio.to_thread(self._image, image):
                yield finding
        for container in self._records.containers.values():
            for finding in self._container(container):
                yield finding

    async def _layer(self, layer: Layer) -> AsyncIterator[Finding]:
        blob = await asyncio.to_thread(self._blob_fault, layer.blob, layer.blob_bytes)
        if blob is not None:
            self._lost[layer.chain] = f"the blob of layer {layer.chain.short}"
            yield Finding(blob, str(layer.blob), self._for_whom(layer), self._given_up(layer))
        diff = self._config.layer_diff(layer.chain)
        if not diff.is_dir() or diff.is_symlink() or diff.parent.is_symlink():
            yield self._bad_tree(layer, Code.LAYER_DIRECTORY_MISSING, f"{diff} is not there", has_blob=blob is None)
        elif blob is None and not self._quick:
            fault = await self._tree_fault(layer)
            if fault:
                yield self._bad_tree(layer, Code.LAYER_TREE_DAMAGED, fault, has_blob=True)

    def _blob_fault(self, blob: Digest, size_bytes: int) -> Code | None:
        path = self._config.blob(blob)
        if not path.is_file() or path.is_symlink():
            return Code.LAYER_BLOB_MISSING
        if path.stat().st_size != size_bytes or (not self._quick and _digest(path) != blob):
            return Code.LAYER_BLOB_DAMAGED
        return None

    async def _tree_fault(self, layer: Layer) -> str:
        """Where the unpacked layer is not what its blob unpacks to."""
        try:
            async with self._stores.layers.unpacked_afresh(layer) as draft:
                wanted = await asyncio.to_thread(listing, draft / "diff")
        except EngineError as error:
            return f"its blob cannot be unpacked: {error}"
        return difference(await asyncio.to_thread(listing, self._config.layer_diff(layer.chain)), wanted)

    def _bad_tree(self, layer: Layer, code: Code, text: str, *, has_blob: bool) -> Finding:
        users = [each.name for each in self._containers_on(layer.chain) if _is_up(each)]
        if users:
            text = f"{text}; stop {', '.join(users)} first"
            return Finding(code, str(layer.chain), text)
        if not has_blob:
            self._lost[layer.chain] = f"layer {layer.chain.short} and its blob"
            return Finding(code, str(layer.chain), f"{text}; its blob is lost, too", self._given_up(layer), "given up")
        return Finding(code, str(layer.chain), text, self._unpacked_again(layer), "unpacked again from its blob")

    def _given_up(self, layer: Layer) -> Mend | None:
        """When only images need it; with them it goes."""
        return _swept if not self._containers_on(layer.chain) else None

    def _unpacked_again(self, layer: Layer) -> Mend:
        async def mend(stores: Stores) -> None:
            async with stores.layers.unpacked_afresh(layer) as draft:
                await asyncio.to_thread(stores.layers.put_in_place, draft, layer)

        return mend

    def _for_whom(self, layer: Layer) -> str:
        users = [self._records.names(image.id) for image in self._images_on(layer.chain)]
        users += [f"container {container.name}" for container in self._containers_on(layer.chain)]
        return f"blob of layer {layer.chain.short}, needed by {', '.join(users) or 'nothing'}"

    def _images_on(self, chain: Digest) -> list[Image]:
        return [image for image in self._records.images.values() if chain in chain_ids(image.diff_ids)]

    def _containers_on(self, chain: Digest) -> list[Container]:
        return [each for each in self._records.containers.values() if chain in chain_ids(each.layers)]

    def _image(self, image: Image) -> list[Finding]:
        return list(self._faults(image))

    def _faults(self, image: Image) -> Iterator[Finding]:
        name = self._records.names(image.id)
        path = self._config.blob(image.id)
        if not path.is_file() or path.is_symlink():
            yield self._lost_image(image, Code.IMAGE_CONFIG_MISSING, f"{name}: its configuration is gone")
        elif _digest(path) != image.id:
            yield self._lost_image(image, Code.IMAGE_CONFIG_DAMAGED, f"{name}: its configuration is not what it was")
        for chain in chain_ids(image.diff_ids):
            if chain not in self._records.layers:
                why = f"layer {chain.short}, which is not on record"
            elif chain in self._lost:
                why = self._lost[chain]
            else:
                continue
            yield self._lost_image(image, Code.IMAGE_LAYER_LOST, f"{name}: lacks {why}")
            return

    def _lost_image(self, image: Image, code: Code, text: str) -> Finding:
        async def mend(stores: Stores) -> None:
            await asyncio.to_thread(stores.state.delete_image, image.id)

        return Finding(code, str(image.id), text, mend, "taken off the list; pull or load it again")

    def _container(self, container: Container) -> Iterator[Finding]:
        missing = [chain.short for chain in chain_ids(container.layers) if chain not in self._records.layers]
        if missing:
            text = f"{container.name}: layers {', '.join(missing)} are not on record; remove the container"
            yield Finding(Code.CONTAINER_LAYER_LOST, container.id, text)
        if not self._config.container_dir(container.id).is_dir() and not _is_up(container):

            async def mend(stores: Stores) -> None:
                await asyncio.to_thread(stores.state.delete_container, container.id)

            text = f"{container.name}: what it wrote is gone"
            yield Finding(Code.CONTAINER_DIRECTORY_MISSING, container.id, text, mend, "its record is removed")


def _lowest_first(layers: dict[Digest, Layer]) -> list[Layer]:
    def depth(layer: Layer) -> int:
        steps = 0
        parent = layer.parent
        while parent is not None and steps < len(layers):
            steps += 1
            below = layers.get(parent)
            parent = below.parent if below else None
        return steps

    return sorted(layers.values(), key=lambda layer: (depth(layer), layer.chain))


def _digest(path: Path) -> Digest:
    with path.open("rb") as file:
        return Digest(hashlib.file_digest(file, "sha256").hexdigest())


def _is_up(container: Container) -> bool:
    return container.is_running and container.process is not None and processes.is_alive(container.process)


async def _swept(_: Stores) -> None:
    """The sweep at the end drops it, once no image needs it."""
