"""Times as Docker writes them: RFC3339Nano, ``since``/``until`` parameters, and "2 minutes" for people."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from engine.model.durations import parse_duration
from engine.model.errors import Invalid

ZERO: Final = "0001-01-01T00:00:00Z"  # Go's zero time: "never"
_SECONDS = re.compile(r"(-?\d{1,12})(?:\.(\d{1,9})\d*)?")
_FRACTION = re.compile(r"(?<=:\d\d)\.(\d{1,9})\d*")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def timestamp(at: datetime | None) -> str:
    """RFC3339Nano in UTC; trailing zeros of the fraction are left out as Go does."""
    if at is None:
        return ZERO
    at = at.astimezone(UTC)
    fraction = f".{at.microsecond:06d}".rstrip("0").rstrip(".")
    return f"{at:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def unix_seconds(at: datetime | None) -> int:
    return 0 if at is None else (at - _EPOCH) // timedelta(seconds=1)


def unix_nanoseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


def moment_ns(field: str, text: str) -> int:
    """``since``/``until``: seconds since the epoch, with a fraction or not, or RFC 3339. In nanoseconds."""
    if match := _SECONDS.fullmatch(text):
        whole, fraction = match.groups()
        return int(whole) * 1_000_000_000 + int((fraction or "0").ljust(9, "0"))
    match = _FRACTION.search(text)
    try:
        at = datetime.fromisoformat(_FRACTION.sub("", text))  # which would cut it to microseconds
    except ValueError as error:
        raise Invalid(f"{field}: {text[:80]!r} is neither seconds since 1970 nor an RFC 3339 time") from error
    fraction_ns = int(match.group(1).ljust(9, "0")) if match else 0
    return unix_nanoseconds(at if at.tzinfo else at.replace(tzinfo=UTC)) + fraction_ns


def moment_or_age_ns(field: str, text: str, *, now_ns: int) -> int:
    """``until`` of filters: a moment, or how long ago it was ("24h"). In nanoseconds since the epoch."""
    try:
        return now_ns - parse_duration(text)
    except Invalid:
        pass
    try:
        return moment_ns(field, text)
    except Invalid as error:
        raise Invalid(f"{error}, nor a duration like 24h") from error


def human_duration(span: timedelta) -> str:
    """go-units' HumanDuration, which ``docker ps`` prints."""
    seconds = int(span.total_seconds())
    if seconds < 1:
        return "Less than a second"
    if seconds == 1:
        return "1 second"
    if seconds < 60:
        return f"{seconds} seconds"
    minutes = seconds // 60
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    hours = int(span.total_seconds() / 3600 + 0.5)
    if hours == 1:
        return "About an hour"
    for most, unit, length in ((48, "hours", 1), (336, "days", 24), (1440, "weeks", 168), (17520, "months", 720)):
        if hours < most:
            return f"{hours // length} {unit}"
    return f"{hours // 8760} years"
