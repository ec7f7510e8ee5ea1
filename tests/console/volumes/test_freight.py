"""Backups come whole or not at all, piece by piece through a bounded Redis, and go back as they came."""

import asyncio
import hashlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import redis

from console.jobs import freight, streams
from console.jobs.agent.run import JobRun
from console.jobs.ingest import ingest
from console.jobs.models import Job
from console.operations.errors import Invalid
from console.operations.governed import writes_allowed
from console.volumes.files import files
from console.volumes.models import Backup
from console.volumes.observations import backup_ended, note_failed_backups, piece_came
from tests.factories.console import make_job
from tests.factories.wires import make_backup

pytestmark = pytest.mark.django_db
CONTENT = bytes(range(256)) * 9_000 + b"the end"


@pytest.fixture
def job(redis_server: "redis.Redis") -> Job:
    """A backup at work."""
    args = {"name": "main_data", "most_bytes": 10_000_000}
    job = make_job("volume.backup", state="running", args=args)
    make_backup(state="coming", job=job, sha256="", size_bytes=0)
    return job


def run_of(job: Job) -> JobRun:
    return JobRun(job=job.pk, attempt=job.attempt, host_name="local", engine_address="unix:///nowhere")


async def chunks(content: bytes, size: int = 70_001) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def on_the_host(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """What ``work`` returns, while the console ingests beside it."""
    found: list[Any] = []

    def host() -> None:
        try:
            found.append(asyncio.run(work()))
        except Exception as error:  # noqa: BLE001 - it is the test's to look at
            found.append(error)

    thread = threading.Thread(target=host)
    thread.start()
    deadline = time.monotonic() + 60
    while thread.is_alive():
        ingest("local")
        assert time.monotonic() < deadline
        thread.join(0.01)
    ingest("local")
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


def end(job: Job, state: str, **result: Any) -> Backup:
    with writes_allowed("test"):
        Job.objects.filter(pk=job.pk).update(state=state, result=result)
    backup_ended("local", {"job": job.pk, "attempt": job.attempt})
    return Backup.objects.get()


def send(job: Job, content: bytes = CONTENT, most_bytes: int = 10_000_000) -> freight.Sent:
    async def work() -> freight.Sent:
        run = run_of(job)
        return await freight.send(run, "backup.piece", chunks(content), most_bytes=most_bytes, tell=lambda _size: None)

    sent: freight.Sent = on_the_host(work)
    return sent


def test_what_was_sent_is_kept_with_its_digest(job: Job, redis_server: "redis.Redis") -> None:
    sent = send(job)
    assert sent == freight.Sent(len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    backup = end(job, "succeeded", size_bytes=sent.size_bytes, sha256=sent.sha256)
    assert (backup.state, backup.sha256) == (Backup.State.KEPT, sent.sha256)
    with files.open_kept(backup.pk) as file:
        assert file.read() == CONTENT
    assert redis_server.keys("naru:freight:*") == []


def test_no_more_than_a_window_waits_in_redis(job: Job, redis_server: "redis.Redis") -> None:
    """With nobody there to take it."""
    seen: list[int] = []

    async def work() -> None:
        run = run_of(job)
        content = bytes(freight.PIECE_BYTES * (freight.WINDOW + 5))
        sending = asyncio.create_task(
            freight.send(run, "backup.piece", chunks(content), most_bytes=10**9, tell=seen.append)
        )
        while len(seen) < freight.WINDOW:
            await asyncio.sleep(0.01)
        # time enough for a writer without bounds to go on
        for _ in range(20):
            await asyncio.sleep(0.01)
        sending.cancel()

    asyncio.run(work())
    assert len(seen) == freight.WINDOW
    assert len(redis_server.keys("naru:freight:*")) == freight.WINDOW  # type: ignore[arg-type]


def test_what_is_too_large_is_refused_and_leaves_nothing(job: Job) -> None:
    with pytest.raises(Invalid, match="more than"):
        send(job, most_bytes=1_000_000)
    backup = end(job, "failed")
    assert backup.state == Backup.State.FAILED
    assert files.known_numbers() == []


def test_a_piece_that_went_astray_makes_no_backup(job: Job, redis_server: "redis.Redis") -> None:
    for number, piece in enumerate((b"one", b"two", b"three")):
        freight.give(job.pk, job.attempt, number, piece)
    digest = {number: hashlib.sha256(piece).hexdigest() for number, piece in enumerate((b"one", b"two", b"three"))}
    about = {"job": job.pk, "attempt": job.attempt}
    piece_came("local", {**about, "number": 0, "offset": 0, "sha256": digest[0]})
    # the second comes damaged, so that the third fits nowhere
    piece_came("local", {**about, "number": 1, "offset": 3, "sha256": "0" * 64})
    piece_came("local", {**about, "number": 2, "offset": 6, "sha256": digest[2]})
    assert end(job, "succeeded", size_bytes=11, sha256="x").state == Backup.State.FAILED


def test_a_piece_told_twice_counts_once_and_another_attempt_begins_anew(job: Job, redis_server: "redis.Redis") -> None:
    about = {
        "job": job.pk,
        "attempt": job.attempt,
        "number": 0,
        "offset": 0,
        "sha256": hashlib.sha256(b"one").hexdigest(),
    }
    freight.give(job.pk, job.attempt, 0, b"one")
    piece_came("local", about)
    piece_came("local", about)
    backup = Backup.objects.get()
    assert files.coming_bytes(backup.pk) == 3
    # of an attempt that was given up, and of another host
    piece_came("local", {**about, "attempt": job.attempt + 1})
    piece_came("other", about)
    assert files.coming_bytes(backup.pk) == 3
    freight.give(job.pk, job.attempt, 0, b"one")
    piece_came("local", about)
    assert files.coming_bytes(backup.pk) == 3


def test_what_was_kept_comes_back_as_it_was(redis_server: "redis.Redis") -> None:
    backup = make_backup(content=CONTENT)
    args = {"backup": backup.pk, "name": "x"}
    job = make_job("volume.restore", state="running", args=args)
    sha256 = hashlib.sha256(CONTENT).hexdigest()

    async def work() -> bytes:
        pieces = freight.fetch(
            run_of(job), "backup.wanted", size_bytes=len(CONTENT), sha256=sha256, tell=lambda _size: None
        )
        return b"".join([piece async for piece in pieces])

    assert on_the_host(work) == CONTENT
    assert redis_server.keys("naru:freight:*") == []


def test_a_file_that_was_changed_meanwhile_is_found_out(redis_server: "redis.Redis") -> None:
    backup = make_backup(content=CONTENT)
    files.kept_path(backup.pk).write_bytes(CONTENT[:-1] + b"!")
    job = make_job("volume.restore", state="running", args={"backup": backup.pk, "name": "x"})

    async def work() -> None:
        sha256 = hashlib.sha256(CONTENT).hexdigest()
        run = run_of(job)
        async for _piece in freight.fetch(
            run, "backup.wanted", size_bytes=len(CONTENT), sha256=sha256, tell=lambda _size: None
        ):
            pass

    with pytest.raises(Invalid, match="digest"):
        on_the_host(work)


def test_a_backup_whose_job_ended_unheard_is_no_backup(job: Job) -> None:
    with writes_allowed("test"):
        Job.objects.filter(pk=job.pk).update(state="cancelled")
    note_failed_backups()
    assert Backup.objects.get().state == Backup.State.FAILED
    assert streams.connection().keys("naru:freight:*") == []
