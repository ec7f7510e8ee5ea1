"""How a container's health check has gone, by its engine's document. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

MOST_OUTPUT = 4096


@dataclass(frozen=True, slots=True)
class Probe:
    """``output`` is None where it is not shown."""

    started_at: datetime | None
    finished_at: datetime | None
    exit_code: int
    output: str | None

    @property
    def is_good(self) -> bool:
        return self.exit_code == 0


@dataclass(frozen=True, slots=True)
class Health:
    """``failing``: how many checks in a row have failed."""

    status: str
    failing: int
    probes: list[Probe]


def health_of(health: Mapping[str, Any], *, shows_output: bool, last_known: str = "") -> Health:
    """``health`` is State.Health; newest probes first. What a check prints is as private as a log."""
    entries = [entry for entry in health.get("Log") or [] if isinstance(entry, Mapping)]
    probes = [_probe(entry, shows_output=shows_output) for entry in reversed(entries)]
    return Health(str(health.get("Status") or last_known), int(health.get("FailingStreak") or 0), probes)


def without_outputs(document: Mapping[str, Any], *, hidden: str) -> dict[str, Any]:
    """The engine's document, for those who may not read what checks printed."""
    state = document.get("State")
    health = state.get("Health") if isinstance(state, Mapping) else None
    if not isinstance(state, Mapping) or not isinstance(health, Mapping):
        return dict(document)
    entries = [{**entry, "Output": hidden} for entry in health.get("Log") or [] if isinstance(entry, Mapping)]
    return {**document, "State": {**state, "Health": {**health, "Log": entries}}}


def _probe(entry: Mapping[str, Any], *, shows_output: bool) -> Probe:
    output = str(entry.get("Output") or "")[:MOST_OUTPUT] if shows_output else None
    return Probe(_time(entry.get("Start")), _time(entry.get("End")), int(entry.get("ExitCode") or 0), output)


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None
