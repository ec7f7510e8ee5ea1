"""Rows written in bulk are no way around the log's promise, and pages of it hang together."""

import pytest
from django.db import IntegrityError, transaction

from console.audit.models import AppendOnly, AuditEntry
from console.audit.queries import visible_entries
from console.operations.actor import Actor
from console.operations.permissions import Permission, Role
from console.operations.runner import operation
from tests.factories.console import actor_of, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry() -> AuditEntry:
    note(Permission.IMAGE_BUILD)
    return AuditEntry.objects.get()


def note(permission: Permission) -> None:
    with operation(Actor.system("first start"), permission):
        pass


def forged(entry: AuditEntry) -> AuditEntry:
    return AuditEntry(seq=entry.seq, actor_kind="user", actor_name="nobody", action="sign-in", outcome="allowed")


def test_an_upsert_rewrites_nothing(entry: AuditEntry) -> None:
    with pytest.raises(AppendOnly):
        AuditEntry.objects.bulk_create(
            [forged(entry)], update_conflicts=True, update_fields=["actor_name"], unique_fields=["seq"]
        )
    assert AuditEntry.objects.get().actor_name == "first start"


def test_a_bulk_update_rewrites_nothing(entry: AuditEntry) -> None:
    with pytest.raises(AppendOnly), transaction.atomic():
        AuditEntry.objects.bulk_update([forged(entry)], ["actor_name"])
    assert AuditEntry.objects.get().actor_name == "first start"


def test_a_new_entry_does_not_take_an_old_ones_place(entry: AuditEntry) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        forged(entry).save()
    assert AuditEntry.objects.get().actor_name == "first start"


def test_what_a_person_did_stays_when_the_person_goes() -> None:
    user = make_user(Role.ADMIN, username="ada")
    with operation(actor_of(user), Permission.IMAGE_BUILD):
        pass
    with operation(Actor.system(), Permission.USER_MANAGE):
        user.delete()
    assert AuditEntry.objects.filter(actor_name="ada").exists()


def test_pages_show_each_entry_once_while_new_ones_arrive() -> None:
    actor = actor_of(make_user(Role.ADMIN))
    for _ in range(7):
        note(Permission.IMAGE_BUILD)
    seen: list[int] = []
    while page := list(visible_entries(actor).filter(**({"seq__lt": seen[-1]} if seen else {}))[:3]):
        seen += [entry.seq for entry in page]
        note(Permission.IMAGE_REMOVE)
    assert len(seen) == len(set(seen)) == 7
    assert seen == sorted(seen, reverse=True)
