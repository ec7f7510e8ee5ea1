"""Durations as Go writes them: ``1m30s``, ``1.5h``, ``300ms``."""

import re
from decimal import Decimal

from engine.model.errors import Invalid

_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = re.compile(r"([0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(ns|us|µs|ms|s|m|h)")
_LONGEST_NS = (1 << 63) - 1


def parse_duration(text: str) -> int:
    """Nanoseconds. Raises Invalid in Go's words."""
    if text == "0":
        return 0
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    parts = list(_PART.finditer(rest))
    if not parts or "".join(part[0] for part in parts) != rest:
        missing_unit = re.fullmatch(r"[0-9.]+", rest)
        raise Invalid(f'time: {"missing unit in" if missing_unit else "invalid"} duration "{text[:80]}"')
    total = int(sum(Decimal(part[1]) * _UNITS_NS[part[2]] for part in parts))
    if total > _LONGEST_NS:
        raise Invalid(f'time: invalid duration "{text[:80]}"')
    return sign * total


def format_duration(nanoseconds: int) -> str:
    """As Go's ``time.Duration.String``."""
    if nanoseconds == 0:
        return "0s"
    for unit in ("s", "ms", "µs", "ns"):
        if nanoseconds >= _UNITS_NS[unit]:
            break
    if unit != "s":
        return f"{_plain(Decimal(nanoseconds) / _UNITS_NS[unit])}{unit}"
    minutes, rest = divmod(nanoseconds, _UNITS_NS["m"])
    hours, minutes = divmod(minutes, 60)
    text = f"{_plain(Decimal(rest) / _UNITS_NS['s'])}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
