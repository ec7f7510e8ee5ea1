"""What a plain word of YAML means: YAML 1.2's core schema, with the octal numbers (0644) that files have always had.

``yes``, ``on`` and ``22:22`` are text, as for everything that reads Compose files today.
"""

import re

INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)")
OCTAL = re.compile(r"([-+]?)0o?([0-7_]+)")
HEX = re.compile(r"[-+]?0x[0-9a-fA-F_]+")
BINARY = re.compile(r"[-+]?0b[01_]+")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
SPECIAL_FLOATS = frozenset({".inf", "-.inf", "+.inf", ".nan"})
WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# more digits are no number that anything here means, and slow to read
MOST_DIGITS = 40


def resolved(text: str) -> str | int | float | bool | None:
    if text in WORDS:
        return WORDS[text]
    if len(text) > MOST_DIGITS or text[0] not in "+-.0123456789":
        return text
    number = as_integer(text)
    if number is not None:
        return number
    if FLOAT.fullmatch(text) and text not in SPECIAL_FLOATS:
        return float(text)
    return text


def as_integer(text: str) -> int | None:
    if INTEGER.fullmatch(text):
        return int(text.replace("_", ""))
    if found := OCTAL.fullmatch(text):
        digits = found[2].replace("_", "")
        return int(found[1] + digits, 8) if digits else None
    if HEX.fullmatch(text) or BINARY.fullmatch(text):
        try:
            return int(text.replace("_", ""), 0)
        except ValueError:
            return None
    return None
