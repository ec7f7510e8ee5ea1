"""Trying again: how often, and how long to wait before."""

import asyncio
from typing import Final

from engine.registry.failures import Busy, Unreachable

_PAUSES_S: Final = (0.3, 1.0, 2.0)
_MOST_TRIES: Final = 100
_LONGEST_PAUSE_S: Final = 60.0


class Patience:
    """Runs out after a few failures in a row. For one task."""

    def __init__(self) -> None:
        self._failures = 0
        self._in_all = 0

    def renew(self) -> None:
        """Something was gained since the last failure."""
        self._failures = 0

    async def wait(self, error: Unreachable | Busy) -> None:
        """A growing pause, or as long as the registry asks for. Raises ``error`` when it is enough."""
        if self._failures >= len(_PAUSES_S) or self._in_all >= _MOST_TRIES:
            raise error
        pause_s = _PAUSES_S[self._failures]
        if isinstance(error, Busy):
            pause_s = max(pause_s, min(error.wait_s, _LONGEST_PAUSE_S))
        self._failures += 1
        self._in_all += 1
        await asyncio.sleep(pause_s)
