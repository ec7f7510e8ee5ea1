"""Where an operation stands to its transaction. These commit for real."""

import threading
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from console.audit.models import AuditEntry
from console.hosts.models import Host
from console.operations.actor import Actor
from console.operations.governed import WrittenOutside, require_writer, writes_allowed
from console.operations.permissions import Permission
from console.operations.runner import observation, operation, publish_on_commit
from tests.factories.console import make_host

pytestmark = pytest.mark.django_db(transaction=True)
SYSTEM = Actor.system("test")
# what is stored, and whether a transaction is open, at the moment each bell rings
rung: list[tuple[str, list[str], bool]] = []


def hear(topic: str, _payload: dict[str, Any]) -> None:
    rung.append((topic, list(Host.objects.values_list("name", flat=True)), connection.in_atomic_block))


@pytest.fixture(autouse=True)
def listening(settings: Settings) -> None:
    settings.NARU_PUBLISHER = f"{__name__}.hear"
    rung.clear()


@pytest.fixture
def host() -> Host:
    return make_host("b1")


def rename(host: Host, *, to: str, then: Exception | None = None) -> None:
    with operation(SYSTEM, Permission.IMAGE_BUILD, on=host):
        host.name = to
        host.save()
        publish_on_commit("rows.hosts")
        assert rung == []
        if then is not None:
            raise then


def test_a_bell_finds_what_it_rings_for(host: Host) -> None:
    rename(host, to="b2")
    assert ("rows.hosts", ["b2"], False) in rung


def test_no_bell_rings_for_what_was_undone(host: Host) -> None:
    with pytest.raises(ZeroDivisionError):
        rename(host, to="b2", then=ZeroDivisionError())
    assert Host.objects.get().name == "b1"
    assert "rows.hosts" not in [topic for topic, _, _ in rung]


def cannot_hear(topic: str, _payload: dict[str, Any]) -> None:
    raise ConnectionError(topic)


@pytest.mark.parametrize("publisher", [f"{__name__}.cannot_hear", "console.nowhere.ring"])
def test_a_bell_that_does_not_ring_harms_no_change(host: Host, settings: Settings, publisher: str) -> None:
    settings.NARU_PUBLISHER = publisher
    rename(host, to="b2")
    assert Host.objects.get().name == "b2"
    assert AuditEntry.objects.get().outcome == "allowed"


def test_an_operation_is_not_part_of_a_larger_transaction(host: Host) -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        rename(host, to="b2")
    assert Host.objects.get().name == "b1"


def test_an_observation_is_not_part_of_an_operation(host: Host) -> None:
    with pytest.raises(RuntimeError, match="durable"), operation(SYSTEM, Permission.IMAGE_BUILD), observation(SYSTEM):
        host.delete()
    assert Host.objects.exists()
    assert AuditEntry.objects.get().outcome == "failed"


def test_after_a_crash_the_next_operation_works(host: Host) -> None:
    with pytest.raises(ZeroDivisionError):
        rename(host, to="b2", then=ZeroDivisionError())
    rung.clear()
    rename(host, to="b3")
    assert Host.objects.get().name == "b3"


def test_what_one_thread_may_write_another_may_not() -> None:
    refused: list[str] = []

    def write() -> None:
        try:
            require_writer("Host")
        except WrittenOutside as error:
            refused.append(str(error))

    with writes_allowed("test"):
        thread = threading.Thread(target=write)
        thread.start()
        thread.join(10)
    assert refused
