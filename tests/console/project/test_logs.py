"""What the console's processes write to their logs, and what they must not."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog
from django.test import Client

from console.accounts.models import User
from console.accounts.operations import create_invitation
from console.operations.actor import Actor
from console.operations.permissions import Role
from tests.factories.console import PASSWORD

LINES = structlog.stdlib.ProcessorFormatter


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What goes to standard error, as the product formats it."""
    formatter = next(h.formatter for h in logging.getLogger().handlers if isinstance(h.formatter, LINES))
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)
    yield handler.stream
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def token(db: None) -> str:
    return create_invitation(Actor.system(), Role.VIEWER).token


def test_a_link_that_is_still_open_is_not_in_the_log(client: Client, token: str, log: io.StringIO) -> None:
    answer = client.post(f"/invitations/{token}/", {"username": "grace", "password": "short", "again": "short"})
    assert answer.status_code == 400
    assert "Bad Request: /invitations/" in log.getvalue()
    assert token not in log.getvalue()


def test_a_link_refused_for_its_csrf_token_is_not_in_the_log(token: str, log: io.StringIO) -> None:
    answer = Client(enforce_csrf_checks=True).post(f"/invitations/{token}/", {})
    assert answer.status_code == 403
    assert "/invitations/" in log.getvalue()
    assert token not in log.getvalue()


def test_a_link_in_a_traceback_is_not_in_the_log(log: io.StringIO) -> None:
    try:
        raise RuntimeError("GET /invitations/s3cret/?next=/ went wrong")
    except RuntimeError:
        logging.getLogger("django.request").exception("Internal Server Error: %s", "/invitations/s3cret/")
    assert "RuntimeError" in log.getvalue()
    assert "s3cret" not in log.getvalue()


def test_no_password_is_in_the_log(client: Client, token: str, log: io.StringIO) -> None:
    new = {"username": "grace", "password": PASSWORD, "again": PASSWORD}
    client.post(f"/invitations/{token}/", new)
    client.post("/sign-out/")
    client.post("/sign-in/", {"username": "grace", "password": "not-" + PASSWORD})
    client.post("/sign-in/", {"username": "grace", "password": PASSWORD})
    assert User.objects.get().username == "grace"
    assert PASSWORD not in log.getvalue()


def test_an_event_is_one_line(log: io.StringIO) -> None:
    logging.getLogger("console").warning("two\nlines")
    structlog.get_logger("console").warning("an event", name="two\nlevel=critical event=forged")
    assert log.getvalue().count("\n") == 2
