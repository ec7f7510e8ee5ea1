"""The processes of a container, as the host's ps shows them (``docker top``)."""

from dataclasses import dataclass

from engine.host.processes import run
from engine.model.errors import Invalid

_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Processes:
    titles: list[str]
    rows: list[list[str]]


async def list_processes(pids: list[int], *, columns: str) -> Processes:
    """``columns`` are ps arguments; the output must have a PID column. Raises Invalid in ps's words."""
    arguments = columns.split() or ["-ef"]
    if any(not argument.isascii() or argument.startswith("--") for argument in arguments):
        raise Invalid(f"ps arguments not allowed: {columns[:80]!r}")
    done = await run(["ps", *arguments], timeout_s=_TIMEOUT_S)
    if done.returncode != 0:
        raise Invalid(f"ps: {done.stderr.decode(errors='replace').strip()}")
    return _only(pids, done.stdout.decode(errors="replace"))


def _only(pids: list[int], output: str) -> Processes:
    header, *lines = output.splitlines() or [""]
    titles = header.split()
    if "PID" not in titles:
        raise Invalid("Couldn't find PID field in ps output")
    wanted = {str(pid) for pid in pids}
    rows = [line.split(None, len(titles) - 1) for line in lines]
    place = titles.index("PID")
    return Processes(titles, [row for row in rows if len(row) > place and row[place] in wanted])
