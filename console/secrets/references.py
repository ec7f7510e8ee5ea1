"""``secret:NAME`` where a value is wanted: what is kept, shown and sent about is the reference. Pure."""

import re
from collections.abc import Iterable
from typing import Final

PREFIX: Final = "secret:"
NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


def name_in(text: str) -> str | None:
    """The name, if ``text`` is a reference; it may be malformed, and then no secret has it."""
    return text.removeprefix(PREFIX) if text.startswith(PREFIX) else None


def names_in(texts: Iterable[str]) -> list[str]:
    """Each once, sorted."""
    return sorted({name for text in texts if (name := name_in(text)) is not None})
