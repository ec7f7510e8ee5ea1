from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from console.containers.models import Container
from console.files import reading
from console.hosts.files import Change, Changes, Directory, File, Piece
from console.jobs import sending
from console.operations.actor import Actor
from console.operations.errors import Invalid, Missing
from console.operations.permissions import Role
from tests.factories.console import actor_of, make_container, make_host, make_user
from tests.fakes.broker import Broker

CONTENT = {
    "/etc/app.conf": b"one\ntwo\n",
    "/f": b"f\n",
    "/etc/hostile": b"<script>alert(1)</script>\x1b[31m\xe2\x80\xae",
}


class FakeFiles:
    """An engine's files, in memory. ``error`` is raised by whatever is asked."""

    def __init__(self) -> None:
        self.content = dict(CONTENT)
        self.image = {"/etc/app.conf": b"one\n2\n"}
        found = (Change("/etc/app.conf", "modified", "file", 8, 6), Change("/tmp/x", "added", "file", 1))
        self.changes = Changes(found, 2)
        self.error: Exception | None = None
        self.compared_with = ""

    def file(self, path: str) -> File:
        if self.error is not None:
            raise self.error
        if path in ("/", "/etc"):
            return File(path.strip("/") or "/", "directory", 0o755, 4096, None)
        if path not in self.content:
            raise Missing(f"{path} is not there")
        return File(path.rpartition("/")[2], "file", 0o644, len(self.content[path]), None)

    async def stat(self, _address: str, _engine_id: str, path: str) -> File:
        return self.file(path)

    async def directory(self, _address: str, _engine_id: str, path: str) -> Directory:
        if self.file(path).kind != "directory":
            raise Invalid("it is not a directory", field="path")
        names = [one for one in self.content if one.rpartition("/")[0] == path.rstrip("/")]
        files = [self.file(one) for one in names] + ([self.file("/etc")] if path == "/" else [])
        return Directory(path, tuple(files), len(files))

    async def piece(self, _address: str, _engine_id: str, path: str) -> Piece:
        return Piece(self.file(path), self.content[path])

    async def list_changes(self, _address: str, _engine_id: str) -> Changes:
        if self.error is not None:
            raise self.error
        return self.changes

    async def compared(self, _address: str, _engine_id: str, path: str, *, image: str) -> reading.Compared:
        self.compared_with = image
        new, old = (self._piece(where, path) for where in (self.content, self.image))
        if self.error is not None or (new is None and old is None):
            raise self.error or Missing(f"{path} is not there")
        return reading._compare(old, new)

    async def chunks(
        self, _address: str, _engine_id: str, path: str, *, like: File, sent: reading.Sent
    ) -> AsyncIterator[bytes]:
        assert like == self.file(path)
        for start in range(0, len(self.content[path]), 3):
            sent.size_bytes = min(start + 3, len(self.content[path]))
            yield self.content[path][start : start + 3]
        sent.sha256, sent.is_whole = "ab" * 32, True

    def _piece(self, where: dict[str, bytes], path: str) -> Piece | None:
        content = where.get(path)
        return None if content is None else Piece(File("x", "file", 0o644, len(content), None), content)


async def as_inspected(*_given: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What an engine says a container is, and its image."""
    host = {"Tmpfs": {"/data": ""}, "RestartPolicy": {"Name": "no"}}
    return {"Config": {"Image": "a:1"}, "HostConfig": host}, {"Config": {}}


def as_files(fake: FakeFiles) -> dict[str, Callable[..., Any]]:
    """What stands for functions of console.files.reading."""
    return {
        "stat": fake.stat,
        "directory": fake.directory,
        "piece": fake.piece,
        "changes": fake.list_changes,
        "compared": fake.compared,
        "content": fake.chunks,
    }


@pytest.fixture
def fake_files(monkeypatch: pytest.MonkeyPatch) -> FakeFiles:
    fake = FakeFiles()
    for name, function in as_files(fake).items():
        monkeypatch.setattr(reading, name, function)
    return fake


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(sending, "_send", broker.send)
    return broker


@pytest.fixture
def admin(db: None) -> Actor:
    make_host("local")
    return actor_of(make_user(Role.ADMIN))


@pytest.fixture
def container(admin: Actor) -> Container:
    return make_container("web-1", image_engine_id="cd" * 32)
