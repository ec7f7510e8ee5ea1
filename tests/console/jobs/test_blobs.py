"""Inputs of jobs reach agents that share the console's disk, and by Redis those that do not."""

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from console.jobs import blobs, streams
from console.operations.errors import Missing


class Memory:
    """Plays Redis."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kept: dict[str, bytes] = {}
        monkeypatch.setattr(streams, "connection", lambda: self)

    def set(self, key: str, content: bytes, **_options: Any) -> None:
        self.kept[key] = content

    def getrange(self, key: str, start: int, end: int) -> bytes:
        return self.kept.get(key, b"")[start : end + 1]


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    return Memory(monkeypatch)


def keep(content: bytes) -> str:
    with blobs.incoming() as file:
        file.write(content)
        return blobs.keep(file)


def fetched(sha256: str) -> bytes:
    into = io.BytesIO()
    blobs.fetch(sha256, into)
    return into.getvalue()


def test_an_agent_near_by_reads_the_console_s_disk(memory: Memory) -> None:
    assert fetched(keep(b"content")) == b"content"
    assert memory.kept == {}


def test_an_agent_far_away_gets_it_by_redis(memory: Memory, settings: Settings, tmp_path: Path) -> None:
    sha256 = keep(b"content")
    blobs.copy_to_redis(sha256)
    settings.NARU_DATA = tmp_path / "elsewhere"
    assert fetched(sha256) == b"content"


def test_what_is_large_is_not_kept_in_memory(
    memory: Memory, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "MOST_IN_REDIS_BYTES", 6)
    sha256 = keep(b"content")
    blobs.copy_to_redis(sha256)
    assert memory.kept == {}
    settings.NARU_DATA = tmp_path / "elsewhere"
    with pytest.raises(Missing, match="64 MiB"):
        fetched(sha256)


def test_what_is_not_what_was_uploaded_is_not_taken(memory: Memory, tmp_path: Path) -> None:
    sha256 = keep(b"content")
    (tmp_path / "inputs" / sha256).write_bytes(b"changed")
    with pytest.raises(Missing):
        fetched(sha256)
    assert hashlib.sha256(b"content").hexdigest() == sha256
