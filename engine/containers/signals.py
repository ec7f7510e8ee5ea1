"""Signals as people write them: ``TERM``, ``SIGTERM``, ``15``, ``RTMIN+3`` (signal(7))."""

import signal

from engine.model.errors import Invalid

_RTMIN = 34  # glibc keeps the kernel's first two real-time signals for itself
_RTMAX = 64


def parse_signal(text: str) -> int:
    name = text.upper().removeprefix("SIG")
    number = _number(name)
    if number is None or not 1 <= number <= _RTMAX:
        raise Invalid(f"Invalid signal: {text[:40]}")
    return number


def _number(name: str) -> int | None:
    if name.isascii() and name.isdigit():
        return int(name)
    for base, start, sign in (("RTMIN+", _RTMIN, 1), ("RTMAX-", _RTMAX, -1)):
        rest = name.removeprefix(base)
        if rest != name and rest.isascii() and rest.isdigit():
            return start + sign * int(rest)
    if name in ("RTMIN", "RTMAX"):
        return _RTMIN if name == "RTMIN" else _RTMAX
    try:
        return int(signal.Signals[f"SIG{name}"])
    except KeyError:
        return None
