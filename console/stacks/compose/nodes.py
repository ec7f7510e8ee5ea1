"""A document as a tree that remembers where each part was written."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file. ``line`` and ``column`` count from 1; 0 where there is no such place."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Tag(StrEnum):
    """What a later file says of how a value meets that of an earlier one."""

    NONE = ""
    RESET = "!reset"
    OVERRIDE = "!override"


@dataclass(frozen=True, slots=True)
class Scalar:
    """``is_plain``: written without quotes in one line, so that places inside of it can be told."""

    value: str | int | float | bool | None
    mark: Mark
    tag: Tag = Tag.NONE
    is_plain: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    items: "tuple[Node, ...]"
    mark: Mark
    tag: Tag = Tag.NONE


@dataclass(frozen=True, slots=True)
class Mapping:
    """``keys`` says where each name was written."""

    entries: "dict[str, Node]"
    mark: Mark
    tag: Tag = Tag.NONE
    keys: dict[str, Mark] = field(default_factory=dict)

    def get(self, name: str) -> "Node | None":
        return self.entries.get(name)

    def key_mark(self, name: str) -> Mark:
        return self.keys.get(name) or self.entries[name].mark

    def with_entries(self, entries: "dict[str, Node]") -> "Mapping":
        return replace(self, entries=entries)

    def __iter__(self) -> "Iterator[tuple[str, Node]]":
        return iter(self.entries.items())


Node = Scalar | Sequence | Mapping


def is_null(node: Node | None) -> bool:
    return node is None or (isinstance(node, Scalar) and node.value is None)


def plain(node: Node) -> Any:
    """The tree as dicts, lists and scalars."""
    if isinstance(node, Mapping):
        return {name: plain(value) for name, value in node}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value


def grown(value: Any, mark: Mark) -> Node:
    """The tree of dicts, lists and scalars, all at one place."""
    if isinstance(value, dict):
        return Mapping({str(name): grown(one, mark) for name, one in value.items()}, mark)
    if isinstance(value, list | tuple):
        return Sequence(tuple(grown(one, mark) for one in value), mark)
    return Scalar(value, mark)


def wiped(node: Node) -> Node:
    """Without tags and without what is tagged ``!reset``: there is nothing before it any more."""
    if isinstance(node, Mapping):
        kept = {name: wiped(value) for name, value in node if value.tag is not Tag.RESET}
        return replace(node, entries=kept, tag=Tag.NONE)
    if isinstance(node, Sequence):
        items = tuple(wiped(item) for item in node.items if item.tag is not Tag.RESET)
        return replace(node, items=items, tag=Tag.NONE)
    return node if node.tag is Tag.NONE else replace(node, tag=Tag.NONE)
