"""``WWW-Authenticate``: how a registry says what it wants to see (RFC 9110, 11.6.1)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_ITEM = re.compile(
    rf"[\s,]*(?:(?P<key>{_WORD})\s*=\s*(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<plain>[^\s,\"]+))"
    rf"|(?P<scheme>{_WORD})(?=[\s,]|$))"
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """``scheme`` and the names of ``parameters`` are in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """In their order. What is not understood ends its header's value."""
    challenges: list[Challenge] = []
    for value in values:
        position = 0
        while match := _ITEM.match(value, position):
            position = match.end()
            if match["scheme"]:
                challenges.append(Challenge(match["scheme"].lower(), {}))
            elif challenges:
                text = match["plain"] or re.sub(r"\\(.)", r"\1", match["quoted"] or "")
                last = challenges.pop()
                challenges.append(Challenge(last.scheme, {**last.parameters, match["key"].lower(): text}))
    return challenges


def strongest(challenges: Iterable[Challenge]) -> Challenge | None:
    """The one to answer: a token before a password; None when there is neither."""
    known = {challenge.scheme: challenge for challenge in challenges}
    return known.get("bearer") or known.get("basic")
