"""What holds for every request to the API: who asks, what a body may be, and how it is refused."""

import json
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from console.operations.permissions import Role
from console.rest.bodies import DEEPEST
from console.workspaces.models import Workspace
from tests.console.rest.conftest import Call, calling
from tests.factories.console import (
    bearer,
    make_api_token,
    make_container,
    make_grant,
    make_user,
    make_workspace,
    sign_in_browser,
)

pytestmark = pytest.mark.django_db
NEW = "/api/v1/workspaces"


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    assert found["type"] == f"urn:naru:problem:{found['error']}"
    assert found["instance"] == f"urn:naru:request:{answer['X-Request-ID']}"
    assert set(found) <= {*["type", "title", "status", "detail", "instance", "error", "field", "errors", "permission"]}
    return found


# --- browsers ---


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"x-csrftoken": "nonsense"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"x-csrftoken": "THEIRS"}, 201),
        ({"x-csrftoken": "THEIRS", "origin": "https://evil.example"}, 403),
        ({"x-csrftoken": "THEIRS", "origin": "null"}, 403),
        ({"x-csrftoken": "THEIRS", "origin": "http://testserver"}, 201),
    ],
)
def test_a_session_changes_nothing_for_another_site(headers: dict[str, str], status: int) -> None:
    client = sign_in_browser(Client(enforce_csrf_checks=True), make_user())
    client.get("/workspaces/")
    theirs = client.cookies["naru-csrf-" + next(iter(client.cookies)).rpartition("-")[2]].value
    sent = {name: value.replace("THEIRS", theirs) for name, value in headers.items()}
    answer = client.post(NEW, {"slug": "depot"}, content_type="application/json", headers=sent)
    assert answer.status_code == status
    if status == 403:
        assert problem(answer, 403)["error"] == "csrf"
    assert Workspace.objects.filter(slug="depot").exists() == (status == 201)


def test_a_token_needs_no_form_token() -> None:
    client = Client(enforce_csrf_checks=True)
    headers = {**bearer(make_api_token(make_user())), "origin": "https://elsewhere.example"}
    assert client.post(NEW, {"slug": "depot"}, content_type="application/json", headers=headers).status_code == 201


def test_a_session_has_to_prove_who_it_is_where_a_page_would_ask() -> None:
    client = sign_in_browser(Client(), make_user(), is_confirmed=False)
    answer = client.post("/api/v1/teams", {"slug": "ops"}, content_type="application/json")
    assert problem(answer, 403)["error"] == "unconfirmed"


# --- bodies ---


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("", None),
        ("nonsense", None),
        ('{"slug": "a"} x', None),
        ("[]", None),
        ("null", None),
        ('"text"', None),
        ("{}", "slug"),
        ('{"slug": 7}', "slug"),
        ('{"slug": null}', "slug"),
        ('{"slug": ["a"]}', "slug"),
        ('{"slug": "a", "slug": "b"}', "slug"),
        ('{"slug": "a", "sulg": "b"}', "sulg"),
        ('{"slug": "a\\u0000"}', "slug"),
        ('{"slug": "\\ud800"}', "slug"),
        ('{"slug": "depot", "title": NaN}', None),
        ('{"slug": "depot", "title": 1e999}', None),
        ('{"slug": "Ünïcode"}', "slug"),
        ('{"slug": "' + "x" * 300 + '"}', "slug"),
        ("[" * 100_000, None),
        ('{"slug": ' + "[" * (DEEPEST + 2) + "]" * (DEEPEST + 2) + "}", None),
    ],
)
def test_a_bad_body_is_refused_by_the_name_of_its_field(call: Call, body: str, field: str | None) -> None:
    found = problem(call("post", "workspaces", body), 400)
    assert found["error"] == "invalid"
    assert found.get("field") == field
    assert Workspace.objects.count() == 1


def test_text_that_is_no_utf_8_is_refused(call: Call) -> None:
    assert "UTF-8" in problem(call("post", "workspaces", b'{"slug": "\xff"}'), 400)["detail"]


def test_every_field_at_fault_is_named(call: Call) -> None:
    found = problem(call("post", "containers", {"host": "", "image": 7, "cpus": "1", "ports": [80]}), 400)
    assert [one["field"] for one in found["errors"]] == ["host", "image", "ports.0", "cpus"]
    assert found["field"] == "host"


def test_a_number_is_a_number_and_a_truth_a_truth(call: Call) -> None:
    for wrong in ({"most_containers": "7"}, {"privileged": 1}, {"cpus": True}, {"most_containers": 2.5}):
        assert problem(call("put", "workspaces/main/policy", wrong), 400)["field"] in wrong


def test_a_body_has_an_end(call: Call) -> None:
    answer = call("post", "builds", {"host": "local", "tag": "a:1", "dockerfile": "#" * 1_100_000})
    assert problem(answer, 413)["error"] == "too-large"


def test_a_body_is_json() -> None:
    headers = bearer(make_api_token(make_user()))
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml"):
        answer = Client().post(NEW, "slug=depot", content_type=kind, headers=headers)
        assert problem(answer, 415)["error"] == "media-type"
    answer = Client().post(NEW, {"slug": "depot"}, headers={**headers, "idempotency-key": "one"})
    assert problem(answer, 415)["error"] == "media-type"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?worksapce=shop", "worksapce"),
        ("?workspace=a&workspace=b", "workspace"),
        ("?text=%00", "text"),
        ("?limit=0", "limit"),
        ("?limit=201", "limit"),
        ("?limit=x", "limit"),
        ("?state=melting", "state"),
        ("?gone=perhaps", "gone"),
    ],
)
def test_a_parameter_is_known_and_well_formed(call: Call, query: str, field: str) -> None:
    assert problem(call("get", f"containers{query}"), 400)["field"] == field


@pytest.mark.parametrize("path", ["jobs/0", "jobs/abc", "jobs/99999999999999999999", "containers/local/%00", "jobs/-1"])
def test_an_address_that_can_name_nothing_is_refused(call: Call, path: str) -> None:
    assert problem(call("get", path), 400)["field"]


# --- answers ---


def test_there_is_one_shape_for_what_is_not_there(call: Call) -> None:
    for path in ("", "nothing", "jobs/7/nothing", "containers/local/nothing-here", "workspaces/nothing-here"):
        assert problem(call("get", path), 404)["error"] == "missing"
    assert problem(call("delete", "nothing"), 404)["error"] == "missing"


def test_what_cannot_be_done_to_a_thing_says_what_can(call: Call) -> None:
    answer = call("delete", "jobs/7/cancel")
    assert problem(answer, 405)["error"] == "method"
    assert answer["Allow"] == "POST"


def test_what_may_not_be_seen_answers_as_what_is_not_there() -> None:
    user, shop = make_user(None), make_workspace("shop")
    make_grant(user, Role.VIEWER, workspace=make_workspace("depot"))
    make_container("web", workspace=shop)
    ask = calling(make_api_token(user))
    found = [problem(ask("get", f"containers/local/{name}"), 404) for name in ("web", "not")]
    assert found[0]["detail"].replace("web", "not") == found[1]["detail"]
    assert {**found[0], "detail": "", "instance": ""} == {**found[1], "detail": "", "instance": ""}


def test_a_missing_permission_is_named() -> None:
    ask = calling(make_api_token(make_user(Role.VIEWER)))
    assert problem(ask("post", "workspaces", {"slug": "depot"}), 403)["permission"] == "workspace.manage"
    assert problem(ask("get", "people"), 403)["permission"] == "user.view"


def test_a_conflict_names_its_field(call: Call) -> None:
    assert problem(call("post", "workspaces", {"slug": "main"}), 409)["field"] == "slug"


def test_a_fault_of_ours_has_the_same_shape(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_given: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("console.workspaces.api.find_workspace", fail)
    found = problem(call("get", "workspaces/main"), 500)
    assert found["error"] == "fault"
    assert "secret" not in found["detail"]


def test_a_database_that_is_away_says_when_to_come_back(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_given: object, **_named: object) -> None:
        raise OperationalError("locked")

    monkeypatch.setattr("console.workspaces.api.find_workspace", fail)
    monkeypatch.setattr("console.rest.once.begin", fail)
    answers = [call("get", "workspaces/main"), call("post", "workspaces", {"slug": "depot"}, idempotency_key="one")]
    for answer in answers:
        assert problem(answer, 503)["error"] == "unavailable"
        assert answer["Retry-After"] == "5"


def test_errors_speak_the_language_that_was_asked_for(call: Call) -> None:
    korean = call("get", "workspaces/nothing-here", accept_language="ko")
    assert problem(korean, 404)["detail"] != problem(call("get", "workspaces/nothing-here"), 404)["detail"]


def test_an_answer_that_is_there_already_is_not_sent_again(call: Call) -> None:
    first = call("get", "workspaces/main")
    assert first["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "Cookie"} <= {name.strip() for name in first["Vary"].split(",")}
    again = call("get", "workspaces/main", if_none_match=f'"other", {first["ETag"]}')
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    call("patch", "workspaces/main", {"title": "Landing"})
    changed = call("get", "workspaces/main", if_none_match=first["ETag"])
    assert (changed.status_code, changed.json()["title"]) == (200, "Landing")


def test_what_became_a_job_says_where_to_look(call: Call) -> None:
    make_container("web", state="exited")
    answer = call("post", "containers/local/web/start")
    assert answer.status_code == 202
    assert answer["Location"] == answer.json()["url"] == f"/api/v1/jobs/{answer.json()['number']}"
    assert call("get", answer["Location"].removeprefix("/api/v1/")).json()["state"] == "queued"


def test_asking_by_a_token_costs_few_queries(django_assert_max_num_queries: DjangoAssertNumQueries, call: Call) -> None:
    for number in range(20):
        make_container(f"web-{number}")
    call("get", "containers")
    # the token with its person, the grants, the rows
    with django_assert_max_num_queries(4):
        assert len(call("get", "containers").json()["items"]) == 20


def test_a_build_is_uploaded(call: Call, tmp_path: Any) -> None:
    import io
    import tarfile

    from django.core.files.uploadedfile import SimpleUploadedFile

    from tests.factories.console import make_host

    make_host("local")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(b"FROM scratch\n")
        tar.addfile(entry, io.BytesIO(b"FROM scratch\n"))
    headers = {**bearer(make_api_token(make_user())), "idempotency-key": "one"}
    answers = [
        Client().post(
            "/api/v1/builds/upload",
            {"host": "local", "tag": "a:1", "context": SimpleUploadedFile("a.tar.gz", packed.getvalue())},
            headers=headers,
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert json.loads(answers[0].content)["kind"] == "image.build"
