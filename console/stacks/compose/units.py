"""Durations, sizes and shell words as Compose writes them."""

import re

UNITS_NS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 24 * 3600 * 10**9,
    "w": 7 * 24 * 3600 * 10**9,
}
PART = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)(ns|us|µs|ms|s|m|h|d|w)")
SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)\s*(b|k|kb|kib|m|mb|mib|g|gb|gib|t|tb|tib|p|pb|pib)?", re.IGNORECASE)
POWERS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
LARGEST = 2**63 - 1
TOLD_NS = (("h", UNITS_NS["h"]), ("m", UNITS_NS["m"]), ("s", UNITS_NS["s"]))


def duration_ns(text: str) -> int | None:
    """``1h30m``, ``1.5s``, ``90s``, ``0``; None for what is no duration."""
    if text == "0":
        return 0
    at, total = 0, 0
    while found := PART.match(text, at):
        total += _scaled(found[1], UNITS_NS[found[2]])
        at = found.end()
    return total if at == len(text) > 0 and total <= LARGEST else None


def duration_text(value_ns: int) -> str:
    """The shortest that reads as the same: ``1h30m``, ``1m0s`` is ``1m``."""
    parts, rest = [], value_ns
    for unit, size in TOLD_NS:
        count, rest = divmod(rest, size)
        parts += [f"{count}{unit}"] if count else []
    for unit, size in (("ms", 10**6), ("us", 10**3), ("ns", 1)):
        if rest and rest % size == 0:
            return "".join([*parts, f"{rest // size}{unit}"])
    return "".join(parts) or "0s"


def size_bytes(text: str) -> int | None:
    """``512m``, ``1.5gb``, ``1024``; powers of 1024. None for what is no size."""
    found = SIZE.fullmatch(text.strip())
    if found is None:
        return None
    size = _scaled(found[1], 1024 ** POWERS[(found[2] or "").lower()[:1]])
    return size if size <= LARGEST else None


def _scaled(number: str, factor: int) -> int:
    """Exact, for numbers with up to nine decimals."""
    whole, _dot, fraction = number.partition(".")
    return int(whole) * factor + (int(fraction) * factor // 10 ** len(fraction) if fraction else 0)
