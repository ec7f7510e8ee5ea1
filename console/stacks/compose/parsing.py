"""YAML to a tree with positions: anchors and merge keys followed, sizes bounded, nothing constructed but plain data.

The parser's events are read one by one, so a document that is too deep or too large is left where it becomes so.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import yaml
from django.utils.translation import gettext as _

from console.stacks.compose.limits import LIMITS, Limits
from console.stacks.compose.nodes import Mapping, Mark, Node, Scalar, Sequence, Tag
from console.stacks.compose.problems import ComposeInvalid, refusal
from console.stacks.compose.scalars import as_integer, resolved

STANDARD = "tag:yaml.org,2002:"
TAGS = {tag.value: tag for tag in Tag}
KINDS = {"str", "int", "float", "bool", "null"}
MERGE = "<<"


def parse(text: str, file: str, *, limits: Limits = LIMITS) -> list[Mapping]:
    """The file's documents, empty ones left out. ComposeInvalid with the place of what is wrong."""
    if len(text) > limits.file_bytes or len(text.encode(errors="replace")) > limits.file_bytes:
        raise refusal(Mark(file), "", _("The file is larger than %(most)d KiB.") % {"most": limits.file_bytes >> 10})
    try:
        # what UTF-8 cannot say would end the parser with an error of another kind
        text.encode()
        documents = list(_Builder(file, limits).documents(yaml.parse(text, Loader=yaml.CSafeLoader)))
    except UnicodeEncodeError as error:
        raise refusal(Mark(file), "", _("This is no text in UTF-8.")) from error
    except yaml.reader.ReaderError as error:
        raise _unreadable(text, file, error) from error
    except yaml.MarkedYAMLError as error:
        raise refusal(_mark(file, error.problem_mark or error.context_mark), "", _told(error)) from error
    return [_document(node) for node in documents if not (isinstance(node, Scalar) and node.value is None)]


def _document(node: Node) -> Mapping:
    if not isinstance(node, Mapping):
        raise refusal(node.mark, "", _("A Compose file is a mapping that begins with names such as “services:”."))
    return node


def _unreadable(text: str, file: str, error: Any) -> ComposeInvalid:
    before = text[: error.position]
    mark = Mark(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
    return refusal(mark, "", _("This character may not stand in YAML."))


def _told(error: yaml.MarkedYAMLError) -> str:
    """The parser's own words; there are too many of them to be said otherwise."""
    parts = (error.context, error.problem)
    return _("This is no YAML: %(why)s") % {"why": ", ".join(part for part in parts if part)}


def _mark(file: str, mark: Any) -> Mark:
    return Mark(file, mark.line + 1, mark.column + 1) if mark is not None else Mark(file)


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come. ``pending`` is the key whose value comes next."""

    mark: Mark
    tag: Tag
    anchor: str | None
    is_mapping: bool
    size: int = 1
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Mark] = field(default_factory=dict)
    merged: list[Node] = field(default_factory=list)
    pending: str | None = None
    pending_mark: Mark | None = None


class _Builder:
    def __init__(self, file: str, limits: Limits) -> None:
        self._file = file
        self._limits = limits
        self._open: list[_Open] = []
        # with how many nodes each stands for
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._count = 0
        self._done: list[Node] = []

    def documents(self, events: Iterator[Any]) -> Iterator[Node]:
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors.clear()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._begin(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._end()
            yield from self._done
            self._done.clear()

    # --- events ---

    def _alias(self, event: Any) -> None:
        mark = _mark(self._file, event.start_mark)
        known = self._anchors.get(event.anchor)
        if known is None:
            message = _("There is no anchor “%(name)s” before this, or it would hold itself.")
            raise refusal(mark, "", message % {"name": event.anchor})
        node, size = known
        self._add(node, size, mark, key=node.value if isinstance(node, Scalar) else None)

    def _scalar(self, event: Any) -> None:
        mark = _mark(self._file, event.start_mark)
        is_plain = not event.style and event.start_mark.line == event.end_mark.line
        node = Scalar(self._value(event, mark), mark, self._behaviour(event, mark), is_plain)
        if event.anchor:
            self._anchors[event.anchor] = (node, 1)
        # names stay as they are written: "on:" and "80:" are names as well
        is_merge = event.value == MERGE and not event.style
        self._add(node, 1, mark, key=event.value, is_merge=is_merge)

    def _begin(self, event: Any) -> None:
        mark = _mark(self._file, event.start_mark)
        if len(self._open) >= self._limits.depth:
            message = _("This is nested deeper than %(most)d levels.")
            raise refusal(mark, "", message % {"most": self._limits.depth})
        self._standard_kind(event, mark, allowed={"map", "seq"})
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        self._open.append(_Open(mark, self._behaviour(event, mark), event.anchor, is_mapping))

    def _end(self) -> None:
        ended = self._open.pop()
        node: Node
        if ended.is_mapping:
            node = _with_merged(Mapping(ended.entries, ended.mark, ended.tag, ended.keys), ended.merged)
        else:
            node = Sequence(tuple(ended.items), ended.mark, ended.tag)
        if ended.anchor:
            self._anchors[ended.anchor] = (node, ended.size)
        # its nodes were counted as they came
        self._count -= ended.size - 1
        self._add(node, ended.size, ended.mark, key=None)

    # --- the tree ---

    def _add(self, node: Node, size: int, mark: Mark, *, key: object, is_merge: bool = False) -> None:
        self._count += size
        if self._count > self._limits.nodes:
            message = _("This stands for more than %(most)d values, aliases followed.")
            raise refusal(mark, "", message % {"most": self._limits.nodes})
        if not self._open:
            self._count = 0
            self._done.append(node)
            return
        inner = self._open[-1]
        inner.size += size
        if not inner.is_mapping:
            inner.items.append(node)
        elif inner.pending is None:
            self._key(inner, key, mark, is_merge=is_merge)
        else:
            self._entry(inner, node)

    def _key(self, inner: _Open, key: object, mark: Mark, *, is_merge: bool) -> None:
        if not isinstance(key, str | int | float) or isinstance(key, bool):
            raise refusal(mark, "", _("A name must be a single word, not a list or a mapping."))
        name = str(key)
        if name in inner.entries and not is_merge:
            message = _("“%(name)s” stands here a second time; the first is in line %(line)d.")
            raise refusal(mark, "", message % {"name": name, "line": inner.keys[name].line})
        if len(inner.entries) >= self._limits.services and self._is_services():
            message = _("These are more than %(most)d services, which is what can be in one stack.")
            raise refusal(mark, "services", message % {"most": self._limits.services})
        inner.pending, inner.pending_mark = "" if is_merge else name, mark
        if is_merge:
            inner.pending = MERGE

    def _is_services(self) -> bool:
        return len(self._open) == 2 and self._open[0].pending == "services"

    def _entry(self, inner: _Open, node: Node) -> None:
        name, inner.pending = inner.pending or "", None
        if name == MERGE:
            inner.merged += self._sources(node)
            return
        inner.entries[name] = node
        inner.keys[name] = inner.pending_mark or node.mark

    def _sources(self, node: Node) -> list[Node]:
        found: list[Node] = list(node.items) if isinstance(node, Sequence) else [node]
        wrong = next((one for one in found if not isinstance(one, Mapping)), None)
        if wrong is not None:
            raise refusal(wrong.mark, MERGE, _("“<<” takes a mapping, or a list of mappings."))
        return found

    # --- tags ---

    def _behaviour(self, event: Any, mark: Mark) -> Tag:
        if event.tag is None or event.tag in ("!", *(STANDARD + kind for kind in (*KINDS, "map", "seq"))):
            return Tag.NONE
        tag = TAGS.get(event.tag)
        if tag is None:
            message = _("The tag “%(tag)s” is not known here; there are !reset and !override.")
            raise refusal(mark, "", message % {"tag": event.tag.replace(STANDARD, "!!")[:80]})
        return tag

    def _standard_kind(self, event: Any, mark: Mark, *, allowed: set[str]) -> str:
        if event.tag is None or not event.tag.startswith(STANDARD):
            return ""
        kind = str(event.tag.removeprefix(STANDARD))
        if kind not in allowed:
            message = _("The tag “%(tag)s” does not fit here.")
            raise refusal(mark, "", message % {"tag": f"!!{kind}"[:80]})
        return kind

    def _value(self, event: Any, mark: Mark) -> str | int | float | bool | None:
        kind = self._standard_kind(event, mark, allowed=KINDS)
        if kind == "str" or (not kind and (event.style or event.tag == "!")):
            return str(event.value)
        value = resolved(event.value)
        if not kind:
            return value
        return self._of_kind(kind, value, event.value, mark)

    def _of_kind(self, kind: str, value: object, text: str, mark: Mark) -> str | int | float | bool | None:
        number = as_integer(text)
        if kind == "int" and number is not None:
            return number
        if kind == "float" and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if kind == "bool" and isinstance(value, bool):
            return value
        if kind == "null" and value is None:
            return None
        raise refusal(mark, "", _("“%(text)s” is no %(kind)s.") % {"text": text[:80], "kind": f"!!{kind}"})


def _with_merged(node: Mapping, sources: list[Node]) -> Mapping:
    """Names of its own go first, then those of earlier sources."""
    if not sources:
        return node
    entries, keys = dict(node.entries), dict(node.keys)
    for source in sources:
        assert isinstance(source, Mapping)
        for name, value in source:
            if name not in entries:
                entries[name] = value
                keys[name] = source.key_mark(name)
    return replace(node, entries=entries, keys=keys)
