"""The same done to many in one job, with a result for each."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from console.jobs.agent.run import JobRun
from console.jobs.kinds import Args, PartlyDone
from console.operations.errors import ConsoleError

AT_ONCE = 8
Do = Callable[[int, Args], Awaitable[dict[str, Any]]]


async def each(run: JobRun, items: Sequence[Args], do: Do, *, at_once: int = AT_ONCE) -> dict[str, Any]:
    """``do(number, item)`` for each, a few at a time; an item has a ``name``. PartlyDone when some came to nothing."""
    room, done = asyncio.Semaphore(at_once), 0
    results: list[dict[str, Any]] = [{"name": item["name"]} for item in items]

    async def one(number: int, item: Args) -> None:
        nonlocal done
        async with room:
            try:
                results[number] |= await do(number, item)
                await run.write(f"{item['name']}: done.\n")
            except ConsoleError as error:
                results[number]["error"] = str(error)
                await run.write(f"{item['name']}: {error}\n")
        done += 1
        run.progress({"step": done + 1, "steps": len(items), "what": item["name"]})

    async with asyncio.TaskGroup() as group:
        for number, item in enumerate(items):
            group.create_task(one(number, item))
    failed = [result["name"] for result in results if "error" in result]
    if failed:
        words = f"{len(failed)} of {len(items)} came to nothing: {', '.join(failed[:10])}"
        raise PartlyDone(words, result={"items": results})
    return {"items": results}
