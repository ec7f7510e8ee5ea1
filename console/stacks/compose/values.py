"""The values that fields have, as shapes: text, numbers, durations, words, pairs."""

import re
import shlex
from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from console.stacks.compose.nodes import Mapping, Node, Scalar, Sequence
from console.stacks.compose.scalars import as_integer
from console.stacks.compose.shapes import At, Field, Listed, Named, Shape, Value, Whole, Wrong
from console.stacks.compose.units import duration_ns, size_bytes

YES = frozenset({"true", "yes", "on", "y", "1"})
NO = frozenset({"false", "no", "off", "n", "0"})
NAME = re.compile(r"[a-zA-Z0-9._-]+")
LARGEST = 2**63 - 1


def scalar(node: Node) -> str | int | float | bool | None:
    if not isinstance(node, Scalar):
        raise Wrong(_("This is a single value, not a list or a mapping."))
    return node.value


def text_of(node: Node, _at: At | None = None) -> str:
    value = scalar(node)
    if not isinstance(value, str):
        raise Wrong(_("This is text; put it in quotes."))
    if "\0" in value:
        raise Wrong(_("The text holds a zero byte."))
    return value


def word_of(node: Node, _at: At | None = None) -> str:
    """Text, or a number or truth as Compose writes it as text."""
    return spelled(scalar(node))


def spelled(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    if isinstance(value, str) and "\0" in value:
        raise Wrong(_("The text holds a zero byte."))
    return "" if value is None else str(value)


def _truth(node: Node, _at: At) -> bool:
    value = scalar(node)
    if isinstance(value, bool):
        return value
    word = str(value).lower() if isinstance(value, str) else ""
    if word not in YES | NO:
        raise Wrong(_("This is true or false."))
    return word in YES


def number_of(node: Node) -> int:
    value = scalar(node)
    if isinstance(value, str):
        value = as_integer(value.strip()) if len(value) < 40 else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Wrong(_("This is a whole number."))
    return value


def integer(least: int, most: int = LARGEST) -> Value:
    def parse(node: Node, _at: At) -> int:
        value = number_of(node)
        if not least <= value <= most:
            words = {"least": least, "most": most}
            if most == LARGEST:
                raise Wrong(_("This is a whole number from %(least)d on.") % words)
            raise Wrong(_("This is a whole number from %(least)d to %(most)d.") % words)
        return value

    return Value(parse)


def _fraction(node: Node, _at: At) -> float:
    value = scalar(node)
    try:
        found = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else -1.0
    except (ValueError, OverflowError):
        found = -1.0
    if not 0 <= found < 1e9:
        raise Wrong(_("This is a number from 0 on, such as 0.5."))
    return found


def _duration(node: Node, _at: At) -> int:
    value = scalar(node)
    found = duration_ns(value) if isinstance(value, str) else 0 if value == 0 else None
    if found is None:
        raise Wrong(_("This is a time such as 10s, 1m30s or 500ms."))
    return found


def size_of(node: Node, *, unlimited: bool = False) -> int:
    """Bytes. -1, where it may be ``unlimited``, is kept as it is."""
    value = scalar(node)
    if unlimited and value in (-1, "-1"):
        return -1
    found = size_bytes(spelled(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    if found is None:
        raise Wrong(_("This is a size such as 512m, 1.5g or a number of bytes."))
    return found


def choice(*words: str) -> Value:
    def parse(node: Node, at: At) -> str:
        found = text_of(node, at)
        if found not in words:
            raise Wrong(_("This is one of: %(words)s.") % {"words": ", ".join(words)})
        return found

    return Value(parse)


def matching(pattern: re.Pattern[str], wanted: Callable[[], str]) -> Value:
    """Text that ``pattern`` fits; ``wanted`` says what is wanted."""

    def parse(node: Node, at: At) -> str:
        found = text_of(node, at)
        if not pattern.fullmatch(found):
            raise Wrong(wanted())
        return found

    return Value(parse)


def is_name(text: str) -> bool:
    return bool(NAME.fullmatch(text))


def _path(node: Node, at: At) -> str:
    return at.reading.absolute(text_of(node, at))


def shell_words(node: Node, at: At) -> list[str]:
    """A command: a list as it is, a text split as a shell would."""
    if isinstance(node, Sequence):
        return [word_of(item) for item in node.items]
    try:
        return shlex.split(text_of(node, at))
    except ValueError as error:
        raise Wrong(_("The command has an open quote: %(why)s.") % {"why": error}) from error


def _pairs(separators: str) -> Callable[[Node, At], Node]:
    """``- NAME=value`` and ``- NAME`` as a mapping, the latter with null."""

    def parse(node: Node, _at: At) -> Node:
        if not isinstance(node, Sequence):
            raise Wrong(_("This is a mapping, or a list of “NAME=value”."))
        entries: dict[str, Node] = {}
        for item in node.items:
            text = text_of(item)
            cut = min((at for one in separators if (at := text.find(one)) >= 0), default=-1)
            name = text if cut < 0 else text[:cut]
            if not name:
                raise Wrong(_("There is no name before “=”."), mark=item.mark)
            entries[name] = Scalar(None if cut < 0 else text[cut + 1 :], item.mark)
        return Mapping(entries, node.mark, node.tag)

    return parse


class _Paired(Named):
    """Null in a mapping is empty text where names without a value have one."""

    def read(self, node: Node, at: At) -> Node | None:
        found = super().read(node, at)
        if not isinstance(found, Mapping):
            return found
        return found.with_entries(
            {name: Scalar("", value.mark, value.tag) if _is_none(value) else value for name, value in found}
        )


def _is_none(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None and not node.tag


TEXT = Value(text_of)
WORD = Value(word_of)
TRUTH = Value(_truth)
NUMBER = Value(_fraction)
DURATION = Value(_duration)
SIZE = Value(lambda node, _at: size_of(node))
PATH = Value(_path)
TEXTS = Listed(TEXT)
WORDS = Listed(WORD)
TEXT_OR_TEXTS = Listed(TEXT, one=True)
COMMAND: Shape = Whole(Value(shell_words))
# values null where a name stands alone: it is looked up
VARIABLES = Named(WORD, short=_pairs("="), keeps_null=True)
LABELS = _Paired(WORD, short=_pairs("="), keeps_null=True)
OPTIONS = _Paired(WORD, keeps_null=True)


def ns(name: str) -> dict[str, Field]:
    """A duration called ``name``, in the model in nanoseconds."""
    return {name: Field(DURATION, f"{name}_ns")}


def size(name: str) -> dict[str, Field]:
    return {name: Field(SIZE, f"{name}_bytes")}
