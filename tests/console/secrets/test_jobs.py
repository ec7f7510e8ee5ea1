"""From dispatcher to handler: a value is in a message for one host, in its handler's hands, and nowhere else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings

from console.containers.models import Container
from console.containers.observations import containers_seen
from console.hosts.signing_key import host_key
from console.jobs import kinds, output, sending, streams
from console.jobs.agent.execution import Agent
from console.jobs.agent.journal import Journal
from console.jobs.agent.run import JobRun
from console.jobs.dispatching import dispatch
from console.jobs.kinds import Args, handler
from console.jobs.models import Job
from console.jobs.signing import open_values, seal_values
from console.operations.errors import Conflict, Denied
from console.operations.permissions import Permission
from tests.factories.console import make_job, make_secret, make_workspace
from tests.fakes.broker import Broker

pytestmark = pytest.mark.django_db(transaction=True)
VALUE = "canary-of-the-quay"


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(sending, "_send", broker.send)
    return broker


@pytest.fixture
def room(redis_server: "redis.Redis", broker: Broker) -> "redis.Redis":
    redis_server.set(streams.agent_key("local"), "7", ex=60)
    return redis_server


@pytest.fixture
def agent(tmp_path: Path, broker: Broker, room: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    monkeypatch.setattr(kinds, "_kinds", dict(kinds._kinds))

    @handler("test.use", permission=Permission.IMAGE_BUILD)
    async def use(run: JobRun, args: Args) -> dict[str, Any]:
        value = run.resolved(args["text"])
        run.progress({"what": f"with {value}"})
        await run.write(f"user:{value[:7]}")
        await run.write(f"{value[7:]}@host\n")
        await run.tell("test.fact", note=value)
        if args.get("fail"):
            raise Conflict(f"{value} was refused")
        if args.get("crash"):
            raise ZeroDivisionError(value)
        return {"seen": value == VALUE, "said": value}

    journal = Journal(tmp_path / "agent.sqlite3")
    key = host_key(settings.SECRET_KEY, "local")
    yield Agent(host_name="local", key=key, engine_address="unix:///nowhere", journal=journal, capacity=7)
    journal.close()


def queued(**args: Any) -> Job:
    given = {"text": "secret:token", "secrets": ["token"], **args}
    return make_job("test.use", state="queued", attempt=0, max_attempts=1, args=given)


def sent(broker: Broker) -> dict[str, Any]:
    [[message]] = broker.of("jobs.execute")
    found: dict[str, Any] = message
    return found


def everything(connection: "redis.Redis", folder: Path) -> str:
    """All that Redis and the data folder hold."""
    keys: Any = connection.keys("*")
    in_redis = [connection.dump(key) for key in keys] + [
        connection.xrange(key) for key in keys if connection.type(key) == b"stream"
    ]
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".key"]
    return repr((in_redis, files))


def facts(connection: "redis.Redis") -> list[dict[str, Any]]:
    entries: Any = connection.xrange(streams.facts_key("local"))
    return [json.loads(fields[b"fact"]) for _entry_id, fields in entries]


@pytest.mark.parametrize("how", [{}, {"fail": True}, {"crash": True}], ids=["well", "refused", "crashed"])
def test_a_handler_gets_the_value_and_nothing_else_does(
    agent: Agent,
    broker: Broker,
    room: "redis.Redis",
    tmp_path: Path,
    how: dict[str, bool],
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_secret("token", VALUE)
    job = queued(**how)
    assert dispatch(job.pk)
    message = sent(broker)
    assert VALUE not in json.dumps(message)
    assert message["args"]["text"] == "secret:token"
    agent.execute(message)
    assert output.read(job.number).lines[0] == "user:••••••@host"
    end = facts(room)[-1]
    assert end["state"] == ("succeeded" if not how else "failed")
    if not how:
        assert end["result"] == {"seen": True, "said": "••••••"}
    assert VALUE not in everything(room, tmp_path)
    assert VALUE not in "".join(capsys.readouterr())


def test_a_secret_that_went_meanwhile_fails_the_job_with_its_name(agent: Agent, broker: Broker) -> None:
    job = queued()
    assert not dispatch(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "There is no secret “token” in this workspace.")
    assert broker.of("jobs.execute") == []


def test_a_job_gets_only_what_it_names(agent: Agent, broker: Broker, room: "redis.Redis") -> None:
    make_secret("token", VALUE)
    make_secret("other", "quite another value")
    job = queued(text="secret:other")
    dispatch(job.pk)
    agent.execute(sent(broker))
    assert facts(room)[-1]["error"] == "the job was not given the secret other"


def test_a_sealed_value_opens_for_its_attempt_and_host_alone() -> None:
    key = host_key("secret", "local")
    sealed = seal_values({"token": VALUE}, key, job=7, attempt=1)
    assert open_values(sealed, key, job=7, attempt=1) == {"token": VALUE}
    wrong = [(key, 8, 1), (key, 7, 2), (host_key("secret", "b2"), 7, 1), (host_key("other", "local"), 7, 1)]
    for other, job, attempt in wrong:
        with pytest.raises(Denied):
            open_values(sealed, other, job=job, attempt=attempt)
    with pytest.raises(Denied):
        open_values("bm90IG91cnM=", key, job=7, attempt=1)


def test_a_container_is_known_to_use_what_its_job_was_given() -> None:
    shop = make_workspace("shop")
    secret = make_secret("token", workspace=shop)
    make_secret("token")
    job = make_job(
        "container.run", workspace=shop, args={"image": "a:1", "secrets": ["token"], "env": {"A": "secret:token"}}
    )
    fact: dict[str, Any] = {
        "engine_id": "e" * 64,
        "name": "web-1",
        "image": "a:1",
        "image_engine_id": "i" * 64,
        "command": [],
        "state": "running",
        "exit_code": None,
        "ports": [],
        "labels": {"naru.job": str(job.number)},
        "memory_bytes": 0,
        "cpus": 0,
        "has_tty": False,
        "created_at": "2026-01-01T00:00:00+00:00",
        "started_at": None,
        "finished_at": None,
    }
    containers_seen("local", {"containers": [fact]})
    assert list(Container.objects.get().secrets.all()) == [secret]
