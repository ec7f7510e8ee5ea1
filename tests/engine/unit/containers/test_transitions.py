from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from engine.containers import transitions
from engine.model.container import Container, ContainerSpec, ProcessIdentity, Status
from engine.model.digest import Digest
from engine.model.errors import Conflict, EngineError, NotModified

NOW = datetime(2026, 11, 24, tzinfo=UTC)
PROCESS = ProcessIdentity(42, 1000, "boot")


def container(status: Status) -> Container:
    spec = ContainerSpec(image_id=Digest("0" * 64), image_name="busybox")
    return Container(id="a" * 64, name="quiet_quay", spec=spec, created_at=NOW, status=status)


@pytest.mark.parametrize(
    ("status", "refusal"),
    [(Status.RUNNING, NotModified), (Status.PAUSED, Conflict), (Status.REMOVING, Conflict), (Status.DEAD, Conflict)],
)
def test_what_runs_or_is_going_away_is_not_started(status: Status, refusal: type[EngineError]) -> None:
    with pytest.raises(refusal):
        transitions.check_startable(container(status))


@pytest.mark.parametrize("status", [Status.CREATED, Status.EXITED])
def test_what_stands_still_can_be_started(status: Status) -> None:
    transitions.check_startable(container(status))


@pytest.mark.parametrize("change", [transitions.paused, transitions.check_running])
def test_what_stands_still_is_neither_paused_nor_killed(change: Callable[[Container], object]) -> None:
    with pytest.raises(Conflict, match="is not running"):
        change(container(Status.EXITED))


def test_stopping_what_is_stopped_changes_nothing() -> None:
    with pytest.raises(NotModified):
        transitions.check_stoppable(container(Status.EXITED))


def test_a_running_container_is_removed_only_by_force() -> None:
    with pytest.raises(Conflict, match="container is running: stop the container before removing or force remove"):
        transitions.check_removable(container(Status.RUNNING), force=False)
    transitions.check_removable(container(Status.RUNNING), force=True)


def test_an_end_leaves_no_process_behind_and_a_new_start_no_exit_code() -> None:
    running = transitions.running(
        container(Status.CREATED), process=PROCESS, monitor=PROCESS, uid_base=524288, endpoints=(), at=NOW
    )
    exited = transitions.exited(transitions.oom_killed(running), exit_code=37, at=NOW)
    assert (exited.status, exited.exit_code, exited.process, exited.oom_killed) == (Status.EXITED, 37, None, True)
    again = transitions.running(exited, process=PROCESS, monitor=PROCESS, uid_base=None, endpoints=(), at=NOW)
    assert (again.exit_code, again.oom_killed, again.finished_at) == (0, False, None)


def test_a_failed_start_leaves_the_status() -> None:
    failed = transitions.start_failed(replace(container(Status.CREATED)), exit_code=127, error="not found")
    assert (failed.status, failed.exit_code, failed.error) == (Status.CREATED, 127, "not found")
