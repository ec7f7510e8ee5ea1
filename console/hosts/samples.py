"""What a container uses at a moment, by its engine's counters. Pure but for the asking."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.hosts.gateway import Engine

NS_PER_S = 10**9


@dataclass(frozen=True, slots=True)
class Sample:
    """``cpu_ns`` counts from the container's start; ``at_ns`` is when."""

    at_ns: int
    cpu_ns: int
    memory_bytes: int
    memory_limit_bytes: int
    pids: int


async def sample_of(engine: Engine, engine_id: str, *, at_ns: int) -> Sample:
    """Raises Missing and Unavailable. One reading, without the engine waiting for a second one."""
    told = await engine.json(f"containers/{engine_id}/stats", params={"stream": "false", "one-shot": "true"})
    memory: Mapping[str, Any] = told.get("memory_stats") or {}
    # Docker's own way to count: without files that the kernel gives back when asked
    cache = int((memory.get("stats") or {}).get("inactive_file") or 0)
    return Sample(
        at_ns=at_ns,
        cpu_ns=int(((told.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage") or 0),
        memory_bytes=max(int(memory.get("usage") or 0) - cache, 0),
        memory_limit_bytes=int(memory.get("limit") or 0),
        pids=int((told.get("pids_stats") or {}).get("current") or 0),
    )


def told_of(latest: Sample, before: Sample | None) -> dict[str, Any]:
    """``cpu_percent`` is of one processor, between the two samples; None where there is but one."""
    percent = None
    if before is not None and latest.at_ns > before.at_ns and latest.cpu_ns >= before.cpu_ns:
        percent = round(100 * (latest.cpu_ns - before.cpu_ns) / (latest.at_ns - before.at_ns), 1)
    return {
        "at_ms": latest.at_ns // 1_000_000,
        "memory_bytes": latest.memory_bytes,
        "memory_limit_bytes": latest.memory_limit_bytes,
        "pids": latest.pids,
        "cpu_percent": percent,
    }
