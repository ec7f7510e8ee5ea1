"""A host that tells of itself, as its agent does."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from console.containers.observations import all_containers_seen
from console.hosts.events import heard
from console.jobs import sending
from console.timeline.observations import events_told
from tests.factories.console import make_host
from tests.fakes.broker import Broker

START_S = 1_790_000_000
_seconds = itertools.count(START_S)


class Told:
    """Docker's own messages, each a second after the one before."""

    def __init__(self) -> None:
        self.facts: list[dict[str, Any]] = []

    def event(self, action: str, subject: str, *, kind: str = "container", at_ns: int = 0, **attributes: str) -> int:
        """One that happens now. Returns when that was."""
        at_ns = at_ns or next(_seconds) * 10**9
        names = {"name": "web-1", "image": "app:1"} if kind == "container" else {}
        actor = {"ID": subject, "Attributes": {**names, **attributes}}
        event = heard({"Type": kind, "Action": action, "Actor": actor, "timeNano": at_ns}).event
        assert event is not None
        self.facts.append(event.as_json())
        return at_ns

    def report(self) -> None:
        facts, self.facts = self.facts, []
        events_told("local", {"events": facts})


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch, db: None) -> Broker:
    broker = Broker()
    monkeypatch.setattr(sending, "_send", broker.send)
    make_host("local")
    return broker


@pytest.fixture(autouse=True)
def years(settings: Any) -> None:
    """The clock of these events is not today's."""
    settings.NARU_TIMELINE_DAYS = 100_000


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def seen() -> Callable[..., None]:
    """An inventory with these containers, and nothing else."""

    def tell(*facts: dict[str, Any]) -> None:
        all_containers_seen("local", {"containers": list(facts)})

    return tell


def fact(engine_id: str, name: str = "web-1", **more: Any) -> dict[str, Any]:
    return {
        "engine_id": engine_id,
        "name": name,
        "image": "app:1",
        "image_engine_id": "cd" * 32,
        "command": ["/bin/serve"],
        "state": "running",
        "exit_code": None,
        "ports": [],
        "labels": {},
        "memory_bytes": 0,
        "cpus": 0.0,
        "has_tty": False,
        "created_at": "2026-09-21T14:13:20+00:00",
        "started_at": "2026-09-21T14:13:21+00:00",
        "finished_at": None,
        **more,
    }
