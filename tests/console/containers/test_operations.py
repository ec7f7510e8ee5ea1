"""Asking for containers to be run, started, stopped and removed: who may, and what does not fit."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from console.audit.models import AuditEntry
from console.containers.operations import remove_container, run_container, start_container, stop_container
from console.images.models import Image
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Missing
from console.operations.permissions import Role
from tests.factories.console import actor_of, make_container, make_host, make_image, make_job, make_user
from tests.fakes.broker import Broker

Run = Callable[..., Job]
HELD = [{"host_address": "127.0.0.1", "host_port": 8080, "container_port": 80, "protocol": "tcp"}]


@pytest.fixture
def run(admin: Actor) -> Run:
    make_image("hello-naru:latest")
    return lambda **given: run_container(admin, "local", **{"image": "hello-naru", "name": "web-1", **given})


def test_what_was_asked_becomes_a_job(
    run: Run, broker: Broker, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        job = run(
            command="sh -c 'echo \"$HOME\"; exit 3'", env={"TOKEN": "secret"}, ports=["8080:80"], memory_bytes=64 << 20
        )
    assert (job.kind, job.on_name, job.max_attempts) == ("container.run", "web-1", 3)
    assert job.args == {
        "image": "hello-naru:latest",
        "image_engine_id": Image.objects.get().engine_id,
        "name": "web-1",
        "command": ["sh", "-c", 'echo "$HOME"; exit 3'],
        "env": {"TOKEN": "secret"},
        "ports": HELD,
        "memory_bytes": 64 << 20,
        "cpus": 0.0,
    }
    assert broker.of("jobs.dispatch") == [[job.pk]]


def test_values_of_variables_are_not_in_the_audit_log(run: Run) -> None:
    run(env={"TOKEN": "sesame"})
    assert "sesame" not in str(list(AuditEntry.objects.values_list("details", "reason", "target_name")))
    assert AuditEntry.objects.get().details["env"] == ["TOKEN"]


def test_an_image_may_be_named_by_its_id(run: Run) -> None:
    image = make_image()
    assert run(image=image.short_id).args["image"] == image.short_id


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"image": "Hello"}, "image"),
        ({"image": ""}, "image"),
        ({"image": "0" * 64}, "image"),
        ({"name": "-web"}, "name"),
        ({"name": "w"}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "../web"}, "name"),
        ({"name": "a" * 129}, "name"),
        ({"name": "wéb"}, "name"),
        ({"command": "sh -c 'open"}, "command"),
        ({"command": 'say "open'}, "command"),
        ({"command": "ends in \\"}, "command"),
        ({"command": "zero \0"}, "command"),
        ({"ports": ["http"]}, "ports"),
        ({"ports": ["8080:80", "90000:1"]}, "ports"),
        ({"memory_bytes": 0}, "memory_bytes"),
        ({"memory_bytes": 6 * 1024 * 1024 - 1}, "memory_bytes"),
        ({"memory_bytes": -1}, "memory_bytes"),
        ({"cpus": 0}, "cpus"),
        ({"cpus": -1}, "cpus"),
        ({"cpus": float("nan")}, "cpus"),
        ({"cpus": float("inf")}, "cpus"),
        ({"env": {"": "x"}}, "env"),
        ({"env": {"A B": "x"}}, "env"),
        ({"env": {"1A": "x"}}, "env"),
        ({"env": {"A=B": "x"}}, "env"),
        ({"env": {"A": "\0"}}, "env"),
    ],
)
def test_what_is_wrong_is_named_and_makes_no_job(run: Run, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as invalid:
        run(**wrong)
    assert invalid.value.field == field
    assert not Job.objects.exists()
    assert AuditEntry.objects.get().outcome == "refused"


def test_a_taken_name_is_a_conflict(run: Run) -> None:
    make_container("web-1", state="exited")
    with pytest.raises(Conflict) as conflict:
        run()
    assert conflict.value.field == "name"


def test_a_name_that_a_job_under_way_will_give_is_a_conflict(run: Run) -> None:
    run()
    with pytest.raises(Conflict):
        run()
    assert Job.objects.count() == 1


def test_the_name_of_a_container_that_is_gone_is_free(run: Run) -> None:
    make_container("web-1", gone_at=timezone.now())
    make_container("web-1", host=make_host("b2"))
    assert run().state == "queued"


def test_containers_without_names_do_not_clash(run: Run) -> None:
    assert run(name="").pk != run(name=" ").pk


@pytest.mark.parametrize("ports", [["8080:80"], ["0.0.0.0:8080:1"], ["9:9", "127.0.0.1:8080:2"]])
def test_a_port_that_a_running_container_holds_is_a_conflict(run: Run, ports: list[str]) -> None:
    make_container("db-1", ports=HELD)
    with pytest.raises(Conflict, match="db-1") as conflict:
        run(ports=ports)
    assert conflict.value.field == "ports"
    assert not Job.objects.exists()


@pytest.mark.parametrize("ports", [["8081:80"], ["8080:80/udp"], ["127.0.0.2:8080:80"], ["80"]])
def test_a_port_beside_those_held_is_free(run: Run, ports: list[str]) -> None:
    make_container("db-1", ports=HELD)
    assert run(ports=ports).state == "queued"


def test_a_port_of_a_stopped_container_or_of_another_host_is_free(run: Run) -> None:
    make_container("db-1", ports=HELD, state="exited")
    make_container("db-1", ports=HELD, host=make_host("b2"))
    assert run(ports=["8080:80"]).state == "queued"


def test_a_port_that_a_job_under_way_will_take_is_a_conflict(run: Run) -> None:
    run(ports=["8080:80"])
    with pytest.raises(Conflict, match="web-1"):
        run(name="web-2", ports=["0.0.0.0:8080:80"])


def test_starting_needs_the_ports_it_had(admin: Actor) -> None:
    make_container("web-1", state="exited", ports=HELD)
    make_container("db-1", ports=HELD)
    with pytest.raises(Conflict, match="db-1"):
        start_container(admin, "local", "web-1")


def test_an_operator_starts_and_stops_but_neither_runs_nor_removes(run: Run) -> None:
    operator = actor_of(make_user(Role.OPERATOR))
    make_container("up")
    make_container("down", state="exited")
    assert stop_container(operator, "local", "up").kind == "container.stop"
    assert start_container(operator, "local", "down").kind == "container.start"
    with pytest.raises(Denied):
        run_container(operator, "local", image="hello-naru")
    with pytest.raises(Denied):
        remove_container(operator, "local", "down")


def test_a_viewer_changes_nothing(admin: Actor) -> None:
    viewer = actor_of(make_user(Role.VIEWER))
    make_container("up")
    for ask in (start_container, stop_container, remove_container):
        with pytest.raises(Denied):
            ask(viewer, "local", "up")
    assert not Job.objects.exists()


Ask = Callable[[Actor, str, str], Job]


@pytest.mark.parametrize(
    ("ask", "state"),
    [
        (start_container, "running"),
        (stop_container, "exited"),
        (stop_container, "created"),
        (remove_container, "running"),
    ],
)
def test_what_does_not_fit_the_state_is_a_conflict(admin: Actor, ask: Ask, state: str) -> None:
    make_container("web-1", state=state)
    with pytest.raises(Conflict, match="running"):
        ask(admin, "local", "web-1")
    assert not Job.objects.exists()


def test_by_force_a_running_container_is_removed(admin: Actor) -> None:
    container = make_container("web-1")
    job = remove_container(admin, "local", "web-1", force=True)
    assert job.args == {"engine_id": container.engine_id, "force": True}


@pytest.mark.parametrize("ask", [start_container, stop_container, remove_container])
def test_a_container_that_is_gone_is_left_alone(admin: Actor, ask: Ask) -> None:
    make_container("web-1", gone_at=timezone.now())
    with pytest.raises(Conflict, match="was removed"):
        ask(admin, "local", "web-1")


def test_two_jobs_about_one_container_are_a_conflict(admin: Actor) -> None:
    container = make_container("web-1")
    make_job("container.stop", state="queued", on_kind="container", on_id=str(container.pk))
    with pytest.raises(Conflict, match="still at work"):
        stop_container(admin, "local", "web-1")
    assert Job.objects.count() == 1


@pytest.mark.parametrize("timeout_s", [-1, 3601])
def test_the_time_to_wait_has_bounds(admin: Actor, timeout_s: int) -> None:
    make_container("web-1")
    with pytest.raises(Invalid) as invalid:
        stop_container(admin, "local", "web-1", timeout_s=timeout_s)
    assert invalid.value.field == "timeout_s"


@pytest.mark.parametrize("name", ["nothing", "", "web", "0" * 12])
def test_a_container_nobody_knows_is_missing(admin: Actor, name: str) -> None:
    make_container("web-1")
    with pytest.raises(Missing):
        stop_container(admin, "local", name)


def test_a_container_is_found_by_its_id(admin: Actor) -> None:
    container = make_container("web-1")
    assert stop_container(admin, "local", container.short_id).on_id == str(container.pk)
