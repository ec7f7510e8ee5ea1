"""Where COPY finds its files: a tree of nodes that is the build context, or the file system of an image.

Symlinks resolve as if the tree were all there is: ``/`` is its root and ``..`` stops there.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Protocol

from engine.host.archive import Entry, Kind
from engine.model.errors import Invalid

_MOST_LINKS = 40  # as path_resolution(7)
_LONGEST_PATH = 4096


@dataclass(frozen=True, slots=True)
class Node:
    """``path`` has no leading slash, "" is the root. ``entry.name`` means nothing here. ``inode`` is the same for
    hard links to one file, None where there is only one."""

    path: str
    entry: Entry
    inode: Hashable = None

    @property
    def is_directory(self) -> bool:
        return self.entry.kind is Kind.DIRECTORY


class Tree(Protocol):
    """Blocking throughout."""

    def lookup(self, path: str) -> Node | None:
        """What stands at ``path`` itself; no component of it is a symlink that has to be followed."""

    def names(self, path: str) -> list[str]:
        """Names in the directory ``path``, sorted."""

    def content(self, node: Node) -> Iterator[bytes]:
        """The bytes of a file, in pieces."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """``path`` free of symlinks; what does not exist is taken as it is written. ``node`` None: nothing is there."""

    path: str
    node: Node | None


def resolve(path: str, lookup: Callable[[str], Node | None]) -> Resolved:
    """Follow ``path`` and every symlink in it. Raises Invalid for a loop."""
    pending = path.split("/")[::-1]
    found: list[str] = []
    node = lookup("")
    links = 0
    while pending:
        part = pending.pop()
        if part in ("", "."):
            continue
        if part == "..":
            del found[-1:]
            node = lookup("/".join(found))
            continue
        node = lookup("/".join([*found, part]))
        if node is None or node.entry.kind is not Kind.SYMLINK:
            found.append(part)
            continue
        links += 1
        target = text_of(node.entry.target)
        if links > _MOST_LINKS or len(target) > _LONGEST_PATH:
            raise Invalid(f"too many levels of symbolic links: {path[:80]!r}")
        if target.startswith("/"):
            found = []
        node = lookup("/".join(found))
        pending.extend(target.split("/")[::-1])
    return Resolved("/".join(found), node)


def find(tree: Tree, path: str) -> Node | None:
    """The node ``path`` leads to, symlinks followed."""
    return resolve(path, tree.lookup).node


def walk(tree: Tree, directory: str) -> Iterator[Node]:
    """Everything below ``directory``, parents first, names sorted; symlinks are not followed."""
    waiting = _below(tree, directory)[::-1]
    while waiting:
        node = tree.lookup(waiting.pop())
        if node is None:
            continue
        yield node
        if node.is_directory:
            waiting.extend(_below(tree, node.path)[::-1])


def _below(tree: Tree, directory: str) -> list[str]:
    return [joined(directory, name) for name in tree.names(directory)]


def joined(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def text_of(name: bytes) -> str:
    """A name as stored, as text; bytes that are not UTF-8 survive the way back."""
    return name.decode("utf-8", "surrogateescape")


def bytes_of(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


class OnlyDirectories:
    """``tree`` as ``COPY --link`` sees a destination: only real directories are there, nothing else and no symlink."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def lookup(self, path: str) -> Node | None:
        parts = path.split("/") if path else []
        for count in range(len(parts) + 1):  # one by one: nothing may be looked up through a symlink
            node = self._tree.lookup("/".join(parts[:count]))
            if node is None or not node.is_directory:
                return None
        return node

    def names(self, path: str) -> list[str]:
        return self._tree.names(path)

    def content(self, node: Node) -> Iterator[bytes]:
        return self._tree.content(node)
