"""Images as archives: ``docker load``, ``import`` and ``save``."""

import asyncio
import functools
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.host.archive import FileSource, Limits
from engine.host.archive_stream import Readable
from engine.host.confined import room_for_archive
from engine.images.ahead import Ahead, Places
from engine.images.archive_load import ArchivedImage, Contents, Intake, images_in, read_archive
from engine.images.archive_save import SavedImage, archive_chunks
from engine.images.catalog import names_id
from engine.images.changes import apply_changes
from engine.images.document import decode_config
from engine.images.incoming import read_in_thread
from engine.images.layer_blob import LayerBlob, store_layer
from engine.images.service import Images
from engine.model.digest import Digest
from engine.model.errors import Invalid
from engine.model.image import History, Image, ImageConfig
from engine.model.platform import Platform
from engine.model.reference import Reference
from engine.store.content import ContentStore
from engine.store.layers import LayerStore

_HEAD = 512


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """``layer`` is the diff id that is being unpacked; the bytes are of its blob."""

    layer: Digest
    current_bytes: int
    total_bytes: int


class ImageArchives:
    def __init__(
        self,
        images: Images,
        content: ContentStore,
        layers: LayerStore,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._images = images
        self._content = content
        self._layers = layers
        self._clock = clock
        self._places = Places(layers.drafts)

    async def load(
        self, chunks: AsyncIterator[bytes], *, on_progress: Callable[[LoadProgress], None] | None = None
    ) -> Sequence[Reference | Digest]:
        """Take in an archive of images (docker-archive or OCI layout, perhaps compressed): their tags, else ids."""
        contents = Contents()
        loaded: list[Reference | Digest] = []
        async with self._images.taking_in(contents.stored), self._places.ahead() as ahead:
            intake = Intake(contents, self._content, self._limits(), ahead)
            await read_in_thread(chunks, functools.partial(read_archive, intake=intake))
            for archived in images_in(contents, platform=Platform.of_machine(os.uname().machine)):
                loaded += await self._add(archived, on_progress or (lambda _: None), ahead)
        return loaded

    async def import_rootfs(
        self,
        chunks: AsyncIterator[bytes],
        *,
        reference: Reference | None,
        changes: tuple[str, ...] = (),
        message: str = "",
        platform: Platform | None = None,
    ) -> Image:
        """An image with one layer, from a tar of a root file system."""
        config = apply_changes(ImageConfig(), changes)
        stored: list[Digest] = []
        async with self._images.taking_in(stored):
            blob = await read_in_thread(chunks, self._store_rootfs)
            stored.append(blob.digest)
            created_at = self._clock()
            layer = await self._layers.unpack(blob.digest, blob.media_type, parent=None, expected_diff_id=None)
            image = await self._images.create(
                config=config,
                diff_ids=[layer.diff_id],
                history=[History(created_at, "", comment=message)],
                platform=platform or Platform.of_machine(os.uname().machine),
                created_at=created_at,
                comment=message,
            )
        if reference is not None:
            await self._images.tag(str(image.id), reference)
        self._images.emit(image, "import", str(image.id))
        return image

    def save(self, names: Sequence[str]) -> AsyncIterator[bytes]:
        """An archive of these images, which ``load`` and Docker read. Raises Missing before the first chunk."""
        wanted: dict[Digest, list[Reference]] = {}
        for name in names:
            image = self._images.get(name)
            tags = wanted.setdefault(image.id, [])
            if not names_id(name, image.id):
                tags.append(Reference.parse(name).with_default_tag())
        images = []
        for image_id, references in wanted.items():
            image = self._images.get(str(image_id))
            images.append(SavedImage(image, self._layers.stack(image.diff_ids), references))
        for saved in images:
            self._images.emit(saved.image, "save", str(saved.image.id))
        return _in_threads(archive_chunks(images, self._content))

    async def _add(
        self, archived: ArchivedImage, on_progress: Callable[[LoadProgress], None], ahead: Ahead | None
    ) -> Sequence[Reference | Digest]:
        image = decode_config(archived.config)
        if len(archived.layers) != len(image.diff_ids):
            raise Invalid(
                f"image {image.id.short} comes with {len(archived.layers)} layers and is made of {len(image.diff_ids)}"
            )
        unpacking = self._unpack(archived.layers, image.diff_ids, on_progress, ahead)
        image = await self._images.complete(image, archived.config, unpacking)
        await self._images.name(image, archived.references)
        self._images.emit(image, "load", str(image.id))
        return list(archived.references) or [image.id]

    async def _unpack(
        self,
        blobs: Sequence[LayerBlob],
        diff_ids: Sequence[Digest],
        on_progress: Callable[[LoadProgress], None],
        ahead: Ahead | None,
    ) -> None:
        parent: Digest | None = None
        for blob, diff_id in zip(blobs, diff_ids, strict=True):
            size = self._content.size(blob.digest)
            on_progress(LoadProgress(diff_id, 0, size))
            draft = await ahead.draft(blob.digest) if ahead else None
            layer = await self._layers.unpack(
                blob.digest, blob.media_type, parent=parent, expected_diff_id=diff_id, ahead=draft
            )
            on_progress(LoadProgress(diff_id, size, size))
            parent = layer.chain

    def _store_rootfs(self, file: Readable) -> LayerBlob:
        head = b""
        while len(head) < _HEAD and (piece := file.read(_HEAD - len(head))):
            head += piece
        if not head:
            raise Invalid("the archive is empty")
        return store_layer(self._content, FileSource(file), head=head, limits=self._limits())

    def _limits(self) -> Limits:
        return Limits(total_bytes=room_for_archive(self._content.directory))


async def _in_threads(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk
