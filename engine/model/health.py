"""Whether the program in a container does its work, as far as its own check can tell."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class HealthStatus(StrEnum):
    """Docker's words for ``State.Health.Status``."""

    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Probe:
    """One run of the check. ``exit_code`` -1: it did not end in time, or could not be run. ``output`` is cut short."""

    started_at: datetime
    ended_at: datetime
    exit_code: int
    output: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """``probes`` are the latest, oldest first."""

    status: HealthStatus = HealthStatus.STARTING
    failing_streak: int = 0
    probes: tuple[Probe, ...] = ()
