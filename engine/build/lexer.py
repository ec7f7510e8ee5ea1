"""A Dockerfile's text cut into logical lines: directives, comments, continuation lines and here-documents.

Follows BuildKit's frontend/dockerfile/parser as the Dockerfile reference documents it. Knows nothing of instructions
but which of them may carry a here-document.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from engine.model.errors import Invalid, TooLarge

LARGEST_DOCKERFILE_BYTES = 4 << 20
_MOST_LINES = 100_000
_DIRECTIVE = re.compile(r"#[ \t]*([a-zA-Z][a-zA-Z0-9]*)[ \t]*=[ \t]*(.+?)[ \t]*")
_KNOWN_DIRECTIVES = ("escape", "syntax", "check")
_HEREDOC_INSTRUCTION = re.compile(r"(?:onbuild\s+)?(?:run|copy|add)\s", re.IGNORECASE)
_HEREDOC = re.compile(r"(?<!\S)([0-9]*)<<(-?)(?:'([^'\s<]+)'|\"([^\"\s<]+)\"|([^'\"\s<>;|&()$\\]+))(?!\S)")
_MOST_HEREDOCS = 100


@dataclass(frozen=True, slots=True)
class Heredoc:
    """``opening`` is the word that announced it (``<<-EOF``); ``content`` ends in a newline unless it is empty."""

    opening: str
    name: str
    content: str
    is_expanded: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One logical line, continuation lines joined. ``number`` counts from 1 and is where it starts."""

    number: int
    text: str
    heredocs: tuple[Heredoc, ...] = ()


@dataclass(frozen=True, slots=True)
class Lexed:
    """``empty_continuations`` are the lines a blank line runs through, which Docker warns of."""

    escape: str
    lines: tuple[Line, ...]
    empty_continuations: tuple[Line, ...] = ()


def decode_dockerfile(data: bytes, *, name: str) -> str:
    """``data`` as text. Raises Invalid or TooLarge, naming the file."""
    if not data.strip():
        raise Invalid(f"the Dockerfile ({name}) cannot be empty")
    if len(data) > LARGEST_DOCKERFILE_BYTES:
        raise TooLarge(f"the Dockerfile ({name}) is larger than {LARGEST_DOCKERFILE_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"the Dockerfile ({name}) is not UTF-8 at byte {error.start}") from error
    if "\0" in text:
        number = text[: text.index("\0")].count("\n") + 1
        raise Invalid(f"dockerfile parse error line {number}: NUL is not allowed")
    return text


def lex(text: str) -> Lexed:
    """Raises Invalid with the line, or TooLarge."""
    physical = [line.removesuffix("\r") for line in text.split("\n")]
    if len(physical) > _MOST_LINES:
        raise TooLarge(f"the Dockerfile has more than {_MOST_LINES} lines")
    escape = _directives(physical).get("escape", "\\")
    if escape not in ("\\", "`"):
        raise Invalid(f"failed to parse Dockerfile: invalid escape token '{escape[:8]}' does not match ` or \\")
    lexer = _Lexer(physical, escape)
    lines = tuple(lexer.lines())
    if not lines:
        raise Invalid("failed to parse Dockerfile: file with no instructions")
    return Lexed(escape, lines, tuple(lexer.empty_continuations))


def _directives(physical: list[str]) -> dict[str, str]:
    """Those before anything else; the first line that is none ends them."""
    found: dict[str, str] = {}
    for line in physical:
        match = _DIRECTIVE.fullmatch(line)
        if not match or match[1].lower() not in _KNOWN_DIRECTIVES:
            break
        if match[1].lower() in found:
            raise Invalid(f"failed to parse Dockerfile: only one {match[1].lower()} parser directive can be used")
        found[match[1].lower()] = match[2]
    return found


class _Lexer:
    def __init__(self, physical: list[str], escape: str) -> None:
        self._physical = physical
        self._next = 0
        # a lone escape token, or one that no other stands before; blanks may follow it
        self._continuation = re.compile(rf"(^|[^{re.escape(escape)}]){re.escape(escape)}[ \t]*\Z")
        self.empty_continuations: list[Line] = []

    def lines(self) -> Iterator[Line]:
        while self._next < len(self._physical):
            first = self._physical[self._next].lstrip()
            self._next += 1
            number = self._next
            if first.startswith("#"):
                continue
            text, is_complete = self._without_continuation(first)
            if is_complete and not text.strip():
                continue
            if not is_complete:
                text = self._joined(text, number)
            if text.strip():
                text = text.rstrip()
                yield Line(number, text, self._heredocs(text, number))

    def _without_continuation(self, line: str) -> tuple[str, bool]:
        match = self._continuation.search(line)
        return (line[: match.end(1)], False) if match else (line, True)

    def _joined(self, text: str, number: int) -> str:
        parts, has_empty, is_complete = [text], False, False
        while not is_complete and self._next < len(self._physical):
            line = self._physical[self._next]
            self._next += 1
            if line.lstrip().startswith("#"):
                continue
            if not line.strip():
                has_empty = has_empty or self._next < len(self._physical)
                continue
            part, is_complete = self._without_continuation(line)
            parts.append(part)
        joined = "".join(parts)
        if has_empty:
            self.empty_continuations.append(Line(number, joined))
        return joined

    def _heredocs(self, text: str, number: int) -> tuple[Heredoc, ...]:
        if "<<" not in text or not _HEREDOC_INSTRUCTION.match(text):
            return ()
        openings = list(islice(_HEREDOC.finditer(text), _MOST_HEREDOCS + 1))
        if len(openings) > _MOST_HEREDOCS:
            raise Invalid(f"dockerfile parse error line {number}: more than {_MOST_HEREDOCS} heredocs")
        unquoted = _unquoted(text, {match.start() for match in openings})
        return tuple(self._heredoc(match, number) for match in openings if match.start() in unquoted)

    def _heredoc(self, opening: re.Match[str], number: int) -> Heredoc:
        chomps = opening[2] == "-"
        name = opening[3] or opening[4] or opening[5]
        content: list[str] = []
        while self._next < len(self._physical):
            line = self._physical[self._next]
            self._next += 1
            if chomps:
                line = line.lstrip("\t")
            if line == name:
                text = "".join(f"{part}\n" for part in content)
                return Heredoc(opening[0], name, text, is_expanded=opening[5] is not None)
            content.append(line)
        raise Invalid(f"dockerfile parse error line {number}: unterminated heredoc {name[:80]}")


def _unquoted(text: str, positions: set[int]) -> set[int]:
    """Those of ``positions`` that do not lie between quotes; an opening inside quotes is text."""
    found: set[int] = set()
    quote = ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif position in positions:
            found.add(position)
    return found
