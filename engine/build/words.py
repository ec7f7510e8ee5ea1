"""The shapes an instruction's arguments come in: words, a JSON array, name=value pairs, and leading flags.

Quotes and escapes are kept here; ``expansion`` takes them off.
"""

import json
from dataclasses import dataclass

from engine.model.errors import Invalid


def split_words(text: str, *, escape: str) -> list[str]:
    """Words between blanks; blanks inside quotes or after ``escape`` belong to the word."""
    words: list[str] = []
    word: list[str] = []
    quote = ""
    is_word = False
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if not quote and character.isspace():
            if is_word:
                words.append("".join(word))
                word, is_word = [], False
            continue
        is_word = True
        if character == escape and quote != "'":
            if position == len(text):
                break  # an escape at the very end escapes nothing and is dropped
            word.append(character)
            character = text[position]
            position += 1
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        word.append(character)
    if word:
        words.append("".join(word))
    return words


def json_words(text: str) -> tuple[str, ...] | None:
    """The strings of a JSON array; None when ``text`` is not JSON. Raises Invalid for an array of other things."""
    if not text.lstrip().startswith("["):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Invalid("when using JSON array syntax, arrays must be comprised of strings only")
    if any(_is_unusable(item) for item in value):
        raise Invalid("when using JSON array syntax, strings must not contain NUL or half a surrogate pair")
    return tuple(value)


def _is_unusable(text: str) -> bool:
    return "\0" in text or any(0xD800 <= ord(character) <= 0xDFFF for character in text)


@dataclass(frozen=True, slots=True)
class Pair:
    """``name=value``, still quoted."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


def name_value_pairs(text: str, *, instruction: str, escape: str) -> tuple[Pair, ...]:
    """``a=b c=d``, or the old form ``name all the rest``. Raises Invalid."""
    words = split_words(text, escape=escape)
    if not words:
        return ()
    if "=" not in words[0]:
        parts = text.split(None, 1)
        if len(parts) < 2:
            raise Invalid(f"{instruction} must have two arguments")
        return (Pair(parts[0], parts[1]),)
    for word in words:
        if "=" not in word:
            raise Invalid(f'Syntax error - can\'t find = in "{word[:80]}". Must be of the form: name=value')
    return tuple(Pair(*word.split("=", 1)) for word in words)


@dataclass(frozen=True, slots=True)
class Flag:
    """``--name=value``; ``value`` is None for a bare ``--name``."""

    name: str
    value: str | None


def split_flags(text: str) -> tuple[tuple[Flag, ...], str]:
    """Leading ``--name[=value]`` words and what follows them; ``--`` alone ends the flags."""
    flags: list[Flag] = []
    rest = text.lstrip()
    while rest.startswith("--"):
        word, _, after = rest.partition(" ") if "\t" not in rest else _first_word(rest)
        rest = after.lstrip()
        if word == "--":
            break
        name, equals, value = word[2:].partition("=")
        flags.append(Flag(name, value if equals else None))
    return tuple(flags), rest


def _first_word(text: str) -> tuple[str, str, str]:
    parts = text.split(None, 1)
    return parts[0], " ", parts[1] if len(parts) > 1 else ""
