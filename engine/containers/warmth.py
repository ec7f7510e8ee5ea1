"""Getting the kernel ready while a request is still being read."""

import asyncio

from engine.containers.chores import Chores
from engine.host.cgroups import Cgroups


def warm_up(cgroups: Cgroups, chores: Chores) -> None:
    """Somebody is about to start something: what comes in the next 50 ms will take less time."""
    if cgroups.cools_down():
        chores.start(asyncio.to_thread(cgroups.prewarm), what="prewarm")
