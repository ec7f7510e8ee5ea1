"""The build context: the client's tar, kept as one private file and indexed, never unpacked.

Names in it are only ever keys of a dictionary, so none of them, and no symlink, can lead anywhere.
"""

import os
import posixpath
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from engine.build.dockerignore import Dockerignore
from engine.build.threads import in_thread
from engine.build.tree import Node, find, joined, resolve, text_of, walk
from engine.host.archive import Entry, Kind, Limits, TarReader
from engine.host.archive_stream import PlainStream
from engine.model.errors import Invalid, TooLarge, Unavailable

_CHUNK = 1 << 20
_MOST_PATH_BYTES = 256 << 20
_LARGEST_CONTEXT_BYTES = 1 << 40
_DIRECTORY = Entry(b"", Kind.DIRECTORY, mode=0o755)
_KEPT_XATTRS = (b"user.", b"security.capability", b"system.posix_acl_")


class Context:
    """A ``Tree`` over an indexed tar. ``offsets`` tell where in ``file`` the content of a path begins."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._nodes: dict[str, Node] = {"": Node("", _DIRECTORY)}
        self._names: dict[str, dict[str, None]] = {"": {}}
        self._offsets: dict[str, int] = {}
        self._path_bytes = 0

    def lookup(self, path: str) -> Node | None:
        return self._nodes.get(path)

    def names(self, path: str) -> list[str]:
        return sorted(self._names.get(path, ()))

    def content(self, node: Node) -> Iterator[bytes]:
        offset, left = self._offsets[node.path], node.entry.size_bytes
        while left:
            piece = os.pread(self._file.fileno(), min(left, _CHUNK), offset)
            if not piece:
                raise Unavailable("the build context's spool file was cut short")
            offset += len(piece)
            left -= len(piece)
            yield piece

    def read(self, path: str, *, at_most: int) -> bytes | None:
        """A small file whole, symlinks followed; None when there is none. Raises TooLarge."""
        node = find(self, path)
        if node is None or node.entry.kind is not Kind.FILE:
            return None
        if node.entry.size_bytes > at_most:
            raise TooLarge(f"{path[:80]!r} is larger than {at_most} bytes")
        return b"".join(self.content(node))

    def add(self, entry: Entry, offset: int) -> None:
        """Take in the next entry of the tar, as unpacking it would. Raises Invalid or TooLarge."""
        path = self._place(entry)
        if not path:
            return
        entry = entry.having(xattrs={k: v for k, v in entry.xattrs.items() if k.startswith(_KEPT_XATTRS)})
        self._add_parents(path, entry)
        node = self._nodes.get(path)
        if node is not None and not (node.is_directory and entry.kind is Kind.DIRECTORY):
            self._remove(path)
        if entry.kind is Kind.HARD_LINK:
            self._add_link(path, entry)
            return
        if entry.kind is Kind.FILE:
            self._offsets[path] = offset
        self._put(Node(path, entry))

    def without(self, ignore: Dockerignore) -> "Context":
        """The same with what ``ignore`` excludes left out; shares the file."""
        kept = Context(self._file)
        waiting = self.names("")[::-1]
        while waiting:
            path = waiting.pop()
            node = self._nodes[path]
            if node.is_directory and not ignore.excludes_tree(path):
                waiting.extend(joined(path, name) for name in self.names(path)[::-1])
            if not ignore.excludes(path):
                kept._keep(node, self)
        return kept

    def below(self, path: str) -> "Context":
        """What is in the directory ``path``, as a context of its own; shares the file. Raises Invalid."""
        top = find(self, path)
        if top is None or not top.is_directory:
            raise Invalid(f"{path[:80]!r} is no directory of the build context")
        kept = Context(self._file)
        cut = len(top.path) + 1 if top.path else 0
        for node in walk(self, top.path):
            kept._put(replace(node, path=node.path[cut:]))
            if node.path in self._offsets:
                kept._offsets[node.path[cut:]] = self._offsets[node.path]
        return kept

    def _keep(self, node: Node, original: "Context") -> None:
        parent = posixpath.dirname(node.path)
        missing: list[Node] = []
        while parent not in self._nodes:
            missing.append(original._nodes[parent])
            parent = posixpath.dirname(parent)
        for directory in missing[::-1]:
            self._put(directory)
        self._put(node)
        if node.path in original._offsets:
            self._offsets[node.path] = original._offsets[node.path]

    def _place(self, entry: Entry) -> str:
        """Where the entry goes: its parent's symlinks are followed, its own name is not."""
        parts = [part for part in text_of(entry.name).split("/") if part not in ("", ".")]
        if ".." in parts:
            raise Invalid(f"build context: {text_of(entry.name)[:80]!r} leads out of it")
        if not parts:
            return ""
        parent = resolve("/".join(parts[:-1]), self.lookup)
        return joined(parent.path, parts[-1])

    def _add_parents(self, path: str, entry: Entry) -> None:
        missing: list[str] = []
        parent = posixpath.dirname(path)
        while parent not in self._nodes:
            missing.append(parent)
            parent = posixpath.dirname(parent)
        if not self._nodes[parent].is_directory:
            raise Invalid(f"build context: {path[:80]!r} is below something that is not a directory")
        for directory in missing[::-1]:
            self._put(Node(directory, _DIRECTORY.having(mtime_ns=entry.mtime_ns)))

    def _add_link(self, path: str, entry: Entry) -> None:
        target = posixpath.normpath("/" + text_of(entry.target)).lstrip("/")
        node = find(self, target)
        if node is None or node.entry.kind is not Kind.FILE:
            raise Invalid(f"build context: {path[:80]!r} is a hard link to {target[:80]!r}, which is no file before it")
        inode = node.path if node.inode is None else node.inode
        self._put(replace(node, inode=inode))
        self._offsets[path] = self._offsets[node.path]
        self._put(Node(path, node.entry, inode))

    def _put(self, node: Node) -> None:
        if node.path not in self._nodes:
            self._path_bytes += len(node.path)
            if self._path_bytes > _MOST_PATH_BYTES:
                raise TooLarge(f"build context: its names take more than {_MOST_PATH_BYTES} bytes")
        self._nodes[node.path] = node
        parent, name = posixpath.split(node.path)
        self._names.setdefault(parent, {})[name] = None

    def _remove(self, path: str) -> None:
        waiting = [path]
        while waiting:
            gone = waiting.pop()
            waiting.extend(joined(gone, name) for name in self._names.pop(gone, ()))
            self._nodes.pop(gone, None)
            self._offsets.pop(gone, None)
            self._path_bytes -= len(gone)
        parent, name = posixpath.split(path)
        self._names[parent].pop(name, None)


@asynccontextmanager
async def received_context(chunks: AsyncIterator[bytes], *, spool_root: Path) -> AsyncIterator[Context]:
    """Read ``chunks`` to their end and index them. The spool files have no name and vanish with the block.

    Raises Invalid for what is empty or no tar, TooLarge for what does not fit.
    """
    with TemporaryFile(dir=spool_root) as packed, TemporaryFile(dir=spool_root) as plain:
        limits = Limits(total_bytes=_room(spool_root))
        size = 0
        async for chunk in chunks:
            size += len(chunk)
            if size > limits.total_bytes:
                raise TooLarge(f"build context is larger than the {limits.total_bytes} bytes there is room for")
            await in_thread(packed.write, chunk)
        if not size:
            raise Invalid("build context is empty: send a tar archive with a Dockerfile in it")
        packed.seek(0)
        yield await in_thread(_indexed, packed, plain, limits)


def _room(directory: Path) -> int:
    file_system = os.statvfs(directory)
    free = file_system.f_bavail * file_system.f_frsize
    return min(free - free // 10, _LARGEST_CONTEXT_BYTES)


class _Tee:
    """The plain bytes on their way to the tar reader, written down as they pass."""

    def __init__(self, stream: PlainStream, file: IO[bytes]) -> None:
        self._stream = stream
        self._file = file

    def read_some(self, limit: int, /) -> memoryview:
        piece = self._stream.read_some(limit)
        self._file.write(piece)
        return piece


def _indexed(packed: IO[bytes], plain: IO[bytes], limits: Limits) -> Context:
    context = Context(plain)
    stream = PlainStream(packed, limits=limits, hashed=False)
    try:
        reader = TarReader(_Tee(stream, plain), limits)
        while (entry := reader.next()) is not None:
            context.add(entry, reader.offset)
        reader.drain()
    finally:
        stream.close()
    plain.flush()
    return context
