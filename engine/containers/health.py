"""What the results of its check make of a container's health, and when the next check is due (moby, daemon/health.go).

    starting ──success──► healthy ◄──success── unhealthy
        │                    │                     ▲
        └────────────────────┴──── ``retries`` failures in a row; of a starting one, after its start period

Pure.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from engine.model.container import Container
from engine.model.health import Health, HealthStatus, Probe

_SHELL: Final = ("/bin/sh", "-c")
_INTERVAL_NS: Final = 30_000_000_000
_TIMEOUT_NS: Final = 30_000_000_000
_START_INTERVAL_NS: Final = 5_000_000_000
_RETRIES: Final = 3
_MOST_KEPT: Final = 5


@dataclass(frozen=True, slots=True)
class Check:
    """A container's health check with every default filled in. ``argv`` is the program to run."""

    argv: tuple[str, ...]
    interval_ns: int
    timeout_ns: int
    start_period_ns: int
    start_interval_ns: int
    retries: int


def check_of(container: Container) -> Check | None:
    """None where nothing is to be checked: no test, a test without a program, ``NONE``, or a build step."""
    given = container.spec.healthcheck
    if given is None or container.hidden:
        return None
    match given.test:
        case ("CMD", _, *_):
            argv = given.test[1:]
        case ("CMD-SHELL", _, *_):
            argv = (container.spec.shell or _SHELL) + given.test[1:]
        case _:
            return None
    return Check(
        argv,
        interval_ns=given.interval_ns or _INTERVAL_NS,
        timeout_ns=given.timeout_ns or _TIMEOUT_NS,
        start_period_ns=given.start_period_ns,
        start_interval_ns=given.start_interval_ns or _START_INTERVAL_NS,
        retries=given.retries or _RETRIES,
    )


def health_at_start(container: Container) -> Health | None:
    """Of a container that is about to run. The probes of its run before stay for whoever asks why it ended."""
    if check_of(container) is None:
        return None
    return Health(probes=container.health.probes if container.health else ())


def unchecked(health: Health | None) -> Health | None:
    """Of a container that is not checked any more, being paused or over: Docker calls that unhealthy."""
    return replace(health, status=HealthStatus.UNHEALTHY) if health else None


def health_after(health: Health, probe: Probe, *, check: Check, container_started_at: datetime) -> Health:
    """``health`` once ``probe`` has ended."""
    probes = (*health.probes, probe)[-_MOST_KEPT:]
    if probe.exit_code == 0:
        return Health(HealthStatus.HEALTHY, 0, probes)
    is_starting = health.status is HealthStatus.STARTING
    if is_starting and _nanoseconds(probe.started_at - container_started_at) < check.start_period_ns:
        return replace(health, probes=probes)
    streak = health.failing_streak + 1
    return Health(HealthStatus.UNHEALTHY if streak >= check.retries else health.status, streak, probes)


def pause_s(health: Health, *, check: Check, container_started_at: datetime, now: datetime) -> float:
    """Seconds until the next probe, from the end of the one before it, or from the start."""
    in_start_period = _nanoseconds(now - container_started_at) < check.start_period_ns
    is_starting = health.status is HealthStatus.STARTING
    return (check.start_interval_ns if in_start_period and is_starting else check.interval_ns) / 1e9


def _nanoseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1) * 1000
