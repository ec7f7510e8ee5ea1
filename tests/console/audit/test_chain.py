"""Whoever changes the log from outside, with whatever rights over the database, is found."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from console.audit import chain, heads
from console.audit.keys import folder, public_key, seal_key, signing_key
from console.audit.models import AuditCheck, AuditCheckpoint, AuditEntry, AuditHead
from console.audit.observations import check, sign_head
from console.audit.recorder import record
from console.audit.triggers import drop_triggers, make_triggers
from console.audit.verification import verify
from console.operations.actor import Actor
from console.operations.governed import writes_allowed
from console.operations.permissions import Permission
from console.operations.runner import Operation, Outcome, operation

pytestmark = pytest.mark.django_db


def act(number: int = 1, *, first: int = 0) -> None:
    for each in range(first, first + number):
        with operation(Actor.system(f"hand-{each}"), Permission.IMAGE_BUILD, note=f"{each}", 한글="나루"):
            pass


def sql(text: str, *values: str | int) -> None:
    """As somebody with every right over the database."""
    with connection.cursor() as cursor:
        cursor.execute(text, values)


def findings() -> list[str]:
    return check().findings


@pytest.fixture
def log() -> None:
    """Ten entries; after the eighth a head was signed and given to the witness."""
    act(8)
    assert sign_head()
    act(2, first=8)
    assert findings() == []


def columns() -> str:
    return ", ".join((*chain.Row._fields[1:], "seal"))


def swap() -> None:
    sql("UPDATE audit_auditentry SET seq = 99 WHERE seq = 3")
    sql("UPDATE audit_auditentry SET seq = 3 WHERE seq = 4")
    sql("UPDATE audit_auditentry SET seq = 4 WHERE seq = 99")


def insert() -> None:
    """Between two, the later ones moved on, and the head with them."""
    for seq in range(10, 3, -1):
        sql("UPDATE audit_auditentry SET seq = %s WHERE seq = %s", seq + 1, seq)
    sql(f"INSERT INTO audit_auditentry (seq, {columns()}) SELECT 4, {columns()} FROM audit_auditentry WHERE seq = 3")
    sql("UPDATE audit_audithead SET seq = 11")


def remove(first: int, last: int) -> None:
    sql("DELETE FROM audit_auditentry WHERE seq BETWEEN %s AND %s", first, last)


def cut_to(seq: int) -> None:
    """As if the rest had never been: entries, head and checkpoints fit together."""
    remove(seq + 1, 10_000)
    seal = AuditEntry.objects.values_list("seal", flat=True).get(seq=seq)
    sql("UPDATE audit_audithead SET seq = %s, seal = %s", seq, seal)
    sql("DELETE FROM audit_auditcheckpoint WHERE seq > %s", seq)


def replace_all(key: bytes) -> None:
    """Another story of the same length, sealed with ``key`` throughout."""
    before = chain.GENESIS
    for entry in list(AuditEntry.objects.order_by("seq")):
        row = chain.Row(*(getattr(entry, name) for name in chain.Row._fields))
        row = row._replace(actor_name="somebody else", details=chain.details_text(entry.details))
        before = chain.seal(key, before, row)
        sql("UPDATE audit_auditentry SET actor_name = %s, seal = %s WHERE seq = %s", row.actor_name, before, row.seq)
    sql("UPDATE audit_audithead SET seal = %s", before)


@pytest.mark.parametrize(
    ("attack", "told"),
    [
        (lambda: sql("UPDATE audit_auditentry SET actor_name = 'nobody' WHERE seq = 5"), "Entry 5 was changed"),
        (lambda: sql("UPDATE audit_auditentry SET details = '{}' WHERE seq = 5"), "Entry 5 was changed"),
        (lambda: remove(5, 6), "Entries 5 to 6 are missing"),
        (insert, "Entry 4 was changed"),
        (swap, "Entry 3 was changed"),
        (lambda: remove(9, 10), "ends at entry 8 and should end at 10"),
        (lambda: cut_to(5), "ends at entry 5, but entry 8 was signed"),
        (lambda: replace_all(b"a key of their own"), "Entry 1 was changed"),
        (lambda: replace_all(seal_key()), "Entry 8 is not the one whose head was signed"),
        (lambda: sql("DELETE FROM audit_auditentry"), "ends at entry 0"),
    ],
    ids=["edit", "details", "delete", "insert", "swap", "truncate", "roll back", "replace", "replace by key", "empty"],
)
def test_an_attack_is_found(log: None, attack: Callable[[], None], told: str) -> None:
    attack()
    assert told in "\n".join(findings())
    assert AuditCheck.objects.get().finding


def test_a_clock_that_was_set_back_is_found(log: None, monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now - timedelta(days=1))
    act()
    (told,) = findings()
    assert "before the entry it follows" in told


def test_a_forged_head_is_found(log: None, tmp_path: Path) -> None:
    line = json.loads(AuditCheckpoint.objects.get().line)
    witness = tmp_path / "theirs"
    witness.write_text(json.dumps({**line, "seq": 4}) + "\n" + "no head\n" + "[" * 100_000)
    lines = witness.read_text().splitlines()
    report = verify(seal_key(), public_key(), witnessed=lines)
    assert len([finding for finding in report.findings if "signed head" in finding]) == 3


def test_one_change_is_one_finding(log: None) -> None:
    sql("UPDATE audit_auditentry SET reason = 'x' WHERE seq = 2")
    assert len(findings()) == 1


def test_another_machines_witness_finds_a_rollback_that_ours_forgot(log: None, tmp_path: Path) -> None:
    (folder() / "heads.jsonl").rename(tmp_path / "elsewhere")
    cut_to(5)
    assert findings() == []
    with pytest.raises(CommandError, match="NOT what was written"):
        call_command("audit_verify", witness=[tmp_path / "elsewhere"])


def test_the_command_says_that_all_is_well(log: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("audit_verify")
    call_command("audit_verify", public_key=folder() / "signing.pub")
    assert capsys.readouterr().out.count("The audit log is whole: 10 entries") == 2


def test_a_head_is_signed_only_when_something_happened(log: None) -> None:
    assert sign_head()
    assert sign_head() == ""
    assert len((folder() / "heads.jsonl").read_text().splitlines()) == 2


def test_a_head_says_what_was_signed() -> None:
    head = heads.Head(7, "ab" * 32, timezone.now())
    assert heads.Head.read(head.line(signing_key()), public_key()) == head


def test_a_witness_that_is_away_is_no_error_and_hears_the_next(settings: Settings, tmp_path: Path) -> None:
    place = tmp_path / "not a directory"
    place.write_text("")
    settings.NARU_AUDIT_WITNESS = f"file:{place}/heads, file:{tmp_path}/good"
    act()
    assert sign_head()
    place.unlink()
    act()
    assert sign_head()
    assert len((place / "heads").read_text().splitlines()) == 1
    assert len((tmp_path / "good").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditentry SET actor_name = 'nobody'",
        "DELETE FROM audit_auditentry WHERE seq = 2",
        "DELETE FROM audit_auditentry",
    ],
)
def test_the_database_itself_refuses(log: None, statement: str) -> None:
    make_triggers(connection)
    try:
        with pytest.raises(DatabaseError, match="audit entries are"), transaction.atomic():
            sql(statement)
        act()
    finally:
        drop_triggers(connection)
    assert findings() == []


def test_what_no_database_takes_is_recorded_all_the_same() -> None:
    with pytest.raises(RuntimeError), operation(Actor.system("a\0b"), Permission.IMAGE_BUILD):
        raise RuntimeError("\0 and \ud800")
    assert AuditEntry.objects.get().reason == "RuntimeError: � and ?"
    assert findings() == []


def test_many_entries_are_checked_with_few_questions(django_assert_max_num_queries: Any) -> None:
    operation = Operation(Actor.system("many"), Permission.IMAGE_BUILD, None, details={"n": 1})
    with writes_allowed("test"):
        for _ in range(300):
            record(operation, outcome=Outcome.ALLOWED, reason="")
    with django_assert_max_num_queries(12):
        assert verify(seal_key(), public_key()).entries == 300


def test_the_head_row_alone_cannot_be_turned_back(log: None) -> None:
    AuditHead.objects.update(seq=9)
    assert "should end at 9" in "\n".join(findings())


@given(st.text(), st.text())
def test_an_entry_is_canonical_json_that_others_can_write_too(name: str, reason: str) -> None:
    row = chain.Row(
        1, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "user", name, "", "a", "", "", "", "allowed", reason, "{}"
    )
    said = ["naru-audit-1", 1, "2026-01-02 03:04:05.000000+00:00", *row[2:]]
    assert chain.canonical(row) == json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def test_surrogates_are_not_sealed() -> None:
    row = chain.Row(1, timezone.now(), "user", "\ud800", "", "a", "", "", "", "allowed", "", "{}")
    with pytest.raises(UnicodeEncodeError):
        chain.canonical(row)
