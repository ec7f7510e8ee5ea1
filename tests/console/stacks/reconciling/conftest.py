from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.containers.models import Container
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.governed import writes_allowed
from console.stacks.models import Stack
from console.stacks.planning import labels
from console.timeline.models import Change
from tests.console.stacks.conftest import make_release, make_stack
from tests.factories.console import digits, make_container, make_job

TEXT = "services: {web: {image: web, deploy: {replicas: 3}}, db: {image: db, restart: always}, once: {image: db}}\n"
HASHES = {"web": "hash-of-web", "db": "hash-of-db", "once": "hash-of-once"}
IMAGES = {"web": "1" * 64, "db": "2" * 64}


@dataclass
class Shop:
    """A stack of two services and a program that runs once, whose release came up five minutes ago."""

    stack: Stack
    rows: dict[str, Container] = field(default_factory=dict)

    def run(self, service: str, number: int = 1, **facts: Any) -> Container:
        marks = {
            labels.PROJECT: self.stack.project,
            labels.SERVICE: service,
            labels.NUMBER: str(number),
            labels.CONFIG_HASH: HASHES[service],
        }
        name = f"{self.stack.project}-{service}-{number}"
        ago = timezone.now() - timedelta(minutes=5)
        given = {"labels": marks, "image_engine_id": IMAGES.get(service, ""), "started_at": ago, **facts}
        given.setdefault("workspace", self.stack.workspace)
        row = make_container(name, host=self.stack.host, **given)
        self.rows[f"{service}-{number}"] = row
        return row

    def end(self, name: str, *, code: int = 137, told: str = "died", ago_s: float = 1) -> Container:
        """``told``: what the host says of it besides; empty: nothing."""
        row, at = self.rows[name], timezone.now() - timedelta(seconds=ago_s)
        self.change(name, state="exited", exit_code=code, finished_at=at)
        if told:
            self.tell(row, "died", at)
        if told == "stopped":
            self.tell(row, "killed", at - timedelta(seconds=1), signal="SIGTERM")
            self.tell(row, "stopped", at)
        elif told == "killed":
            self.tell(row, "killed", at - timedelta(seconds=1), signal="SIGKILL")
        return row

    def change(self, name: str, **facts: Any) -> None:
        with writes_allowed("test"):
            Container.objects.filter(pk=self.rows[name].pk).update(**facts)
        self.rows[name].refresh_from_db()

    def tell(self, row: Container, kind: str, at: datetime, **details: Any) -> None:
        with writes_allowed("test"):
            Change.objects.create(
                host=row.host,
                container=row,
                kind=kind,
                at=at,
                engine_id=row.engine_id,
                name=row.name,
                details=details,
                key=digits(),
            )

    def set(self, **facts: Any) -> None:
        with writes_allowed("test"):
            Stack.objects.filter(pk=self.stack.pk).update(**facts)
        self.stack.refresh_from_db()


@pytest.fixture
def shop(admin: Actor) -> Shop:
    stack = make_stack(files={"compose.yaml": TEXT})
    job = make_job("stack.deploy", result={"running": IMAGES}, on_kind="stack", on_id=str(stack.pk))
    release = make_release(stack, job=job)
    with writes_allowed("test"):
        type(release).objects.filter(pk=release.pk).update(plan={"services": HASHES})
    found = Shop(stack)
    for number in (1, 2, 3):
        found.run("web", number)
    found.run("db")
    found.run("once", state="exited", exit_code=0)
    return found


def places(jobs: Iterable[Job]) -> list[tuple[str, int, str]]:
    return [(one["service"], one["number"], one["why"]) for job in jobs for one in job.args["unwell"]]
