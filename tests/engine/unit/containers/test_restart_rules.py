"""Which ends are followed by another start, and after how long."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from engine.containers.restart_rules import next_pause_s, restarts_after, starts_with_engine
from engine.model.container import Container, ContainerSpec, RestartPolicy, RestartRule, Status
from engine.model.digest import Digest

NO, ON_FAILURE, ALWAYS, UNLESS_STOPPED = RestartRule


def container(rule: RestartRule, *, most_retries: int = 0, **fields: object) -> Container:
    spec = ContainerSpec(Digest.of(b""), "image", restart=RestartPolicy(rule, most_retries))
    made = Container("c" * 64, "name", spec, created_at=datetime(2026, 1, 1, tzinfo=UTC), status=Status.EXITED)
    return replace(made, **fields)  # type: ignore[arg-type]  # the tests name them


@pytest.mark.parametrize(
    ("rule", "exit_code", "is_restarted"),
    [
        (NO, 0, False),
        (NO, 1, False),
        (ON_FAILURE, 0, False),
        (ON_FAILURE, 1, True),
        (ALWAYS, 0, True),
        (ALWAYS, 137, True),
        (UNLESS_STOPPED, 0, True),
    ],
)
def test_the_policy_decides_by_the_exit_code(rule: RestartRule, exit_code: int, is_restarted: bool) -> None:
    assert restarts_after(container(rule), exit_code=exit_code) is is_restarted


@pytest.mark.parametrize("rule", [ON_FAILURE, ALWAYS, UNLESS_STOPPED])
def test_what_was_stopped_is_not_started_again(rule: RestartRule) -> None:
    assert not restarts_after(container(rule, was_stopped=True), exit_code=143)


@pytest.mark.parametrize(("restarted", "is_restarted"), [(0, True), (2, True), (3, False), (9, False)])
def test_on_failure_ends_with_its_retries(restarted: int, is_restarted: bool) -> None:
    failing = container(ON_FAILURE, most_retries=3, restart_count=restarted)
    assert restarts_after(failing, exit_code=1) is is_restarted


@pytest.mark.parametrize(
    ("rule", "was_stopped", "starts"),
    [
        (NO, False, False),
        (ON_FAILURE, False, False),
        (ALWAYS, False, True),
        (ALWAYS, True, True),
        (UNLESS_STOPPED, False, True),
        (UNLESS_STOPPED, True, False),
    ],
)
def test_an_engine_that_starts_starts_what_is_to_be_up(rule: RestartRule, was_stopped: bool, starts: bool) -> None:
    assert starts_with_engine(container(rule, was_stopped=was_stopped)) is starts


def test_what_never_ran_does_not_start_with_the_engine() -> None:
    assert not starts_with_engine(container(ALWAYS, status=Status.CREATED))


def test_pauses_double_up_to_a_minute() -> None:
    pauses: list[float] = []
    for _ in range(12):
        pauses.append(next_pause_s(pauses[-1] if pauses else None, ran_for_s=0.5))
    assert pauses[:5] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6])
    assert pauses[-2:] == [60.0, 60.0]


def test_a_run_of_ten_seconds_makes_the_next_pause_a_first_one() -> None:
    assert next_pause_s(60.0, ran_for_s=10.0) == pytest.approx(0.1)
