"""When to look after foreign firewalls: a dockerd may be started after us and shut our containers off."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from typing import Final

from engine.model.errors import Unavailable
from engine.networks.foreign_firewall import ForeignFirewall

_log = logging.getLogger(__name__)
_EVERY_S: Final = 30.0
_PAUSE_S: Final = 0.05  # starting programs keeps the loop from answers that are due


class FirewallWatch:
    """For the loop's thread."""

    def __init__(self, firewalls: Sequence[ForeignFirewall]) -> None:
        self._firewalls = firewalls
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = 0.0

    async def look(self) -> None:
        self._looked_at = time.monotonic()
        try:
            for firewall in self._firewalls:
                await firewall.let_through()
        except Unavailable as error:
            _log.warning("cannot look after foreign firewalls: %s", error)

    def look_soon(self, *, whatever: bool = False) -> None:
        """At the next chance, but not at every start of a container; ``whatever``: bridges have changed."""
        at = time.monotonic()
        if whatever:
            self._looked_at = -_EVERY_S  # if one is under way, the next call looks again
        is_looking = self._looking is not None and not self._looking.done()
        if not is_looking and at - self._looked_at >= _EVERY_S:
            self._looked_at = at
            self._looking = asyncio.create_task(self._look_later(), name="foreign-firewall")

    async def remove(self) -> None:
        """What was done to let ours through is undone."""
        for firewall in self._firewalls:
            await firewall.remove()

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking

    async def _look_later(self) -> None:
        await asyncio.sleep(_PAUSE_S)
        await self.look()
