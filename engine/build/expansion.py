"""Variables in a Dockerfile's words: ``$x ${x} ${x:-y} ${x-y} ${x:+y} ${x+y} ${x:?y} ${x?y}``, patterns as in
``${x#p} ${x%p} ${x/p/r}``, quotes and escapes.

Follows BuildKit's frontend/dockerfile/shell. Quotes are taken off; nothing is expanded between single quotes.
"""

from collections.abc import Callable, Mapping
from typing import NoReturn

from engine.build.shell_patterns import replaced, tokens_of, trimmed
from engine.model.errors import Invalid

_LONGEST_RESULT = 1 << 20  # ENV a=$a$a doubles with every line
_DEEPEST = 32
_SPECIAL = "@*#?-$!0"
_END = ""


def expand(word: str, variables: Mapping[str, str], *, escape: str = "\\") -> str:
    """``word`` with its variables, without its quotes. Raises Invalid in Docker's words."""
    return "".join(_expanded(word, variables, escape).text)


def expand_words(text: str, variables: Mapping[str, str], *, escape: str = "\\") -> list[str]:
    """The words ``text`` falls into once expanded: blanks that come out of a variable separate words too."""
    return _expanded(text, variables, escape).words


def expand_content(text: str, variables: Mapping[str, str], *, escape: str = "\\") -> str:
    """A here-document's content: variables are expanded, quotes stay."""
    return "".join(_Expansion(text, variables, escape, keeps_quotes=True).run().text)


def _expanded(word: str, variables: Mapping[str, str], escape: str) -> "_Expansion":
    return _Expansion(word, variables, escape).run()


class _Expansion:
    def __init__(self, source: str, variables: Mapping[str, str], escape: str, *, keeps_quotes: bool = False) -> None:
        self._source = source
        self._variables = variables
        self._escape = escape
        self._keeps_quotes = keeps_quotes
        self._position = 0
        self._depth = 0
        self._size = 0
        self.text: list[str] = []
        self.words: list[str] = []

    def run(self) -> "_Expansion":
        self.text, pieces = self._until(_END)
        self.words = _split(pieces)
        return self

    def _until(self, stop: str) -> tuple[list[str], list[tuple[str, bool]]]:
        """Text up to ``stop``, and the same as (piece, may be split at blanks)."""
        pieces: list[tuple[str, bool]] = []
        while (character := self._peek()) != _END and character != stop:
            if character == "$":
                pieces.append((self._variable(), True))
            elif character in "'\"" and not self._keeps_quotes:
                pieces.append((self._quoted(character), False))
            elif character == self._escape:
                self._position += 1
                pieces.append((self._escaped(), False))
            else:
                self._position += 1
                pieces.append((character, True))
        if stop and not self._take(stop):
            self._fail(f"unexpected end of statement while looking for matching {stop}")
        return [piece for piece, _ in pieces], pieces

    def _escaped(self) -> str:
        following = self._next()
        return self._escape + following if self._keeps_quotes and following not in ("$", self._escape) else following

    def _quoted(self, quote: str) -> str:
        self._position += 1
        return self._single_quoted() if quote == "'" else self._double_quoted()

    def _single_quoted(self) -> str:
        end = self._source.find("'", self._position)
        if end < 0:
            self._fail("unexpected end of statement while looking for matching single-quote")
        text = self._source[self._position : end]
        self._position = end + 1
        return text

    def _double_quoted(self) -> str:
        parts: list[str] = []
        while (character := self._peek()) != '"':
            if character == _END:
                self._fail("unexpected end of statement while looking for matching double-quote")
            if character == "$":
                parts.append(self._variable())
                continue
            self._position += 1
            if character == self._escape:
                following = self._next()
                # only these three lose the escape before them
                character = following if following and following in f'"${self._escape}' else character + following
            parts.append(character)
        self._position += 1
        return "".join(parts)

    def _variable(self) -> str:
        self._position += 1
        if not self._take("{"):
            name = self._name()
            return self._value(name) if name else "$"
        if self._peek() == _END:
            self._fail("syntax error: missing '}'")
        if self._peek() in "{}:":
            self._fail("syntax error: bad substitution")
        name = self._name()
        if self._take("}"):
            return self._value(name)
        return self._substituted(name)

    def _substituted(self, name: str) -> str:
        counts_empty = not self._take(":")
        modifier = self._next()
        if not modifier:
            self._fail("syntax error: missing '}'" if not counts_empty else "missing ':' in substitution")
        if counts_empty and modifier in "#%/":
            return self._patterned(name, modifier)
        if modifier not in "+-?":
            self._fail(f"unsupported modifier ({'' if counts_empty else ':'}{modifier}) in substitution")
        word = "".join(self._nested("}")[0])
        value = self._variables.get(name)
        is_set = value is not None and (counts_empty or value != "")
        if modifier == "+":
            return self._counted(word if is_set else "")
        if modifier == "?" and not is_set:
            self._fail(f"{name}: {word or 'is not allowed to be unset'}")
        return self._value(name) if is_set else self._counted(word)

    def _nested(self, stop: str) -> tuple[list[str], list[tuple[str, bool]]]:
        self._depth += 1
        if self._depth > _DEEPEST:
            self._fail(f"substitutions are nested more than {_DEEPEST} deep")
        found = self._until(stop)
        self._depth -= 1
        return found

    def _patterned(self, name: str, modifier: str) -> str:
        """``${x#p} ${x##p} ${x%p} ${x%%p} ${x/p/r} ${x//p/r}``."""
        is_doubled = self._take(modifier)
        value = self._variables.get(name, "")
        if modifier != "/":
            pattern = tokens_of(self._nested("}")[1])
            return self._counted(trimmed(value, pattern, from_end=modifier == "%", longest=is_doubled))
        pattern = tokens_of(self._nested("/")[1])
        replacement = "".join(self._nested("}")[0])
        return self._counted(replaced(value, pattern, replacement, every=is_doubled))

    def _name(self) -> str:
        first = self._peek()
        if first.isdecimal():
            return self._run(str.isdecimal)
        if first and first in _SPECIAL:
            return self._next()
        return self._run(lambda character: character.isalnum() or character == "_")

    def _run(self, belongs: Callable[[str], bool]) -> str:
        start = self._position
        while (character := self._peek()) != _END and belongs(character):
            self._position += 1
        return self._source[start : self._position]

    def _value(self, name: str) -> str:
        return self._counted(self._variables.get(name, ""))

    def _counted(self, text: str) -> str:
        self._size += len(text)
        if self._size > _LONGEST_RESULT:
            self._fail(f"expands to more than {_LONGEST_RESULT} characters")
        return text

    def _peek(self) -> str:
        return self._source[self._position : self._position + 1]

    def _next(self) -> str:
        character = self._peek()
        self._position += 1
        return character

    def _take(self, wanted: str) -> bool:
        if self._peek() != wanted:
            return False
        self._position += 1
        return True

    def _fail(self, why: str) -> NoReturn:
        raise Invalid(f'failed to process "{_cut(self._source)}": {why}')


def _cut(text: str) -> str:
    text = text if len(text) <= 80 else text[:80] + "…"
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _split(pieces: list[tuple[str, bool]]) -> list[str]:
    words: list[str] = []
    word: list[str] = []
    is_word = False
    for piece, is_splittable in pieces:
        if not is_splittable:
            word.append(piece)
            is_word = True
            continue
        for character in piece:
            if not character.isspace():
                word.append(character)
                is_word = True
            elif is_word:
                words.append("".join(word))
                word, is_word = [], False
    return [*words, "".join(word)] if is_word else words
