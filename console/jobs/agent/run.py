"""One attempt, as its handler sees it: where output goes, how far it is, what it may read."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from redis.exceptions import RedisError

from console.hosts.gateway import Engine, connect
from console.jobs import blobs
from console.jobs.agent.masking import Masker
from console.jobs.agent.outgoing import Outgoing
from console.jobs.agent.reports import report
from console.operations.errors import Missing
from console.secrets.references import name_in

FLUSH_S = 0.1
ENTRY_BYTES = 32 * 1024
MOST_BUFFERED_BYTES = 8 << 20
MOST_OUTPUT_BYTES = 64 << 20
TELL_PATIENCE_S = 60.0


class JobRun:
    """``label`` goes on everything the handler makes in the engine, so that a later attempt finds and adopts it."""

    def __init__(
        self,
        *,
        job: int,
        attempt: int,
        host_name: str,
        engine_address: str,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        self.job = job
        self.attempt = attempt
        self.progress_now: dict[str, Any] = {}
        self._secrets = dict(secrets or {})
        # hides them in all that is said about the attempt
        self.masker = Masker(self._secrets.values())
        self._host_name = host_name
        self._engine_address = engine_address
        self._lines: list[str] = []
        self._partial = ""
        self._written = 0
        # taken in by the loop's thread, flushed by another, which holds the lock
        self._taken = 0
        self._flushed = 0
        self._wake = asyncio.Event()
        self._outgoing = Outgoing(job, attempt)
        self._flushing = threading.Lock()
        self._tried: _Entry | None = None

    @property
    def label(self) -> dict[str, str]:
        return {"naru.job": str(self.job)}

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        async with connect(self._engine_address) as engine:
            yield engine

    def resolved(self, text: str) -> str:
        """The value, if ``text`` refers to a secret of the job's; else ``text``. Never to be logged."""
        name = name_in(text)
        if name is None:
            return text
        if name not in self._secrets:
            raise Missing(f"the job was not given the secret {name}")
        return self._secrets[name]

    async def write(self, text: str) -> None:
        """Add to the job's output; waits while Redis is far behind. Past 64 MiB only the end is said.

        Values of the job's secrets are hidden; what may be the beginning of one waits for what follows it.
        """
        self._take(self.masker.feed(text))
        while self._taken - self._flushed > MOST_BUFFERED_BYTES:  # noqa: ASYNC110 - the flusher may fail and try again
            await asyncio.sleep(FLUSH_S)

    def _take(self, text: str) -> None:
        *lines, self._partial = (self._partial + text).split("\n")
        for line in lines:
            self._add(line.rstrip("\r").rpartition("\r")[2])

    def progress(self, record: dict[str, Any]) -> None:
        """How far it is now (console.jobs.progress); told with the next sign of life, at most once a second."""
        self.progress_now = self.masker.masked_json(record)

    async def tell(self, kind: str, **fact: Any) -> None:
        """Report a fact about the host that the job has just made so: it is written down before the job's end is."""
        await asyncio.to_thread(
            report, self._host_name, {"kind": kind, **self.masker.masked_json(fact)}, patience_s=TELL_PATIENCE_S
        )

    async def tell_progress(self, record: dict[str, Any]) -> None:
        """As ``progress``, and written down before what is told after this: how far it got stays known."""
        self.progress(record)
        await self.tell("attempt.alive", job=self.job, attempt=self.attempt, progress=record)

    async def read_blob(self, sha256: str, into: BinaryIO) -> None:
        """One of the job's inputs, checked against its SHA-256. Missing when it did not arrive."""
        await asyncio.to_thread(blobs.fetch, sha256, into)

    async def flush_for_ever(self) -> None:
        """Until cancelled; the runner owns this task."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(FLUSH_S)
            try:
                await asyncio.to_thread(self._flush)
            except RedisError:
                # kept in the buffer; the next round tries again, also when nothing is added meanwhile
                self._wake.set()

    async def finish_output(self, *, patience_s: float = 60.0) -> None:
        """The last lines too, before the end is reported. Raises RedisError when they cannot be written."""
        self._take(self.masker.finish())
        if self._partial:
            self._add(self._partial)
            self._partial = ""
        deadline = time.monotonic() + patience_s
        while True:
            try:
                await asyncio.to_thread(self._flush)
                await asyncio.to_thread(self._confirm)
                return
            except RedisError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.5)

    def _add(self, line: str) -> None:
        size = _size(line)
        if self._written <= MOST_OUTPUT_BYTES < self._written + size:
            line = "… the rest of the output is not kept: it is longer than 64 MiB"
        elif self._written > MOST_OUTPUT_BYTES:
            return
        self._lines.append(line)
        self._taken += _size(line)
        self._written += size
        self._wake.set()

    def _flush(self) -> None:
        """In entries of a bounded size."""
        # a flush whose waiter was cancelled still runs in its thread
        with self._flushing:
            self._wake.clear()
            while self._lines:
                # what was tried may have been written though no answer came: it is tried again as it was
                self._tried = self._tried or self._next_entry()
                self._outgoing.append(at=self._tried.at, lines=self._tried.lines)
                self._flushed += self._tried.size_bytes
                del self._lines[: self._tried.count]
                self._tried = None

    def _next_entry(self) -> "_Entry":
        count, size = 0, 0
        while count < len(self._lines) and size < ENTRY_BYTES:
            size += _size(self._lines[count])
            count += 1
        return _Entry(count, size, at=str(time.time_ns() // 1_000_000), lines=json.dumps(self._lines[:count]))

    def _confirm(self) -> None:
        with self._flushing:
            self._outgoing.confirm()


@dataclass(frozen=True, slots=True)
class _Entry:
    """The first ``count`` lines, ready to be written."""

    count: int
    size_bytes: int
    at: str
    lines: str


def _size(line: str) -> int:
    return len(line.encode(errors="replace")) + 1
