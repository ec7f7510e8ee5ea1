"""What is left of a container at the moment when something went wrong: read from its engine at once, and bounded.

{"lines": [[ms since 1970, "stdout", "text"], …], "health": [{"at", "exit_code", "output"}, …],
 "stats": {"memory_bytes", "memory_limit_bytes", "pids", "cpu_percent", "at"}, "image_engine_id", "fingerprint",
 "exit_code", "is_oom", "error"}
"""

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from console.hosts.gateway import Engine
from console.hosts.logs import LogCursor, LogReader
from console.hosts.shape import Shape, settings_of, shape_of

MOST_LINES = 200
LONGEST_LINE = 2000
MOST_TEXT = 96 * 1024
MOST_PROBES = 5
# a container that was started again writes on: of what is read, later lines fall away
READ_LINES = 2 * MOST_LINES
LATE_MS = 100
STREAMS = {1: "stdout", 2: "stderr"}


async def contents_of(engine: Engine, engine_id: str, *, at_ns: int) -> dict[str, Any]:
    """Raises Missing when the container is gone already, Unavailable when the engine is."""
    document = await engine.json(f"containers/{engine_id}/json")
    state: Mapping[str, Any] = document.get("State") or {}
    return {
        "lines": await _last_lines(engine, engine_id, document, until_ms=at_ns // 1_000_000 + LATE_MS),
        "health": _probes(state),
        "image_engine_id": str(document.get("Image", "")).removeprefix("sha256:")[:64],
        "fingerprint": fingerprint(shape_of(document)),
        "exit_code": None if state.get("Running") else state.get("ExitCode"),
        "is_oom": bool(state.get("OOMKilled")),
        "error": str(state.get("Error") or "")[:LONGEST_LINE],
    }


def fingerprint(shape: Shape) -> str:
    """Two containers that were made to be the same have the same one: 16 hex digits."""
    text = json.dumps(settings_of(shape), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]


async def _last_lines(
    engine: Engine, engine_id: str, document: Mapping[str, Any], *, until_ms: int
) -> list[tuple[int, str, str]]:
    wanted = {"stdout": "1", "stderr": "1", "timestamps": "1", "tail": str(READ_LINES)}
    has_tty = bool((document.get("Config") or {}).get("Tty"))
    reader = LogReader(LogCursor(), has_tty=has_tty)
    found = []
    async with engine.stream(f"containers/{engine_id}/logs", params=wanted) as response:
        async for chunk in response.content.iter_any():
            found += reader.feed(chunk).lines
    found += reader.close(now_ns=time.time_ns()).lines
    lines = [(line.at_ns // 1_000_000, STREAMS.get(line.stream, "stdout"), line.text[:LONGEST_LINE]) for line in found]
    return bounded([line for line in lines if line[0] <= until_ms])


def bounded(lines: list[tuple[int, str, str]]) -> list[tuple[int, str, str]]:
    """The last of them, as many as may be kept."""
    kept: list[tuple[int, str, str]] = []
    size = 0
    for line in reversed(lines[-MOST_LINES:]):
        size += len(line[2].encode(errors="replace"))
        if size > MOST_TEXT:
            break
        kept.append(line)
    return kept[::-1]


def _probes(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    entries = [entry for entry in (state.get("Health") or {}).get("Log") or [] if isinstance(entry, Mapping)]
    return [
        {
            "at": str(entry.get("End") or entry.get("Start") or "")[:40],
            "exit_code": entry.get("ExitCode"),
            "output": str(entry.get("Output") or "")[:LONGEST_LINE],
        }
        for entry in entries[-MOST_PROBES:]
    ]
