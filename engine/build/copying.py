"""COPY and ADD worked out: the entries to unpack over an image's file system, each with its final name and owner.

Nothing is written here. Names are resolved in the image first, so that what is unpacked goes where it was meant to,
and the unpacker keeps it inside the image whatever happens.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

from engine.build.file_modes import ModeChange
from engine.build.sources import Source
from engine.build.tree import Resolved, Tree, bytes_of, joined, resolve, walk
from engine.host.archive import BLOCK, Entry, Kind, Limits, TarReader
from engine.host.archive_stream import PlainStream
from engine.host.archive_write import encode_header
from engine.model.errors import EngineError, Invalid

_NEW_DIRECTORY = Entry(b"", Kind.DIRECTORY, mode=0o755)


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry with its final name; ``source`` holds the content of a file."""

    entry: Entry
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Files:
    """Entries to unpack from the root of the image."""

    entries: tuple[Placed, ...]


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive that ADD unpacks below ``directory``."""

    source: Source
    directory: str


@dataclass(frozen=True, slots=True)
class Ownership:
    """``mode`` None keeps each file's own, ``keeps_owners`` its owners. ``now_ns`` dates directories to be made."""

    uid: int = 0
    gid: int = 0
    mode: ModeChange | None = None
    now_ns: int = 0
    keeps_owners: bool = False


def copy_plan(
    sources: Sequence[Source], destination: str, *, rootfs: Tree, ownership: Ownership, unpacks_archives: bool
) -> list[Files | Archive]:
    """What to unpack, in order, for ``destination`` (absolute; a slash at its end makes it a directory).

    Raises Invalid, in Docker's words, where the destination cannot take the sources.
    """
    plan: list[Files | Archive] = []
    into = resolve(destination, rootfs.lookup)
    is_directory = destination.endswith("/") or (into.node is not None and into.node.is_directory)
    placing = _Placing(rootfs, ownership)
    for source in sources:
        if unpacks_archives and not source.is_remote and is_archive(source):
            plan += [Files(placing.taken()), Archive(source, "/" + into.path)]
        elif source.keeps_path:
            placing.add_at(source, resolve(joined(into.path, source.name), rootfs.lookup))
        elif source.node.is_directory:
            placing.add_directory(source, into)
        else:
            target = Resolved(joined(into.path, source.name), None) if is_directory else into
            placing.add_file(source, target.path)
    return [*plan, Files(placing.taken())]


def directory_plan(path: str, *, rootfs: Tree, now_ns: int) -> Files:
    """The directories that WORKDIR has to make; no entries when there are none."""
    placing = _Placing(rootfs, Ownership(now_ns=now_ns))
    placing.add_parents(resolve(path, rootfs.lookup).path)
    return Files(placing.taken())


class _Placing:
    def __init__(self, rootfs: Tree, ownership: Ownership) -> None:
        self._rootfs = rootfs
        self._ownership = ownership
        self._placed: list[Placed] = []
        self._made: set[str] = set()
        self._links: dict[Hashable, bytes] = {}

    def taken(self) -> tuple[Placed, ...]:
        placed, self._placed = tuple(self._placed), []
        return placed

    def add_directory(self, source: Source, into: Resolved) -> None:
        """What is in the directory, not the directory itself."""
        self.add_parents(into.path)
        cut = len(source.node.path) + 1 if source.node.path else 0
        for node in walk(source.tree, source.node.path):
            self._place(replace(source, node=node), joined(into.path, node.path[cut:]))

    def add_at(self, source: Source, place: Resolved) -> None:
        """At that very place, a directory with its own mode."""
        if not source.node.is_directory:
            self.add_file(source, place.path)
            return
        self.add_parents(place.path.rpartition("/")[0])
        if place.path:
            self._place(source, place.path)
        self.add_directory(source, place)

    def add_file(self, source: Source, path: str) -> None:
        if not path:
            raise Invalid("failed to copy files: the root of the image is a directory")
        self.add_parents(path.rpartition("/")[0])
        self._place(source, path)

    def add_parents(self, directory: str) -> None:
        """``directory`` and those above it that do not exist yet, as the new files' owner has them."""
        parts = directory.split("/") if directory else []
        for count in range(1, len(parts) + 1):
            path = "/".join(parts[:count])
            node = self._rootfs.lookup(path)
            if node is not None and not node.is_directory:
                raise Invalid(f"failed to copy files: mkdir /{path[:200]}: not a directory")
            if node is None and path not in self._made:
                self._made.add(path)
                own = self._ownership
                entry = _NEW_DIRECTORY.having(name=bytes_of(path), uid=own.uid, gid=own.gid, mtime_ns=own.now_ns)
                self._placed.append(Placed(entry))

    def _place(self, source: Source, path: str) -> None:
        own = self._ownership
        entry = source.node.entry.having(name=bytes_of(path))
        if not own.keeps_owners:
            entry = entry.having(uid=own.uid, gid=own.gid)
        if own.mode is not None and entry.kind is not Kind.SYMLINK:
            entry = entry.having(mode=own.mode.of(entry.mode, is_directory=entry.kind is Kind.DIRECTORY))
        inode = source.node.inode
        if inode is not None and entry.kind is Kind.FILE:
            first = self._links.setdefault((id(source.tree), inode), entry.name)
            if first != entry.name:
                entry = entry.having(kind=Kind.HARD_LINK, target=first, size_bytes=0, xattrs={})
        self._placed.append(Placed(entry, source))


def tar_of(files: Files) -> Iterator[bytes]:
    """The tar stream of ``files``, in pieces. Blocking; read it in a thread."""
    for placed in files.entries:
        yield encode_header(placed.entry)
        if placed.entry.kind is Kind.FILE and placed.source is not None:
            yield from placed.source.tree.content(placed.source.node)
            yield bytes(-placed.entry.size_bytes % BLOCK)
    yield bytes(2 * BLOCK)


def is_archive(source: Source) -> bool:
    """Whether ``source`` is a tar, compressed or not, as far as its first entry tells."""
    if source.node.entry.kind is not Kind.FILE or not source.node.entry.size_bytes:
        return False
    stream = PlainStream(_Content(source), limits=Limits(), hashed=False)
    try:
        return TarReader(stream).next() is not None
    except EngineError:
        return False
    finally:
        stream.close()


class _Content:
    """A source's bytes as a file to be read once, forwards."""

    def __init__(self, source: Source) -> None:
        self._pieces = source.tree.content(source.node)
        self._left = b""

    def read(self, size: int = -1, /) -> bytes:
        if not self._left:
            self._left = next(self._pieces, b"")
        size = len(self._left) if size < 0 else size
        piece, self._left = self._left[:size], self._left[size:]
        return piece
