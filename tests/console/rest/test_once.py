"""Idempotency keys: once, and the same answer."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from console.accounts.models import Invitation
from console.operations.errors import Unavailable
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.rest.models import KeyedRequest
from console.workspaces import operations
from console.workspaces.models import Workspace
from tests.console.rest.conftest import Call, calling
from tests.factories.console import make_api_token, make_user, sign_in_browser

pytestmark = pytest.mark.django_db
KEY = "a-key-of-the-sender"
DEPOT = {"slug": "depot"}


def slugs() -> set[str]:
    return set(Workspace.objects.values_list("slug", flat=True)) - {"main"}


def test_the_same_request_with_the_same_key_is_done_once(call: Call) -> None:
    first = call("post", "workspaces", DEPOT, idempotency_key=KEY)
    again = call("post", "workspaces", DEPOT, idempotency_key=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert (first.content, first["Location"]) == (again.content, again["Location"])
    assert ("Idempotency-Replayed" in first, again["Idempotency-Replayed"]) == (False, "true")
    assert call("post", "workspaces", DEPOT).status_code == 409


def test_what_was_refused_is_answered_the_same_too(call: Call) -> None:
    first = call("post", "workspaces", {"slug": "main"}, idempotency_key=KEY)
    again = call("post", "workspaces", {"slug": "main"}, idempotency_key=KEY)
    assert (first.status_code, again.status_code) == (409, 409)
    assert (first.content, first["Content-Type"]) == (again.content, again["Content-Type"])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "workspaces", {"slug": "other"}),
        ("post", "workspaces", {"slug": "depot", "title": ""}),
        ("post", "teams", DEPOT),
        ("patch", "workspaces/main", {"title": "x"}),
    ],
)
def test_another_request_with_the_same_key_is_refused(call: Call, method: str, path: str, body: Any) -> None:
    call("post", "workspaces", DEPOT, idempotency_key=KEY)
    answer = call(method, path, body, idempotency_key=KEY)
    assert (answer.status_code, answer.json()["error"], answer.json()["field"]) == (
        422,
        "other-request",
        "Idempotency-Key",
    )
    assert slugs() == {"depot"}


def test_of_two_at_the_same_moment_one_is_done(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second comes while the first is at it."""
    create, seen = operations.create_workspace, list[Any]()

    def twice(*given: Any, **named: Any) -> Workspace:
        seen.append(call("post", "workspaces", DEPOT, idempotency_key=KEY))
        return create(*given, **named)

    monkeypatch.setattr(operations, "create_workspace", twice)
    first = call("post", "workspaces", DEPOT, idempotency_key=KEY)
    assert (first.status_code, [answer.status_code for answer in seen]) == (201, [409])
    assert call("post", "workspaces", DEPOT, idempotency_key=KEY).content == first.content


def test_a_key_is_its_senders_and_its_tokens() -> None:
    user = make_user(Role.ADMIN)
    asked = [calling(make_api_token(user)), calling(make_api_token(user)), calling(make_api_token(make_user()))]
    statuses = [call("post", "workspaces", DEPOT, idempotency_key=KEY).status_code for call in asked]
    assert statuses == [201, 409, 409]


def test_what_an_answer_showed_once_is_not_kept_readable(client: Any) -> None:
    browser = sign_in_browser(client, make_user(Role.ADMIN))
    headers = {"idempotency-key": KEY}
    answers = [
        browser.post("/api/v1/invitations", {"role": "viewer"}, content_type="application/json", headers=headers)
        for _ in range(2)
    ]
    token = answers[0].json()["url"].split("/")[-2]
    assert answers[1].json()["url"].split("/")[-2] == token
    assert Invitation.objects.count() == 1
    stored = "\n".join(str(row) for model in apps.get_models() for row in model._default_manager.values())
    assert KeyedRequest.objects.count() == 1
    assert token not in stored
    assert KEY not in stored


def test_a_key_is_forgotten_after_a_day(call: Call) -> None:
    call("post", "workspaces", DEPOT, idempotency_key=KEY)
    with writes_allowed("test"):
        KeyedRequest.objects.update(began_at=timezone.now() - timedelta(hours=24, seconds=1))
    assert call("post", "workspaces", DEPOT, idempotency_key=KEY).status_code == 409
    assert "Idempotency-Replayed" not in call("post", "workspaces", {"slug": "b"}, idempotency_key="another")
    assert KeyedRequest.objects.count() == 2


def test_what_failed_for_the_moment_may_come_again(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_given: Any, **_named: Any) -> None:
        raise Unavailable("not just now")

    with monkeypatch.context() as patched:
        patched.setattr(operations, "create_workspace", away)
        assert call("post", "workspaces", DEPOT, idempotency_key=KEY).status_code == 503
    assert call("post", "workspaces", DEPOT, idempotency_key=KEY).status_code == 201


def test_what_may_not_be_done_yet_may_come_again() -> None:
    user = make_user(Role.ADMIN)
    text = make_api_token(user)
    assert calling(text)("post", "teams", DEPOT, idempotency_key=KEY).json()["error"] == "unconfirmed"
    assert not KeyedRequest.objects.exists()


def test_an_end_that_nobody_saw_is_not_done_again(call: Call) -> None:
    call("post", "workspaces", DEPOT, idempotency_key=KEY)
    with writes_allowed("test"):
        KeyedRequest.objects.update(status=0, began_at=timezone.now() - timedelta(minutes=3))
    answer = call("post", "workspaces", DEPOT, idempotency_key=KEY)
    assert (answer.status_code, "not known" in answer.json()["detail"]) == (409, True)


@pytest.mark.parametrize("key", ["", "with space", "x" * 256, "ü"])
def test_a_key_is_short_and_visible(call: Call, key: str) -> None:
    answer = call("post", "workspaces", DEPOT, idempotency_key=key)
    assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")


def test_reading_takes_no_key(call: Call) -> None:
    call("get", "workspaces", idempotency_key=KEY)
    assert not KeyedRequest.objects.exists()
