"""Starting a host whose agent calls a console elsewhere: who it is has to be known before its agent can begin."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from console.hosts.tunnel.calling import Call, Refused, Unreached, ask_who_i_am
from console.hosts.tunnel.frames import Welcome
from console.project.known_as import known_as, remember

AGAIN_S: Final = 3.0
LOOK_EVERY_S: Final = 1.0


async def await_known_as(path: Path, call: Call, say: Callable[[str], None]) -> Welcome:
    """As the console told once, kept in ``path``; else it is asked until it answers, for as long as that takes."""
    said = ""
    while (known := known_as(path)) is None:
        try:
            remember(path, await ask_who_i_am(call))
            continue
        except Refused as error:
            why = f"{error}; was it renewed or revoked?"
        except Unreached as error:
            why = str(error)
        if why != said:
            said = why
            say(f"waiting for the console at {call.console}: {why}")
        await asyncio.sleep(AGAIN_S)
    return known


async def until_known_otherwise(path: Path, known: Welcome) -> None:
    while known_as(path) == known:  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(LOOK_EVERY_S)


async def first_of(*works: Awaitable[None]) -> None:
    """Until one of them is done; the others are cancelled then."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
