"""Secrets in the browser: shown once to who proves it, never sent back by a form."""

import pytest
from django.test import Client

from console.operations.permissions import Role
from tests.factories.console import make_secret, make_user, sign_in_browser

pytestmark = pytest.mark.django_db
VALUE = "canary-of-the-quay"


def test_a_value_is_shown_after_a_proof_and_kept_by_no_cache() -> None:
    make_secret("token", VALUE)
    admin = make_user(Role.ADMIN)
    unproven = sign_in_browser(Client(), admin, is_confirmed=False)
    answer = unproven.post("/secrets/main/token/reveal/", {"version": "1"})
    assert answer.status_code == 403
    assert VALUE not in answer.content.decode()
    answer = sign_in_browser(Client(), admin).post("/secrets/main/token/reveal/", {"version": "1"})
    assert VALUE in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert VALUE not in sign_in_browser(Client(), admin).get("/secrets/main/token/").content.decode()


@pytest.mark.parametrize("address", ["/secrets/new/", "/secrets/main/token/"])
def test_a_form_that_is_refused_does_not_send_the_value_back(address: str) -> None:
    make_secret("token")
    browser = sign_in_browser(Client(), make_user(Role.ADMIN))
    for value in (f"{VALUE}\0", VALUE + "a" * 40_000):
        answer = browser.post(address, {"workspace": "main", "name": "other", "secret_value": value})
        assert answer.status_code == 400
        assert VALUE not in answer.content.decode()


@pytest.mark.parametrize("version", ["", "9", "-1", "x", "9" * 30])
def test_a_version_that_is_none_is_no_fault_of_ours(version: str) -> None:
    make_secret("token", VALUE)
    browser = sign_in_browser(Client(), make_user(Role.ADMIN))
    assert browser.post("/secrets/main/token/reveal/", {"version": version}).status_code in (200, 400)


def test_where_there_is_one_workspace_nobody_is_asked_which() -> None:
    browser = sign_in_browser(Client(), make_user(Role.ADMIN))
    page = browser.get("/secrets/").content.decode()
    assert '<input type="hidden" name="workspace"' in page
    answer = browser.post("/secrets/new/", {"workspace": "", "name": "token", "secret_value": VALUE})
    assert answer.headers["Location"] == "/secrets/main/token/"
