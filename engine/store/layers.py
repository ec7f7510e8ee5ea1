"""Unpacked layers, one directory for each place in a stack: DATA/layers/CHAIN/diff, as overlayfs reads it.

A layer is unpacked into DATA/tmp, synced with one syncfs(2), renamed, and then recorded.
Ids on disk are those of the image; user namespaces shift them when mounting.
"""

import asyncio
import os
import posixpath
import stat
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from engine.host.archive import Limits
from engine.host.archive_pack import GzipPacker
from engine.host.archive_write import MOUNT_POINTS, write_layer
from engine.host.confined import Unpacked, open_below, unpack_layer
from engine.host.durable import sync_directory, sync_filesystem
from engine.host.failpoints import reach
from engine.host.layer_writer import LayerWriter
from engine.host.removal import remove_tree
from engine.model.digest import Digest, chain_id, chain_ids
from engine.model.errors import EngineError, Invalid, Missing
from engine.store.content import ContentStore, named_digests
from engine.store.locks import KeyedLock
from engine.store.records import Layer
from engine.store.state import State

__all__ = ["GZIP_LAYER", "Layer", "LayerStore"]

OnRead = Callable[[int], None]

GZIP_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_COMPRESSIONS = {"+gzip": "gzip", ".gzip": "gzip", "+zstd": "zstd", ".zstd": "zstd"}
_LOOK_EVERY_S = 0.1
_UNPACKED_AT_ONCE = min(os.cpu_count() or 1, 4)


class LayerStore:
    def __init__(self, root: Path, content: ContentStore, state: State, *, limits: Limits | None = None) -> None:
        self._layers = root / "layers"
        self._drafts = root / "tmp"
        self._content = content
        self._state = state
        self._limits = limits
        self._lock = KeyedLock()
        self._room = asyncio.Semaphore(_UNPACKED_AT_ONCE)
        self._known: dict[Digest, Layer] = {}  # a layer never changes
        self._pins: Counter[Digest] = Counter()
        self._in_use: Counter[Digest] = Counter()
        for directory in (self._layers, self._drafts):
            directory.mkdir(mode=0o711, parents=True, exist_ok=True)

    async def unpack(
        self,
        blob: Digest,
        media_type: str,
        *,
        parent: Digest | None,
        expected_diff_id: Digest | None,
        below: "asyncio.Future[None] | None" = None,
        on_read: OnRead | None = None,
    ) -> Layer:
        """The layer in ``blob`` above ``parent``; one that is there already is not unpacked again.

        ``below``: ``parent`` is being unpacked, too, and there when this is done; its failure is raised. ``on_read``
        is told now and then how many bytes of the blob are unpacked. Raises Invalid when the content is not what
        ``blob`` or ``expected_diff_id`` say, or not a sound archive.
        """
        with self.using([blob]):
            async with self._lock.hold((blob, parent)):
                if expected_diff_id is not None and (present := self.find(_above(parent, expected_diff_id))):
                    return present
                draft = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="layer-", dir=self._drafts))
                try:
                    unpacked = await self._unpack(draft, blob, media_type, expected_diff_id, on_read)
                    if below is not None:
                        await asyncio.shield(below)
                    layer = self._record(blob, media_type, parent, unpacked)
                    async with self._lock.hold(layer.chain):
                        return await asyncio.to_thread(self._place, draft, layer, unpacked.implicit)
                finally:
                    await asyncio.to_thread(remove_tree, draft)

    async def _unpack(
        self, draft: Path, blob: Digest, media_type: str, expected_diff_id: Digest | None, on_read: OnRead | None
    ) -> Unpacked:
        diff = _new_diff(draft)
        reach("layer.extract")
        async with self._room:
            with self._content.open(blob) as file, _watched(file.fileno(), on_read):
                unpacked = await unpack_layer(file, into=diff, limits=self._limits, compression=compression(media_type))
        if unpacked.blob != blob:
            raise Invalid(f"layer content has digest {unpacked.blob}, expected {blob}")
        if expected_diff_id not in (None, unpacked.diff_id):
            raise Invalid(f"layer has diff id {unpacked.diff_id}, the image says {expected_diff_id}")
        return unpacked

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
        draft = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="layer-", dir=self._drafts))
        try:
            unpacked = await self._unpack(draft, layer.blob, layer.media_type, layer.diff_id, None)
            await asyncio.to_thread(self._take_over_directories, draft / "diff", layer.parent, unpacked.implicit)
            yield draft
        finally:
            await asyncio.to_thread(remove_tree, draft)

    def _place(self, draft: Path, layer: Layer, implicit: Sequence[str]) -> Layer:
        if present := self.find(layer.chain):
            return present
        self._take_over_directories(draft / "diff", layer.parent, implicit)
        return self.put_in_place(draft, layer)

    def put_in_place(self, draft: Path, layer: Layer) -> Layer:
        """Make it the layer's directory, instead of one that is there, and durable; then its record. Blocking."""
        draft.chmod(0o711)
        reach("layer.sync")
        sync_filesystem(draft)  # the blob, too: it was committed without syncing
        self._discard(layer.chain)  # a crash between rename and row leaves one without a row
        reach("layer.rename")
        draft.rename(self._layers / layer.chain.hex)
        try:
            sync_directory(self._layers)
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
        draft = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="layer-", dir=self._drafts))
        try:
            layer = await asyncio.to_thread(
                self._pack, upper, draft, parent, skip_mount_points=skip_mount_points, newest_ns=newest_ns
            )
            if layer is None:
                return None
            try:
                with self.using([layer.blob]):
                    async with self._lock.hold(layer.chain):
                        return await asyncio.to_thread(self._place, draft, layer, ())
            finally:  # it failed, or the layer is there already from another blob
                await asyncio.to_thread(self.discard_blobs, [layer.blob])
        finally:
            await asyncio.to_thread(remove_tree, draft)

    def _pack(
        self, upper: Path, draft: Path, parent: Digest | None, *, skip_mount_points: bool, newest_ns: int | None
    ) -> Layer | None:
        """The layer's blob stored, and what is in it in ``draft``."""

        def is_inherited(path: bytes, status: os.stat_result) -> bool:
            below = self._find_below(parent, os.fsdecode(path))
            return below is not None and _looks(below) == _looks(status)

        reach("commit.pack")
        diff = _new_diff(draft)
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
            grave = Path(tempfile.mkdtemp(prefix="removed-", dir=self._drafts))
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


def _new_diff(draft: Path) -> Path:
    diff = draft / "diff"
    diff.mkdir()
    diff.chmod(0o755)
    return diff


def _above(parent: Digest | None, diff_id: Digest) -> Digest:
    """OCI image-spec, config.md, "Layer ChainID": the parent's chain counts as one diff id."""
    return chain_id((parent, diff_id)) if parent else diff_id


def _looks(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mode, status.st_uid, status.st_gid


@contextmanager
def _watched(descriptor: int, on_read: OnRead | None) -> Iterator[None]:
    """Tell how far a file has been read, by whoever shares its open descriptor."""
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle | None = None

    def look(tell: OnRead) -> None:
        nonlocal timer
        tell(os.lseek(descriptor, 0, os.SEEK_CUR))
        timer = loop.call_later(_LOOK_EVERY_S, look, tell)

    if on_read is not None:
        look(on_read)
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()


def compression(media_type: str) -> str:
    """gzip, zstd or none; auto where the type does not say."""
    if media_type.endswith((".tar", ".diff.tar")):
        return "none"
    return next((name for ending, name in _COMPRESSIONS.items() if media_type.endswith(ending)), "auto")
