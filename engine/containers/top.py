"""The processes of a container, as the host's ps shows them (``docker top``)."""

from dataclasses import dataclass

from engine.host.processes import run
from engine.model.errors import Invalid

_TIMEOUT_S = 10
_THREAD = "-"  # in place of a pid: one of the process above


@dataclass(frozen=True, slots=True)
class Processes:
    titles: list[str]
    rows: list[list[str]]


async def list_processes(pids: list[int], *, columns: str) -> Processes:
    """``columns`` are ps arguments; the output must have a PID column. Raises Invalid in ps's words."""
    arguments = columns.split() or ["-ef"]
    if any(not argument.isascii() or argument.startswith("--") for argument in arguments):
        raise Invalid(f"ps arguments not allowed: {columns[:80]!r}")
    chosen = ["-q", ",".join(map(str, pids))] if pids else []
    done = await run(["ps", *arguments, *chosen], timeout_s=_TIMEOUT_S)
    if done.returncode != 0:  # some options do not go together with a choice of processes
        done = await run(["ps", *arguments], timeout_s=_TIMEOUT_S)
    if done.returncode != 0:
        why = done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"
        raise Invalid(f"ps: {why}")
    return _only(pids, done.stdout.decode(errors="replace"))


def _only(pids: list[int], output: str) -> Processes:
    header, *lines = output.splitlines() or [""]
    titles = header.split()
    if "PID" not in titles:
        raise Invalid("Couldn't find PID field in ps output")
    wanted = {str(pid) for pid in pids}
    place = titles.index("PID")
    rows: list[list[str]] = []
    is_ours = False
    for row in (line.split(None, len(titles) - 1) for line in lines):
        if len(row) <= place:
            continue
        is_ours = row[place] in wanted or (row[place] == _THREAD and is_ours)
        if is_ours:
            rows.append(row)
    return Processes(titles, rows)
