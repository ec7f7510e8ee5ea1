"""What the agent does for what is unwell: fresh containers in its place, also when it is killed before any step."""

from typing import Any

import pytest

from console.operations.errors import Conflict
from console.stacks.jobs import restore
from console.stacks.parcels import hidden
from tests.console.stacks.test_deploying import DIGESTS, FIRST, Run, deployed
from tests.fakes.compose_engine import ComposeEngine, Killed
from tests.fakes.compose_files import project


def by_name(engine: ComposeEngine) -> dict[str, str]:
    return {one["Name"].lstrip("/"): key for key, one in engine.containers.items()}


def wanted(engine: ComposeEngine, *names: str, why: str = "dead") -> dict[str, Any]:
    there = by_name(engine)
    unwell = []
    for name in names:
        service, _dash, number = name.rpartition("-")
        engine_id = there.get(f"stack-{name}", "")
        unwell.append({"service": service, "number": int(number), "engine_id": engine_id, "why": why, "exit_code": 137})
    parcel = hidden(project(FIRST), {"secrets/s": "value"})
    return {**parcel, "images": {}, "digests": DIGESTS, "release": 1, "unwell": unwell}


async def test_only_what_is_unwell_is_made_anew() -> None:
    engine = await deployed()
    before = by_name(engine)
    engine.containers[before["stack-web-2"]]["State"] = {"Status": "exited", "ExitCode": 137}
    run = Run(engine, job=2)
    done = await restore(run, wanted(engine, "web-2"))  # type: ignore[arg-type]
    after = by_name(engine)
    assert done["counts"] == {"replace": 1}
    assert before.keys() == after.keys()
    assert {name for name in after if after[name] != before[name]} == {"stack-web-2"}
    assert "ended with 137 → running" in run.text


async def test_what_is_missing_is_made() -> None:
    engine = await deployed()
    before = by_name(engine)
    del engine.containers[before["stack-db-1"]]
    await restore(Run(engine, job=2), wanted(engine, "db-1", why="missing"))  # type: ignore[arg-type]
    assert by_name(engine).keys() == before.keys()


async def test_what_is_well_by_now_is_not_touched() -> None:
    engine = await deployed()
    args = wanted(engine, "web-1", why="unhealthy")
    await restore(Run(engine, job=2), args)  # type: ignore[arg-type]
    between = by_name(engine)
    await restore(Run(engine, job=3), args)  # type: ignore[arg-type]
    assert by_name(engine) == between


async def test_an_empty_volume_never_takes_the_place_of_one_that_is_gone() -> None:
    engine = await deployed()
    engine.volumes.clear()
    before = by_name(engine)
    with pytest.raises(Conflict, match="data is gone"):
        await restore(Run(engine, job=2), wanted(engine, "db-1"))  # type: ignore[arg-type]
    assert by_name(engine) == before


async def test_killed_before_any_step_the_next_attempt_goes_on() -> None:
    unwell, step = ("web-1", "web-2", "db-1"), 0
    while True:
        engine = await deployed()
        before, args = by_name(engine), wanted(engine, *unwell)
        engine.dies_before = len(engine.changes) + step
        try:
            await restore(Run(engine, job=2), args)  # type: ignore[arg-type]
        except Killed:
            await restore(Run(engine, job=2, attempt=2), args)  # type: ignore[arg-type]
        else:
            break
        after = by_name(engine)
        assert after.keys() == before.keys(), step
        assert not {after[f"stack-{name}"] for name in unwell} & set(before.values()), step
        assert {one["State"]["Status"] for one in engine.containers.values()} == {"running"}, step
        step += 1
    assert step > 10
