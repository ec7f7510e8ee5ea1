"""What a page may subscribe to. Apps register topics in their ``consumers.py``; the consumer looks them up here."""

import re
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field

from console.operations.actor import Actor
from console.operations.errors import Denied, Missing
from console.operations.permissions import Permission
from console.operations.policy import may_somewhere

Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text. ``at_ms`` is when it was written, where that is known."""

    text: str
    stream: str = "stdout"
    at_ms: int | None = None

    def encoded(self) -> list[object]:
        return [self.at_ms, self.stream, self.text]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines, and the cursor after the last of them. ``ended``: nothing will ever follow."""

    cursor: str
    lines: tuple[Line, ...] = ()
    ended: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """What it costs of a reader's credit."""
        return sum(len(line.text.encode("utf-8", "replace")) + 32 for line in self.lines)


# follows the text from a cursor on; the generator is closed when the reader leaves
Follow = Callable[[Actor, Words, str | None], AsyncGenerator[Chunk, None]]
# synchronous, may use the database; raises Denied or Missing
Authorise = Callable[[Actor, Words], None]


@dataclass(frozen=True, slots=True)
class Topic:
    pattern: re.Pattern[str]
    authorise: Authorise
    follow: Follow | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A topic by the name a client gave it."""

    name: str
    topic: Topic
    words: Words

    def authorise(self, actor: Actor) -> None:
        self.topic.authorise(actor, self.words)


_topics: dict[str, Topic] = {}


def register(pattern: str, authorise: Authorise, follow: Follow | None = None) -> None:
    """``pattern``'s named groups become the words handed on. Without ``follow`` the topic is a doorbell only."""
    _topics[pattern] = Topic(re.compile(pattern), authorise, follow)


def register_rows(name: str, permission: Permission) -> None:
    """A doorbell for a list of what ``permission`` is held over. It says that something changed, never what."""

    def authorise(actor: Actor, _words: Words) -> None:
        require(actor, permission)

    register(re.escape(name), authorise)


def require(actor: Actor, permission: Permission) -> None:
    if not may_somewhere(actor, permission):
        raise Denied(f"permission {permission} is needed", permission=permission)


def find_topic(name: str) -> Asked:
    """Raises Missing for a name that no app has registered."""
    for topic in _topics.values():
        match = topic.pattern.fullmatch(name)
        if match is not None:
            return Asked(name, topic, match.groupdict())
    raise Missing(f"there is no topic {name[:80]!r}")
