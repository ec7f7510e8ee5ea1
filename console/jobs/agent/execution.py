"""Running one attempt: fenced by the journal, with heartbeats, cancelled when somebody asks."""

import asyncio
import contextlib
import threading
import time
import traceback
from dataclasses import dataclass, field
from typing import Any

import structlog
from redis.exceptions import RedisError

from console.jobs import streams
from console.jobs.agent.journal import Journal
from console.jobs.agent.reports import report, show_room
from console.jobs.agent.run import JobRun
from console.jobs.kinds import get_kind
from console.jobs.signing import open_values, verify
from console.operations.errors import ConsoleError, Denied

log = structlog.get_logger(__name__)

HEARTBEAT_S = 3.0
LOOK_S = 1.0
REPORT_PATIENCE_S = 600.0


@dataclass(slots=True)
class Agent:
    """One host's agent. ``capacity`` is how many attempts run at once."""

    host_name: str
    key: str
    engine_address: str
    journal: Journal
    capacity: int
    running: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def execute(self, signed: dict[str, Any]) -> None:
        """Run the attempt in ``signed`` if it is genuine, in time and new. Blocks until it has ended."""
        try:
            message = verify(signed, self.key)
        except Denied as error:
            log.error("message refused", why=str(error))
            return
        job, attempt = int(message["job"]), int(message["attempt"])
        if time.time() > float(message["begin_before"]):
            log.warning("attempt came too late", job=job, attempt=attempt)
            return
        if not self.journal.begin(job, attempt):
            ended = self.journal.ended_fact(job, attempt)
            if ended is not None:
                report(self.host_name, ended)
            return
        self._change_running(+1)
        try:
            fact = asyncio.run(self._attempt(message))
        finally:
            self._change_running(-1)
        self.journal.end(job, attempt, fact)
        report(self.host_name, fact, patience_s=REPORT_PATIENCE_S)

    def report_interrupted(self) -> None:
        """At the start of the agent: what an earlier boot left half-done."""
        for lost in self.journal.take_interrupted():
            fact = {"kind": "attempt.interrupted", "job": lost.job, "attempt": lost.attempt}
            report(self.host_name, fact, patience_s=REPORT_PATIENCE_S)

    def show_room(self) -> None:
        show_room(self.host_name, self.capacity - self.running)

    def _change_running(self, by: int) -> None:
        with self.lock:
            self.running += by
        self.show_room()

    async def _attempt(self, message: dict[str, Any]) -> dict[str, Any]:
        """The fact that tells how it ended."""
        job, attempt = int(message["job"]), int(message["attempt"])
        about = {"kind": "attempt.ended", "job": job, "attempt": attempt}
        try:
            values = open_values(str(message.get("sealed", "")), self.key, job=job, attempt=attempt)
        except Denied as error:
            return {**about, "state": "failed", "error": str(error)}
        run = JobRun(
            job=job, attempt=attempt, host_name=self.host_name, engine_address=self.engine_address, secrets=values
        )
        work = asyncio.create_task(_work(run, message))
        helpers = [asyncio.create_task(run.flush_for_ever()), asyncio.create_task(self._watch(run, work))]
        try:
            result = await work
            end: dict[str, Any] = {**about, "state": "succeeded", "result": result}
        except asyncio.CancelledError:
            end = {**about, "state": "cancelled", "error": "Cancelled."}
        except ConsoleError as error:
            await run.write(f"{error}\n")
            end = {**about, "state": "failed", "error": str(error)}
        except Exception as error:  # noqa: BLE001 - whatever it was, it is how the attempt ended
            trace = run.masker.masked(traceback.format_exc())
            log.error("handler crashed", job=job, kind=message["kind"], exception=trace)
            end = {**about, "state": "failed", "error": f"{type(error).__name__}: {error}"}
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        try:
            await run.finish_output()
        except RedisError as error:
            log.error("end of the output lost", job=job, why=str(error))
        masked: dict[str, Any] = run.masker.masked_json(end)
        return masked

    async def _watch(self, run: JobRun, work: "asyncio.Task[dict[str, Any]]") -> None:
        """Heartbeats, and an eye on whether somebody wants it to stop."""
        beat_at = 0.0
        is_asked = False
        while True:
            if time.monotonic() >= beat_at:
                beat_at = time.monotonic() + HEARTBEAT_S
                alive = {"kind": "attempt.alive", "job": run.job, "attempt": run.attempt, "progress": run.progress_now}
                await asyncio.to_thread(report, self.host_name, alive)
            with contextlib.suppress(RedisError):  # asked again in a second
                wanted = await asyncio.to_thread(streams.connection().exists, streams.cancel_key(run.job))
                if wanted and not is_asked:
                    # once: a second time would break off the handler's clean-up
                    is_asked = True
                    work.cancel()
            await asyncio.sleep(LOOK_S)


async def _work(run: JobRun, message: dict[str, Any]) -> dict[str, Any]:
    if run.attempt > 1:
        await run.write(f"-- attempt {run.attempt} of {message['max_attempts']} --\n")
    try:
        kind = get_kind(message["kind"])
    except KeyError as error:
        raise Denied(
            f"this host's agent knows no job of kind {message['kind']!r}; is it older than the console?"
        ) from error
    return await kind.handle(run, message["args"])
