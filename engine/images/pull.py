"""Pulling: from a reference to an image that is here, whole.

The manifest gives the configuration's digest, the configuration the layers' identities; what of them is here already is
not fetched. Layers are downloaded and unpacked side by side, and take their places in order, the lowest first. Blobs
are listed with ``Images.taking_in`` before they arrive, so that what becomes no layer is dropped.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from engine.host.memory import kept_for_reuse
from engine.images.document import decode_config
from engine.images.downloads import Downloads
from engine.images.service import Images
from engine.model.digest import Digest, chain_ids
from engine.model.errors import EngineError, Invalid, Missing, Unauthenticated
from engine.model.image import Image
from engine.model.platform import Platform
from engine.model.reference import DEFAULT_TAG, Reference
from engine.model.transfer import LayerStep, Remark, Tell
from engine.registry.client import Document, RegistryClient
from engine.registry.credentials import Credentials
from engine.registry.documents import Descriptor, Index, Manifest, choose, is_fit, parse_document
from engine.registry.download import download
from engine.registry.failures import AccessDenied
from engine.registry.service import Registries
from engine.store.content import ContentStore
from engine.store.events import Events
from engine.store.layers import LayerStore

_log = logging.getLogger(__name__)
_NESTING = 2  # an index in an index is the most there is
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class PullParts:
    registries: Registries
    images: Images
    content: ContentStore
    layers: LayerStore
    events: Events
    machine: Platform


@dataclass(frozen=True, slots=True)
class Distributed:
    """What a registry has under one name."""

    descriptor: Descriptor
    platforms: tuple[Platform, ...]


class Puller:
    def __init__(self, parts: PullParts) -> None:
        self._parts = parts
        self._downloads = Downloads()

    async def pull(
        self, reference: Reference, *, platform: Platform | None, credentials: Credentials, tell: Tell
    ) -> Image:
        """The image of one tag or digest, ``latest`` when it has neither. Nothing is told before a manifest is here.

        Raises Missing in Docker's words when there is no such image, or none for us. Cancelled, it leaves nothing.
        """
        reference = reference.with_default_tag()
        image, is_new = await self._at_any_source(
            reference, credentials, lambda client: self._from(client, reference, platform, tell)
        )
        _tell_end(reference.familiar, tell, is_new=is_new)
        self._emit(image, reference)
        return image

    async def pull_all(
        self, repository: Reference, *, platform: Platform | None, credentials: Credentials, tell: Tell
    ) -> Sequence[Image]:
        """Every tag of a repository, one after the other."""
        images, is_any_new = await self._at_any_source(
            repository, credentials, lambda client: self._all_from(client, repository, platform, tell)
        )
        if not images:
            raise Missing(f"repository {repository.familiar_name} has no tags")
        _tell_end(repository.familiar_name, tell, is_new=is_any_new)
        return images

    async def _all_from(
        self, client: RegistryClient, repository: Reference, platform: Platform | None, tell: Tell
    ) -> tuple[list[Image], bool]:
        images, is_any_new = [], False
        for tag in await _asked(client.tags(), repository):
            one = replace(repository, tag=tag, digest=None)
            image, is_new = await self._from(client, Reference.parse(str(one)), platform, tell)
            images.append(image)
            is_any_new |= is_new
            self._emit(image, one)
        return images, is_any_new

    async def look(self, reference: Reference, *, credentials: Credentials) -> Distributed:
        """What a mirror, or the registry, has under this name; nothing is stored. Raises what the registry says."""
        reference = reference.with_default_tag()
        return await self._at_any_source(reference, credentials, lambda client: _looked(client, _name(reference)))

    async def _at_any_source(
        self, reference: Reference, credentials: Credentials, ask: Callable[[RegistryClient], Awaitable[_Answer]]
    ) -> _Answer:
        registries = self._parts.registries
        for source in registries.sources(reference.domain):
            try:
                async with registries.repository(source, reference.path, credentials) as client:
                    return await ask(client)
            except EngineError as error:
                if not source.is_mirror:
                    raise
                _log.warning("mirror %s: %s; asking the registry", source.endpoints[0].host, error)
        raise Missing(f"{reference.familiar}: no registry to ask")

    async def _from(
        self, client: RegistryClient, reference: Reference, platform: Platform | None, tell: Tell
    ) -> tuple[Image, bool]:
        """The image, and whether its name means something new by it."""
        name = _name(reference)
        top = await _asked(client.manifest(name), reference)
        manifest = await self._manifest(client, top, platform or self._parts.machine)
        tell(Remark(f"Pulling from {client.path}", name))
        image = await _Pull(self._parts, self._downloads, client, manifest, platform, reference, tell).run()
        tell(Remark(f"Digest: {top.digest}"))
        by_digest = replace(reference, tag=None, digest=top.digest)
        names = [by_digest] if reference.digest else [by_digest, reference]
        before = self._parts.images.tagged(names[-1])
        await self._parts.images.name(image, names)
        return image, before is None or before.id != image.id

    async def _manifest(self, client: RegistryClient, document: Document, platform: Platform) -> Manifest:
        for _ in range(_NESTING + 1):
            parsed = parse_document(document.data, document.media_type)
            if isinstance(parsed, Manifest):
                return parsed
            chosen = choose(parsed, platform)
            document = await client.manifest(str(chosen.digest), expected=chosen.digest)
            if len(document.data) != chosen.size_bytes:
                raise Invalid(f"manifest {chosen.digest}: has {len(document.data)} bytes, not {chosen.size_bytes}")
        raise Invalid("manifest: indexes are nested too deeply")

    def _emit(self, image: Image, reference: Reference) -> None:
        attributes = {**image.config.labels, "name": reference.familiar_name}
        self._parts.events.emit("image", "pull", reference.familiar, attributes)


class _Pull:
    """One image from one registry."""

    def __init__(
        self,
        parts: PullParts,
        downloads: Downloads,
        client: RegistryClient,
        manifest: Manifest,
        platform: Platform | None,
        reference: Reference,
        tell: Tell,
    ) -> None:
        self._parts = parts
        self._downloads = downloads
        self._client = client
        self._manifest = manifest
        self._platform = platform
        self._reference = reference
        self._tell = tell

    async def run(self) -> Image:
        document, image = await self._configuration()
        blobs = [layer.digest for layer in self._manifest.layers]
        async with self._parts.images.taking_in(blobs):
            with self._parts.layers.using(blobs), kept_for_reuse():
                return await self._parts.images.complete(image, document, self._bring_layers(image))

    async def _configuration(self) -> tuple[bytes, Image]:
        config = self._manifest.config
        if self._parts.images.find(config.digest) is not None:
            document = await asyncio.to_thread(self._parts.content.read, config.digest)
        else:
            document = await self._client.small_blob(config.digest, config.size_bytes)
        image = replace(decode_config(document), manifest_type=self._manifest.media_type)
        if len(image.diff_ids) != len(self._manifest.layers):
            raise Invalid(
                f"image {image.id.short} comes with {len(self._manifest.layers)} layers and is made of "
                f"{len(image.diff_ids)}"
            )
        wanted = self._platform or replace(self._parts.machine, architecture=image.platform.architecture)
        if not is_fit(image.platform, wanted):
            raise Missing(
                f"image with reference {self._reference.familiar} was found but does not match the specified platform: "
                f"wanted {wanted}, actual: {image.platform}"
            )
        return document, image

    async def _bring_layers(self, image: Image) -> None:
        chains = chain_ids(image.diff_ids)
        present = [self._is_present(chain) for chain in chains]
        for layer, is_present in zip(self._manifest.layers, present, strict=True):
            self._tell(LayerStep(layer.digest.short, "Already exists" if is_present else "Pulling fs layer"))
        tasks: list[asyncio.Task[None]] = []
        try:
            for number, is_there in enumerate(present):
                if not is_there:
                    tasks.append(asyncio.create_task(self._bring(number, image, chains, tasks[-1] if tasks else None)))
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _bring(
        self, number: int, image: Image, chains: Sequence[Digest], below: "asyncio.Task[None] | None"
    ) -> None:
        """``below`` brings the next lower layer, unless that is here already."""
        layer = self._manifest.layers[number]
        await self._arrive(layer)
        step = LayerStep(layer.digest.short, "Extracting", 0, layer.size_bytes)
        await self._parts.layers.unpack(
            layer.digest,
            layer.media_type,
            parent=chains[number - 1] if number else None,
            expected_diff_id=image.diff_ids[number],
            below=below,
            on_read=lambda size: self._tell(replace(step, current_bytes=size)),
        )
        self._tell(replace(step, current_bytes=layer.size_bytes))
        self._tell(LayerStep(layer.digest.short, "Pull complete"))

    def _is_present(self, chain: Digest) -> bool:
        return self._parts.layers.find(chain) is not None and self._parts.layers.diff(chain).is_dir()

    async def _arrive(self, layer: Descriptor) -> None:
        content = self._parts.content
        if await asyncio.to_thread(content.has, layer.digest):  # kept for another stack, or fetched a moment ago
            if content.size(layer.digest) != layer.size_bytes:
                raise Invalid(f"blob {layer.digest}: the manifest says {layer.size_bytes} bytes, that is not its size")
            self._tell(LayerStep(layer.digest.short, "Download complete"))
            return
        await self._downloads.once(layer.digest, lambda tell: self._fetch(layer, tell), self._tell)

    async def _fetch(self, layer: Descriptor, tell: Tell) -> None:
        async with self._client.kept():  # whoever began this may be gone before it ends
            await download(self._client, layer, self._parts.content, tell)


async def _looked(client: RegistryClient, name: str) -> Distributed:
    document = await client.manifest(name)
    parsed = parse_document(document.data, document.media_type)
    descriptor = Descriptor(parsed.media_type, document.digest, len(document.data))
    if isinstance(parsed, Index):
        return Distributed(descriptor, tuple(one.platform for one in parsed.entries if one.platform))
    config = await client.small_blob(parsed.config.digest, parsed.config.size_bytes)
    return Distributed(descriptor, (decode_config(config).platform,))


async def _asked(asking: Awaitable[_Answer], reference: Reference) -> _Answer:
    """What a registry answers about ``reference``, its refusals in the words that Docker's clients know."""
    try:
        return await asking
    except Missing as error:
        if reference.tag or reference.digest:
            raise Missing(f"manifest for {reference.familiar} not found: manifest unknown: {error}") from error
        raise Missing(f"repository {reference.familiar_name} not found: {error}") from error
    except (AccessDenied, Unauthenticated) as error:
        # a 404 as in Docker: clients that are told 401 would ask for a password in the middle of a script
        raise Missing(
            f"pull access denied for {reference.familiar_name}, repository does not exist or may require "
            f"'docker login': {error}"
        ) from error


def _name(reference: Reference) -> str:
    return str(reference.digest or reference.tag or DEFAULT_TAG)


def _tell_end(name: str, tell: Tell, *, is_new: bool) -> None:
    tell(Remark(f"Status: {'Downloaded newer image' if is_new else 'Image is up to date'} for {name}"))
