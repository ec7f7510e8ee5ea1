"""Wildcard patterns over slash-separated paths: Go's ``filepath.Match``, and what .dockerignore adds (``**``).

A pattern comes from a stranger, so it must not be able to cost more than its length times the path's: it is run as a
set of states, never with backtracking, and the sets that were met are remembered (a DFA built as needed).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from engine.model.errors import Invalid

LONGEST_PATTERN = 4096
_MOST_REMEMBERED = 20_000
WILDCARDS: Final = "*?["


@dataclass(frozen=True, slots=True)
class _Token:
    """One position of a pattern. ``accepts`` says which character moves past it; ``loops`` which may be swallowed
    while staying; ``may_skip`` that it matches nothing as well."""

    accepts: Callable[[str], bool]
    loops: Callable[[str], bool] | None = None
    may_skip: bool = False


class Pattern:
    """A compiled pattern. With ``double_star`` ``**/`` matches any number of directories, none included."""

    def __init__(self, text: str, *, double_star: bool = False) -> None:
        if len(text) > LONGEST_PATTERN:
            raise Invalid(f"pattern {text[:80]!r}… is longer than {LONGEST_PATTERN} characters")
        self.text = text
        self._tokens = tuple(_tokens(text, double_star=double_star))
        self._final = 1 << len(self._tokens)
        self._start = self._closed(1)
        self._moves: dict[tuple[int, str], int] = {}

    def matches(self, path: str) -> bool:
        states = self._start
        for character in path:
            states = self._after(states, character)
            if not states:
                return False
        return bool(states & self._final)

    def matches_or_contains(self, path: str) -> bool:
        """Whether the pattern matches ``path`` or a directory above it."""
        states = self._start
        for character in path:
            if character == "/" and states & self._final:
                return True
            states = self._after(states, character)
            if not states:
                return False
        return bool(states & self._final)

    def _after(self, states: int, character: str) -> int:
        known = self._moves.get((states, character))
        if known is None:
            if len(self._moves) > _MOST_REMEMBERED:
                self._moves.clear()
            known = self._moves[states, character] = self._closed(self._moved(states, character))
        return known

    def _moved(self, states: int, character: str) -> int:
        following = 0
        for number, token in enumerate(self._tokens):
            if states >> number & 1:
                if token.accepts(character):
                    following |= 1 << (number + 1)
                if token.loops is not None and token.loops(character):
                    following |= 1 << number
        return following

    def _closed(self, states: int) -> int:
        for number, token in enumerate(self._tokens):
            if token.may_skip and states >> number & 1:
                states |= 1 << (number + 1)
        return states


def _never(_: str) -> bool:
    return False


def _any(_: str) -> bool:
    return True


def _inside_name(character: str) -> bool:
    return character != "/"


def _is_slash(character: str) -> bool:
    return character == "/"


_STAR = _Token(_never, loops=_inside_name, may_skip=True)
_REST = _Token(_never, loops=_any, may_skip=True)
_DIRECTORIES = _Token(_is_slash, loops=_any, may_skip=True)
_ONE = _Token(_inside_name)


def _tokens(text: str, *, double_star: bool) -> Iterator[_Token]:
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if double_star and text.startswith("**", position - 1):
            position += 1
            position += text.startswith("/", position)
            yield _REST if position == len(text) else _DIRECTORIES
        elif character == "*":
            yield _STAR
        elif character == "?":
            yield _ONE
        elif character == "[":
            token, position = _class(text, position)
            yield token
        elif character == "\\":
            if position == len(text):
                raise _malformed(text)
            yield _literal(text[position])
            position += 1
        else:
            yield _literal(character)


def _literal(wanted: str) -> _Token:
    return _Token(lambda character: character == wanted)


def _class(text: str, position: int) -> tuple[_Token, int]:
    """``[abc] [a-z] [^a-z]``, from behind the opening bracket; with the position behind the closing one."""
    is_negated = text.startswith("^", position)
    position += is_negated
    ranges: list[tuple[str, str]] = []
    while not (text.startswith("]", position) and ranges):
        low, position = _class_character(text, position)
        high = low
        if text.startswith("-", position):
            high, position = _class_character(text, position + 1)
        ranges.append((low, high))
    found = tuple(ranges)

    def accepts(character: str) -> bool:
        return character != "/" and any(low <= character <= high for low, high in found) != is_negated

    return _Token(accepts), position + 1


def _class_character(text: str, position: int) -> tuple[str, int]:
    if position >= len(text) or text[position] in "-]":
        raise _malformed(text)
    if text[position] == "\\":
        position += 1
    if position >= len(text) - 1:
        raise _malformed(text)
    return text[position], position + 1


def _malformed(text: str) -> Invalid:
    return Invalid(f"syntax error in pattern: {text[:80]!r}")
