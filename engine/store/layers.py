"""Unpacked layers, one directory for each place in a stack: DATA/layers/CHAIN/diff, as overlayfs reads it.

A layer is unpacked into DATA/tmp, renamed, synced with one syncfs(2), and then recorded.
Ids on disk are those of the image; user namespaces shift them when mounting.
"""

import asyncio
import os
import posixpath
import stat
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from engine.host.archive import Limits
from engine.host.archive_pack import GzipPacker
from engine.host.archive_write import MOUNT_POINTS, write_layer
from engine.host.confined import Unpacked, open_below
from engine.host.durable import sync_filesystem
from engine.host.failpoints import reach
from engine.host.layer_writer import LayerWriter
from engine.host.removal import remove_tree
from engine.model.digest import Digest, chain_id, chain_ids
from engine.model.errors import EngineError, Invalid, Missing
from engine.store.content import ContentStore, named_digests
from engine.store.drafts import Draft, Drafts, OnRead
from engine.store.locks import KeyedLock
from engine.store.records import Layer
from engine.store.state import State

__all__ = ["GZIP_LAYER", "Layer", "LayerStore"]

GZIP_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


class LayerStore:
    def __init__(self, root: Path, content: ContentStore, state: State, *, limits: Limits | None = None) -> None:
        self._layers = root / "layers"
        self.drafts = Drafts(root / "tmp", limits=limits)
        self._content = content
        self._state = state
        self._lock = KeyedLock()
        self._known: dict[Digest, Layer] = {}  # a layer never changes
        self._pins: Counter[Digest] = Counter()
        self._in_use: Counter[Digest] = Counter()
        self._layers.mkdir(mode=0o711, parents=True, exist_ok=True)

    async def unpack(
        self,
        blob: Digest,
        media_type: str,
        *,
        parent: Digest | None,
        expected_diff_id: Digest | None,
        below: "asyncio.Future[None] | None" = None,
        on_read: OnRead | None = None,
        ahead: Draft | None = None,
    ) -> Layer:
        """The layer in ``blob`` above ``parent``; one that is there already is not unpacked again.

        ``below``: ``parent`` is being unpacked, too, and there when this is done; its failure is raised. ``on_read``
        is told now and then how many bytes of the blob are unpacked. ``ahead`` is what the blob was unpacked to
        while it came, and is the caller's to drop. Raises Invalid when the content is not what ``blob`` or
        ``expected_diff_id`` say, or not a sound archive.
        """
        with self.using([blob]):
            async with self._lock.hold((blob, parent)):
                if expected_diff_id is not None and (present := self.find(_above(parent, expected_diff_id))):
                    return present
                async with self._unpacked(blob, media_type, expected_diff_id, on_read=on_read, ahead=ahead) as draft:
                    if below is not None:
                        await asyncio.shield(below)
                    layer = self._record(blob, media_type, parent, draft.unpacked)
                    async with self._lock.hold(layer.chain):
                        return await asyncio.to_thread(self._place, draft.path, layer, draft.unpacked.implicit)

    @asynccontextmanager
    async def _unpacked(
        self,
        blob: Digest,
        media_type: str,
        expected_diff_id: Digest | None,
        *,
        on_read: OnRead | None = None,
        ahead: Draft | None = None,
    ) -> AsyncIterator[Draft]:
        """``ahead``, or else a draft from the blob, as long as the block lasts; and what it ought to be."""
        reach("layer.extract")
        if ahead is not None:
            _check(ahead.unpacked, blob, expected_diff_id)
            yield ahead
            return
        async with self.drafts.place() as path:
            with self._content.open(blob) as file:
                draft = await self.drafts.fill(path, file, media_type=media_type, on_read=on_read)
            _check(draft.unpacked, blob, expected_diff_id)
            yield draft

    def _record(self, blob: Digest, media_type: str, parent: Digest | None, unpacked: Unpacked) -> Layer:
        return Layer(
            diff_id=unpacked.diff_id,
            chain=_above(parent, unpacked.diff_id),
            parent=parent,
            blob=blob,
            media_type=media_type,
            size_bytes=unpacked.size_bytes,
            blob_bytes=self._content.size(blob),
            max_id=unpacked.max_id,
        )

    @asynccontextmanager
    async def unpacked_afresh(self, layer: Layer) -> AsyncIterator[Path]:
        """A draft of what ``layer``'s directory ought to be, from its blob; for ``put_in_place``, or dropped.

        Raises Invalid when the blob does not hold that layer any more.
        """
        async with self._unpacked(layer.blob, layer.media_type, layer.diff_id) as draft:
            implicit = draft.unpacked.implicit
            await asyncio.to_thread(self._take_over_directories, draft.path / "diff", layer.parent, implicit)
            yield draft.path

    def _place(self, draft: Path, layer: Layer, implicit: Sequence[str]) -> Layer:
        if present := self.find(layer.chain):
            return present
        self._take_over_directories(draft / "diff", layer.parent, implicit)
        return self.put_in_place(draft, layer)

    def put_in_place(self, draft: Path, layer: Layer) -> Layer:
        """Make it the layer's directory, instead of one that is there, and durable; then its record. Blocking.

        The record follows the directory to the disk with the next image that is saved: only images make it needed.
        """
        draft.chmod(0o711)
        if self.find(layer.chain) is not None:  # on record: at no moment may half of it be there
            sync_filesystem(draft)
        self._discard(layer.chain)  # a crash between rename and row leaves one without a row
        reach("layer.rename")
        draft.rename(self._layers / layer.chain.hex)
        try:
            reach("layer.sync")
            sync_filesystem(self._layers)  # its name, its files, and the blob, which was committed without syncing
            reach("layer.row")
            self._state.save_layer(layer)
        except (EngineError, OSError):
            self._discard(layer.chain)
            raise
        return layer

    async def commit_upper(
        self,
        upper: Path,
        *,
        parent_diff_ids: tuple[Digest, ...],
        skip_mount_points: bool = True,
        newest_ns: int | None = None,
    ) -> Layer | None:
        """A new layer of what changed in ``upper``, which stays as it is; None when nothing did.

        Leaves out the empty files and directories that the runtime makes to mount upon, unless told not to.
        Nothing in it is dated later than ``newest_ns``.
        """
        parent = chain_id(parent_diff_ids) if parent_diff_ids else None
        async with self.drafts.place() as draft:
            layer = await asyncio.to_thread(
                self._pack, upper, draft / "diff", parent, skip_mount_points=skip_mount_points, newest_ns=newest_ns
            )
            if layer is None:
                return None
            try:
                with self.using([layer.blob]):
                    async with self._lock.hold(layer.chain):
                        return await asyncio.to_thread(self._place, draft, layer, ())
            finally:  # it failed, or the layer is there already from another blob
                await asyncio.to_thread(self.discard_blobs, [layer.blob])

    def _pack(
        self, upper: Path, diff: Path, parent: Digest | None, *, skip_mount_points: bool, newest_ns: int | None
    ) -> Layer | None:
        """The layer's blob stored, and what is in it in ``diff``."""

        def is_inherited(path: bytes, status: os.stat_result) -> bool:
            below = self._find_below(parent, os.fsdecode(path))
            return below is not None and _looks(below) == _looks(status)

        reach("commit.pack")
        with self._content.ingest() as ingest:
            packer = GzipPacker(ingest.write)
            writer = LayerWriter(packer.write, diff, newest_ns=newest_ns)
            points = MOUNT_POINTS if skip_mount_points else frozenset()
            try:
                entries = write_layer(upper, writer, mount_points=points, is_inherited=is_inherited)
            except BaseException:
                packer.abandon()
                raise
            finally:
                writer.close()
            diff_id = packer.close()
            if not entries:
                return None
            blob = ingest.commit(durable=False)
        return Layer(
            diff_id=diff_id,
            chain=_above(parent, diff_id),
            parent=parent,
            blob=blob,
            media_type=GZIP_LAYER,
            size_bytes=writer.size_bytes,
            blob_bytes=self._content.size(blob),
            max_id=writer.max_id,
        )

    def get(self, chain: Digest) -> Layer:
        layer = self.find(chain)
        if layer is None:
            raise Missing(f"layer {chain} not found")
        return layer

    def find(self, chain: Digest) -> Layer | None:
        known = self._known.get(chain)
        if known is None and (known := self._state.find_layer(chain)):
            self._known[chain] = known
        return known

    def stack(self, diff_ids: Sequence[Digest]) -> list[Layer]:
        """The records of a stack, lowest first. Raises Missing when one is not there."""
        return [self.get(chain) for chain in chain_ids(diff_ids)]

    def lowers(self, diff_ids: Sequence[Digest]) -> list[Path]:
        """Directories for overlayfs, highest first. Raises Missing when one is not there."""
        return [self.diff(layer.chain) for layer in reversed(self.stack(diff_ids))]

    def max_id(self, diff_ids: Sequence[Digest]) -> int:
        return max((layer.max_id for layer in self.stack(diff_ids)), default=0)

    def diff(self, chain: Digest) -> Path:
        return self._layers / chain.hex / "diff"

    @contextmanager
    def pin(self, diff_ids: Sequence[Digest]) -> Iterator[None]:
        """Keep these layers from being removed until something that is stored refers to them."""
        chains = chain_ids(diff_ids)
        self._pins.update(chains)
        try:
            yield
        finally:
            self._pins.subtract(chains)

    @contextmanager
    def using(self, blobs: Sequence[Digest]) -> Iterator[None]:
        """Keep these blobs from being discarded."""
        self._in_use.update(blobs)
        try:
            yield
        finally:
            self._in_use.subtract(blobs)

    def is_pinned(self, chain: Digest) -> bool:
        return self._pins[chain] > 0

    def remove(self, chain: Digest) -> None:
        """Forget a layer that nothing refers to, with its blob where no other layer has the same. Blocking."""
        layer = self.find(chain)
        self._state.delete_layer(chain)
        self._known.pop(chain, None)
        self._discard(chain)
        if layer is not None:
            self.discard_blobs([layer.blob])

    def discard_blobs(self, blobs: Iterable[Digest]) -> None:
        """Drop those that are no layer's and that nobody unpacks right now. Blocking."""
        kept = {layer.blob for layer in self._state.layers()}
        for blob in set(blobs) - kept:
            if not self._in_use[blob]:
                self._content.delete(blob)

    def on_disk(self) -> list[Digest]:
        return named_digests(self._layers)

    def _discard(self, chain: Digest) -> None:
        """Take a layer's directory out of sight at once, then remove it."""
        directory = self._layers / chain.hex
        if directory.exists():
            grave = Path(tempfile.mkdtemp(prefix="removed-", dir=self.drafts.directory))
            directory.rename(grave / "layer")
            remove_tree(grave)

    def _take_over_directories(self, diff: Path, parent: Digest | None, paths: Sequence[str]) -> None:
        """Give directories that no entry described the looks of those they cover; else /tmp would lose its 1777."""
        new: set[str] = set()
        for path in paths:  # parents come first
            below = None if posixpath.dirname(path) in new else self._find_below(parent, path)
            if below is None:
                new.add(path)
                continue
            descriptor = open_below(diff, path)
            try:
                os.fchown(descriptor, below.st_uid, below.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(below.st_mode))
                os.utime(descriptor, ns=(below.st_mtime_ns, below.st_mtime_ns))
            finally:
                os.close(descriptor)

    def _find_below(self, chain: Digest | None, path: str) -> os.stat_result | None:
        """What the stack that ends at ``chain`` shows at ``path``, as far as it is a directory there."""
        while chain is not None:
            try:
                descriptor = open_below(self.diff(chain), path)
            except OSError:
                layer = self.find(chain)
                chain = layer.parent if layer else None
                continue
            try:
                return os.fstat(descriptor)
            finally:
                os.close(descriptor)
        return None


def _check(unpacked: Unpacked, blob: Digest, expected_diff_id: Digest | None) -> None:
    if unpacked.blob != blob:
        raise Invalid(f"layer content has digest {unpacked.blob}, expected {blob}")
    if expected_diff_id not in (None, unpacked.diff_id):
        raise Invalid(f"layer has diff id {unpacked.diff_id}, the image says {expected_diff_id}")


def _above(parent: Digest | None, diff_id: Digest) -> Digest:
    """OCI image-spec, config.md, "Layer ChainID": the parent's chain counts as one diff id."""
    return chain_id((parent, diff_id)) if parent else diff_id


def _looks(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mode, status.st_uid, status.st_gid
