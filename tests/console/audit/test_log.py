"""The audit log is added to, and read by those who may; nothing else is done to it."""

from typing import Any

import pytest

from console.audit.models import AppendOnly, AuditEntry
from console.audit.queries import AuditFilter, get_entry, recorded_actions, visible_entries
from console.operations.actor import Actor
from console.operations.errors import Missing
from console.operations.permissions import Permission, Role
from console.operations.runner import operation
from tests.factories.console import actor_of, make_container, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry() -> AuditEntry:
    with operation(Actor.system("first start"), Permission.CONTAINER_STOP, on=make_container("web-1")):
        pass
    return AuditEntry.objects.get()


def rewrite(entry: AuditEntry) -> None:
    entry.actor_name = "nobody"
    entry.save()


@pytest.mark.parametrize(
    "tamper",
    [
        rewrite,
        lambda entry: entry.delete(),
        lambda entry: AuditEntry.objects.filter(seq=entry.seq).update(actor_name="nobody"),
        lambda entry: AuditEntry.objects.all().delete(),
    ],
)
def test_an_entry_is_never_rewritten(tamper: Any, entry: AuditEntry) -> None:
    with pytest.raises(AppendOnly):
        tamper(entry)
    assert AuditEntry.objects.get().actor_name == "first start"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, None])
def test_the_log_is_for_administrators(role: Role | None, entry: AuditEntry) -> None:
    actor = actor_of(make_user(role))
    assert not visible_entries(actor).exists()
    assert recorded_actions(actor) == []
    with pytest.raises(Missing):
        get_entry(actor, entry.seq)


def test_an_administrator_reads_an_entry(entry: AuditEntry) -> None:
    assert get_entry(actor_of(make_user(Role.ADMIN)), entry.seq) == entry


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AuditFilter(action="container.stop"), 1),
        (AuditFilter(action="container.start"), 0),
        (AuditFilter(actor_name="first start"), 1),
        (AuditFilter(actor_name="ada"), 0),
        (AuditFilter(outcome="allowed"), 1),
        (AuditFilter(outcome="refused"), 0),
        (AuditFilter(target_kind="container", target="web"), 1),
        (AuditFilter(target="db"), 0),
    ],
)
def test_a_filter_narrows(wanted: AuditFilter, found: int, entry: AuditEntry) -> None:
    assert visible_entries(actor_of(make_user(Role.ADMIN)), wanted).count() == found


def test_the_newest_comes_first(entry: AuditEntry) -> None:
    with operation(Actor.system(), Permission.CONTAINER_START):
        pass
    assert [row.action for row in visible_entries(actor_of(make_user(Role.ADMIN)))] == [
        "container.start",
        "container.stop",
    ]
