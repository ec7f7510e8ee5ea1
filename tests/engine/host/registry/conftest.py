"""One engine and a few registries for all tests here; each test uses repositories of its own."""

import base64
import http.client
import json
import socket
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import RunningEngine, running_engine
from tests.engine.host.registry.servers import (
    PASSWORD,
    USER,
    Authority,
    Server,
    TokenServer,
    docker_registry,
    make_authority,
    token_server,
)
from tests.fakes.scripted_registry import ScriptedRegistry, scripted_registry

_LIMIT_S = 30


@dataclass(frozen=True)
class Fleet:
    """``tokens`` is the token server of ``by_token``; ``elsewhere`` is where registries may redirect to.

    ``stranger``'s certificate is by an authority that the engine does not know.
    """

    open: Server
    by_password: Server
    by_token: Server
    with_tls: Server
    tokens: TokenServer
    authority: Authority
    elsewhere: ScriptedRegistry
    stranger: Server


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    root = tmp_path_factory.mktemp("fleet")
    authority = make_authority(root)
    (root / "unknown").mkdir()
    unknown = make_authority(root / "unknown")
    with (
        scripted_registry() as elsewhere,
        docker_registry(root / "stranger", authority=unknown) as stranger,
        token_server(root, authority) as tokens,
        docker_registry(root / "open") as plain,
        docker_registry(root / "by-password", passwords=True) as by_password,
        docker_registry(root / "by-token", tokens=tokens) as by_token,
        docker_registry(root / "with-tls", authority=authority, passwords=True) as with_tls,
    ):
        yield Fleet(plain, by_password, by_token, with_tls, tokens, authority, elsewhere, stranger)


@pytest.fixture(scope="session")
def shared_engine(fleet: Fleet) -> Iterator[RunningEngine]:
    arguments = ["--registry-ca", str(fleet.authority.ca), "--registry-allow", f"localhost:{fleet.tokens.port}"]
    arguments += ["--registry-allow", fleet.elsewhere.address, "--insecure-registry", fleet.elsewhere.address]
    with running_engine(*arguments, "--insecure-registry", f"localhost:{fleet.tokens.port}") as engine:
        yield engine


@pytest.fixture
def docker(shared_engine: RunningEngine) -> Iterator[RunningEngine]:
    """The shared engine; without images again, and without a trace of them, when the test is over."""
    yield shared_engine
    while images := ask(shared_engine, "GET", "/images/json?all=1").json:
        removed = [ask(shared_engine, "DELETE", f"/images/{one['Id']}?force=1").status for one in images]
        assert 200 in removed
    assert stored(shared_engine) == []


def stored(engine: RunningEngine) -> list[str]:
    """Blobs, layers and drafts on its disk."""
    places = ("blobs/sha256", "layers", "tmp")
    return sorted(str(path) for place in places for path in (engine.data_root / place).iterdir())


@pytest.fixture
def repository() -> str:
    return f"t/{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def _scripted() -> Iterator[ScriptedRegistry]:
    with scripted_registry() as registry:
        yield registry


@pytest.fixture
def scripted(_scripted: ScriptedRegistry) -> ScriptedRegistry:
    _scripted.forget()
    return _scripted


@dataclass
class Answer:
    status: int
    body: bytes

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """Of the whole request, or at the end of its stream."""
        last = self.lines[-1]
        return str(last.get("error") or last["message"] if "message" in last or "error" in last else "")


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("engine", timeout=_LIMIT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_LIMIT_S)
        self.sock.connect(str(self._path))


def ask(engine: RunningEngine, method: str, path: str, body: object = None, *, auth: object = None) -> Answer:
    """``auth`` becomes X-Registry-Auth; text is sent as it is."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if auth is not None:
        headers["X-Registry-Auth"] = auth if isinstance(auth, str) else encoded(auth)
    connection = _Connection(engine.socket)
    try:
        connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read())
    finally:
        connection.close()


def last_event(engine: RunningEngine, action: str) -> str:
    """Whom the latest event of this kind was about."""
    filters = urllib.parse.quote(json.dumps({"event": [action]}))
    answer = ask(engine, "GET", f"/events?since=1&until={time.time():.9f}&filters={filters}")
    return str(answer.lines[-1]["Actor"]["ID"])


def encoded(auth: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(auth).encode()).decode()


def password_for(server: Server) -> dict[str, str]:
    return {"username": USER, "password": PASSWORD, "serveraddress": server.address}


def pull(engine: RunningEngine, address: str, name: str = "x", tag: str = "1", *, auth: object = None) -> Answer:
    return ask(engine, "POST", f"/images/create?fromImage={address}/{name}&tag={tag}", auth=auth)
