"""Signed heads given to a web server."""

import json
from collections.abc import Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from console.audit.heads import Head
from console.audit.keys import public_key
from console.audit.observations import sign_head
from console.audit.witnesses import tell_all, witnesses
from tests.factories.console import make_entry
from tests.fakes.hostile_server import HostileServer


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer() as running:
        yield running


@pytest.mark.django_db
def test_a_web_server_is_told_the_line_that_it_can_check(server: HostileServer, settings: Settings) -> None:
    settings.NARU_AUDIT_WITNESS = f"webhook:{server.url}/heads?token=abc"
    make_entry("first")
    line = sign_head()
    [visit] = server.visits
    assert (visit.path, visit.body) == ("/heads?token=abc", f"{line}\n".encode())
    assert Head.read(visit.body.decode(), public_key()).seq == json.loads(line)["seq"]


@pytest.mark.parametrize("status", ["500 Broken", "302 Found", "404 Not here"])
def test_one_that_does_not_take_it_is_told_apart_without_its_secret(
    server: HostileServer, settings: Settings, status: str
) -> None:
    settings.NARU_AUDIT_WITNESS = f"webhook:{server.url}/heads?token=abc"
    server.script = lambda visit: visit.answer(status)
    assert tell_all("{}") == [f"webhook:{server.url}"]


def test_a_witness_may_not_lead_inside(server: HostileServer, settings: Settings) -> None:
    settings.NARU_AUDIT_WITNESS = f"webhook:{server.url}/"
    server.script = lambda visit: visit.answer("307 On", Location=f"http://localhost:{server.port}/inside")
    assert tell_all("{}") == [f"webhook:{server.url}"]
    assert server.paths() == ["/"]


@pytest.mark.parametrize("name", ["webhook:", "webhook:http://witness.example/", "webhook:ftp://x/", "email:a@b"])
def test_a_witness_that_cannot_be_is_named_at_once(settings: Settings, name: str) -> None:
    settings.NARU_AUDIT_WITNESS = name
    with pytest.raises(ImproperlyConfigured, match="NARU_AUDIT_WITNESS"):
        witnesses()
