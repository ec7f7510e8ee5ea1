"""Sessions in a container of a real engine, with the rest of the console around them."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from pytest_django import Settings

from console.accounts.models import User
from console.containers.models import Container
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.terminals import hub as hubs
from console.terminals.models import Terminal, TerminalRules
from console.terminals.operations import open_terminal
from tests.engine.conftest import IMAGE, RunningEngine, busybox_tar, running_engine
from tests.factories.console import actor_of, make_container, make_host, make_user, sign_in_browser

__all__ = ["busybox_tar"]

LIMIT_S = 10.0


@pytest.fixture(scope="package")
def box(busybox_tar: bytes) -> Iterator[RunningEngine]:
    """An engine with a container called "box" that runs busybox."""
    with running_engine() as engine:
        engine.docker("import", "-", IMAGE, input=busybox_tar)
        engine.docker("run", "-d", "--name", "box", "--network", "none", IMAGE, "sleep", "100000")
        yield engine


@pytest.fixture
def container(box: RunningEngine, transactional_db: None, hub: None) -> Container:
    host = make_host("local", address=f"unix://{box.socket}")
    engine_id = box.out("inspect", "--format", "{{.Id}}", "box")
    return make_container("box", host=host, engine_id=engine_id)


@pytest.fixture
def kim(container: Container) -> Client:
    """A developer's browser."""
    return sign_in_browser(Client(), make_user(Role.DEVELOPER, username="kim"))


@pytest.fixture
def opened(container: Container, kim: Client) -> Callable[..., Terminal]:
    """A session of kim's in the container, not begun yet."""

    def open_one(**given: Any) -> Terminal:
        return open_terminal(actor_of(User.objects.get(username="kim")), "local", "box", **given)

    return open_one


@pytest.fixture
async def hub(settings: Settings, transactional_db: None) -> AsyncIterator[None]:
    # ended before the database is taken away
    with tempfile.TemporaryDirectory(prefix="nr-", dir="/tmp") as run:
        settings.NARU_RUN = Path(run)
        yield
        await hubs.close_hub()


def set_rules(container: Container, **rules: object) -> None:
    with writes_allowed("test"):
        TerminalRules.objects.update_or_create(workspace=container.workspace, defaults=rules)


async def until(question: Callable[[], object], *, what: str = "") -> object:
    """Asked in a thread, since it may look into the database."""
    deadline = time.monotonic() + LIMIT_S
    while not (answer := await sync_to_async(question)()):
        assert time.monotonic() < deadline, f"not so within {LIMIT_S} s: {what}"
        await asyncio.sleep(0.02)
    return answer


async def until_ended(terminal: Terminal) -> Terminal:
    def find() -> Terminal | None:
        return Terminal.objects.filter(pk=terminal.pk).exclude(ended_at=None).first()

    found = await until(find, what="the session has ended")
    assert isinstance(found, Terminal)
    return found
