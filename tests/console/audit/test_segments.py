"""Old entries move to files, and the log stays whole and checkable."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from console.audit.models import AuditEntry, AuditSegment
from console.audit.observations import check, sign_head
from console.audit.operations import seal_old_entries
from console.audit.segments import path_of, read_segment
from console.audit.triggers import drop_triggers, make_triggers
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.operations.runner import operation

pytestmark = pytest.mark.django_db


def act(number: int) -> None:
    for _ in range(number):
        with operation(Actor.system("hand"), Permission.IMAGE_BUILD):
            pass


@pytest.fixture
def segment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AuditSegment:
    """Entries 1 to 5, written forty days ago; what is older than thirty moves."""
    settings.NARU_AUDIT_KEEP_DAYS = 30
    now = timezone.now()
    with monkeypatch.context() as past:
        past.setattr(timezone, "now", lambda: now - timedelta(days=40))
        act(5)
        sign_head()
    act(2)
    make_triggers(connection)
    try:
        found = seal_old_entries()
    finally:
        drop_triggers(connection)
    assert found is not None
    return found


def test_what_is_old_moves_and_is_whole(segment: AuditSegment) -> None:
    assert (segment.first, segment.last) == (1, 5)
    assert list(AuditEntry.objects.order_by("seq").values_list("seq", flat=True)) == [6, 7, 8]
    assert [line[1] for line in read_segment(path_of(segment))] == [1, 2, 3, 4, 5]
    assert AuditEntry.objects.get(seq=8).action == "audit.seal"
    report = check()
    assert (report.findings, report.segments, report.entries) == ([], 1, 3)


def test_the_next_one_follows(segment: AuditSegment, monkeypatch: pytest.MonkeyPatch) -> None:
    assert seal_old_entries() is None
    later = timezone.now() + timedelta(days=31)
    monkeypatch.setattr(timezone, "now", lambda: later)
    act(1)
    following = seal_old_entries()
    assert following is not None
    assert (following.first, following.last, following.before) == (6, 8, segment.seal)
    assert check().findings == []


@pytest.mark.parametrize(
    ("attack", "told"),
    [
        ("file", "is not the file that was signed"),
        ("away", "is missing: put it back"),
        ("record", "is not what was signed"),
        ("gone", "Entries 1 to 5 are missing"),
    ],
)
def test_a_change_to_a_segment_is_found(segment: AuditSegment, attack: str, told: str) -> None:
    if attack == "file":
        path_of(segment).write_bytes(path_of(segment).read_bytes()[:-1])
    elif attack == "away":
        path_of(segment).unlink()
    else:
        statement = "DELETE FROM audit_auditsegment" if attack == "gone" else "UPDATE audit_auditsegment SET first = 2"
        with connection.cursor() as cursor:
            cursor.execute(statement)
    assert told in "\n".join(check().findings)


def test_all_stays_where_nothing_is_said(settings: Settings) -> None:
    assert settings.NARU_AUDIT_KEEP_DAYS == 0
    act(1)
    assert seal_old_entries() is None
