"""Codes from an app and recovery codes: set up, asked for, used once, and not to be guessed."""

import html
import re

import pytest
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.test import Client

from console.accounts import entering, factors, limits
from console.accounts.factors import factors_of
from console.accounts.models import User
from console.audit.models import AuditEntry
from console.operations.governed import WrittenOutside, writes_allowed
from tests.console.accounts.conftest import Clock
from tests.factories.console import PASSWORD, make_user

FIRST = {"username": "ada", "password": PASSWORD, "next": "/jobs/"}


def first_step(client: Client) -> None:
    answer = client.post("/sign-in/", FIRST)
    assert answer["Location"] == "/sign-in/second-factor/"


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def test_an_app_is_set_up_by_the_code_it_shows(browser: Client, ada: User, clock: Clock) -> None:
    page = browser.get("/account/app/").content.decode()
    shown = re.search(r'<code class="secret">([A-Z2-7 ]+)</code>', page)
    assert shown
    assert "<svg" in page
    secret = shown[1].replace(" ", "")
    assert f"secret={secret}" in html.unescape(page)
    wrong = browser.post("/account/app/", {"code": clock.code(secret, steps=9)})
    assert wrong.status_code == 400
    assert not factors_of(ada).is_two_step
    assert browser.post("/account/app/", {"code": clock.code(secret)})["Location"] == "/account/"
    assert factors_of(ada).totp is not None
    said = [(e.action, e.outcome, e.details.get("factor")) for e in AuditEntry.objects.filter(action="factor.add")]
    assert said == [("factor.add", "allowed", "totp"), ("factor.add", "refused", "totp")]


def test_a_password_alone_is_not_enough_then(client: Client, secret: str) -> None:
    first_step(client)
    assert not is_in(client)
    entries = AuditEntry.objects.exclude(action="factor.add")
    assert [(e.action, e.outcome) for e in entries] == [("sign-in.first-factor", "allowed")]


def test_password_and_code_lead_on(client: Client, secret: str, clock: Clock) -> None:
    first_step(client)
    answer = client.post("/sign-in/second-factor/", {"code": clock.next_code(secret)})
    assert (answer.status_code, answer["Location"]) == (302, "/jobs/")
    assert is_in(client)
    entry = AuditEntry.objects.get(action="sign-in")
    assert (entry.outcome, entry.details["method"]) == ("allowed", "totp")


def test_a_code_is_wrong_when_used_already_or_of_another_time(client: Client, secret: str, clock: Clock) -> None:
    code = clock.next_code(secret)
    first_step(client)
    client.post("/sign-in/second-factor/", {"code": code})
    other = Client()
    first_step(other)
    for tried in (code, clock.code(secret, steps=5), clock.code(secret, steps=-5), "", "abcdef"):
        assert other.post("/sign-in/second-factor/", {"code": tried}).status_code in (200, 403)
        assert not is_in(other)
    assert AuditEntry.objects.filter(action="sign-in", outcome="refused").count() == 4


def test_a_recovery_code_works_once(client: Client, recovery_codes: list[str]) -> None:
    first_step(client)
    client.post("/sign-in/second-factor/", {"code": recovery_codes[0]})
    assert is_in(client)
    other = Client()
    first_step(other)
    assert other.post("/sign-in/second-factor/", {"code": recovery_codes[0]}).status_code == 403
    other.post("/sign-in/second-factor/", {"code": f" {recovery_codes[1][:5]}-{recovery_codes[1][5:]} "})
    assert is_in(other)


def test_codes_are_not_guessed(client: Client, secret: str, clock: Clock) -> None:
    first_step(client)
    for _ in range(limits.PER_ACCOUNT_AND_ADDRESS):
        client.post("/sign-in/second-factor/", {"code": clock.code(secret, steps=7)})
    answer = client.post("/sign-in/second-factor/", {"code": clock.next_code(secret)})
    assert answer.status_code == 403
    assert "Too many attempts" in answer.content.decode()
    assert not is_in(client)


@pytest.mark.parametrize("path", ["/sign-in/second-factor/"])
def test_without_a_first_step_there_is_no_second(client: Client, secret: str, clock: Clock, path: str) -> None:
    answer = client.post(path, {"code": clock.next_code(secret)})
    assert answer["Location"] == "/sign-in/"
    assert not is_in(client)


def test_the_second_step_does_not_wait_for_ever(
    client: Client, secret: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_step(client)
    monkeypatch.setattr(entering, "AWAITING_LASTS_S", 0)
    assert client.post("/sign-in/second-factor/", {"code": clock.next_code(secret)})["Location"] == "/sign-in/"


def test_recovery_codes_are_shown_once_and_the_old_ones_are_void(browser: Client, ada: User, secret: str) -> None:
    def made() -> list[str]:
        page = browser.post("/account/recovery-codes/").content.decode()
        return re.findall(r"<code>(\d{10})</code>", page)

    old, new = made(), made()
    assert len(old) == len(new) == 10
    assert not set(old) & set(new)
    assert old[0] not in browser.get("/account/").content.decode()
    client = Client()
    first_step(client)
    assert client.post("/sign-in/second-factor/", {"code": old[0]}).status_code == 403


def test_without_a_second_factor_there_is_nothing_to_recover(browser: Client) -> None:
    assert browser.post("/account/recovery-codes/").status_code == 409


def test_recovery_codes_go_with_the_last_factor(browser: Client, ada: User, recovery_codes: list[str]) -> None:
    app = factors_of(ada).totp
    assert app
    browser.post(f"/account/factors/{app.pk}/remove/")
    assert not Authenticator.objects.exists()
    assert AuditEntry.objects.get(action="factor.remove").details["factor"] == "totp"


def test_a_factor_of_somebody_else_is_missing(browser: Client, recovery_codes: list[str], clock: Clock) -> None:
    bob = make_user()
    with writes_allowed("test"):
        theirs = factors.new_totp(bob, "A" * 32, clock.code("A" * 32))
    codes = Authenticator.objects.get(type="recovery_codes")
    for pk in (theirs.pk, codes.pk, 10**6):
        assert browser.post(f"/account/factors/{pk}/remove/").status_code == 404
    assert Authenticator.objects.count() == 3


def test_secrets_of_factors_are_not_in_the_database(recovery_codes: list[str], secret: str, clock: Clock) -> None:
    stored = str(list(Authenticator.objects.values())) + str(list(AuditEntry.objects.values()))
    assert secret not in stored
    assert not [code for code in recovery_codes if code in stored]


def test_allauth_writes_nothing_outside_an_operation(ada: User, secret: str) -> None:
    app = Authenticator.objects.get()
    for write in (app.save, app.delete, app.record_usage, Authenticator.objects.all().delete):
        with pytest.raises(WrittenOutside), transaction.atomic():
            write()
