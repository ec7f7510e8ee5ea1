"""A commit that a stack's files are of, as rows keep it. Pure.

What it says of itself is written by whoever could push there: it is shown, and nothing is decided by it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

SHORT = 10


@dataclass(frozen=True, slots=True)
class Commit:
    """``at`` as ISO 8601. ``directory`` is where the stack's own begins below the root; ``password`` is a reference."""

    id: str
    subject: str = ""
    author: str = ""
    at: str = ""
    url: str = ""
    directory: str = ""
    username: str = ""
    password: str = ""

    @property
    def short(self) -> str:
        return self.id[:SHORT]

    def as_json(self) -> dict[str, str]:
        return asdict(self)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self | None:
        """None for an empty document."""
        return cls(**document) if document else None

    def git(self, inner: str = "") -> dict[str, str]:
        """For a build of its files below ``inner``, as console.images takes a repository."""
        directory = "/".join(part for part in (self.directory, inner) if part)
        whole = {"url": self.url, "ref": self.id, "directory": directory}
        return {**whole, "username": self.username, "password": self.password}
