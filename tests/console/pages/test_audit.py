"""The audit pages: what is shown is recorded, what is taken away is whole, and the badge says what was found."""

import csv
import io
import json

import pytest
from django.db import connection
from django.test import Client

from console.audit.models import AuditEntry
from console.audit.observations import check
from console.operations.actor import Actor
from console.operations.permissions import Permission, Role
from console.operations.runner import operation
from tests.console.pages.conftest import SignedIn
from tests.fakes.answers import content_of

FORMULA = '=HYPERLINK("http://example.org")'


@pytest.fixture
def admin(signed_in: SignedIn) -> Client:
    return signed_in(Role.ADMIN)


def act(name: str = "hand") -> None:
    with operation(Actor.system(name), Permission.IMAGE_BUILD):
        pass


def test_looking_is_recorded_once_per_look(admin: Client) -> None:
    admin.get("/audit/?action=image.build")
    admin.get("/audit/", headers={"HX-Request": "true"})
    (entry,) = AuditEntry.objects.filter(action="audit.view")
    assert entry.outcome == "allowed"


def test_taking_away_is_recorded_with_what_was_taken(admin: Client) -> None:
    act()
    content_of(admin.get("/audit/export/csv/?action=image.build"))
    assert AuditEntry.objects.get(action="audit.view").details == {"action": "image.build", "as_file": "csv"}


def test_a_spreadsheet_finds_no_formula(admin: Client) -> None:
    act(FORMULA)
    text = content_of(admin.get("/audit/export/csv/")).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows[0]["actor_name"] == f"'{FORMULA}"
    assert [row["seq"] for row in rows] == ["1", "2"]


def test_json_lines_are_what_the_seals_cover(admin: Client) -> None:
    act("나루")
    answer = admin.get("/audit/export/jsonl/?action=image.build")
    (line,) = content_of(answer).splitlines()
    found = json.loads(line)
    assert (found["entry"][1], found["entry"][4]) == (1, "나루")
    assert found["seal"] == AuditEntry.objects.get(seq=1).seal


def test_there_is_no_third_format(admin: Client) -> None:
    assert admin.get("/audit/export/xlsx/").status_code == 400


def test_the_badge_says_what_was_found(admin: Client) -> None:
    act()
    assert "not checked yet" in admin.get("/audit/").content.decode()
    assert admin.post("/audit/integrity/check/").status_code == 302
    assert "as written" in admin.get("/audit/").content.decode()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_auditentry SET actor_name = 'nobody' WHERE seq = 1")
    check()
    assert "not as written" in admin.get("/audit/").content.decode()
    assert "Entry 1 was changed" in admin.get("/audit/integrity/").content.decode()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
@pytest.mark.parametrize("path", ["/audit/integrity/", "/audit/export/csv/", "/audit/export/jsonl/"])
def test_it_is_for_those_who_may_see_the_log(signed_in: SignedIn, role: Role, path: str) -> None:
    assert signed_in(role).get(path).status_code == 403
