"""Patterns of what may be given for a template's variable: a small part of regular expressions, matched in linear time.

A pattern is one or more sequences with ``|`` between them, and all of a text has to match. A sequence is made of
characters, ``.``, classes (``[a-z0-9_]``, ``[^ ]``) and the escapes ``\\d \\w \\s``, each of which may be followed by
``?``, ``*``, ``+`` or ``{least,most}``. There are no groups, so nothing repeats what repeats; and places that a text
can have been matched up to are kept as a set, so none is tried twice: the work is at most the pattern's length times
the text's, whoever wrote both.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from django.utils.translation import gettext as _

from console.operations.errors import Invalid

LONGEST: Final = 300
_MOST: Final = 1000
Ranges = tuple[tuple[int, int], ...]
_DIGITS: Ranges = ((48, 57),)
_SETS: Final[dict[str, Ranges]] = {
    "d": _DIGITS,
    "w": (*_DIGITS, (65, 90), (95, 95), (97, 122)),
    "s": ((9, 13), (32, 32)),
}
_COUNT = re.compile(r"\{([0-9]{1,4})(,?)([0-9]{0,4})\}")
_SPECIAL: Final = frozenset("()[]{}?*+|\\^$")


@dataclass(frozen=True, slots=True)
class Atom:
    """A character of ``ranges`` (or of none of them), between ``least`` and ``most`` times."""

    ranges: Ranges
    is_none: bool = False
    least: int = 1
    most: int = 1

    def has(self, character: str) -> bool:
        code = ord(character)
        return any(first <= code <= last for first, last in self.ranges) != self.is_none


@dataclass(frozen=True, slots=True)
class Pattern:
    alternatives: tuple[tuple[Atom, ...], ...]

    def matches(self, text: str) -> bool:
        """All of it."""
        return any(_matches(sequence, text) for sequence in self.alternatives)


def _matches(sequence: tuple[Atom, ...], text: str) -> bool:
    """``there`` says of each place in the text whether the atoms so far can end there."""
    there = [True] + [False] * len(text)
    for atom in sequence:
        there = _after(atom, there, text)
    return there[-1]


def _after(atom: Atom, there: list[bool], text: str) -> list[bool]:
    """From each place that is there, ``least`` to ``most`` characters on, as far as they are the atom's.

    Each place opens and closes an interval, which are added up in one go.
    """
    runs = [0] * (len(text) + 1)
    for place in range(len(text) - 1, -1, -1):
        runs[place] = runs[place + 1] + 1 if atom.has(text[place]) else 0
    changes = [0] * (len(text) + 2)
    for place, is_there in enumerate(there):
        longest = min(runs[place], atom.most)
        if is_there and longest >= atom.least:
            changes[place + atom.least] += 1
            changes[place + longest + 1] -= 1
    found, open_ = [], 0
    for change in changes[: len(text) + 1]:
        open_ += change
        found.append(open_ > 0)
    return found


@lru_cache(maxsize=256)
def parse(pattern: str, *, field: str = "pattern") -> Pattern:
    """Invalid (``field``) says what is not understood, and where. ``^`` and ``$`` at the ends mean nothing more."""
    if len(pattern) > LONGEST:
        raise Invalid(_("A pattern has at most 300 characters."), field=field)
    text = pattern.removeprefix("^")
    if text.endswith("$") and not text.endswith("\\$"):
        text = text[:-1]
    try:
        return _Reader(text).pattern()
    except _NotUnderstood as error:
        words = {"pattern": pattern[:80], "rest": str(error)[:20]}
        raise Invalid(
            _("“%(pattern)s” is not understood from “%(rest)s” on: characters, classes, counts and “|” are.") % words,
            field=field,
        ) from error


class _NotUnderstood(Exception):
    """What comes there."""


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0

    def pattern(self) -> Pattern:
        alternatives = [self._sequence()]
        while self._took("|"):
            alternatives.append(self._sequence())
        return Pattern(tuple(alternatives))

    def _sequence(self) -> tuple[Atom, ...]:
        found = []
        while self.place < len(self.text) and self.text[self.place] != "|":
            ranges, is_none = self._one()
            found.append(Atom(ranges, is_none, *self._count()))
        return tuple(found)

    def _one(self) -> tuple[Ranges, bool]:
        if self._took("."):
            return ((10, 10),), True
        if self._took("["):
            return self._class()
        if self._took("\\"):
            return self._escaped(), False
        if self.text[self.place] in _SPECIAL:
            raise self._odd()
        return _only(self._next()), False

    def _class(self) -> tuple[Ranges, bool]:
        is_none, found = self._took("^"), list[tuple[int, int]]()
        while not self._took("]"):
            if self._took("\\"):
                found += self._escaped()
                continue
            first = self._next()
            if first == "[":
                raise self._odd(back=1)
            # a "-" at the end is itself
            if self.text[self.place : self.place + 1] == "-" and self.text[self.place + 1 : self.place + 2] != "]":
                self.place += 1
                self._took("\\")
                last = self._next()
                if ord(last) < ord(first):
                    raise self._odd(back=1)
                found.append((ord(first), ord(last)))
            else:
                found += _only(first)
        if not found:
            raise self._odd(back=1)
        return tuple(found), is_none

    def _escaped(self) -> Ranges:
        character = self._next()
        if character.isalnum() and character not in _SETS:
            raise self._odd(back=1)
        return _SETS.get(character) or _only(character)

    def _count(self) -> tuple[int, int]:
        for sign, least, most in (("?", 0, 1), ("*", 0, _MOST), ("+", 1, _MOST)):
            if self._took(sign):
                return least, most
        match = _COUNT.match(self.text, self.place)
        if match is None:
            return 1, 1
        least, most = int(match[1]), int(match[3]) if match[3] else (_MOST if match[2] else int(match[1]))
        if not least <= most <= _MOST:
            raise self._odd()
        self.place = match.end()
        return least, most

    def _took(self, sign: str) -> bool:
        if self.text.startswith(sign, self.place):
            self.place += 1
            return True
        return False

    def _next(self) -> str:
        if self.place >= len(self.text):
            raise self._odd()
        self.place += 1
        return self.text[self.place - 1]

    def _odd(self, *, back: int = 0) -> _NotUnderstood:
        return _NotUnderstood(self.text[max(self.place - back, 0) :])


def _only(character: str) -> Ranges:
    return ((ord(character), ord(character)),)
