"""Workers killed, Redis killed, emptied and away, messages delivered five times and taken for lost while at work.

No job is lost, none is stuck, and no attempt is at work twice. Slow by nature: leases have to run out.
``NARU_TORTURE_RUNS`` says how often all of it is done (1), ``NARU_TORTURE_DOWN_S`` how long Redis is away (3).
"""

import asyncio
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis

from console.project.keys import ensure_secret_key
from console.project.launcher.parts import Part, Places, _beat, _worker
from console.project.launcher.supervisor import Supervisor
from tests.database import give_copy

RUNS = int(os.environ.get("NARU_TORTURE_RUNS", "1"))
DOWN_S = float(os.environ.get("NARU_TORTURE_DOWN_S", "3"))
ROOT = Path(__file__).resolve().parents[3]
SETTLED_S = 90.0
# a line of JSON for each line it is given, ``[kind, how many, seconds]`` or ``[]``: adds jobs, tells how all are
CONTROL = """
import json, sys
import django; django.setup()
from django.conf import settings
from console.hosts.observations import register_host
from console.jobs.models import Job
from console.jobs.operations import add_job
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.operations.runner import operation
from console.project.keys import hand_out_host_key
from console.workspaces.models import Workspace
import tests.console.jobs.tally
FACTS = ("pk", "kind", "state", "attempt", "heard_at", "error", "note", "waits_for", "result", "output_sealed_at")
def add(kind, count, lasts_s):
    host, workspace = register_host("local", "unix:///nowhere"), Workspace.objects.get()
    for _ in range(count):
        with operation(Actor.system("test"), Permission.IMAGE_BUILD) as op:
            args = {"folder": sys.argv[1], "lasts_s": lasts_s}
            add_job(op, kind, host=host, workspace=workspace, args=args)
hand_out_host_key(settings.ENVIRONMENT, settings.SECRET_KEY)
register_host("local", "unix:///nowhere")
print("ready", flush=True)
for line in sys.stdin:
    if words := json.loads(line):
        add(*words)
    print(json.dumps(list(Job.objects.order_by("pk").values(*FACTS)), default=str), flush=True)
"""
FINAL = {"succeeded", "failed", "cancelled"}
pytestmark = [pytest.mark.timeout(120 + RUNS * 150)]


@dataclass
class House:
    """A console's worker, an agent and beat over a Redis of their own, and the program that adds jobs."""

    folder: Path
    said: list[str] = field(default_factory=list)
    server: "asyncio.subprocess.Process | None" = None
    control: "asyncio.subprocess.Process | None" = None
    supervisor: Supervisor | None = None

    @property
    def places(self) -> Places:
        data, run = self.folder / "data", self.folder / "run"
        return Places(data=data, run=run, http="127.0.0.1:1", redis_url=f"unix://{self.folder}/redis.sock")

    @property
    def environ(self) -> dict[str, str]:
        own = {"TEST_TIMES_SENT": "5", "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "console.project.settings"}
        kept = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        return {**kept, **self.places.environ(), **own}

    async def start_redis(self) -> None:
        keep = ("--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--dir", str(self.folder))
        argv = ("redis-server", "--port", "0", "--unixsocket", f"{self.folder}/redis.sock", *keep)
        quiet = asyncio.subprocess.DEVNULL
        self.server = await asyncio.create_subprocess_exec(*argv, stdout=quiet, stderr=quiet)
        await until(self.redis_answers, 20)

    def redis_answers(self) -> bool:
        try:
            with self.connection() as connection:
                return bool(connection.ping())
        except redis.exceptions.RedisError:
            return False

    def connection(self) -> "redis.Redis":
        return redis.Redis.from_url(self.places.redis_url)

    async def kill_redis(self, *, down_s: float = 0) -> None:
        assert self.server
        self.server.kill()
        await self.server.wait()
        await asyncio.sleep(down_s)
        await self.start_redis()

    async def kill(self, name: str) -> None:
        """The process that the part is now, without a word; the launcher starts it again."""
        assert self.supervisor
        [running] = [one for one in self.supervisor._running if one.part.name == name]
        assert running._process
        if running._process.returncode is None:
            os.kill(running._process.pid, signal.SIGKILL)

    async def ask(self, *words: Any) -> list[dict[str, Any]]:
        """Add jobs, or nothing; how all of them are."""
        assert self.control
        assert self.control.stdin
        assert self.control.stdout
        self.control.stdin.write(json.dumps(words).encode() + b"\n")
        async with asyncio.timeout(60):
            line = await self.control.stdout.readline()
        assert line, "the program that adds jobs has died"
        answer: list[dict[str, Any]] = json.loads(line)
        return answer

    def tally(self) -> list[dict[str, Any]]:
        try:
            return [json.loads(line) for line in (self.folder / "tally").read_text().splitlines()]
        except FileNotFoundError:
            return []


async def until(condition: Callable[[], bool | Awaitable[bool]], limit_s: float, *, why: str = "") -> None:
    deadline = time.monotonic() + limit_s
    while True:
        found = condition()
        if found if isinstance(found, bool) else await found:
            return
        assert time.monotonic() < deadline, f"it did not come to that in time {why}"
        await asyncio.sleep(0.1)


@asynccontextmanager
async def running_house(folder: Path) -> AsyncIterator[House]:
    house = House(folder)
    places = house.places
    for path in (places.data, places.run, places.run / "alive"):
        path.mkdir(parents=True)
    ensure_secret_key(places.data / "secret.key")
    give_copy(places.data / "console.sqlite3")
    parts = [
        _worker(places, "worker", app="tests.console.jobs.tally_console", queue="console", threads=4),
        _worker(places, "agent", app="tests.console.jobs.tally_agent", queue="host.local", threads=8),
        _beat(places),
    ]
    try:
        await house.start_redis()
        house.control = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CONTROL, str(folder)),
            cwd=ROOT,
            env=house.environ,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )
        assert house.control.stdout
        assert (await house.control.stdout.readline()).strip() == b"ready"
        await supervise(house, parts)
        yield house
    finally:
        if house.supervisor:
            await house.supervisor.stop()
        for process in (house.control, house.server):
            if process and process.returncode is None:
                process.kill()
                await process.wait()


async def supervise(house: House, parts: list[Part]) -> None:
    house.supervisor = Supervisor(
        environ=house.environ,
        log_dir=house.folder / "logs",
        say=lambda name, text: house.said.append(f"{name}: {text}"),
        hung_s=12.0,
    )
    await asyncio.gather(*(house.supervisor.start(part) for part in parts))


def faults(house: House) -> list[Callable[[], Awaitable[None]]]:
    async def flush() -> None:
        with house.connection() as connection:
            connection.flushall()

    return [
        lambda: house.kill("agent"),
        lambda: house.kill("worker"),
        lambda: house.kill_redis(),
        flush,
        lambda: house.kill_redis(down_s=DOWN_S),
    ]


async def test_whatever_dies_each_job_ends_and_no_attempt_is_at_work_twice() -> None:
    seed = int(os.environ.get("NARU_TORTURE_SEED", "0")) or random.randrange(2**32)
    dice = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="nt-"))
    try:
        async with running_house(folder) as house:
            for number in range(RUNS):
                await one_run(house, dice, f"run {number}, seed {seed}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def one_run(house: House, dice: random.Random, why: str) -> None:
    known = len(await house.ask())
    await house.ask("test.tally", 4, 1.0)
    await house.ask("test.once", 2, 1.0)
    if RUNS > 1:
        # longer than it would take to be delivered again
        await house.ask("test.tally", 1, 12.0)
    for fault in dice.sample(faults(house), k=5 if RUNS > 1 else 3):
        await asyncio.sleep(dice.uniform(0.2, 1.5))
        await fault()
        await house.ask("test.tally", 1, dice.uniform(0.1, 1.0))
        await house.ask("test.once", 1, dice.uniform(0.1, 1.0))
    began = time.monotonic()

    async def settled() -> bool:
        jobs = (await house.ask())[known:]
        return all(job["state"] in FINAL and job["output_sealed_at"] for job in jobs)

    try:
        await until(settled, SETTLED_S, why=why)
    except AssertionError:
        open_jobs = [job for job in (await house.ask())[known:] if job["state"] not in FINAL]
        raise AssertionError("\n".join([why, *map(str, open_jobs), *house.said[-60:]])) from None
    judge((await house.ask())[known:], house.tally(), why)
    sys.stdout.write(f"{why}: settled {time.monotonic() - began:.1f} s after the last fault\n")


def judge(jobs: list[dict[str, Any]], tally: list[dict[str, Any]], why: str) -> None:
    begun: dict[int, Counter[int]] = defaultdict(Counter)
    for fact in tally:
        assert fact["what"] != "overlap", f"two attempts of job {fact['job']} at once ({why})"
        if fact["what"] == "begin":
            begun[fact["job"]][fact["attempt"]] += 1
    for job in jobs:
        attempts = begun[job["pk"]]
        assert max(attempts.values(), default=0) <= 1, f"an attempt was at work twice: {job} {attempts} ({why})"
        if job["kind"] == "test.once":
            assert sum(attempts.values()) <= 1, f"done twice: {job} ({why})"
        if job["state"] == "succeeded":
            assert attempts[job["result"]["attempt"]] == 1, f"said to be done, and was not: {job} ({why})"
        else:
            # only what was really broken off may fail, and then it says so
            assert job["state"] == "failed", f"{job} ({why})"
            assert "restarted in the middle" in job["error"] or "no sign of life" in job["error"], f"{job} ({why})"
            ended = {fact["attempt"] for fact in tally if fact["job"] == job["pk"] and fact["what"] == "end"}
            assert not ended, f"it was done, and is said to have failed: {job} ({why})"
