r"""Files of variables: ``.env`` and ``env_file``.

    # a comment                      NAME=text   # a comment after a space
    export NAME=text                 NAME='as it is, over several lines'
    NAME="with \n and $OTHER"        NAME              (taken from what is around, if it is there)

Values that are not in single quotes may hold variables, those of the file itself included.
"""

import re
from collections.abc import Mapping

from django.utils.translation import gettext as _

from console.stacks.compose.interpolation import TemplateError, substituted
from console.stacks.compose.limits import LIMITS
from console.stacks.compose.nodes import Mark
from console.stacks.compose.problems import refusal

# as container environments have them
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-\[\]]*")
EXPORT = re.compile(r"export[ \t]+")
BLANK = re.compile(r"[ \t]*")
COMMENT = re.compile(r"[ \t]#")
ESCAPE = re.compile(r"\\(.)", re.DOTALL)
ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "$": "$$"}


def parse_variables(text: str, file: str, *, around: Mapping[str, str], is_raw: bool = False) -> dict[str, str]:
    """In the order of the file, later ones over earlier ones. ComposeInvalid names line and column.

    ``around`` are variables that go before the file's own where values refer to them. ``is_raw``: everything after
    "=" is the value as it stands.
    """
    if len(text) > LIMITS.file_bytes:
        raise refusal(Mark(file), "", _("The file is larger than %(most)d KiB.") % {"most": LIMITS.file_bytes >> 10})
    return _Variables(text.removeprefix("\ufeff").replace("\r\n", "\n"), file, around, is_raw=is_raw).read()


class _Variables:
    def __init__(self, text: str, file: str, around: Mapping[str, str], *, is_raw: bool) -> None:
        self._text = text
        self._file = file
        self._around = around
        self._is_raw = is_raw
        self._found: dict[str, str] = {}
        self._at = 0
        self._line = 1
        self._line_begin = 0

    def read(self) -> dict[str, str]:
        while self._at < len(self._text):
            self._skip(BLANK)
            if self._text[self._at : self._at + 1] in ("", "\n", "#"):
                self._next_line()
            else:
                self._variable()
        return self._found

    def _variable(self) -> None:
        self._skip(EXPORT)
        found = NAME.match(self._text, self._at)
        if found is None:
            raise self._refusal(_("A line is NAME=value, a comment that begins with “#”, or empty."))
        name, self._at = found[0], found.end()
        self._skip(BLANK)
        sign = self._text[self._at : self._at + 1]
        if sign in ("", "\n", "#"):
            self._from_around(name)
            self._next_line()
            return
        if sign not in ("=", ":"):
            raise self._refusal(_("After %(name)s comes “=”.") % {"name": name})
        self._at += 1
        self._found[name] = self._value()

    def _from_around(self, name: str) -> None:
        if name in self._around:
            self._found[name] = self._around[name]

    def _value(self) -> str:
        if self._is_raw:
            return self._to_line_end()
        self._skip(BLANK)
        begin, quote = self._at, self._text[self._at : self._at + 1]
        if quote not in ("'", '"'):
            text = self._to_line_end()
            comment = COMMENT.search(" " + text)
            return self._substituted(text[: comment.start()].rstrip() if comment else text.rstrip(), begin)
        text = self._quoted(quote)
        if quote == "'":
            return text
        return self._substituted(ESCAPE.sub(lambda found: ESCAPED.get(found[1], found[0]), text), begin)

    def _quoted(self, quote: str) -> str:
        """What is between the quotes, which may go over several lines; after them comes a comment at most."""
        begin = at = self._at + 1
        while at < len(self._text) and self._text[at] != quote:
            at += 2 if self._text[at] == "\\" and quote == '"' else 1
        if at >= len(self._text):
            raise self._refusal(_("The quote is not closed."))
        value = self._text[begin:at]
        self._line += value.count("\n")
        if "\n" in value:
            self._line_begin = begin + value.rfind("\n") + 1
        self._at = at + 1
        self._skip(BLANK)
        if self._text[self._at : self._at + 1] not in ("", "\n", "#"):
            raise self._refusal(_("After the closing quote comes the end of the line, or a comment."))
        self._next_line()
        return value

    def _substituted(self, text: str, at: int) -> str:
        try:
            return substituted(text, lambda name: self._around.get(name, self._found.get(name)))
        except TemplateError as error:
            before = self._text[: at + error.at]
            mark = Mark(self._file, before.count("\n") + 1, len(before) - before.rfind("\n"))
            raise refusal(mark, "", str(error)) from error

    # --- where it is ---

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if found := pattern.match(self._text, self._at):
            self._at = found.end()

    def _to_line_end(self) -> str:
        begin, end = self._at, self._text.find("\n", self._at)
        end = end if end >= 0 else len(self._text)
        self._next_line()
        return self._text[begin:end]

    def _next_line(self) -> None:
        end = self._text.find("\n", self._at)
        self._at = end + 1 if end >= 0 else len(self._text)
        self._line += 1
        self._line_begin = self._at

    def _refusal(self, message: str) -> Exception:
        return refusal(Mark(self._file, self._line, self._at - self._line_begin + 1), "", message)
