"""What a health check's results make of a container's health."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.containers import transitions
from engine.containers.health import Check, check_of, health_after, pause_s
from engine.model.container import Container, ContainerSpec, ProcessIdentity, Status
from engine.model.digest import Digest
from engine.model.health import Health, HealthStatus, Probe
from engine.model.image import Healthcheck

STARTED_AT = datetime(2026, 11, 24, tzinfo=UTC)
PROCESS = ProcessIdentity(42, 1000, "boot")
SECOND_NS = 1_000_000_000


def container(check: Healthcheck | None, **fields: Any) -> Container:
    spec = ContainerSpec(image_id=Digest("0" * 64), image_name="busybox", healthcheck=check)
    return replace(Container(id="a" * 64, name="quay", spec=spec, created_at=STARTED_AT), **fields)


def check(**fields: Any) -> Check:
    defaults = check_of(container(Healthcheck(("CMD", "true"))))
    assert defaults is not None
    return replace(defaults, **fields)


def probe(exit_code: int, *, after_s: float = 0) -> Probe:
    at = STARTED_AT + timedelta(seconds=after_s)
    return Probe(at, at, exit_code, str(after_s))


@pytest.mark.parametrize(
    ("fields", "results", "expected"),
    [
        ({}, [], "starting 0"),
        ({}, [(1, 0)], "healthy 0"),
        ({}, [(1, 1)], "starting 1"),
        ({}, [(1, 1), (2, 1)], "starting 2"),
        ({}, [(1, 1), (2, 1), (3, 1)], "unhealthy 3"),
        ({}, [(1, 1), (2, 1), (3, 0)], "healthy 0"),
        ({}, [(1, 0), (2, 1), (3, 1)], "healthy 2"),
        ({}, [(1, 0), (2, 1), (3, 2), (4, 127)], "unhealthy 3"),
        ({}, [(1, -1), (2, -1), (3, -1), (4, -1)], "unhealthy 4"),
        ({}, [(1, 1), (2, 1), (3, 1), (4, 0)], "healthy 0"),
        ({}, [(1, 1), (2, 1), (3, 1), (4, 0), (5, 1)], "healthy 1"),
        ({"retries": 1}, [(1, 1)], "unhealthy 1"),
        # within the start period failures do not count, successes do
        ({"start_period_ns": 10 * SECOND_NS}, [(1, 1), (2, 1), (3, 1), (9.9, 1)], "starting 0"),
        ({"start_period_ns": 10 * SECOND_NS}, [(1, 1), (10, 1), (11, 1), (12, 1)], "unhealthy 3"),
        ({"start_period_ns": 10 * SECOND_NS}, [(1, 0), (2, 1), (3, 1), (4, 1)], "unhealthy 3"),
        ({"start_period_ns": 10 * SECOND_NS, "retries": 1}, [(9, 1), (9.5, 0), (9.8, 1)], "unhealthy 1"),
    ],
)
def test_health_goes_by_the_results(fields: dict[str, Any], results: list[tuple[float, int]], expected: str) -> None:
    health = Health()
    for after_s, exit_code in results:
        result = probe(exit_code, after_s=after_s)
        health = health_after(health, result, check=check(**fields), container_started_at=STARTED_AT)
    assert f"{health.status} {health.failing_streak}" == expected
    assert [kept.output for kept in health.probes] == [str(after_s) for after_s, _ in results]


def test_the_last_five_probes_are_kept() -> None:
    health = Health()
    for number in range(7):
        health = health_after(health, probe(0, after_s=number), check=check(), container_started_at=STARTED_AT)
    assert [kept.output for kept in health.probes] == ["2", "3", "4", "5", "6"]


@pytest.mark.parametrize(
    ("status", "after_s", "expected_s"),
    [
        (HealthStatus.STARTING, 0, 2),
        (HealthStatus.STARTING, 9.9, 2),
        (HealthStatus.STARTING, 10, 7),
        (HealthStatus.HEALTHY, 1, 7),
        (HealthStatus.UNHEALTHY, 1, 7),
    ],
)
def test_a_starting_container_is_checked_by_its_own_interval(
    status: HealthStatus, after_s: float, expected_s: float
) -> None:
    times = check(interval_ns=7 * SECOND_NS, start_interval_ns=2 * SECOND_NS, start_period_ns=10 * SECOND_NS)
    now = STARTED_AT + timedelta(seconds=after_s)
    assert pause_s(Health(status), check=times, container_started_at=STARTED_AT, now=now) == expected_s


def test_what_is_not_said_is_as_in_docker() -> None:
    assert check() == Check(
        ("true",),
        interval_ns=30 * SECOND_NS,
        timeout_ns=30 * SECOND_NS,
        start_period_ns=0,
        start_interval_ns=5 * SECOND_NS,
        retries=3,
    )


@pytest.mark.parametrize("test", [(), ("NONE",), ("CMD",), ("CMD-SHELL",), ("NONE", "x"), ("SOMETHING", "x")])
def test_nothing_is_checked_without_a_program(test: tuple[str, ...]) -> None:
    assert check_of(container(Healthcheck(test))) is None
    assert check_of(container(None)) is None


def test_a_build_step_is_not_checked() -> None:
    assert check_of(container(Healthcheck(("CMD", "true")), hidden=True)) is None


def test_text_is_run_by_the_image_s_shell_or_sh() -> None:
    plain = container(Healthcheck(("CMD-SHELL", "a && b")))
    own = replace(plain, spec=replace(plain.spec, shell=("/bin/ash", "-ec")))
    argv = [found.argv for each in (plain, own) if (found := check_of(each))]
    assert argv == [("/bin/sh", "-c", "a && b"), ("/bin/ash", "-ec", "a && b")]


def running(container: Container) -> Container:
    return transitions.running(container, process=PROCESS, monitor=PROCESS, uid_base=None, endpoints=(), at=STARTED_AT)


def test_a_start_begins_anew_and_keeps_what_was_found_before() -> None:
    before = Health(HealthStatus.HEALTHY, 2, (probe(0),))
    started = running(container(Healthcheck(("CMD", "true")), health=before))
    assert started.health == Health(HealthStatus.STARTING, 0, before.probes)
    assert running(container(None)).health is None


def test_who_is_not_checked_any_more_is_unhealthy() -> None:
    healthy = replace(running(container(Healthcheck(("CMD", "true")))), health=Health(HealthStatus.HEALTHY))
    for changed in (transitions.paused(healthy), transitions.exited(healthy, exit_code=0, at=STARTED_AT)):
        assert changed.health == Health(HealthStatus.UNHEALTHY)
    unchecked = container(None, status=Status.RUNNING)
    assert transitions.exited(unchecked, exit_code=0, at=STARTED_AT).health is None
