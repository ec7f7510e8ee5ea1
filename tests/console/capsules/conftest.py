"""Capsules made and restored by their handlers, on real engines, with the console's part done by calls."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from console.capsules import observations
from console.capsules.files import files
from console.hosts.gateway import Engine, connect
from console.jobs import freight, sending
from console.jobs.kinds import get_kind
from console.jobs.models import Job
from console.operations.actor import Actor
from console.operations.errors import ConsoleError
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from tests.factories.console import actor_of, make_host, make_user
from tests.fakes.broker import Broker


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(sending, "_send", broker.send)
    return broker


@pytest.fixture
def admin(db: None) -> Actor:
    make_host("local")
    return actor_of(make_user(Role.ADMIN))


class Run:
    """A job's attempt whose freight goes straight to the console's files and comes from them."""

    def __init__(self, job: Job, address: str, secrets: dict[str, str]) -> None:
        self.job, self.attempt = job.pk, 1
        self.label = {"naru.job": str(job.pk)}
        self.text = ""
        self.pieces: list[bytes] = []
        self.capsule = job.args.get("capsule")
        self._address, self._secrets = address, secrets

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        async with connect(self._address) as engine:
            yield engine

    async def write(self, text: str) -> None:
        self.text += text

    async def tell(self, _kind: str, **_fact: Any) -> None:
        pass

    def progress(self, _record: dict[str, Any]) -> None:
        pass

    def resolved(self, text: str) -> str:
        return self._secrets.get(text, text)


async def _send(run: Any, _kind: str, chunks: AsyncIterator[bytes], *, most_bytes: int, tell: Any) -> freight.Sent:
    digest = hashlib.sha256()
    async for chunk in chunks:
        run.pieces.append(chunk)
        digest.update(chunk)
    return freight.Sent(sum(map(len, run.pieces)), digest.hexdigest())


async def _part(run: Any, _kind: str, *, offset: int, size_bytes: int) -> AsyncIterator[bytes]:
    for start in range(offset, offset + size_bytes, freight.PIECE_BYTES):
        yield files.read_piece(run.capsule, start, min(freight.PIECE_BYTES, offset + size_bytes - start))


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``work(job, secrets)`` does a job on its host, and has the console note its end."""
    monkeypatch.setattr(freight, "send", _send)
    monkeypatch.setattr(freight, "fetch_part", _part)

    def work(job: Job, **secrets: str) -> Run:
        run = Run(job, job.host.address, {f"secret:{name}": value for name, value in secrets.items()})
        state, error = Job.State.SUCCEEDED, ""
        result: dict[str, Any] = {}
        try:
            result = asyncio.run(get_kind(job.kind).handle(run, job.args))  # type: ignore[arg-type]
        except ConsoleError as refused:
            state, error = Job.State.FAILED, str(refused)
        capsule = job.stack_capsules.first()
        if capsule is not None:
            files.write_piece(capsule.pk, 0, b"".join(run.pieces))
        with writes_allowed("test"):
            Job.objects.filter(pk=job.pk).update(state=state, result=result, error=error)
        for observe in (observations.capsule_made, observations.stack_restored):
            observe(job.host.name, {"job": job.pk})
        job.refresh_from_db()
        return run

    return work
