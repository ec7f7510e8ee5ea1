"""Work without an engine whose every beginning and end is written down, for workers that are killed in mid-work.

Loaded by the console's worker, the agent and the program that adds jobs: what is patched here is so in all of them.
"""

import asyncio
import fcntl
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from console.jobs import observations, sending
from console.jobs.agent import execution
from console.jobs.agent.run import JobRun
from console.jobs.kinds import Args, handler
from console.operations.permissions import Permission

# so that a silent attempt is given up soon
observations.LEASE = timedelta(seconds=6)
execution.HEARTBEAT_S = 1.0
TIMES_SENT = int(os.environ.get("TEST_TIMES_SENT", "1"))


def note(folder: Path, **fact: Any) -> None:
    """One line, whole, whoever dies."""
    with (folder / "tally").open("a") as file:
        file.write(json.dumps(fact) + "\n")


async def work(run: JobRun, args: Args) -> dict[str, Any]:
    folder = Path(args["folder"])
    with (folder / f"job-{run.job}").open("a") as mine:
        try:
            # let go by the kernel when its process dies
            fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note(folder, job=run.job, attempt=run.attempt, what="overlap")
        note(folder, job=run.job, attempt=run.attempt, what="begin")
        await run.write(f"attempt {run.attempt}\n")
        await asyncio.sleep(args["lasts_s"])
        note(folder, job=run.job, attempt=run.attempt, what="end")
    return {"attempt": run.attempt}


handler("test.tally", permission=Permission.IMAGE_BUILD, retryable=True)(work)
handler("test.once", permission=Permission.IMAGE_BUILD)(work)

_send_execute = sending.send_execute


def send_often(queue: str, message: dict[str, Any]) -> bool:
    """As a broker does that delivers more than once."""
    return False not in {_send_execute(queue, message) for _ in range(TIMES_SENT)}


sending.send_execute = send_often
