"""A replacement that is cut off anywhere and tried again, or that comes to nothing: a container runs under the name."""

import asyncio
import contextlib
from typing import Any

import pytest

from console.containers.ports import PublishedPort
from console.containers.replacing import replace
from console.containers.specs.spec import ContainerSpec
from console.operations.errors import Conflict, Missing, Unavailable
from tests.fakes.docker import FakeDocker, FakeRun, Killed

PORTS = (PublishedPort("127.0.0.1", 8080, 80),)
# what a replacement changes on its way: create, stop, two names, start, remove
STEPS = 6


def args_for(old: str, spec: ContainerSpec | None = None, **more: Any) -> dict[str, Any]:
    spec = spec or ContainerSpec("b:2", ports=PORTS)
    return {**spec.as_json(), "name": "web", "engine_id": old, "settle_s": 0, "drops": [], **more}


def with_old(**facts: Any) -> tuple[FakeDocker, str]:
    docker = FakeDocker()
    old = docker.add("web", volumes=("/data",), HostConfig={"PortBindings": {"80/tcp": [{}]}}, **facts)
    return docker, old


async def attempt(docker: FakeDocker, args: dict[str, Any], *, job: int = 7) -> tuple[FakeRun, Any]:
    run: Any = FakeRun(docker, job=job)
    return run, await replace(run, args)


def assert_one_runs(docker: FakeDocker, image: str) -> None:
    assert docker.running() == ["web"]
    assert len(docker.containers) == 1
    found = docker.named("web")
    assert found is not None
    assert found["Config"]["Image"] == image
    assert [mount["Name"] for mount in found["Mounts"]] == ["volume-0"]
    assert docker.volumes == {"volume-0"}


async def test_the_new_one_takes_name_ports_and_volumes_of_the_old() -> None:
    docker, old = with_old()
    run, result = await attempt(docker, args_for(old))
    assert docker.log == ["create", "stop", "rename", "rename", "start", "DELETE"]
    assert_one_runs(docker, "b:2")
    assert (result["name"], result["replaced"]) == ("web", old)
    assert [kind for kind, _fact in run.facts] == ["containers.seen", "containers.gone"]


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, STEPS + 1))
async def test_killed_at_any_step_the_next_attempt_ends_it(step: int, done: bool) -> None:
    docker, old = with_old()
    docker.die_at = (step, done)
    with pytest.raises(Killed):
        await attempt(docker, args_for(old))
    await attempt(docker, args_for(old))
    assert_one_runs(docker, "b:2")


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, STEPS + 1))
async def test_what_a_job_left_when_it_was_given_up_is_taken_back_by_the_next(step: int, done: bool) -> None:
    docker, old = with_old()
    docker.die_at = (step, done)
    with pytest.raises(Killed):
        await attempt(docker, args_for(old), job=7)
    if (step, done) == (STEPS, True):
        with pytest.raises(Missing):
            await attempt(docker, args_for(old, ContainerSpec("c:3", ports=PORTS)), job=8)
        assert_one_runs(docker, "b:2")
    else:
        await attempt(docker, args_for(old, ContainerSpec("c:3", ports=PORTS)), job=8)
        assert_one_runs(docker, "c:3")


@pytest.mark.parametrize("step", range(1, STEPS))
async def test_an_error_at_any_step_brings_the_old_one_back(step: int) -> None:
    docker, old = with_old()
    docker.fail_at = step
    with pytest.raises(Unavailable):
        await attempt(docker, args_for(old))
    assert_one_runs(docker, "a:1")


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(6, 10))
async def test_killed_while_it_is_taken_back_one_of_both_runs_in_the_end(step: int, done: bool) -> None:
    docker, old = with_old()
    docker.ends.add("b:2")
    docker.die_at = (step, done)
    with pytest.raises((Killed, Conflict)):
        await attempt(docker, args_for(old))
    with contextlib.suppress(Conflict):
        await attempt(docker, args_for(old))
    assert_one_runs(docker, "a:1")


@pytest.mark.parametrize(("facts", "words"), [({"ends": {"b:2"}}, "exit code 0"), ({"ails": {"b:2"}}, "not healthy")])
async def test_one_that_does_not_work_gives_way_to_the_old(facts: dict[str, Any], words: str) -> None:
    docker, old = with_old()
    for name, images in facts.items():
        getattr(docker, name).update(images)
    run: Any = FakeRun(docker)
    with pytest.raises(Conflict, match=words):
        await replace(run, args_for(old, ContainerSpec("b:2", ports=PORTS, health_command="true")))
    assert_one_runs(docker, "a:1")
    assert "again, as it was" in run.text
    assert [fact["engine_ids"] for kind, fact in run.facts if kind == "containers.gone"] != [[old]]


async def test_cancelling_brings_the_old_one_back() -> None:
    docker, old = with_old()
    run: Any = FakeRun(docker)
    # it has no say of its own for as long as anybody waits
    work = asyncio.ensure_future(replace(run, args_for(old, settle_s=1000)))
    while "start" not in docker.log:
        await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert_one_runs(docker, "a:1")


@pytest.mark.parametrize("step", range(1, STEPS))
async def test_cancelled_after_it_was_killed_the_old_one_is_back(step: int) -> None:
    docker, old = with_old()
    docker.die_at = (step, True)
    with pytest.raises(Killed):
        await attempt(docker, args_for(old))
    run: Any = FakeRun(docker)
    work = asyncio.ensure_future(replace(run, args_for(old)))
    # the first word that it hears
    await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert_one_runs(docker, "a:1")


async def test_one_that_did_not_run_is_not_started() -> None:
    docker = FakeDocker()
    old = docker.add("web", status="exited")
    _run, result = await attempt(docker, args_for(old))
    assert docker.log == ["create", "rename", "rename", "DELETE"]
    assert result["state"] == "created"


async def test_a_volume_that_is_wanted_no_more_stays_behind() -> None:
    docker, old = with_old()
    await attempt(docker, args_for(old, drops=["/data"]))
    found = docker.named("web")
    assert found is not None
    assert found["Mounts"] == []


async def test_what_is_gone_is_said_to_be() -> None:
    with pytest.raises(Missing, match="removed meanwhile"):
        await attempt(FakeDocker(), args_for("0" * 64))


async def test_a_label_alone_does_not_make_it_the_new_one() -> None:
    docker, old = with_old()
    mine = docker.add("other", status="exited", Labels={"naru.replaces": old, "naru.job": "7", "naru.was": "running"})
    await attempt(docker, args_for(old))
    assert docker.containers[mine]["State"]["Status"] == "exited"
    assert docker.running() == ["web"]
    assert docker.named("web")["Config"]["Image"] == "b:2"  # type: ignore[index]  # it is there


async def test_values_of_secrets_go_to_the_host_alone() -> None:
    docker, old = with_old()
    run: Any = FakeRun(docker, secrets={"token": "sesame"})
    await replace(run, args_for(old, ContainerSpec("b:2", env={"TOKEN": "secret:token"}, ports=PORTS)))
    found = docker.named("web")
    assert found is not None
    assert found["Config"]["Env"] == ["TOKEN=sesame"]
    assert "sesame" not in run.text
