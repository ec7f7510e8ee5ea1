"""One engine at a time chooses a subnet: two that look at the host's routes at the same moment find the same one free.

The lock is flock(2) on the network namespace itself, so that it has the reach of what is chosen from, needs no place in
the file system, and goes with its holder.
"""

import asyncio
import fcntl
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

_NAMESPACE: Final = "/proc/self/ns/net"
_LIMIT_S: Final = 10.0
_PAUSE_S: Final = 0.005

_log = logging.getLogger(__name__)


@asynccontextmanager
async def turn_to_choose() -> AsyncIterator[None]:
    """Held from looking for a free subnet until a bridge has it.

    Whoever has it for ten seconds hangs; no network at all would be worse than two with one subnet.
    """
    descriptor = os.open(_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            async with asyncio.timeout(_LIMIT_S):
                while not _is_had(descriptor):  # noqa: ASYNC110 - the kernel tells nobody
                    await asyncio.sleep(_PAUSE_S)
        except TimeoutError:
            _log.warning("another engine on this host has been choosing a subnet for %.0f s: not waiting", _LIMIT_S)
        yield
    finally:
        os.close(descriptor)


def _is_had(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
