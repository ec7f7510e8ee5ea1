"""Secrets hidden in what a job says: as they are, and as programs like to write them. Pure.

A value may come in pieces, so what could be the beginning of one is held back until more has come.
"""

import base64
import json
import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

MASK: Final = "••••••"
# shorter pieces of text are everywhere
LEAST: Final = 4
# a line of a key or certificate; shorter ones say nothing of the value
LEAST_LINE: Final = 8


def forms_of(value: str) -> set[str]:
    """How ``value`` may be written: itself, its lines, and in JSON, in an address and in base64."""
    text = value.encode(errors="replace").decode()
    lines = [line.strip() for line in text.splitlines()]
    forms = {
        text,
        text.strip(),
        quote(text, safe=""),
        quote(text),
        base64.b64encode(text.encode()).decode().rstrip("="),
    }
    forms |= {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], text.replace("\n", "\r\n")}
    forms |= {line for line in lines if len(line) >= LEAST_LINE}
    return {form for form in forms if len(form) >= LEAST}


class Masker:
    def __init__(self, values: Iterable[str]) -> None:
        # the longest first: of two that begin alike, the whole is hidden
        self._forms = sorted({form for value in values for form in forms_of(value)}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._forms))) if self._forms else None
        self._held = ""

    def feed(self, text: str) -> str:
        """What of ``text``, and of what was held back, can be shown now."""
        if self._pattern is None:
            return text
        shown, self._held = self._split(self._held + text)
        return shown

    def finish(self) -> str:
        """What was held back."""
        held, self._held = self._held, ""
        return self.masked(held)

    def masked(self, text: str) -> str:
        """Of a text that is whole."""
        return self._pattern.sub(MASK, text) if self._pattern is not None else text

    def masked_json(self, value: Any) -> Any:
        """The same document with every string in it masked, names too."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.masked(value)
        if isinstance(value, dict):
            return {self.masked_json(name): self.masked_json(inner) for name, inner in value.items()}
        return [self.masked_json(inner) for inner in value] if isinstance(value, list | tuple) else value

    def _split(self, text: str) -> tuple[str, str]:
        """From left to right: a form that is whole is hidden, one that may become longer is held back with the rest."""
        assert self._pattern is not None
        shown: list[str] = []
        at, held_at = 0, self._begun(text, 0)
        while match := self._pattern.search(text, at):
            if held_at <= match.start():
                break
            shown += [text[at : match.start()], MASK]
            at = match.end()
            if held_at < at:
                held_at = self._begun(text, at)
        return "".join([*shown, text[at:held_at]]), text[held_at:]

    def _begun(self, text: str, at: int) -> int:
        """Where the first form begins, from ``at`` on, that is cut off by the end of ``text``; its length if none."""
        for start in range(max(at, len(text) - len(self._forms[0]) + 1), len(text)):
            rest = text[start:]
            if any(len(form) > len(rest) and form.startswith(rest) for form in self._forms):
                return start
        return len(text)
