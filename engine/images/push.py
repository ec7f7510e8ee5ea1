"""Pushing: an image's layers as the store keeps them, its configuration, and a manifest over both."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from engine.images.service import Images
from engine.model.digest import Digest, chain_ids
from engine.model.errors import Missing
from engine.model.image import Image
from engine.model.reference import Reference
from engine.model.transfer import LayerStep, PushedTag, Remark, Tell
from engine.registry.client import RegistryClient
from engine.registry.credentials import Credentials
from engine.registry.documents import (
    DOCKER_CONFIG,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
    encode_manifest,
    layer_media_type,
)
from engine.registry.service import Registries
from engine.registry.upload import Brought, bring_blob
from engine.store.content import ContentStore
from engine.store.drafts import compression
from engine.store.events import Events
from engine.store.layers import Layer, LayerStore

_AT_ONCE = 5  # as many as Docker's
_MOST_SIBLINGS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PushParts:
    registries: Registries
    images: Images
    content: ContentStore
    layers: LayerStore
    events: Events


class Pusher:
    def __init__(self, parts: PushParts) -> None:
        self._parts = parts

    async def push(self, reference: Reference, *, credentials: Credentials, tell: Tell) -> None:
        """Push one tag, or all of the repository's when ``reference`` has none. Safe to repeat.

        Raises Missing, in Docker's words, when there is no such tag, and what the registry says.
        """
        tell(Remark(f"The push refers to repository [{reference.name}]"))
        registries = self._parts.registries
        home = registries.home(reference.domain)
        wanted = self._wanted(reference)
        async with registries.repository(home, reference.path, credentials, actions=("pull", "push")) as client:
            for one, image in wanted.items():
                await self._push(client, one, image, tell)

    def _wanted(self, reference: Reference) -> Mapping[Reference, Image]:
        images = self._parts.images
        same_name = [one for one in images.names() if one.name == reference.name and one.tag]
        if not same_name:
            raise Missing(f"An image does not exist locally with the tag: {reference.familiar_name}")
        if reference.tag and reference not in same_name:
            raise Missing(f"tag does not exist: {reference.familiar}")
        found = {one: images.tagged(one) for one in same_name if reference.tag in (None, one.tag)}
        return {one: image for one, image in found.items() if image is not None}

    async def _push(self, client: RegistryClient, reference: Reference, image: Image, tell: Tell) -> None:
        with self._parts.layers.pin(image.diff_ids):
            layers = self._parts.layers.stack(image.diff_ids)
            await self._bring_layers(client, layers, reference, tell)
            await bring_blob(client, image.id, self._parts.content, tell=tell)
            manifest = manifest_of(image, layers, config_bytes=self._parts.content.size(image.id))
            data = encode_manifest(manifest)
            await client.put_manifest(reference.tag or "", data, manifest.media_type)
        digest = Digest.of(data)
        await self._parts.images.name(image, [replace(reference, tag=None, digest=digest)])
        tell(Remark(f"{reference.tag}: digest: {digest} size: {len(data)}"))
        tell(PushedTag(reference.tag or "", digest, len(data)))
        attributes = {**image.config.labels, "name": reference.familiar_name}
        self._parts.events.emit("image", "push", reference.familiar, attributes)

    async def _bring_layers(
        self, client: RegistryClient, layers: Sequence[Layer], reference: Reference, tell: Tell
    ) -> None:
        room = asyncio.Semaphore(_AT_ONCE)
        for layer in reversed(layers):
            tell(LayerStep(layer.diff_id.short, "Preparing"))
        tasks: list[asyncio.Task[None]] = []
        try:
            blobs: set[Digest] = set()
            for layer in reversed(layers):
                if layer.blob in blobs:  # twice in one stack: the other brings it
                    continue
                blobs.add(layer.blob)
                if len(blobs) > _AT_ONCE:
                    tell(LayerStep(layer.diff_id.short, "Waiting"))
                tasks.append(asyncio.create_task(self._bring(client, layer, reference, room, tell)))
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _bring(
        self, client: RegistryClient, layer: Layer, reference: Reference, room: asyncio.Semaphore, tell: Tell
    ) -> None:
        shown = layer.diff_id.short
        async with room:
            brought, sibling = await bring_blob(
                client,
                layer.blob,
                self._parts.content,
                siblings=self._siblings(layer, reference),
                shown=shown,
                tell=tell,
            )
        words = {
            Brought.PRESENT: "Layer already exists",
            Brought.MOUNTED: f"Mounted from {sibling}",
            Brought.SENT: "Pushed",
        }
        tell(LayerStep(shown, words[brought]))

    def _siblings(self, layer: Layer, reference: Reference) -> list[str]:
        """Repositories of the same registry that an image with this layer was pulled from or pushed to."""
        images, paths = self._parts.images, dict[str, None]()
        for name in images.names():
            if name.digest is None or name.domain != reference.domain or name.path == reference.path:
                continue
            image = images.tagged(name)
            if image is not None and layer.chain in chain_ids(image.diff_ids):
                paths[name.path] = None
        return list(paths)[:_MOST_SIBLINGS]


def manifest_of(image: Image, layers: Sequence[Layer], *, config_bytes: int) -> Manifest:
    """Of the kind the image came with; Docker's for what was made here, except with zstd, which only OCI knows."""
    kinds = [compression(layer.media_type) for layer in layers]
    is_oci = image.manifest_type == OCI_MANIFEST or "zstd" in kinds
    media_type = OCI_MANIFEST if is_oci else DOCKER_MANIFEST
    return Manifest(
        media_type,
        Descriptor(OCI_CONFIG if is_oci else DOCKER_CONFIG, image.id, config_bytes),
        tuple(
            Descriptor(layer_media_type(media_type, kind), layer.blob, layer.blob_bytes)
            for layer, kind in zip(layers, kinds, strict=True)
        ),
    )
