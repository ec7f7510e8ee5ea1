"""Whether a container that was put in another's place does its work."""

import asyncio
from collections.abc import Mapping
from typing import Any

from console.hosts import projects
from console.hosts.gateway import Engine
from console.stacks.compose.parts import UpdateConfig

# for how long one without a health check has to keep running where ``monitor`` does not say
MONITOR_S = 2.0
LOOK_S = 0.25
# what engines take where a health check does not say
INTERVAL_S = 30.0
TIMEOUT_S = 30.0
RETRIES = 3
MARGIN_S = 5.0
LONGEST_WORDS = 200

Document = Mapping[str, Any]


def monitor_s(config: UpdateConfig) -> float:
    return config.monitor_ns / 1e9 or MONITOR_S


def flaw_in(document: Document, *, waited_s: float, monitor_s: float) -> str | None:
    """What is wrong with a container that was started ``waited_s`` ago; empty: nothing. None: it cannot be told yet.

    With a health check it has to become healthy, without one it has to keep running for ``monitor_s``.
    """
    state = document.get("State") or {}
    status, health = str(state.get("Status") or ""), str((state.get("Health") or {}).get("Status") or "none")
    if status in ("exited", "dead"):
        return f"has ended with {state.get('ExitCode')}"
    if status == "restarting" or document.get("RestartCount"):
        return f"does not keep running (it ended with {state.get('ExitCode')})"
    if health == "none":
        return "" if waited_s >= monitor_s else None
    if health == "healthy":
        return ""
    limit = _patience_s((document.get("Config") or {}).get("Healthcheck") or {})
    if health == "unhealthy":
        return f"is unhealthy{_last_words(state)}"
    return f"is not healthy after {limit:.0f} s" if waited_s >= limit else None


def _last_words(state: Mapping[str, Any]) -> str:
    """Of its health check."""
    probes = (state.get("Health") or {}).get("Log") or [{}]
    text = " ".join(str(probes[-1].get("Output") or "").split())
    return f" ({text[:LONGEST_WORDS]})" if text else ""


def _patience_s(check: Mapping[str, Any]) -> float:
    """By then an engine has said one or the other, whatever the probes do."""
    interval = (check.get("Interval") or 0) / 1e9 or INTERVAL_S
    timeout = (check.get("Timeout") or 0) / 1e9 or TIMEOUT_S
    start = (check.get("StartPeriod") or 0) / 1e9
    return float(start + (interval + timeout) * (check.get("Retries") or RETRIES) + interval + MARGIN_S)


async def flaw_of(engine: Engine, engine_id: str, *, monitor_s: float) -> str:
    """What is wrong with it, once that can be told; empty: nothing."""
    clock = asyncio.get_running_loop()
    begin = clock.time()
    while True:
        document = await projects.find_container(engine, engine_id)
        if document is None:
            return "is gone"
        found = flaw_in(document, waited_s=clock.time() - begin, monitor_s=monitor_s)
        if found is not None:
            return found
        await asyncio.sleep(min(LOOK_S, monitor_s))
