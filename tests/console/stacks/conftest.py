from collections.abc import Iterable
from typing import Any

import pytest

from console.hosts.models import Host
from console.jobs import sending
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.stacks import looking
from console.stacks.compose.model import Project
from console.stacks.models import Release, Stack
from console.stacks.planning.world import World
from console.stacks.preparing import source_of
from tests.factories.console import actor_of, make_host, make_user, make_workspace
from tests.fakes.broker import Broker
from tests.fakes.compose_host import Host as FakeHost

TEXT = """\
services: {web: {image: web, environment: {A: one}}, db: {image: db, volumes: ["data:/data"]}}
volumes: {data: }
"""


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(sending, "_send", broker.send)
    return broker


@pytest.fixture
def fake_host(monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """What the host "local" has."""
    host = FakeHost(web="1", db="1")

    def look(_address: str, project: Project, *, images: Iterable[str] = ()) -> World:
        return host.world(project, images=images)

    monkeypatch.setattr(looking, "look_from_here", look)
    return host


@pytest.fixture
def admin(db: None) -> Actor:
    make_host("local")
    return actor_of(make_user(Role.ADMIN))


def make_stack(name: str = "shop", *, host: Host | None = None, **facts: Any) -> Stack:
    workspace = facts.pop("workspace", None) or make_workspace()
    given: dict[str, Any] = {
        "project": f"{workspace.slug}_{name}",
        "directory": "/srv/shop",
        "files": {"compose.yaml": TEXT},
        "paths": ["compose.yaml"],
    }
    host = host or make_host()
    with writes_allowed("factory"):
        return Stack.objects.create(name=name, host=host, workspace=workspace, **{**given, **facts})


def make_release(stack: Stack, number: int = 1, *, job: Job | None = None) -> Release:
    """Of its files."""
    found = source_of(stack).load().project
    with writes_allowed("factory"):
        return Release.objects.create(stack=stack, number=number, document=found.document(), by_name="kim", job=job)


def succeed(job: Job) -> None:
    with writes_allowed("test"):
        Job.objects.filter(pk=job.pk).update(state=Job.State.SUCCEEDED)
