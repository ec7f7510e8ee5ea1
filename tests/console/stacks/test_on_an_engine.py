"""A stack on a real engine: made, changed, seen by docker compose, adopted from it, and gone without a trace."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from console.hosts.gateway import Engine, connect
from console.stacks.compose.model import Project
from console.stacks.jobs import deploy, remove
from console.stacks.looking import look
from console.stacks.parcels import hidden
from console.stacks.planning.bodies import Contents
from console.stacks.planning.plans import Plan
from console.stacks.planning.steps import plan
from tests.console.stacks.test_deploying import Run
from tests.engine.conftest import RunningEngine, busybox_tar, running_engine
from tests.fakes.compose_files import project

__all__ = ["busybox_tar"]

COMPOSE = "/usr/bin/docker-compose"
SLEEP = "command: sleep 1000, stop_grace_period: 0s"
TEXT = f"""
services:
  web:
    {{image: busybox, {SLEEP}, scale: 2, networks: [front, back], secrets: [s], mem_limit: 64m, init: true,
     environment: {{A: one}}, depends_on: {{db: {{condition: service_healthy}}, once: {{condition: DONE}}}}}}
  db:
    {{image: busybox, {SLEEP}, networks: [back], volumes: ["data:/data", /anon],
     healthcheck: {{test: [CMD, "true"], interval: 1s}}}}
  once: {{image: busybox, command: "true", networks: [back]}}
networks: {{front: , back: {{internal: true}}}}
volumes: {{data: }}
secrets: {{s: {{environment: S}}}}
""".replace("DONE", "service_completed_successfully")
OLD = f"""
version: "3.8"
services:
  web:
    {{image: busybox, {SLEEP}, ports: ["127.0.0.1:0:80"], environment: {{A: one}}, labels: {{x: "y"}},
     volumes: ["data:/data:ro"], restart: always, user: "1", working_dir: /tmp}}
volumes: {{data: }}
"""
DIGESTS = {"secrets/s": "one"}

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(shutil.which(COMPOSE) is None, reason="docker-compose is not installed"),
]


@pytest.fixture(scope="module")
def docker(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with running_engine() as engine:
        engine.docker("import", "-", "busybox", input=busybox_tar)
        yield engine


class RealRun(Run):
    def __init__(self, docker: RunningEngine, job: int) -> None:
        super().__init__(None, job=job)  # type: ignore[arg-type]
        self._address = f"unix://{docker.socket}"

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        async with connect(self._address) as engine:
            yield engine


async def planned(docker: RunningEngine, wanted: Project) -> Plan:
    async with connect(f"unix://{docker.socket}") as engine:
        return plan(wanted, await look(engine, wanted), contents=Contents(DIGESTS))


async def deployed(docker: RunningEngine, wanted: Project, *, job: int, builds: Any = None) -> Plan:
    found = await planned(docker, wanted)
    args: dict[str, Any] = {**hidden(wanted, {"secrets/s": "hunter2"}), "plan": found.digest, "digests": DIGESTS}
    args |= {"release": job, "builds": builds or {}}
    await deploy(RealRun(docker, job), args)  # type: ignore[arg-type]
    return found


def compose(docker: RunningEngine, directory: Path, *arguments: str) -> str:
    argv = [COMPOSE, *arguments]
    done = subprocess.run(argv, cwd=directory, env=docker.environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_a_stack_comes_changes_is_seen_by_docker_compose_and_goes(docker: RunningEngine, tmp_path: Path) -> None:
    first = await deployed(docker, project(TEXT), job=1)
    assert first.counts == {"create": 4}
    assert docker.out("exec", "stack-web-1", "cat", "/run/secrets/s") == "hunter2"
    assert docker.out("exec", "stack-web-2", "nslookup", "db")
    assert (await planned(docker, project(TEXT))).is_empty
    docker.docker("exec", "stack-db-1", "touch", "/anon/kept")

    (tmp_path / "docker-compose.yml").write_text("version: '3.8'\nservices: {web: {image: x}, db: {image: x}}\n")
    seen = await asyncio.to_thread(compose, docker, tmp_path, "-p", "stack", "ps")
    assert "stack-web-1" in seen
    assert "stack-db-1" in seen

    ids = {name: docker.out("inspect", "--format", "{{.Id}}", name) for name in ("stack-web-1", "stack-db-1")}
    second = project(TEXT.replace("scale: 2", "scale: 1").replace("1s", "2s"))
    found = await deployed(docker, second, job=2)
    assert found.counts == {"keep": 2, "replace": 1, "remove": 1}
    assert docker.out("inspect", "--format", "{{.Id}}", "stack-web-1") == ids["stack-web-1"]
    assert docker.out("inspect", "--format", "{{.Id}}", "stack-db-1") != ids["stack-db-1"]
    assert docker.out("exec", "stack-db-1", "ls", "/anon") == "kept"

    await remove(RealRun(docker, 3), {"project": "stack", "volumes": True})  # type: ignore[arg-type]
    assert docker.out("ps", "-aq") == ""
    assert docker.out("volume", "ls", "-q") == ""
    assert "stack" not in docker.out("network", "ls")


async def test_a_project_of_docker_compose_is_adopted_as_it_runs(docker: RunningEngine, tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").write_text(OLD)
    await asyncio.to_thread(compose, docker, tmp_path, "-p", "old", "up", "-d")
    wanted = project(OLD, name="old")
    found = await planned(docker, wanted)
    assert found.is_empty, found.text()
    changed = await deployed(docker, project(OLD.replace("A: one", "A: two"), name="old"), job=4)
    assert [str(change) for step in changed.steps for change in step.changes] == ["environment A changed"]
    assert docker.out("ps", "--format", "{{.Names}}") == "old-web-1"
    await remove(RealRun(docker, 5), {"project": "old", "volumes": True})  # type: ignore[arg-type]
    assert docker.out("ps", "-aq") == ""


async def test_what_is_built_on_the_way_is_what_runs(docker: RunningEngine) -> None:
    wanted = project(f"services: {{a: {{build: ., image: own, pull_policy: build, {SLEEP}}}}}", name="built")
    for job, version in ((6, "1"), (7, "1"), (8, "2")):
        before = docker.out("ps", "-q")
        given = {"a": {"tag": "own:latest", "dockerfile": f"FROM busybox\nENV V={version}\n"}}
        await deployed(docker, wanted, job=job, builds=given)
        assert docker.out("exec", "built-a-1", "sh", "-c", "echo $V") == version
        # the same image again is no reason for another container
        assert (docker.out("ps", "-q") == before) is (job == 7)
    await remove(RealRun(docker, 9), {"project": "built", "volumes": True})  # type: ignore[arg-type]
    assert docker.out("ps", "-aq") == ""
