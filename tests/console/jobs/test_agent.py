"""The host's side: which messages make it act, how often, and what it says afterwards."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis

from console.hosts.signing_key import host_key
from console.jobs import kinds, output, streams
from console.jobs.agent import execution
from console.jobs.agent.execution import Agent
from console.jobs.agent.journal import Interrupted, Journal
from console.jobs.agent.run import JobRun
from console.jobs.kinds import Args, handler
from console.jobs.signing import sign
from console.operations.errors import Conflict
from console.operations.permissions import Permission
from tests.conftest import running_redis
from tests.fakes.broker import Broker

if TYPE_CHECKING:
    from pytest_django import Settings

KEY = host_key("secret", "local")
ROOT = Path(__file__).resolve().parents[3]
LIMIT_S = 20


@pytest.fixture(autouse=True)
def own_kinds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Kinds of jobs of the test's own. Returns what their handlers were asked to do."""
    monkeypatch.setattr(kinds, "_kinds", dict(kinds._kinds))
    asked: list[str] = []

    @handler("test.write", permission=Permission.IMAGE_BUILD)
    async def write(run: JobRun, args: Args) -> dict[str, Any]:
        asked.append(args["text"])
        await run.write(args["text"])
        return {"said": args["text"]}

    @handler("test.refuse", permission=Permission.IMAGE_BUILD)
    async def refuse(_run: JobRun, args: Args) -> dict[str, Any]:
        raise Conflict("the port is taken")

    @handler("test.crash", permission=Permission.IMAGE_BUILD)
    async def crash(_run: JobRun, args: Args) -> dict[str, Any]:
        raise ZeroDivisionError("by zero")

    @handler("test.steps", permission=Permission.IMAGE_BUILD)
    async def steps(run: JobRun, _args: Args) -> dict[str, Any]:
        async with asyncio.timeout(LIMIT_S):
            for number in (1, 2):
                run.progress({"step": number, "steps": 2, "what": "RUN make"})
                while number not in await asyncio.to_thread(steps_told, streams.connection()):
                    await asyncio.sleep(0.01)
        return {}

    @handler("test.wait", permission=Permission.IMAGE_BUILD)
    async def wait(run: JobRun, args: Args) -> dict[str, Any]:
        await run.write("waiting\n")
        try:
            await asyncio.Event().wait()
        finally:
            # longer than the agent looks away
            await asyncio.sleep(1.5)
            asked.append("cleaned up")
        return {}

    return asked


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "agent.sqlite3")
    yield journal
    journal.close()


@pytest.fixture
def agent(journal: Journal, redis_server: "redis.Redis", broker: Broker) -> Agent:
    return Agent(host_name="local", key=KEY, engine_address="unix:///nowhere", journal=journal, capacity=7)


def message(kind: str = "test.write", *, key: str = KEY, in_s: float = 15, **facts: Any) -> dict[str, Any]:
    given = {
        "job": 7,
        "attempt": 1,
        "max_attempts": 3,
        "kind": kind,
        "args": {"text": "hello\n"},
        "begin_before": time.time() + in_s,
    }
    return sign({**given, **facts}, key)


def steps_told(connection: "redis.Redis") -> list[int]:
    return [fact["progress"].get("step", 0) for fact in said(connection, "attempt.alive")]


def said(connection: "redis.Redis", kind: str = "attempt.ended") -> list[dict[str, Any]]:
    entries: Any = connection.xrange(streams.facts_key("local"))
    facts = [json.loads(fields[b"fact"]) for _entry_id, fields in entries]
    return [fact for fact in facts if fact["kind"] == kind]


def test_an_attempt_runs_and_its_end_is_told(
    agent: Agent, redis_server: "redis.Redis", broker: Broker, own_kinds: list[str]
) -> None:
    agent.execute(message())
    [end] = said(redis_server)
    assert (end["job"], end["attempt"], end["state"], end["result"]) == (7, 1, "succeeded", {"said": "hello\n"})
    assert output.read(7).lines == ["hello"]
    assert ["local"] in broker.of("jobs.ingest")
    assert said(redis_server, "attempt.alive")


@pytest.mark.parametrize(
    "wrong",
    [
        {**message(), "mac": ""},
        {**message(), "args": {"text": "something else"}},
        {name: value for name, value in message().items() if name != "mac"},
        message(key=host_key("secret", "b2")),
    ],
    ids=["empty mac", "changed", "unsigned", "another host's"],
)
def test_a_message_that_is_not_the_consoles_does_nothing(
    agent: Agent, redis_server: "redis.Redis", own_kinds: list[str], wrong: dict[str, Any]
) -> None:
    agent.execute(wrong)
    assert own_kinds == []
    assert said(redis_server) == []


def test_a_message_that_comes_too_late_does_nothing(
    agent: Agent, redis_server: "redis.Redis", own_kinds: list[str]
) -> None:
    agent.execute(message(in_s=-0.1))
    assert (own_kinds, said(redis_server)) == ([], [])


def test_the_same_message_twice_acts_once_and_tells_its_end_again(
    agent: Agent, redis_server: "redis.Redis", own_kinds: list[str]
) -> None:
    same = message()
    agent.execute(same)
    agent.execute(same)
    assert own_kinds == ["hello\n"]
    first, second = said(redis_server)
    assert first == second


def test_a_later_attempt_acts_again_and_says_which_it_is(
    agent: Agent, redis_server: "redis.Redis", own_kinds: list[str]
) -> None:
    agent.journal.begin(7, 1)
    agent.journal.end(7, 1, {"kind": "attempt.interrupted", "job": 7, "attempt": 1})
    agent.execute(message(attempt=2))
    assert own_kinds == ["hello\n"]
    assert output.read(7).lines == ["-- attempt 2 of 3 --", "hello"]


def test_what_an_attempt_answered_is_the_answer_of_those_after_it(
    agent: Agent, redis_server: "redis.Redis", own_kinds: list[str]
) -> None:
    agent.execute(message())
    # the console never heard of its end, and gave it up
    agent.execute(message(attempt=2))
    assert own_kinds == ["hello\n"]
    first, second = said(redis_server)
    assert (first["attempt"], second["attempt"]) == (1, 2)
    assert first["result"] == second["result"]


def test_an_attempt_that_was_given_up_ends_before_the_next_begins(
    agent: Agent, redis_server: "redis.Redis", own_kinds: list[str]
) -> None:
    first = threading.Thread(target=agent.execute, args=[message("test.wait")])
    first.start()
    wait_for(lambda: output.read(7).lines == ["waiting"])
    agent.execute(message("test.write", attempt=2))
    first.join(LIMIT_S)
    assert own_kinds == ["cleaned up", "hello\n"]
    assert [(end["attempt"], end["state"]) for end in said(redis_server)] == [(2, "succeeded")]
    assert [fact["attempt"] for fact in said(redis_server, "attempt.interrupted")] == [1]
    assert agent.at_work == {}


def test_an_attempt_does_not_begin_beside_one_that_does_not_end(
    agent: Agent, redis_server: "redis.Redis", own_kinds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "GIVE_WAY_S", 0.1)
    first = threading.Thread(target=agent.execute, args=[message("test.wait")])
    first.start()
    wait_for(lambda: output.read(7).lines == ["waiting"])
    agent.execute(message(attempt=2))
    [end] = said(redis_server)
    assert (end["attempt"], end["state"]) == (2, "failed")
    assert "still at work" in end["error"]
    first.join(LIMIT_S)
    assert own_kinds == ["cleaned up"]


def test_what_has_ended_is_said_again_when_redis_has_forgotten(
    agent: Agent, redis_server: "redis.Redis", own_kinds: list[str]
) -> None:
    agent.say_again()
    agent.execute(message())
    agent.say_again()
    assert len(said(redis_server)) == 1
    redis_server.flushall()
    agent.say_again()
    agent.say_again()
    [end] = said(redis_server)
    assert (end["job"], end["attempt"], end["state"]) == (7, 1, "succeeded")


def test_what_has_ended_is_said_again_to_another_process_that_has_the_same_keys(
    agent: Agent, redis_server: "redis.Redis", own_kinds: list[str], settings: "Settings"
) -> None:
    """One that died has on disk what was written first, and may not have the rest."""
    agent.say_again()
    agent.execute(message())
    known: Any = redis_server.get(streams.EPOCH_KEY)
    with running_redis() as socket:
        settings.REDIS_URL = f"unix://{socket}"
        streams.connection().set(streams.EPOCH_KEY, known)
        agent.say_again()
        [end] = said(streams.connection())
        assert (end["job"], end["state"]) == (7, "succeeded")


def test_how_far_a_job_is_is_told_before_the_next_heartbeat(
    agent: Agent, redis_server: "redis.Redis", own_kinds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "LOOK_S", 0.02)
    monkeypatch.setattr(execution, "HEARTBEAT_S", 3600)
    agent.execute(message("test.steps"))
    [end] = said(redis_server)
    assert end["state"] == "succeeded"
    assert steps_told(redis_server)[-2:] == [1, 2]


def test_a_refusal_is_told_in_its_own_words(agent: Agent, redis_server: "redis.Redis") -> None:
    agent.execute(message("test.refuse"))
    [end] = said(redis_server)
    assert (end["state"], end["error"]) == ("failed", "the port is taken")
    assert output.read(7).lines == ["the port is taken"]


def test_a_crash_is_told_with_its_reason(agent: Agent, redis_server: "redis.Redis") -> None:
    agent.execute(message("test.crash"))
    [end] = said(redis_server)
    assert (end["state"], end["error"]) == ("failed", "ZeroDivisionError: by zero")


def test_a_kind_the_agent_does_not_know_fails_and_says_why(agent: Agent, redis_server: "redis.Redis") -> None:
    agent.execute(message("test.from-a-newer-console"))
    [end] = said(redis_server)
    assert end["state"] == "failed"
    assert "older than the console" in end["error"]


def test_a_job_somebody_wants_to_stop_is_cancelled_soon_and_cleans_up_undisturbed(
    agent: Agent, redis_server: "redis.Redis", own_kinds: list[str]
) -> None:
    work = threading.Thread(target=agent.execute, args=[message("test.wait")])
    work.start()
    wait_for(lambda: output.read(7).lines == ["waiting"])
    asked_at = time.monotonic()
    redis_server.set(streams.cancel_key(7), "1")
    work.join(LIMIT_S)
    # two seconds to be heard, and the clean-up's own time
    assert time.monotonic() - asked_at < 2 + 1.5
    assert own_kinds == ["cleaned up"]
    [end] = said(redis_server)
    assert end["state"] == "cancelled"


def test_the_room_an_agent_shows_is_less_while_it_works(agent: Agent, redis_server: "redis.Redis") -> None:
    work = threading.Thread(target=agent.execute, args=[message("test.wait")])
    work.start()
    wait_for(lambda: redis_server.get(streams.agent_key("local")) == b"6")
    redis_server.set(streams.cancel_key(7), "1")
    work.join(LIMIT_S)
    assert redis_server.get(streams.agent_key("local")) == b"7"


def test_what_a_crash_of_the_agent_left_half_done_is_reported_once(
    tmp_path: Path, redis_server: "redis.Redis", broker: Broker
) -> None:
    before = Journal(tmp_path / "agent.sqlite3")
    before.begin(7, 1)
    before.close()
    journal = Journal(tmp_path / "agent.sqlite3")
    agent = Agent(host_name="local", key=KEY, engine_address="", journal=journal, capacity=7)
    agent.report_interrupted()
    agent.report_interrupted()
    [fact] = said(redis_server, "attempt.interrupted")
    assert (fact["job"], fact["attempt"]) == (7, 1)
    # a message for it that is still under way acts no more, and says so
    agent.execute(message())
    assert len(said(redis_server, "attempt.interrupted")) == 2
    journal.close()


def test_what_an_earlier_boot_could_not_say_is_said(
    tmp_path: Path, redis_server: "redis.Redis", broker: Broker
) -> None:
    before = Journal(tmp_path / "agent.sqlite3")
    before.begin(7, 1)
    before.end(7, 1, {"kind": "attempt.ended", "job": 7, "attempt": 1, "state": "succeeded"})
    before.close()
    journal = Journal(tmp_path / "agent.sqlite3")
    agent = Agent(host_name="local", key=KEY, engine_address="", journal=journal, capacity=7)
    agent.report_interrupted()
    agent.say_again()
    agent.say_again()
    assert [fact["state"] for fact in said(redis_server)] == ["succeeded"]
    journal.close()


def test_an_answer_is_kept_before_the_end_of_the_output_is_waited_for_and_told_after_it(
    agent: Agent, redis_server: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    """While Redis is away that takes long, and the agent may be killed."""
    finish, kept = JobRun.finish_output, list[object]()

    async def waiting(run: JobRun) -> None:
        kept.append(agent.journal.ended_fact(7, 1))
        await asyncio.to_thread(agent.say_again)
        await asyncio.to_thread(agent.execute, message())
        assert said(redis_server) == []
        await finish(run)

    monkeypatch.setattr(JobRun, "finish_output", waiting)
    agent.execute(message())
    assert kept == said(redis_server)


def test_what_runs_now_is_not_interrupted(journal: Journal) -> None:
    journal.begin(7, 1)
    assert journal.take_interrupted() == []


def test_the_journal_remembers_over_a_restart(tmp_path: Path) -> None:
    before = Journal(tmp_path / "agent.sqlite3")
    for job in (1, 2):
        assert before.begin(job, 1)
    before.end(1, 1, {"state": "succeeded"})
    before.close()
    after = Journal(tmp_path / "agent.sqlite3")
    assert not after.begin(1, 1)
    assert after.ended_fact(1, 1) == {"state": "succeeded"}
    assert not after.begin(2, 1)
    assert after.ended_fact(2, 1) is None
    assert after.take_interrupted() == [Interrupted(2, 1)]
    after.close()


def test_of_two_who_begin_an_attempt_one_wins(journal: Journal) -> None:
    won: list[bool] = []
    threads = [threading.Thread(target=lambda: won.append(journal.begin(1, 1))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert sorted(won) == [False] * 7 + [True]


def test_the_agent_has_no_database(tmp_path: Path) -> None:
    program = """
import django
django.setup()
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from console.jobs.kinds import kind_names
from console.jobs.models import Job
print(*kind_names())
for touch in (lambda: Job.objects.count(), lambda: settings.SECRET_KEY):
    try:
        touch()
    except ImproperlyConfigured:
        print("refused")
"""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "console.project.agent_settings", "NARU_DATA": str(tmp_path)}
    argv = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    names, *refused = done.stdout.splitlines()
    assert {"image.build", "image.remove", "container.run", "container.stop"} <= set(names.split())
    assert refused == ["refused", "refused"]
    assert list(tmp_path.iterdir()) == []


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.02)
