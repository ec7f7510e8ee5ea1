"""Containers that give way a few at a time: in which order, until when, and what is put back when it goes wrong."""

from typing import Any

import pytest

from console.jobs.kinds import PartlyDone
from console.operations.errors import Conflict
from console.stacks import gating
from console.stacks.gating import flaw_in
from console.stacks.jobs import deploy
from console.stacks.parcels import BEFORE, hidden
from console.stacks.planning.steps import plan
from tests.console.stacks.test_deploying import Run, args_for
from tests.fakes.compose_engine import ComposeEngine, Killed
from tests.fakes.compose_files import project

UPDATE = "parallelism: 1, monitor: 1ms"


def text_of(image: str, *, scale: int = 3, update: str = UPDATE, more: str = "") -> str:
    deploy = f"{{replicas: {scale}, update_config: {{{update}}}{more}}}"
    return f"services: {{web: {{image: {image}, deploy: {deploy}}}}}"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gating, "LOOK_S", 0.001)


async def deployed(scale: int = 3) -> ComposeEngine:
    engine = ComposeEngine(v1="1", v2="2")
    await deploy(Run(engine, job=1), args_for(engine, project(text_of("v1", scale=scale))))  # type: ignore[arg-type]
    engine.changes.clear()
    return engine


def update_to(engine: ComposeEngine, text: str, *, before: str = "") -> dict[str, Any]:
    """What a job is given, with the release before when it may be gone back to."""
    args = args_for(engine, project(text), 2)
    if before:
        wanted = project(before)
        parcel = hidden(wanted, {}, mark=BEFORE)
        images = engine.world(wanted).running_images
        args["before"] = {"project": parcel["project"], "digests": {}, "release": 1, "images": images}
        args["env"] = {**args["env"], **parcel["env"]}
    return args


async def rolled(engine: ComposeEngine, args: dict[str, Any], *, attempt: int = 1) -> dict[str, Any]:
    return await deploy(Run(engine, job=2, attempt=attempt), args)  # type: ignore[arg-type]


def running(engine: ComposeEngine) -> dict[str, str]:
    """Images by name."""
    alive = [one for one in engine.containers.values() if one["State"]["Status"] == "running"]
    return {one["Name"].lstrip("/"): one["Config"]["Image"] for one in alive}


def names(*images: str) -> dict[str, str]:
    return {f"stack-web-{number}": image for number, image in enumerate(images, 1)}


async def test_each_has_proved_itself_before_the_next_one_goes():
    engine = await deployed()
    await rolled(engine, update_to(engine, text_of("v2")))
    assert running(engine) == names("v2", "v2", "v2")
    order = [change.split()[0] for change in engine.changes if change.startswith(("start", "DELETE"))]
    assert order == ["start", "DELETE"] * 3


async def test_a_width_of_two_takes_two_at_a_time_and_none_all():
    for parallelism, expected in ((2, [2, 2, 1, 1]), (0, [3, 3])):
        engine = await deployed()
        await rolled(engine, update_to(engine, text_of("v2", update=f"parallelism: {parallelism}, monitor: 1ms")))
        order = [change.split()[0] for change in engine.changes if change.startswith(("start", "DELETE"))]
        runs = "".join("s" if word == "start" else "d" for word in order).replace("sd", "s d").replace("ds", "d s")
        assert [len(run) for run in runs.split()] == expected


@pytest.mark.parametrize("order", ["start-first", "stop-first"])
@pytest.mark.parametrize("what", ["unhealthy", "ends", "does not start"])
@pytest.mark.parametrize("action", ["", "pause", "rollback"])
async def test_what_fails_is_put_back_and_what_was_not_reached_is_not_touched(order, what, action):
    engine = await deployed()
    before = {one["Name"]: key for key, one in engine.containers.items()}
    spoil(engine, what)
    said = f", failure_action: {action}" if action else ""
    args = update_to(engine, text_of("v2", update=f"{UPDATE}, order: {order}{said}"))
    with pytest.raises(Conflict, match="stack-web-1"):
        await rolled(engine, args)
    assert running(engine) == names("v1", "v1", "v1")
    assert {one["Name"]: key for key, one in engine.containers.items()} == before


def spoil(engine: ComposeEngine, what: str) -> None:
    if what == "unhealthy":
        engine.health["v2"] = "unhealthy"
    elif what == "ends":
        engine.ends["v2"] = 3
    else:
        engine.unstartable.add("v2")


async def test_going_back_restores_those_that_had_been_replaced_with_the_very_same_image():
    engine = await deployed()
    old = engine.images["v1"]
    args = update_to(engine, text_of("v2", update=f"{UPDATE}, failure_action: rollback"), before=text_of("v1"))
    # the name has come to mean another image meanwhile, and the third new one is found wanting
    engine.untagged.add(old)
    starts = 0
    start = engine.start_container

    async def third_is_unhealthy(engine_id: str) -> None:
        nonlocal starts
        await start(engine_id)
        starts += engine.one(engine_id)["Config"]["Image"] == "v2"
        if starts == 3:
            engine.images["v1"] = "e" * 64
            engine.one(engine_id)["State"]["Health"] = {"Status": "unhealthy"}

    engine.start_container = third_is_unhealthy  # type: ignore[method-assign]
    with pytest.raises(PartlyDone, match=r"stack-web-3 is unhealthy.* release 1 again") as caught:
        await rolled(engine, args)
    assert caught.value.result["back_to"] == 1
    assert {one["Image"] for one in engine.containers.values()} == {f"sha256:{old}"}
    assert running(engine).keys() == names("", "", "").keys()
    # and it is what that release is, by its images
    wanted = project(text_of("v1"))
    world = engine.world(wanted, images=[old])
    assert plan(wanted, world, images={"web": old}).is_empty


@pytest.mark.parametrize(("update", "is_done"), [("failure_action: continue", True), ("max_failure_ratio: 1", True)])
async def test_failures_that_are_tolerated_are_told(update, is_done):
    engine = await deployed()
    engine.health["v2"] = "unhealthy"
    found = await rolled(engine, update_to(engine, text_of("v2", update=f"{UPDATE}, {update}")))
    assert running(engine) == names("v2", "v2", "v2")
    assert found["failed"] == [f"stack-web-{number} is unhealthy" for number in (1, 2, 3)]


@pytest.mark.parametrize(("scale", "order"), [(1, "start-first"), (2, "stop-first"), (2, "start-first")])
@pytest.mark.parametrize("is_good", [True, False])
async def test_whenever_the_agent_is_killed_an_old_or_a_new_one_runs(scale, order, is_good):
    """And it ends as it should all the same: with all new ones, or with the old ones."""
    text = text_of("v2", scale=scale, update=f"{UPDATE}, order: {order}, failure_action: rollback")
    step = 0
    while True:
        engine = await deployed(scale)
        if not is_good:
            engine.health["v2"] = "unhealthy"
        args = update_to(engine, text, before=text_of("v1", scale=scale))
        engine.dies_before = step
        try:
            await rolled(engine, args)
        except Killed:
            assert set(running(engine).values()) & {"v1", "v2"}, step
        except Conflict:
            assert engine.dies_before == step
        if engine.dies_before == step:
            break
        await again(engine, args, is_good=is_good)
        assert running(engine) == names(*[("v2" if is_good else "v1")] * scale), step
        assert len(engine.containers) == scale, step
        step += 1
    assert step > scale * 3


async def again(engine: ComposeEngine, args: dict[str, Any], *, is_good: bool) -> None:
    if is_good:
        await rolled(engine, args, attempt=2)
        return
    with pytest.raises(Conflict, match="unhealthy"):
        await rolled(engine, args, attempt=2)


CHECK = {"Interval": 10**9, "Timeout": 10**9, "Retries": 2, "StartPeriod": 3 * 10**9}


@pytest.mark.parametrize(
    ("state", "waited_s", "flaw"),
    [
        ({"Status": "running"}, 0.5, None),
        ({"Status": "running"}, 2.0, ""),
        ({"Status": "running", "Health": {"Status": "starting"}}, 12.9, None),
        ({"Status": "running", "Health": {"Status": "starting"}}, 13.0, "is not healthy after 13 s"),
        ({"Status": "running", "Health": {"Status": "healthy"}}, 0.0, ""),
        (
            {"Status": "running", "Health": {"Status": "unhealthy", "Log": [{"Output": "no\n route"}]}},
            0.0,
            "is unhealthy (no route)",
        ),
        ({"Status": "exited", "ExitCode": 0}, 0.0, "has ended with 0"),
        ({"Status": "restarting", "ExitCode": 1}, 0.0, "does not keep running (it ended with 1)"),
    ],
)
def test_a_container_proves_itself_by_its_health_or_by_staying_up(state, waited_s, flaw):
    document = {"State": state, "Config": {"Healthcheck": CHECK}}
    assert flaw_in(document, waited_s=waited_s, monitor_s=2.0) == flaw
