"""Updates on a real engine: a bad one goes back by itself, and a good one is not noticed by those who ask.

NARU_LOAD_S: for how many seconds at least the client asks (2 by default).
"""

import asyncio
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from console.hosts.gateway import connect
from console.jobs.kinds import PartlyDone
from console.stacks.compose.model import Project
from console.stacks.jobs import deploy, remove
from console.stacks.looking import look
from console.stacks.parcels import BEFORE, hidden
from console.stacks.planning.steps import plan
from console.stacks.planning.world import World
from tests.console.stacks.test_on_an_engine import COMPOSE, RealRun
from tests.engine.conftest import RunningEngine, busybox_tar, running_engine, wait_until
from tests.fakes.compose_files import project
from tests.fakes.ports import free_port

__all__ = ["busybox_tar"]

LOAD_S = float(os.environ.get("NARU_LOAD_S", "2"))
SERVES = "mkdir -p /www/cgi-bin; echo $$V > /www/index.html; touch /www/$$OK; exec httpd -f -p 80 -h /www"
TEXT = """
services:
  web:
    image: {image}
    command: [sh, -c, "{serves}"]
    stop_grace_period: 1s
    stop_signal: SIGKILL
    init: true
    ports: {ports}
    healthcheck: {{test: [CMD, wget, -qO-, "http://127.0.0.1/ok"], interval: 200ms, timeout: 5s, retries: 3}}
    deploy: {{replicas: 3, update_config: {{parallelism: 1, order: start-first, failure_action: rollback}}}}
"""

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(shutil.which(COMPOSE) is None, reason="docker-compose is not installed"),
]


def text(image: str, *, ports: str = "[]") -> str:
    return TEXT.format(image=image, serves=SERVES, ports=ports)


@pytest.fixture(scope="module")
def docker(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with running_engine() as engine:
        for name, version, ok in (("web:1", "one", "ok"), ("web:2", "two", "ok"), ("web:bad", "bad", "none")):
            changes = ("--change", f"ENV V={version} OK={ok}")
            engine.docker("import", *changes, "-", name, input=busybox_tar)
        yield engine


async def world_of(docker: RunningEngine, wanted: Project) -> World:
    async with connect(f"unix://{docker.socket}") as engine:
        return await look(engine, wanted)


async def deployed(docker: RunningEngine, given: str, *, job: int, before: str = "") -> dict[str, Any]:
    wanted = project(given)
    world = await world_of(docker, wanted)
    args: dict[str, Any] = {**hidden(wanted, {}), "plan": plan(wanted, world).digest, "digests": {}, "release": job}
    if before:
        parcel = hidden(project(before), {}, mark=BEFORE)
        facts = {"project": parcel["project"], "digests": {}, "release": job - 1, "images": world.running_images}
        args |= {"before": facts, "env": {**args["env"], **parcel["env"]}}
    return await deploy(RealRun(docker, job), args)  # type: ignore[arg-type]


@asynccontextmanager
async def gone_afterwards(docker: RunningEngine) -> Any:
    yield
    await remove(RealRun(docker, 99), {"project": "stack", "volumes": True})  # type: ignore[arg-type]
    assert docker.out("ps", "-aq") == ""


def images(docker: RunningEngine) -> dict[str, str]:
    lines = docker.out("ps", "--format", "{{.Names}}").split()
    return {name: docker.out("inspect", "--format", "{{.Image}} {{.State.Health.Status}}", name) for name in lines}


async def test_an_update_that_does_not_become_healthy_goes_back_by_itself(docker: RunningEngine) -> None:
    async with gone_afterwards(docker):
        await deployed(docker, text("web:1"), job=1)
        ids = {name: one.split()[0] for name, one in images(docker).items()}
        with pytest.raises(PartlyDone, match=r"is unhealthy.*release 1 again"):
            await deployed(docker, text("web:bad"), job=2, before=text("web:1"))
        assert {name: one.split()[0] for name, one in images(docker).items()} == ids
        assert set(ids) == {f"stack-web-{number}" for number in (1, 2, 3)}
        assert plan(project(text("web:1")), await world_of(docker, project(text("web:1")))).is_empty


def are_well(docker: RunningEngine) -> bool:
    return all(one.endswith(" healthy") for one in images(docker).values())


@dataclass
class Client:
    """Asks again and again. ``answers`` counts what it was told, ``failures`` says what went wrong."""

    port: int
    answers: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    async def ask_for_ever(self) -> None:
        while True:
            try:
                async with asyncio.timeout(5):
                    answer = await self._ask()
            except (OSError, TimeoutError, ValueError) as error:
                self.failures.append(f"{time.monotonic():.2f} {error!r}")
            else:
                self.answers[answer] = self.answers.get(answer, 0) + 1
            await asyncio.sleep(0.005)

    async def _ask(self) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            head, _blank, body = (await reader.read()).partition(b"\r\n\r\n")
            if b" 200 " not in head.split(b"\r\n")[0]:
                raise ValueError(head)
            return body.decode().strip()
        finally:
            writer.close()


async def test_an_update_fails_nobody_who_asks_meanwhile(docker: RunningEngine) -> None:
    port = free_port()
    ports = f'["{port}:80"]'
    if not (await world_of(docker, project(text("web:1")))).shares_ports:
        pytest.skip("this engine gives a port to one container only")
    async with gone_afterwards(docker):
        await deployed(docker, text("web:1", ports=ports), job=1)
        # what a first deployment has started need not be well yet
        await asyncio.to_thread(wait_until, lambda: are_well(docker), limit_s=60, what="all of them are healthy")
        client = Client(port)
        asking = [asyncio.ensure_future(client.ask_for_ever()) for _one in range(4)]
        begin, job, now, before = time.monotonic(), 1, "web:1", "web:2"
        while job == 1 or time.monotonic() - begin < LOAD_S:
            job, now, before = job + 1, before, now
            await deployed(docker, text(now, ports=ports), job=job, before=text(before, ports=ports))
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        assert client.failures == []
        assert client.answers.keys() == {"one", "two"}
