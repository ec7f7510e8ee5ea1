"""Running one attempt: fenced by the journal, with heartbeats, cancelled when somebody asks."""

import asyncio
import contextlib
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from redis.exceptions import RedisError

from console.hosts.stats import Use
from console.jobs import streams
from console.jobs.agent.journal import Journal
from console.jobs.agent.reports import epoch, report, show_room
from console.jobs.agent.run import JobRun
from console.jobs.kinds import PartlyDone, get_kind
from console.jobs.signing import open_values, verify
from console.operations.errors import ConsoleError, Denied

log = structlog.get_logger(__name__)

HEARTBEAT_S = 3.0
LOOK_S = 1.0
REPORT_PATIENCE_S = 600.0
SAID_AGAIN_S = 3600.0
GIVE_WAY_S = 120.0


@dataclass(slots=True)
class Agent:
    """One host's agent. ``capacity`` is how many attempts run at once."""

    host_name: str
    key: str
    engine_address: str
    journal: Journal
    capacity: int
    running: int = 0
    # what each container used when it was last looked at, by engine id; of one that has ended for a pass longer
    uses: Mapping[str, Use] = field(default_factory=dict)
    # the life of Redis to which was said what had ended before
    epoch: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    # what is at work now, by job
    at_work: dict[int, "_AtWork"] = field(default_factory=dict)

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
            if ended is not None and not self._is_at_work(ended):
                report(self.host_name, ended)
            return
        mine = _AtWork(attempt)
        earlier = self._enter(job, mine)
        try:
            fact = self._answer(message, mine, earlier)
            self.journal.end(job, attempt, fact)
        finally:
            self._leave(job, mine)
        report(self.host_name, fact, patience_s=REPORT_PATIENCE_S)

    def _answer(self, message: dict[str, Any], mine: "_AtWork", earlier: "_AtWork | None") -> dict[str, Any]:
        """How the attempt ended. Two attempts of one job are never at work at once, and none after its answer is known:
        the console may have given up one that merely could not be heard.
        """
        job, attempt = int(message["job"]), int(message["attempt"])
        if earlier is not None and not earlier.give_way():
            why = f"attempt {earlier.attempt} is still at work and does not end"
            return {"kind": "attempt.ended", "job": job, "attempt": attempt, "state": "failed", "error": why}
        known = self.journal.earlier_answer(job, attempt)
        if known is not None:
            return {**known, "attempt": attempt}
        return asyncio.run(self._attempt(message, mine))

    def _enter(self, job: int, mine: "_AtWork") -> "_AtWork | None":
        """From now on ``mine`` is the job's attempt; returns the one that was until now."""
        with self.lock:
            earlier = self.at_work.get(job)
            self.at_work[job] = mine
            self.running += 1
        self.show_room()
        return earlier

    def _leave(self, job: int, mine: "_AtWork") -> None:
        with self.lock:
            self.running -= 1
            if self.at_work.get(job) is mine:
                del self.at_work[job]
        mine.is_over.set()
        self.show_room()

    def report_interrupted(self) -> None:
        """At the start of the agent: what an earlier boot left half-done."""
        for lost in self.journal.take_interrupted():
            fact = {"kind": "attempt.interrupted", "job": lost.job, "attempt": lost.attempt}
            report(self.host_name, fact, patience_s=REPORT_PATIENCE_S)

    def say_again(self) -> None:
        """Should Redis have lost what it held, or an earlier boot not have been able to speak: what has ended lately
        may not have been read. Harmless to repeat.

        A job's output is looked after by ``Outgoing`` while its attempt lasts.
        """
        try:
            now = epoch()
        except RedisError:
            return
        if now == self.epoch:
            return
        for fact in self.journal.ended_since(time.time() - SAID_AGAIN_S):
            if not self._is_at_work(fact) and not report(self.host_name, fact):
                return
        self.epoch = now

    def _is_at_work(self, ended: dict[str, Any]) -> bool:
        """The attempt has its answer, and the end of its output is still to be written before that is told."""
        with self.lock:
            mine = self.at_work.get(int(ended["job"]))
        return mine is not None and mine.attempt == int(ended["attempt"])

    def show_room(self) -> None:
        show_room(self.host_name, self.capacity - self.running)

    async def _attempt(self, message: dict[str, Any], mine: "_AtWork") -> dict[str, Any]:
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
        mine.begin(asyncio.get_running_loop(), work)
        helpers = [asyncio.create_task(run.flush_for_ever()), asyncio.create_task(self._watch(run, work))]
        try:
            result = await work
            end: dict[str, Any] = {**about, "state": "succeeded", "result": result}
        except asyncio.CancelledError:
            end = {**about, "state": "cancelled", "error": "Cancelled."}
            if mine.gives_way:
                # no answer: a later attempt is about to work for one
                end = {**about, "kind": "attempt.interrupted"}
        except ConsoleError as error:
            await run.write(f"{error}\n")
            end = {**about, "state": "failed", "error": str(error)}
            if isinstance(error, PartlyDone):
                end["result"] = error.result
        except Exception as error:  # noqa: BLE001 - whatever it was, it is how the attempt ended
            trace = run.masker.masked(traceback.format_exc())
            log.error("handler crashed", job=job, kind=message["kind"], exception=trace)
            end = {**about, "state": "failed", "error": f"{type(error).__name__}: {error}"}
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        masked: dict[str, Any] = run.masker.masked_json(end)
        # at once: whoever is killed while Redis is away would otherwise have done it and not know
        await asyncio.to_thread(self.journal.end, job, attempt, masked)
        try:
            await run.finish_output()
        except RedisError as error:
            log.error("end of the output lost", job=job, why=str(error))
        return masked

    async def _watch(self, run: JobRun, work: "asyncio.Task[dict[str, Any]]") -> None:
        """Heartbeats, and an eye on whether somebody wants it to stop."""
        beat_at = 0.0
        is_asked = False
        told: dict[str, Any] = {}
        while True:
            if time.monotonic() >= beat_at or run.progress_now != told:
                beat_at, told = time.monotonic() + HEARTBEAT_S, run.progress_now
                alive = {"kind": "attempt.alive", "job": run.job, "attempt": run.attempt, "progress": told}
                await asyncio.to_thread(report, self.host_name, alive)
            with contextlib.suppress(RedisError):  # asked again in a second
                wanted = await asyncio.to_thread(streams.connection().exists, streams.cancel_key(run.job))
                if wanted and not is_asked:
                    # once: a second time would break off the handler's clean-up
                    is_asked = True
                    work.cancel()
            await asyncio.sleep(LOOK_S)


@dataclass(slots=True, eq=False)
class _AtWork:
    """An attempt that runs in this process, as another thread sees it."""

    attempt: int
    is_over: threading.Event = field(default_factory=threading.Event)
    gives_way: bool = False
    _loop: asyncio.AbstractEventLoop | None = None
    _work: "asyncio.Task[dict[str, Any]] | None" = None

    def begin(self, loop: asyncio.AbstractEventLoop, work: "asyncio.Task[dict[str, Any]]") -> None:
        self._loop, self._work = loop, work
        if self.gives_way:
            work.cancel()

    def give_way(self) -> bool:
        """Have it stop, clean up and end. False when that takes too long."""
        self.gives_way = True
        if self._loop is not None and self._work is not None:
            with contextlib.suppress(RuntimeError):  # its loop is closed: it has ended just now
                self._loop.call_soon_threadsafe(self._work.cancel)
        return self.is_over.wait(GIVE_WAY_S)


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
