"""One error hierarchy, mapped once: a status, a page for browsers, JSON for those who ask for it."""

import json

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import OperationalError
from django.http import HttpResponse
from django.test import RequestFactory

from console.operations.errors import Conflict, ConsoleError, Denied, Invalid, Missing, Unavailable
from console.operations.middleware import CorrelationMiddleware, ErrorMiddleware
from console.operations.permissions import Permission

ERRORS = [
    (Denied("no", permission=Permission.IMAGE_BUILD), 403, "denied"),
    (Missing("no"), 404, "missing"),
    (Invalid("no", field="tag"), 400, "invalid"),
    (Conflict("no", field="name"), 409, "conflict"),
    (Unavailable("no", retry_after_s=7), 503, "unavailable"),
]


def answer_to(error: Exception, *, accept: str) -> HttpResponse | None:
    request = RequestFactory().get("/", headers={"accept": accept})
    request.user = AnonymousUser()
    request.META["naru.correlation_id"] = "c0ffee"
    return ErrorMiddleware(lambda _request: HttpResponse()).process_exception(request, error)


@pytest.mark.parametrize(("error", "status", "word"), ERRORS)
def test_json_says_the_same_as_the_status(error: ConsoleError, status: int, word: str) -> None:
    answer = answer_to(error, accept="application/json")
    assert answer is not None
    facts = json.loads(answer.content)
    assert (answer.status_code, facts["status"], facts["error"], facts["message"]) == (status, status, word, "no")
    assert facts["correlation_id"] == "c0ffee"


def test_json_names_the_field_and_the_missing_permission() -> None:
    invalid = answer_to(Invalid("no", field="tag"), accept="application/json")
    denied = answer_to(Denied("no", permission=Permission.IMAGE_BUILD), accept="application/json")
    assert invalid is not None
    assert denied is not None
    assert json.loads(invalid.content)["field"] == "tag"
    assert json.loads(denied.content)["permission"] == "image.build"


@pytest.mark.django_db
@pytest.mark.parametrize(("error", "status", "_word"), ERRORS)
def test_a_browser_gets_a_page(error: ConsoleError, status: int, _word: str) -> None:
    answer = answer_to(error, accept="text/html")
    assert answer is not None
    assert answer.status_code == status
    assert "text/html" in answer["Content-Type"]


def test_who_is_told_to_come_back_is_told_when() -> None:
    answer = answer_to(Unavailable("no", retry_after_s=7), accept="application/json")
    assert answer is not None
    assert answer["Retry-After"] == "7"


def test_a_locked_database_is_unavailable_not_an_error_of_ours() -> None:
    answer = answer_to(OperationalError("database is locked"), accept="application/json")
    assert answer is not None
    assert answer.status_code == 503
    assert "locked" not in answer.content.decode()


def test_other_errors_are_left_to_django() -> None:
    assert answer_to(ZeroDivisionError(), accept="application/json") is None


def test_an_answer_carries_the_id_that_its_log_lines_carry() -> None:
    request = RequestFactory().get("/")
    answer = CorrelationMiddleware(lambda _request: HttpResponse())(request)
    assert answer["X-Request-ID"] == request.META["naru.correlation_id"]
