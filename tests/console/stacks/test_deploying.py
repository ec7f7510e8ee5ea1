"""What the agent does for a stack, also when it is killed before any of its steps."""

from contextlib import asynccontextmanager
from typing import Any

import pytest

from console.operations.errors import Conflict, ConsoleError
from console.stacks import waiting
from console.stacks.compose.model import Project
from console.stacks.jobs import deploy, remove
from console.stacks.parcels import hidden
from console.stacks.planning.bodies import Contents
from console.stacks.planning.steps import plan
from tests.fakes.compose_engine import ComposeEngine, Killed
from tests.fakes.compose_files import project

FIRST = """
services:
  web: {image: web, ports: ["8080:80"], depends_on: [db], scale: 2, networks: [front, back], secrets: [s]}
  db: {image: db, volumes: ["data:/data"], networks: [back]}
  old: {image: db, networks: [gone]}
networks: {front: , back: , gone: }
volumes: {data: }
secrets: {s: {environment: S}}
"""
SECOND = """
services:
  web:
    {image: web, environment: {PASSWORD: "secret:pw"}, depends_on: [db], scale: 3, networks: [front, back],
     secrets: [s]}
  db: {image: db2, volumes: ["data:/data"], networks: [back]}
networks: {front: , back: {internal: true}}
volumes: {data: }
secrets: {s: {environment: S}}
"""
DIGESTS = {"secrets/s": "one"}


class Run:
    def __init__(self, engine: ComposeEngine, *, job: int, attempt: int = 1) -> None:
        self._engine = engine
        self.job, self.attempt = job, attempt
        self.label = {"naru.job": str(job)}
        self.text = ""
        self.told: list[str] = []

    @asynccontextmanager
    async def engine(self) -> Any:
        yield self._engine

    async def write(self, text: str) -> None:
        self.text += text

    async def tell(self, kind: str, **_fact: Any) -> None:
        self.told.append(kind)

    def progress(self, _record: dict[str, Any]) -> None:
        """Nobody looks."""

    async def tell_progress(self, _record: dict[str, Any]) -> None:
        """Nobody is told."""

    def resolved(self, text: str) -> str:
        return "hunter2" if text == "secret:pw" else text


def args_for(engine: ComposeEngine, wanted: Project, release: int = 1) -> dict[str, Any]:
    found = plan(wanted, engine.world(wanted), contents=Contents(DIGESTS))
    parcel = hidden(wanted, {"secrets/s": "value"})
    return {**parcel, "plan": found.digest, "digests": DIGESTS, "release": release}


async def deployed(text: str = FIRST) -> ComposeEngine:
    engine = ComposeEngine(web="1", db="1")
    await deploy(Run(engine, job=1), args_for(engine, project(text)))  # type: ignore[arg-type]
    return engine


def names(engine: ComposeEngine) -> set[str]:
    assert {one["State"]["Status"] for one in engine.containers.values()} <= {"running"}
    return {one["Name"].lstrip("/") for one in engine.containers.values()}


async def test_everything_is_made_in_order_and_labelled():
    engine = await deployed()
    assert names(engine) == {"stack-web-1", "stack-web-2", "stack-db-1", "stack-old-1"}
    starts = [change for change in engine.changes if change.startswith("start")]
    assert starts.index("start /stack-db-1") < starts.index("start /stack-web-1")
    assert set(engine.files.values()) == {1}
    assert len(engine.files) == 2
    for made in (*engine.containers.values(), *engine.networks.values(), *engine.volumes.values()):
        marks = made["Config"]["Labels"] if "Config" in made else made["Labels"]
        assert (marks["naru.job"], marks["naru.release"], marks["com.docker.compose.project"]) == ("1", "1", "stack")


async def test_values_of_secrets_are_in_the_container_and_nowhere_before():
    engine = await deployed()
    run, wanted = Run(engine, job=2), project(SECOND)
    args = args_for(engine, wanted, 2)
    await deploy(run, args)  # type: ignore[arg-type]
    assert "hunter2" not in f"{args} {run.text}"
    assert "PASSWORD=hunter2" in engine.one("stack-web-1")["Config"]["Env"]


async def changes_of(text: str) -> int:
    engine = await deployed()
    before = len(engine.changes)
    await deploy(Run(engine, job=2), args_for(engine, project(text), 2))  # type: ignore[arg-type]
    return len(engine.changes) - before


async def test_an_agent_that_is_killed_before_any_step_goes_on_where_it_was():
    wanted = project(SECOND)
    for step in range(await changes_of(SECOND)):
        engine = await deployed()
        args = args_for(engine, wanted, 2)
        engine.dies_before = len(engine.changes) + step
        with pytest.raises(Killed):
            await deploy(Run(engine, job=2), args)  # type: ignore[arg-type]
        await deploy(Run(engine, job=2, attempt=2), args)  # type: ignore[arg-type]
        assert names(engine) == {"stack-web-1", "stack-web-2", "stack-web-3", "stack-db-1"}, step
        assert engine.files.keys() >= {one["Id"] for one in engine.containers.values() if "web" in one["Name"]}, step
        assert {one["Name"] for one in engine.networks.values()} == {"stack_front", "stack_back"}, step
        assert plan(wanted, engine.world(wanted), contents=Contents(DIGESTS)).is_empty, step


async def test_nothing_is_done_once_the_host_has_moved():
    engine = await deployed()
    args = args_for(engine, project(SECOND), 2)
    engine.one("stack-db-1")["State"] = {"Status": "exited", "ExitCode": 1}
    before = list(engine.changes)
    with pytest.raises(Conflict):
        await deploy(Run(engine, job=2), args)  # type: ignore[arg-type]
    assert engine.changes == before


@pytest.mark.parametrize(
    ("condition", "health", "end", "words"),
    [
        ("service_healthy", "healthy", None, ""),
        ("service_healthy", "unhealthy", None, "unhealthy"),
        ("service_healthy", "starting", None, "not healthy after"),
        ("service_completed_successfully", "", 0, ""),
        ("service_completed_successfully", "", 3, "has ended with 3"),
    ],
)
async def test_services_wait_for_those_they_depend_on(monkeypatch, condition, health, end, words):
    monkeypatch.setattr(waiting, "WAIT_S", 0.05)
    monkeypatch.setattr(waiting, "LOOK_S", 0.01)
    engine = ComposeEngine(web="1", db="1")
    engine.health = {"db": health} if health else {}
    engine.ends = {} if end is None else {"db": end}
    text = f"services: {{web: {{image: web, depends_on: {{db: {{condition: {condition}}}}}}}, db: {{image: db}}}}"
    run = Run(engine, job=1)
    if not words:
        await deploy(run, args_for(engine, project(text)))  # type: ignore[arg-type]
        assert "start /stack-web-1" in engine.changes
    else:
        with pytest.raises(ConsoleError, match=words):
            await deploy(run, args_for(engine, project(text)))  # type: ignore[arg-type]
        assert "start /stack-web-1" not in engine.changes


async def test_images_that_are_not_there_are_pulled_and_those_to_be_built_are_asked_for():
    engine = ComposeEngine()
    await deploy(Run(engine, job=1), args_for(engine, project("services: {a: {image: web}}")))  # type: ignore[arg-type]
    assert "POST images/create web" in engine.changes
    built = ComposeEngine()
    with pytest.raises(Conflict, match="has to be built"):
        await deploy(Run(built, job=1), args_for(built, project("services: {a: {build: .}}")))  # type: ignore[arg-type]


async def test_an_image_that_turns_out_to_be_another_makes_its_containers_anew():
    text = "services: {a: {image: web, pull_policy: always}, b: {image: db}}"
    engine = await deployed(text)
    old = engine.one("stack-b-1")["Id"]
    wanted = project(text)
    args = args_for(engine, wanted, 2)
    assert plan(wanted, engine.world(wanted)).counts == {"keep": 2}
    engine.newest["web"] = "f" * 64
    found = await deploy(Run(engine, job=2), args)  # type: ignore[arg-type]
    assert engine.one("stack-a-1")["Image"] == f"sha256:{'f' * 64}"
    assert engine.one("stack-b-1")["Id"] == old
    assert (found["images"], found["new"]) == (["f" * 64], ["f" * 64])


async def test_a_name_that_somebody_else_has_is_left_to_them():
    engine = await deployed("services: {a: {image: web}}")
    other = engine.one("stack-a-1")
    other["Config"]["Labels"] = {}
    with pytest.raises(Conflict, match="in use"):
        await deploy(Run(engine, job=2), args_for(engine, project("services: {a: {image: web}}")))  # type: ignore[arg-type]
    assert engine.one("stack-a-1") == other


async def test_volumes_without_a_name_are_taken_over():
    engine = await deployed("services: {a: {image: web, volumes: [/anon]}}")
    engine.one("stack-a-1")["Mounts"] = [{"Type": "volume", "Name": "f" * 64, "Destination": "/anon"}]
    wanted = project("services: {a: {image: web, volumes: [/anon], user: u}}")
    await deploy(Run(engine, job=2), args_for(engine, wanted, 2))  # type: ignore[arg-type]
    assert engine.one("stack-a-1")["HostConfig"]["Binds"] == [f"{'f' * 64}:/anon"]


@pytest.mark.parametrize("volumes", [False, True])
async def test_removal_takes_all_but_volumes_unless_they_are_meant(volumes):
    args = {"project": "stack", "volumes": volumes}
    whole = await deployed()
    before = len(whole.changes)
    await remove(Run(whole, job=2), args)  # type: ignore[arg-type]
    for step in range(len(whole.changes) - before):
        engine = await deployed()
        engine.dies_before = len(engine.changes) + step
        with pytest.raises(Killed):
            await remove(Run(engine, job=2), args)  # type: ignore[arg-type]
        await remove(Run(engine, job=2, attempt=2), args)  # type: ignore[arg-type]
        assert (engine.containers, engine.networks) == ({}, {})
        assert list(engine.volumes) == ([] if volumes else ["stack_data"])
