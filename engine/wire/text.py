"""Rules for text that clients send: how long it may be and what may be in it."""

import re
from collections.abc import Iterable, Mapping

from engine.model.errors import Invalid, TooLarge

LONGEST_NAME = 255
LONGEST_VALUE = 128 << 10  # Linux' MAX_ARG_STRLEN: no single argument or variable can be longer (execve(2))
MOST_ITEMS = 10_000

_MOST_REPETITIONS = 3
_NETWORK = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_. -]*")
_HARMLESS = dict.fromkeys([*range(1, 0x20), *range(0x7F, 0xA0)], " ")


def check_text(field: str, value: str, *, longest: int = LONGEST_VALUE, lines: bool = False) -> str:
    """``value`` itself. Refuses control characters (``lines`` allows tab and line ends) and lone surrogates."""
    if len(value) > longest:
        raise TooLarge(f"{field}: {len(value)} characters, at most {longest} are allowed: {shown(value)}")
    allowed = "\t\n\r" if lines else "\t"
    for character in value:
        code = ord(character)
        if (code < 0x20 and character not in allowed) or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000:
            raise Invalid(f"{field}: control character U+{code:04X} is not allowed: {shown(value)}")
    return value


def check_texts(field: str, values: Iterable[str], *, longest: int = LONGEST_VALUE, lines: bool = False) -> None:
    for count, value in enumerate(values, start=1):
        if count > MOST_ITEMS:
            raise TooLarge(f"{field}: more than {MOST_ITEMS} entries")
        check_text(field, value, longest=longest, lines=lines)


def check_arguments(field: str, values: Iterable[str]) -> None:
    """For what a program is given, its arguments and environment: its business, but for what the kernel cannot pass."""
    check_texts(field, (value.translate(_HARMLESS) for value in values))


def check_mapping(field: str, values: Mapping[str, str], *, lines: bool = False) -> None:
    check_texts(field, values.keys())
    check_texts(field, values.values(), lines=lines)


def check_name(field: str, value: str) -> str:
    """For names of objects; what else they must be is the business of their owner."""
    return check_text(field, value, longest=LONGEST_NAME)


def check_network(field: str, value: str) -> str:
    """For a network's name or id: whether there is one is for others to know."""
    if not _NETWORK.fullmatch(check_name(field, value)):
        raise Invalid(f"{field}: invalid network name {shown(value)}: only [a-zA-Z0-9][a-zA-Z0-9_. -]* is allowed")
    return value


def shown(value: str) -> str:
    """A value as error messages quote it: escaped and short."""
    return ascii(value[:80])


def name_pattern(text: str) -> re.Pattern[str]:
    """Docker takes a regular expression. Bounded here: Python's matcher can take exponential time on some."""
    if (
        len(re.findall(r"[*+{]", text)) > _MOST_REPETITIONS
        or re.search(r"\)[*+{]|\\[1-9]|\(\?", text)
        or len(text) > 255
    ):
        raise Invalid(f"invalid filter 'name': {shown(text)} is too complex a pattern")
    try:
        return re.compile(text)
    except re.error as error:
        raise Invalid(f"invalid filter 'name': {shown(text)}: {error}") from error
