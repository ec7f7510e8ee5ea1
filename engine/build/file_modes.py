"""``--chmod``: a mode in octal, or changes in words as chmod(1) takes them (``u=rwX,go-w``)."""

import re
from dataclasses import dataclass

from engine.model.errors import Invalid

_OCTAL = re.compile(r"0?[0-7]{1,4}")
_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=](?:[ugo]|[rwxXst]*))+)")
_ACTION = re.compile(r"([-+=])([ugo]|[rwxXst]*)")
_SHIFTS = {"u": 6, "g": 3, "o": 0}
_BITS = {"r": 4, "w": 2, "x": 1}


@dataclass(frozen=True, slots=True)
class ModeChange:
    """``text`` is what was written; octal as chmod(1) would list it."""

    text: str

    @classmethod
    def parse(cls, text: str) -> "ModeChange":
        """Raises Invalid."""
        if _OCTAL.fullmatch(text):
            return cls(f"{int(text, 8):o}")
        if len(text) > 200 or not all(_CLAUSE.fullmatch(clause) for clause in text.split(",")):
            raise Invalid(
                f"invalid chmod parameter: '{text[:80]}': give octal digits, 0 to 7777, or words like u=rwX,go-w"
            )
        return cls(text)

    def of(self, mode: int, *, is_directory: bool) -> int:
        """What becomes of ``mode``. Without a who, a clause is for all, whatever the umask."""
        if _OCTAL.fullmatch(self.text):
            return int(self.text, 8)
        for clause in self.text.split(","):
            match = _CLAUSE.fullmatch(clause)
            who = match[1] if match else ""
            who = "ugo" if not who or "a" in who else who
            for sign, what in _ACTION.findall(match[2] if match else ""):
                mode = _changed(mode, who, sign, what, is_directory=is_directory)
        return mode


def _changed(mode: int, who: str, sign: str, what: str, *, is_directory: bool) -> int:
    bits = 0
    for one in who:
        bits |= _permissions(mode, what, is_directory=is_directory) << _SHIFTS[one]
        if "s" in what and one != "o":
            bits |= 0o4000 if one == "u" else 0o2000
    if "t" in what and who == "ugo":
        bits |= 0o1000
    if sign == "+":
        return mode | bits
    if sign == "-":
        return mode & ~bits
    touched = sum(7 << _SHIFTS[one] for one in set(who))
    touched |= (0o4000 if "u" in who else 0) | (0o2000 if "g" in who else 0) | (0o1000 if who == "ugo" else 0)
    return mode & ~touched | bits


def _permissions(mode: int, what: str, *, is_directory: bool) -> int:
    if what in ("u", "g", "o"):
        return mode >> _SHIFTS[what] & 7
    bits = sum(_BITS.get(letter, 0) for letter in set(what))
    if "X" in what and (is_directory or mode & 0o111):
        bits |= 1
    return bits
