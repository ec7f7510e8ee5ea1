"""Passkeys at the door: what is no answer of a browser opens nothing. That real ones do is in tests/e2e."""

import json

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from console.accounts.models import User
from console.accounts.passkeys import why_impossible
from console.audit.models import AuditEntry
from tests.factories.console import sign_in_browser

HANDLE = "MQ"  # base64url of "1"
NO_ANSWERS = [
    "",
    "null",
    "[]",
    "{",
    "{}",
    "[" * 8000,
    json.dumps({"id": "AA", "rawId": "AA", "type": "public-key", "response": {}}),
    json.dumps({"id": "AA", "response": {"userHandle": HANDLE}}),
    json.dumps({"id": "AA", "response": {"userHandle": 7}}),
    json.dumps({"id": "AA", "response": "userHandle"}),
    json.dumps(
        {
            "id": "AA",
            "rawId": "AA",
            "type": "public-key",
            "response": {"userHandle": HANDLE, "clientDataJSON": "e30", "authenticatorData": "AA", "signature": "AA"},
        }
    ),
]


@pytest.mark.django_db
@pytest.mark.parametrize("answer", NO_ANSWERS)
def test_what_is_no_answer_signs_nobody_in(client: Client, ada: User, answer: str) -> None:
    client.post("/passkeys/get/")
    assert client.post("/sign-in/passkey/", {"credential": answer}).status_code == 403
    assert client.get("/account/").status_code == 302
    assert not AuditEntry.objects.filter(outcome="allowed").exists()


@pytest.mark.parametrize("answer", NO_ANSWERS)
def test_what_is_no_answer_becomes_no_passkey(browser: Client, answer: str) -> None:
    assert browser.post("/passkeys/create/").status_code == 200
    sent = {"name": "laptop", "credential": answer}
    assert browser.post("/account/passkeys/new/", sent).status_code == 400
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("answer", NO_ANSWERS[6:])
def test_what_is_no_answer_is_no_second_factor_and_no_proof(ada: User, secret: str, answer: str) -> None:
    stale = sign_in_browser(Client(), ada, is_confirmed=False)
    stale.post("/passkeys/get/")
    assert stale.post("/confirm/", {"credential": answer}).status_code == 403


def test_making_one_asks_for_a_proof_first(ada: User) -> None:
    stale = sign_in_browser(Client(), ada, is_confirmed=False)
    answer = stale.post("/passkeys/create/", headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (403, "unconfirmed")


def test_a_passkey_is_asked_for_with_its_owners_presence(client: Client, db: None) -> None:
    options = client.post("/passkeys/get/").json()["publicKey"]
    assert options["userVerification"] == "required"
    assert not options.get("allowCredentials")


@pytest.mark.parametrize(
    ("host", "is_secure", "possible"),
    [
        ("localhost:8000", False, True),
        ("naru.localhost", False, True),
        ("naru.example.org", True, True),
        ("naru.example.org", False, False),
        ("127.0.0.1:8000", False, False),
        ("192.0.2.1", True, False),
        ("[::1]:8000", True, False),
    ],
)
def test_where_passkeys_are_possible(host: str, is_secure: bool, possible: bool) -> None:
    assert (why_impossible(host, is_secure=is_secure) == "") is possible
