"""How parts of a document are read and merged: each shape knows both.

``read`` turns what was written, in its short or long form, into the one form the model has; ``merge`` lays one such
form over another. Tables of fields (``grammar_*``) are made of these.
"""

import difflib
import posixpath
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

from console.stacks.compose.limits import LIMITS, Limits
from console.stacks.compose.nodes import Mapping, Mark, Node, Scalar, Sequence, Tag, grown, is_null, plain, wiped
from console.stacks.compose.problems import Problems


class Wrong(Exception):
    """What a shape cannot read. ``at`` is the part that is wrong, where it is not the whole."""

    def __init__(self, message: str, *, mark: Mark | None = None) -> None:
        super().__init__(message)
        self.mark = mark


@dataclass(frozen=True, slots=True)
class Reading:
    """``directory`` is what paths in the file are relative to; ``home`` what "~" is, empty where there is none."""

    directory: str
    problems: Problems
    home: str = ""
    limits: Limits = LIMITS
    # what has been met so far, of things that are limited
    counted: dict[str, int] = field(default_factory=dict)

    def absolute(self, path: str) -> str:
        if path == "~" or path.startswith("~/"):
            if not self.home:
                raise Wrong(_("There is no home directory here. Write the whole path instead of “~”."))
            path = self.home + path[1:]
        return posixpath.normpath(posixpath.join(self.directory, path))


@dataclass(frozen=True, slots=True)
class At:
    path: str
    reading: Reading

    def inner(self, name: str | int) -> "At":
        return At(f"{self.path}.{name}" if self.path else str(name), self.reading)


class Shape:
    def read(self, node: Node, at: At) -> Node | None:
        """None where there is nothing to keep. Raises Wrong."""
        raise NotImplementedError

    def merge(self, base: Node, over: Node) -> Node:  # noqa: ARG002 - what replaces does not look at what was
        return wiped(over)


def taken(shape: Shape, node: Node, at: At) -> Node | None:
    """As ``read``, with problems collected; the tag stays."""
    if node.tag is Tag.RESET:
        return Scalar(None, node.mark, Tag.RESET)
    try:
        found = shape.read(node, at)
    except Wrong as wrong:
        at.reading.problems.add(wrong.mark or node.mark, at.path, str(wrong))
        return None
    return replace(found, tag=node.tag) if found is not None and node.tag is not Tag.NONE else found


def merged(shape: Shape, base: Node | None, over: Node) -> Node | None:
    if over.tag is Tag.RESET:
        return None
    return wiped(over) if base is None or over.tag is Tag.OVERRIDE else shape.merge(base, over)


@dataclass(frozen=True)
class Value(Shape):
    """What ``parse`` makes of it; later ones replace earlier ones whole."""

    parse: Callable[[Node, At], Any]

    def read(self, node: Node, at: At) -> Node | None:
        if is_null(node):
            return None
        return grown(self.parse(node, at), node.mark)


@dataclass(frozen=True)
class Field:
    """``name`` is that in the model, where it differs."""

    shape: Shape
    name: str = ""


@dataclass(frozen=True)
class Table(Shape):
    """A mapping with names that are known. ``short`` turns another way to write it into the mapping.

    Names that begin with "x-" are anybody's and left out. ``required`` holds for the file itself.
    """

    fields: dict[str, Field]
    short: Callable[[Node, At], Node] | None = None
    required: tuple[str, ...] = ()
    is_whole: bool = False

    def read(self, node: Node, at: At) -> Node | None:
        if not isinstance(node, Mapping) and self.short is not None and not is_null(node):
            node = self.short(node, at)
        if is_null(node):
            return None
        found: dict[str, Node] = {}
        mapping = as_mapping(node)
        for name, value in mapping:
            self._read_field(name, value, mapping, at, found)
        missing = next((name for name in self.required if is_null(mapping.get(name))), None)
        if missing is not None:
            raise Wrong(_("“%(name)s” is missing here.") % {"name": missing})
        return Mapping(found, node.mark)

    def _read_field(self, name: str, value: Node, mapping: Mapping, at: At, found: dict[str, Node]) -> None:
        known = self.fields.get(name)
        if known is None:
            if not name.startswith("x-"):
                at.reading.problems.add(mapping.key_mark(name), at.path, unknown(name, self.fields))
            return
        read = taken(known.shape, value, at.inner(name))
        if read is not None:
            found[known.name or name] = read

    def merge(self, base: Node, over: Node) -> Node:
        if self.is_whole or not isinstance(base, Mapping) or not isinstance(over, Mapping):
            return wiped(over)
        shapes = {known.name or name: known.shape for name, known in self.fields.items()}
        return _laid_over(base, over, shapes.__getitem__)


@dataclass(frozen=True)
class Named(Shape):
    """A mapping from names of one's own to things of one shape. ``short`` as for Table; null is an empty thing."""

    shape: Shape
    short: Callable[[Node, At], Node] | None = None
    is_name: Callable[[str], bool] = bool
    keeps_null: bool = False

    def read(self, node: Node, at: At) -> Node | None:
        if not isinstance(node, Mapping) and self.short is not None and not is_null(node):
            node = self.short(node, at)
        if is_null(node):
            return None
        found: dict[str, Node] = {}
        mapping = as_mapping(node)
        for name, value in mapping:
            if not self.is_name(name):
                message = _("“%(name)s” is no name that can be used here.") % {"name": name[:80]}
                at.reading.problems.add(mapping.key_mark(name), at.path, message)
            elif (read := self._one(value, at.inner(name))) is not None:
                found[name] = read
        return Mapping(found, node.mark)

    def _one(self, value: Node, at: At) -> Node | None:
        if not is_null(value) or value.tag is Tag.RESET:
            return taken(self.shape, value, at)
        if self.keeps_null:
            return Scalar(None, value.mark, value.tag)
        return Mapping({}, value.mark, value.tag) if isinstance(self.shape, Table) else None

    def merge(self, base: Node, over: Node) -> Node:
        if not isinstance(base, Mapping) or not isinstance(over, Mapping):
            return wiped(over)
        return _laid_over(base, over, lambda _name: self.shape)


def _laid_over(base: Mapping, over: Mapping, shape_of: Callable[[str], Shape]) -> Mapping:
    entries = dict(base.entries)
    for name, value in over:
        result = merged(shape_of(name), entries.get(name), value)
        if result is None:
            entries.pop(name, None)
        else:
            entries[name] = result
    return Mapping(entries, over.mark)


def _itself(item: Node) -> Hashable:
    return repr(plain(item))


@dataclass(frozen=True)
class Listed(Shape):
    """A list. ``expand`` turns an item as it is written into one or several; later ones with the same key replace
    earlier ones in their place. ``one`` lets a single thing stand for a list of it.
    """

    shape: Shape
    expand: Callable[[Node, At], list[Node]] | None = None
    key: Callable[[Node], Hashable] = _itself
    one: bool = False
    # what ``expand`` makes of anything but a mapping needs no more reading
    expands_whole: bool = False

    def read(self, node: Node, at: At) -> Node | None:
        if is_null(node):
            return None
        if not isinstance(node, Sequence):
            if not self.one:
                raise Wrong(_("This is a list: each of its items begins with “-”."))
            node = Sequence((node,), node.mark)
        found: dict[Hashable, Node] = {}
        for number, item in enumerate(node.items):
            for read in self._read_item(item, at.inner(number)):
                found[self.key(read)] = read
        return Sequence(tuple(found.values()), node.mark)

    def _read_item(self, item: Node, at: At) -> list[Node]:
        try:
            written = [item] if self.expand is None else self.expand(item, at)
        except Wrong as wrong:
            at.reading.problems.add(wrong.mark or item.mark, at.path, str(wrong))
            return []
        if self.expands_whole and not isinstance(item, Mapping):
            return written
        return [read for one in written if (read := taken(self.shape, one, at)) is not None]

    def merge(self, base: Node, over: Node) -> Node:
        if not isinstance(base, Sequence) or not isinstance(over, Sequence):
            return wiped(over)
        found = {self.key(item): item for item in base.items}
        for item in over.items:
            found[self.key(item)] = wiped(item)
        return Sequence(tuple(found.values()), over.mark)


@dataclass(frozen=True)
class Whole(Shape):
    """As ``shape``, but a later one replaces an earlier one."""

    shape: Shape

    def read(self, node: Node, at: At) -> Node | None:
        return self.shape.read(node, at)


@dataclass(frozen=True)
class Ignored(Shape):
    """Checked, and of no meaning to a host: nothing of it is kept."""

    shape: Shape | None = None

    def read(self, node: Node, at: At) -> Node | None:
        if self.shape is not None:
            self.shape.read(node, at)
        return None


def as_mapping(node: Node) -> Mapping:
    if not isinstance(node, Mapping):
        raise Wrong(_("This is a mapping: names with values, “name: value”."))
    return node


def unknown(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return _("“%(name)s” is not known here. Is it “%(near)s” that is meant?") % {"name": name[:80], "near": near[0]}
    return _("“%(name)s” is not known here.") % {"name": name[:80]}


def fields(**shapes: Shape | Field) -> dict[str, Field]:
    """A table, written shortly: ``fields(image=TEXT, ports=PORTS)``."""
    return {name: shape if isinstance(shape, Field) else Field(shape) for name, shape in shapes.items()}
