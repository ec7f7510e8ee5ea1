"""Shell patterns in ``${x#pattern}`` and its like: ``*`` and ``?`` match any character, a slash too.

Run as a set of states, without backtracking: a pattern comes from a stranger.
"""

from collections.abc import Iterable, Sequence

from engine.model.errors import Invalid

ANY, ONE = "*", "?"
_MOST_STEPS = 3_000_000
Token = tuple[str, bool]  # a character, and whether it is a wildcard


def tokens_of(pieces: Iterable[tuple[str, bool]]) -> list[Token]:
    """``pieces`` are texts, and whether wildcards in them count (not where they were quoted)."""
    return [(character, counts and character in (ANY, ONE)) for text, counts in pieces for character in text]


def trimmed(text: str, pattern: Sequence[Token], *, from_end: bool, longest: bool) -> str:
    """``text`` without the shortest, or longest, beginning (or end) that matches."""
    searched, tokens = (text[::-1], pattern[::-1]) if from_end else (text, pattern)
    length = _match(searched, 0, tokens, longest=longest, steps=[0])
    if length is None:
        return text
    return text[: len(text) - length] if from_end else text[length:]


def replaced(text: str, pattern: Sequence[Token], replacement: str, *, every: bool) -> str:
    """The first, or every, longest match exchanged. An empty pattern matches nothing. Raises Invalid."""
    parts: list[str] = []
    position, steps = 0, [0]
    while pattern and position < len(text):
        length = _match(text, position, pattern, longest=True, steps=steps)
        if not length:
            parts.append(text[position])
            position += 1
            continue
        parts.append(replacement)
        position += length
        if not every:
            break
    return "".join([*parts, text[position:]])


def _match(text: str, start: int, pattern: Sequence[Token], *, longest: bool, steps: list[int]) -> int | None:
    """How many characters from ``start`` on match."""
    states, found = _closed({0}, pattern), None
    for position in range(start, len(text) + 1):
        if len(pattern) in states:
            found = position - start
            if not longest:
                return found
        if position == len(text) or not states:
            break
        steps[0] += len(states)
        if steps[0] > _MOST_STEPS:
            raise Invalid("a pattern in a substitution takes too long to match")
        states = _closed(set(_moved(states, text[position], pattern)), pattern)
    return found


def _moved(states: Iterable[int], character: str, pattern: Sequence[Token]) -> Iterable[int]:
    for state in states:
        if state < len(pattern):
            token, is_wildcard = pattern[state]
            if is_wildcard and token == ANY:
                yield state
            elif is_wildcard or token == character:
                yield state + 1


def _closed(states: set[int], pattern: Sequence[Token]) -> set[int]:
    for state in sorted(states):
        following = state
        while following < len(pattern) and pattern[following] == (ANY, True):
            following += 1
            states.add(following)
    return states
