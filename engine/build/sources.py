"""Which files COPY and ADD mean, and a digest of all that makes them what they are."""

import hashlib
import json
import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from engine.build.dockerignore import Dockerignore
from engine.build.patterns import WILDCARDS, Pattern
from engine.build.tree import Node, Tree, bytes_of, find, joined, walk
from engine.host.archive import Entry, Kind
from engine.model.errors import Invalid

_MOST_SOURCES = 100_000


@dataclass(frozen=True, slots=True)
class Source:
    """One file or directory to copy, symlinks followed. ``name`` is what it is called at its destination.

    ``is_remote``: ADD fetched it, and leaves an archive as it is. ``keeps_path``: ``name`` is a path, which it keeps.
    """

    name: str
    node: Node
    tree: Tree
    is_remote: bool = False
    keeps_path: bool = False


class Excluding:
    """``tree`` without what ``ignore`` excludes below ``top``, a directory in it."""

    def __init__(self, tree: Tree, top: str, ignore: Dockerignore) -> None:
        self._tree = tree
        self._cut = len(top) + 1 if top else 0
        self._ignore = ignore

    def lookup(self, path: str) -> Node | None:
        return self._tree.lookup(path)

    def names(self, path: str) -> list[str]:
        return [name for name in self._tree.names(path) if not self._leaves_out(joined(path, name))]

    def content(self, node: Node) -> Iterator[bytes]:
        return self._tree.content(node)

    def _leaves_out(self, path: str) -> bool:
        node = self._tree.lookup(path)
        if node is not None and node.is_directory:
            return self._ignore.excludes_tree(path[self._cut :])
        return self._ignore.excludes(path[self._cut :])


class Inline:
    """Here-documents as a ``Tree``: each is a file in its root."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def lookup(self, path: str) -> Node | None:
        if path not in self._files:
            return None
        return Node(path, Entry(b"", Kind.FILE, mode=0o644, size_bytes=len(self._files[path])))

    def names(self, path: str) -> list[str]:
        return [] if path else sorted(self._files)

    def content(self, node: Node) -> Iterator[bytes]:
        yield self._files[node.path]


def select_sources(tree: Tree, texts: Sequence[str], *, missing: Callable[[str], str]) -> list[Source]:
    """What ``texts``, expanded arguments of COPY, mean in ``tree``; ``missing`` words the error for one not there.

    A text with wildcards stands for everything it matches, sorted, be it nothing. Raises Invalid.
    """
    found: list[Source] = []
    for text in texts:
        path = path_inside(text)
        if not _has_wildcards(path):
            node = find(tree, path)
            if node is None:
                raise Invalid(missing(path))
            found.append(Source(posixpath.basename(path), node, tree))
            continue
        for match in _matches(tree, path):
            node = find(tree, match)
            if node is None:
                raise Invalid(missing(match))
            found.append(Source(posixpath.basename(match), node, tree))
            if len(found) > _MOST_SOURCES:
                raise Invalid(f"{text[:80]!r} matches more than {_MOST_SOURCES} files")
    return found


def without(sources: Sequence[Source], excludes: Sequence[str]) -> list[Source]:
    """What ``--exclude`` leaves of ``sources``; its patterns are relative to each of them. Raises Invalid."""
    if not excludes:
        return list(sources)
    ignore = Dockerignore.parse("\n".join(excludes).encode("utf-8", "surrogateescape"))
    kept: list[Source] = []
    for source in sources:
        if source.node.is_directory:
            kept.append(replace(source, tree=Excluding(source.tree, source.node.path, ignore)))
        elif not ignore.excludes(posixpath.basename(source.name)):
            kept.append(source)
    return kept


def select_with_parents(tree: Tree, texts: Sequence[str], *, missing: Callable[[str], str]) -> list[Source]:
    """As ``select_sources``, but each keeps its path, from behind a ``/./`` where there is one; ``**`` matches any
    number of directories. Raises Invalid."""
    found: list[Source] = []
    for text in texts:
        before, pivot, _ = text.partition("/./")
        cut = len(path_inside(before)) if pivot else 0
        path = path_inside(text)
        matches = [path] if not _has_wildcards(path) else list(_deep_matches(tree, path))
        for match in matches:
            node = find(tree, match)
            if node is None:
                raise Invalid(missing(match))
            found.append(Source(match[cut:].lstrip("/"), node, tree, keeps_path=True))
            if len(found) > _MOST_SOURCES:
                raise Invalid(f"{text[:80]!r} matches more than {_MOST_SOURCES} files")
    return found


def _deep_matches(tree: Tree, path: str) -> Iterator[str]:
    if "**" not in path.split("/"):
        yield from _matches(tree, path)
        return
    pattern = Pattern(path, double_star=True)
    yield from (node.path for node in walk(tree, "") if pattern.matches(node.path) and not node.is_directory)


def digest_of(sources: Sequence[Source]) -> str:
    """``file:``, ``dir:`` or ``multi:`` and a digest over names, kinds, modes, owners, links, attributes and contents.

    Times are left out, so that a fresh checkout of the same files is the same.
    """
    parts = [_digest(source) for source in sources]
    if len(parts) == 1:
        kind = "dir" if sources[0].node.is_directory else "file"
        return f"{kind}:{parts[0]}"
    return f"multi:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"


def _digest(source: Source) -> str:
    whole = hashlib.sha256()
    whole.update(_facts(source.name, source.node))
    if source.node.entry.kind is Kind.FILE:
        _add_content(whole, source.tree, source.node)
    if source.node.is_directory:
        cut = len(source.node.path) + 1 if source.node.path else 0
        for node in walk(source.tree, source.node.path):
            whole.update(_facts(node.path[cut:], node))
            if node.entry.kind is Kind.FILE:
                _add_content(whole, source.tree, node)
    return whole.hexdigest()


def _add_content(whole: "hashlib._Hash", tree: Tree, node: Node) -> None:
    content = hashlib.sha256()
    for piece in tree.content(node):
        content.update(piece)
    whole.update(content.digest())


def _facts(name: str, node: Node) -> bytes:
    """One line, the name last but one: no two different nodes have the same."""
    entry = node.entry
    attributes = sorted((key.hex(), value.hex()) for key, value in entry.xattrs.items())
    facts = [entry.kind, entry.mode, entry.uid, entry.gid, entry.size_bytes, entry.target.hex(), *entry.device]
    return json.dumps([*facts, attributes, bytes_of(name).hex()]).encode() + b"\n"


def path_inside(text: str) -> str:
    """``text`` as a path from the tree's root. Raises Invalid when it leads out."""
    path = posixpath.normpath(text.lstrip("/") or ".")
    if path == ".." or path.startswith("../"):
        raise Invalid(f"forbidden path outside the build context: {text[:80]} ()")
    return "" if path == "." else path


def _has_wildcards(path: str) -> bool:
    position = 0
    while position < len(path):
        if path[position] == "\\":
            position += 1
        elif path[position] in WILDCARDS:
            return True
        position += 1
    return False


def _matches(tree: Tree, path: str) -> Iterator[str]:
    """Paths that match, sorted; a wildcard stays within one name, and no symlink is followed on the way."""
    patterns = [Pattern(part) for part in path.split("/")]
    waiting: list[tuple[str, int]] = [("", 0)]
    while waiting:
        directory, depth = waiting.pop()
        if depth == len(patterns):
            yield directory
            continue
        node = tree.lookup(directory)
        if node is None or not node.is_directory:
            continue
        names = [name for name in tree.names(directory) if patterns[depth].matches(name)]
        waiting.extend((joined(directory, name), depth + 1) for name in reversed(names))
