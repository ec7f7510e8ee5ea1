"""Canaries put in at every entry, looked for wherever something is kept, said or shown."""

import contextlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import redis
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from pytest_django import Settings

from console.accounts.models import User
from console.audit.models import AuditEntry
from console.audit.observations import sign_head
from console.hosts.gateway import BuildLine
from console.hosts.signing_key import host_key
from console.jobs import output, sending, streams
from console.jobs.agent import run as agent_run
from console.jobs.agent.execution import Agent
from console.jobs.agent.journal import Journal
from console.jobs.dispatching import dispatch
from console.jobs.ingest import ingest
from console.jobs.models import Job
from console.notifications.delivering import deliver
from console.notifications.models import Channel, Delivery
from console.operations.errors import Conflict, Invalid
from console.operations.permissions import Role
from console.project.launcher.parts import Places, parts_of
from tests.factories.console import (
    PASSWORD,
    bearer,
    make_api_token,
    make_host,
    make_image,
    make_user,
    sign_in_browser,
)
from tests.fakes.answers import content_of
from tests.fakes.broker import Broker
from tests.fakes.hostile_server import HostileServer

pytestmark = pytest.mark.django_db(transaction=True)


def canary(entry: str) -> str:
    return f'canary/{entry}/"of the quay"'


ENTRIES = (
    *("sign-in", "wrong-password", "new-password"),
    *("secret", "refused-secret", "new-version", "by-api", "refused-by-api", "env", "env-in-error"),
    *("build-secret", "registry-password", "webhook-key", "webhook-address", "typed-in-place"),
)


class TalkativeEngine:
    """Says whatever it was told, in pieces, and writes it into its errors."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    async def find_labelled(self, *_given: str) -> None:
        return None

    async def find_image_id(self, _name: str) -> str | None:
        return None

    async def create_container(self, body: dict[str, Any], *, name: str, platform: str) -> str:
        env = dict(entry.split("=", 1) for entry in body["Env"])
        self.told.append(env)
        raise Conflict(f"{name} cannot have {env}")

    async def build(self, context: BinaryIO, **given: Any) -> AsyncIterator[BuildLine]:
        self.told.append(given)
        for text in [given["secrets"]["npmrc"], given["registries"]["registry.example"]["password"]]:
            for at in range(0, len(text), 5):
                yield BuildLine(f"{'> ' if not at else ''}{text[at : at + 5]}")
            yield BuildLine("\n")
            yield BuildLine(f"Step 1/2 : RUN echo {text}\n")
        raise Invalid(f"build failed: {json.dumps(given['secrets'])}")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> TalkativeEngine:
    engine = TalkativeEngine()

    @contextlib.asynccontextmanager
    async def connect(_address: str) -> AsyncIterator[TalkativeEngine]:
        yield engine

    monkeypatch.setattr(agent_run, "connect", connect)
    return engine


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(sending, "_send", broker.send)
    return broker


@pytest.fixture
def agent(tmp_path: Path, broker: Broker, redis_server: "redis.Redis") -> Iterator[Agent]:
    journal = Journal(tmp_path / "agent.sqlite3")
    key = host_key(django_settings.SECRET_KEY, "local")
    yield Agent(host_name="local", key=key, engine_address="unix:///nowhere", journal=journal, capacity=7)
    journal.close()


@pytest.fixture
def server(settings: Settings) -> Iterator[HostileServer]:
    settings.NARU_OUTBOUND_ALLOW = "127.0.0.1/32"
    with HostileServer(lambda visit: visit.answer("500 Broken")) as running:
        yield running


def keep(browser: Client, name: str, value: str) -> None:
    given = {"workspace": "main", "name": name, "secret_value": value}
    assert browser.post("/secrets/new/", given)["Location"] == f"/secrets/main/{name}/"


def work_off(job: Job, agent: Agent, broker: Broker, connection: "redis.Redis") -> Job:
    """Dispatched, executed, and its end written down. Redis keeps what it was handed: the broker's message, too."""
    connection.set(streams.agent_key("local"), "7", ex=60)
    assert dispatch(job.pk)
    message = broker.of("jobs.execute")[-1][0]
    connection.rpush("broker", json.dumps(message))
    agent.execute(message)
    kept = connection.xrange(streams.facts_key("local"))
    connection.rpush("facts", repr(kept))
    ingest("local")
    job.refresh_from_db()
    assert job.state == "failed"
    return job


def test_no_canary_is_found_anywhere(
    engine: TalkativeEngine,
    agent: Agent,
    broker: Broker,
    redis_server: "redis.Redis",
    server: HostileServer,
    tmp_path: Path,
    settings: Settings,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    make_host("local")
    make_image("a:1")
    admin = make_user(Role.ADMIN)
    pages = [*people(admin)]
    # with the password that it has now
    admin.refresh_from_db()
    browser = sign_in_browser(Client(), admin)
    pages += [*secrets_typed(browser)]
    pages += [*secrets_sent(make_api_token(admin, is_confirmed=True))]
    pages += [*used_by_jobs(browser, engine, agent, broker, redis_server)]
    pages += [*told_by_webhook(browser, server)]
    sign_head()
    pages += [browser.get(address).content.decode() for address in addresses()]
    where = {
        "database": dumped(),
        "Redis": in_redis(redis_server),
        "messages": repr(broker.sent),
        "files": repr([path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]),
        "logs": "".join(capfd.readouterr()) + caplog.text,
        "pages": "".join(pages),
        "processes": processes(),
    }
    found = [(place, entry) for place, text in where.items() for entry in ENTRIES if is_in(entry, text)]
    assert found == []
    assert AuditEntry.objects.count() > 10


def people(admin: User) -> Iterator[str]:
    browser = Client()
    for entry in ("wrong-password", "sign-in"):
        given = {"username": admin.username, "password": canary(entry)}
        yield browser.post("/sign-in/", given).content.decode()
    browser = sign_in_browser(Client(), admin)
    given = {"current": PASSWORD, "new": canary("new-password"), "again": "another"}
    yield browser.post("/account/password/", given).content.decode()
    given["again"] = canary("new-password")
    answer = browser.post("/account/password/", given)
    assert answer.status_code == 302
    yield answer.content.decode()


def secrets_typed(browser: Client) -> Iterator[str]:
    keep(browser, "kept", canary("secret"))
    # everything else is wrong, and the value must not come back
    refused = {"workspace": "main", "name": "not a name", "secret_value": canary("refused-secret")}
    yield browser.post("/secrets/new/", refused).content.decode()
    answer = browser.post("/secrets/main/kept/", {"secret_value": canary("new-version")})
    assert answer["Location"] == "/secrets/main/kept/"
    in_place = {"host": "local", "tag": "b:1", "source": "dockerfile", "dockerfile": "FROM scratch\n"}
    typed = {**in_place, "registries": f"registry.example robot {canary('typed-in-place').replace(' ', '')}"}
    # what was typed wrongly is in the form for whoever typed it, and nowhere else
    assert browser.post("/builds/new/", typed).status_code == 400


def secrets_sent(token: str) -> Iterator[str]:
    """With keys, for which requests and answers are remembered. Only the answer that reveals is not looked at."""
    client = Client(headers=bearer(token))

    def post(path: str, given: dict[str, str], *, key: str) -> Any:
        headers = {"idempotency-key": key}
        return client.post(f"/api/v1/secrets{path}", given, content_type="application/json", headers=headers)

    for name, entry, status in (("sent", "by-api", 201), ("not a name", "refused-by-api", 400)):
        given = {"workspace": "main", "name": name, "secret_value": canary(entry)}
        answer = post("", given, key=entry)
        assert answer.status_code == status
        yield answer.content.decode()
    assert post("/main/sent/reveal", {}, key="reveal").json()["secret_value"] == canary("by-api")
    for path in ("", "/main/sent", "/main/sent/versions"):
        yield client.get(f"/api/v1/secrets{path}").content.decode()


def used_by_jobs(
    browser: Client, engine: TalkativeEngine, agent: Agent, broker: Broker, connection: "redis.Redis"
) -> Iterator[str]:
    for name in ("env", "env-in-error", "build-secret", "registry-password"):
        keep(browser, name, canary(name))
    env = "PASSWORD=secret:env\nOTHER=secret:env-in-error"
    run = browser.post("/containers/run/", {"host": "local", "image": "a:1", "name": "web-1", "env": env})
    given = {
        "host": "local",
        "tag": "b:1",
        "source": "dockerfile",
        "dockerfile": "FROM scratch\n",
        "secrets": "npmrc=secret:build-secret",
        "registries": "registry.example robot secret:registry-password",
    }
    build = browser.post("/builds/new/", given)
    for answer in (run, build):
        number = int(answer["Location"].strip("/").split("/")[-1])
        job = work_off(Job.objects.get(pk=number), agent, broker, connection)
        yield from output.read(job.number).lines
        for address in (f"/jobs/{number}/", f"/jobs/{number}/output", f"/builds/new/?from={number}"):
            yield browser.get(address).content.decode()
        yield content_of(browser.get(f"/jobs/{number}/output.txt")).decode()
    assert engine.told[0] == {"PASSWORD": canary("env"), "OTHER": canary("env-in-error")}
    assert engine.told[1]["secrets"] == {"npmrc": canary("build-secret")}
    assert engine.told[1]["registries"]["registry.example"]["password"] == canary("registry-password")


def told_by_webhook(browser: Client, server: HostileServer) -> Iterator[str]:
    keep(browser, "hook-key", canary("webhook-key"))
    # an address has no quotes and spaces
    token = canary("webhook-address").replace(" ", "").replace('"', "")
    keep(browser, "hook-address", f"{server.url}/{token}")
    from console.secrets.models import Secret

    secret = Secret.objects.get(name="hook-key")
    given = {"name": "pager", "kind": "webhook", "url": "secret:hook-address", "secret": secret.pk, "is_active": "on"}
    assert browser.post("/alerts/channels/new/", given).status_code == 302
    channel = Channel.objects.get()
    browser.post(f"/alerts/channels/{channel.pk}/test/")
    deliver()
    assert token in server.visits[-1].path
    assert Delivery.objects.get().error == "500 Broken"
    for address in (f"/alerts/channels/{channel.pk}/", "/secrets/main/hook-key/"):
        yield browser.get(address).content.decode()


def addresses() -> list[str]:
    plain = ["/", "/secrets/", "/secrets/main/kept/", "/alerts/", "/alerts/channels/", "/alerts/deliveries/", "/jobs/"]
    return [
        *plain,
        "/builds/",
        "/containers/",
        "/audit/",
        "/notifications/",
        "/account/",
        "/people/",
        "/workspaces/main/",
    ]


def dumped() -> str:
    """Every cell of every table."""
    cells = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            cells += [
                bytes(cell) if isinstance(cell, memoryview) else cell for row in cursor.fetchall() for cell in row
            ]
    return repr(cells)


def in_redis(server: "redis.Redis") -> str:
    keys: Any = server.keys("*")
    read = {b"stream": server.xrange, b"list": lambda key: server.lrange(key, 0, -1), b"string": server.get}
    # its own form of a key packs what is in it
    return repr([(read[kind](key) if (kind := server.type(key)) in read else key) for key in keys])


def processes() -> str:
    """Environments and command lines of this process and of all that it may start: an instance's parts."""
    mine = [Path(f"/proc/{pid}") for pid in (os.getpid(), *children(os.getpid()))]
    texts = [(folder / name).read_bytes() for folder in mine for name in ("environ", "cmdline") if folder.exists()]
    places = Places(Path("/data"), Path("/run"), http="127.0.0.1:8000")
    return repr((texts, [(part.argv, dict(part.environ)) for part in parts_of(places)], places.environ()))


def children(pid: int) -> list[int]:
    found = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found += [int(word) for word in (thread / "children").read_text().split()]
    return found


def is_in(entry: str, text: str) -> bool:
    """As it was written, or escaped somehow: the middle of each is plain."""
    return f"canary/{entry}/" in text or f"canary\\/{entry}\\/" in text or f"canary%2F{entry}%2F" in text


def test_a_canary_that_is_there_is_found(tmp_path: Path) -> None:
    make_user(None, username="canary/env/")
    assert is_in("env", dumped())
    assert is_in("env", json.dumps(canary("env")))
    assert not is_in("env", dumped().replace("canary/env/", ""))
