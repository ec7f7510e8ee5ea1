""".dockerignore: which paths of a context the build must not see.

Follows moby's patternmatcher: patterns apply in order, the last that matches a path or a directory above it decides,
and ``!`` brings back what an earlier pattern took away.
"""

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from engine.build.patterns import Pattern
from engine.model.errors import Invalid, TooLarge

_LARGEST_BYTES = 1 << 20
_MOST_PATTERNS = 10_000


@dataclass(frozen=True, slots=True)
class Rule:
    pattern: Pattern
    excludes: bool


class Dockerignore:
    """``excludes(path)`` for paths without a leading slash."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules = tuple(rules)
        self._brings_back = any(not rule.excludes for rule in self._rules)

    @classmethod
    def parse(cls, data: bytes) -> "Dockerignore":
        """Raises Invalid with the line, or TooLarge."""
        if len(data) > _LARGEST_BYTES:
            raise TooLarge(f".dockerignore is larger than {_LARGEST_BYTES} bytes")
        rules: list[Rule] = []
        for number, line in enumerate(data.decode("utf-8-sig", "surrogateescape").split("\n"), 1):
            rule = _rule(line, number)
            if rule is not None:
                rules.append(rule)
            if len(rules) > _MOST_PATTERNS:
                raise TooLarge(f".dockerignore has more than {_MOST_PATTERNS} patterns")
        return cls(rules)

    def excludes(self, path: str) -> bool:
        excluded = False
        for rule in self._rules:
            if rule.excludes != excluded and rule.pattern.matches_or_contains(path):
                excluded = rule.excludes
        return excluded

    def excludes_tree(self, path: str) -> bool:
        """Whether the directory ``path`` and all below it are excluded, so that none of it need be asked about."""
        return not self._brings_back and self.excludes(path)


def _rule(line: str, number: int) -> Rule | None:
    text = line.strip()
    if line.startswith("#") or not text:
        return None
    excludes = not text.startswith("!")
    if not excludes:
        text = text[1:].strip()
        if not text:
            raise Invalid(f'.dockerignore line {number}: illegal exclusion pattern: "!"')
    text = posixpath.normpath(text)
    text = text.lstrip("/") or text[:1]
    try:
        return Rule(Pattern(text, double_star=True), excludes)
    except Invalid as error:
        raise Invalid(f".dockerignore line {number}: {error}") from error
