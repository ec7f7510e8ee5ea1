"""Ports of the host that several containers answer on by turns: what their labels say, and how they stand to that."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from engine.model.durations import parse_duration
from engine.model.errors import Invalid

GROUP_LABEL: Final = "naru.shared-ports"
DRAIN_LABEL: Final = "naru.drain"
_DRAIN_S: Final = 5.0
_LONGEST_DRAIN_S: Final = 3600.0


class Standing(IntEnum):
    """The best that some member of a port has, those who have it answer there: better an unhealthy one than nobody.

    ``WAITING``: not healthy, or nobody in it listens yet. ``LEAVING``: somebody wants its end.
    """

    READY = 0
    WAITING = 1
    LEAVING = 2
    PAUSED = 3


def group_of(labels: Mapping[str, str]) -> str:
    """Whom it shares ports with; "" with nobody."""
    return labels.get(GROUP_LABEL, "")


def not_by_image(labels: Mapping[str, str]) -> dict[str, str]:
    """An image's labels, as far as they may become a container's: what a container shares is said by who runs it, or an
    image could have itself led to what others' clients send."""
    return {name: value for name, value in labels.items() if name not in (GROUP_LABEL, DRAIN_LABEL)}


def drain_limit_s(labels: Mapping[str, str]) -> float:
    """How long it may take until its connections have ended, before it is told to stop. Raises Invalid."""
    text = labels.get(DRAIN_LABEL, "")
    if not text:
        return _DRAIN_S
    try:
        limit_s = parse_duration(text) / 1e9
    except Invalid as error:
        raise Invalid(f"Labels: {DRAIN_LABEL}: {error}; expected one like 500ms, 10s or 1m") from error
    if not 0 <= limit_s <= _LONGEST_DRAIN_S:
        raise Invalid(f'Labels: {DRAIN_LABEL}: "{text[:80]}" is not between 0 and 1h')
    return limit_s
