"""Capsules come whole or not at all, and hosts get the parts they ask for, each held to what it should be."""

import asyncio
from typing import Any

import pytest
import redis

from console.capsules.files import files
from console.capsules.models import StackCapsule
from console.capsules.observations import capsule_made, note_failed_capsules
from console.capsules.squeezing import Blob
from console.capsules.unpacking import Unpacking
from console.jobs import freight
from console.jobs.models import Job
from console.operations.errors import Invalid
from console.operations.governed import writes_allowed
from tests.console.volumes.test_freight import chunks, on_the_host, run_of
from tests.factories.capsules import make_stack_capsule
from tests.factories.console import make_job, make_workspace
from tests.fakes.capsules import fake_capsule, squeezed

pytestmark = pytest.mark.django_db
CONTENT = fake_capsule().content()


def coming(most_bytes: int = 10_000_000) -> tuple[Job, StackCapsule]:
    job = make_job("capsule.make", state="running", args={"most_bytes": most_bytes})
    workspace = make_workspace()
    with writes_allowed("test"):
        return job, StackCapsule.objects.create(workspace=workspace, stack_name="shop", job=job, made_by_name="kim")


def sent(job: Job, content: bytes = CONTENT) -> freight.Sent:
    async def work() -> freight.Sent:
        pieces = chunks(content)
        most = int(job.args["most_bytes"])
        return await freight.send(run_of(job), "capsule.piece", pieces, most_bytes=most, tell=lambda _size: None)

    found = on_the_host(work)
    assert isinstance(found, freight.Sent)
    return found


def end(job: Job, capsule: StackCapsule, state: str, **result: Any) -> StackCapsule:
    with writes_allowed("test"):
        Job.objects.filter(pk=job.pk).update(state=state, result=result)
    capsule_made("local", {"job": job.pk})
    capsule.refresh_from_db()
    return capsule


def test_one_that_came_whole_is_kept_with_what_it_says(redis_server: "redis.Redis") -> None:
    job, capsule = coming()
    found = sent(job)
    kept = end(job, capsule, "succeeded", size_bytes=found.size_bytes, sha256=found.sha256)
    assert (kept.state, kept.volumes, kept.fingerprint) == ("kept", ["data"], fake_capsule().lock.fingerprint)
    assert files.kept_path(kept.pk).read_bytes() == CONTENT


@pytest.mark.parametrize("content", [CONTENT[:-2048], b"nonsense"])
def test_one_that_is_no_capsule_is_not_kept_and_says_why(redis_server: "redis.Redis", content: bytes) -> None:
    job, capsule = coming()
    found = sent(job, content)
    failed = end(job, capsule, "succeeded", size_bytes=found.size_bytes, sha256=found.sha256)
    assert failed.state == "failed"
    assert failed.problem
    assert files.known_numbers() == []


def test_one_whose_job_fails_or_goes_is_of_no_use(redis_server: "redis.Redis") -> None:
    job, capsule = coming()
    assert end(job, capsule, "failed").state == "failed"
    with writes_allowed("test"):
        StackCapsule.objects.update(state="coming", job=None)
    note_failed_capsules()
    capsule.refresh_from_db()
    assert capsule.state == "failed"


def test_a_part_is_what_lies_there_wherever_it_begins(
    redis_server: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freight, "PIECE_BYTES", 1000)
    capsule = make_stack_capsule()
    job = make_job("capsule.restore", state="running", args={"capsule": capsule.pk})
    for offset, size in ((0, 10), (999, 2), (1000, 1000), (1500, 7777), (2500, len(CONTENT) - 2500)):

        async def work(offset: int = offset, size: int = size) -> bytes:
            part = freight.fetch_part(run_of(job), "capsule.wanted", offset=offset, size_bytes=size)
            return b"".join([piece async for piece in part])

        assert on_the_host(work) == CONTENT[offset : offset + size]


# --- what agents hold it to ---


def checked(monkeypatch: pytest.MonkeyPatch, content: bytes, blob: Blob, **other: Any) -> bytes:
    async def part(*_given: Any, **_named: Any) -> Any:
        yield content

    monkeypatch.setattr(freight, "fetch_part", part)
    layer = {"digest": blob.digest, "diff_id": blob.plain_digest, "plain_bytes": blob.plain_bytes, **other}
    unpacking = Unpacking(None, None, {blob.digest: [0, len(content)]}, lambda _size: None)  # type: ignore[arg-type]

    async def work() -> bytes:
        return b"".join([piece async for piece in unpacking.checked(layer)])

    return asyncio.run(work())


def test_a_layer_is_given_to_an_engine_only_as_it_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    content, blob = squeezed(b"layer" * 1000)
    assert checked(monkeypatch, content, blob) == content
    for wrong in ({"diff_id": "0" * 64}, {"plain_bytes": 4999}):
        with pytest.raises(Invalid):
            checked(monkeypatch, content, blob, **wrong)
    with pytest.raises(Invalid):
        checked(monkeypatch, content[:-4], blob)
