"""Dangerous acts ask who it is, unless that was shown just now; and then what was asked for happens."""

import html
import json
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from console.access.queries import role_of
from console.accounts import limits
from console.accounts.models import User
from console.accounts.operations import change_role
from console.audit.models import AuditEntry
from console.jobs.models import Job
from console.operations import confirmation
from console.operations.actor import Actor
from console.operations.confirmation import DANGEROUS, is_confirmed
from console.operations.errors import Unconfirmed
from console.operations.permissions import Permission, Role
from tests.console.accounts.conftest import Clock
from tests.factories.console import PASSWORD, make_container, make_user, sign_in_browser

HTMX = {"hx-request": "true"}


@pytest.fixture
def admin(db: None) -> User:
    return make_user(Role.ADMIN)


@pytest.fixture
def stale(admin: User) -> Client:
    """A browser of an administrator who signed in long ago."""
    return sign_in_browser(Client(), admin, is_confirmed=False)


def asked_in(page: str) -> str:
    found = re.search(r'name="asked"\s+value="([^"]*)"', page)
    assert found
    return html.unescape(found[1])


def test_a_dangerous_act_asks_first_and_then_happens(stale: Client) -> None:
    user = make_user(Role.VIEWER)
    page = stale.post(f"/people/{user.pk}/role/", {"role": "operator"})
    assert page.status_code == 403
    assert role_of(user.pk) is Role.VIEWER
    assert AuditEntry.objects.get(action="user.manage").outcome == "refused"
    going_on = stale.post("/confirm/", {"password": PASSWORD, "asked": asked_in(page.content.decode())})
    assert role_of(user.pk) is Role.VIEWER
    form = going_on.content.decode()
    action = re.search(r'action="(/people/[^"]+)"', form)
    fields = dict(re.findall(r'type="hidden"\s+name="(role)"\s+value="([^"]*)"', form))
    assert action
    assert stale.post(action[1], fields).status_code == 302
    assert role_of(user.pk) is Role.OPERATOR
    assert AuditEntry.objects.get(action="confirm").details["method"] == "password"


def test_a_script_gets_a_dialog_and_sends_its_request_again(stale: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any act can be declared dangerous: one line in the table."""
    monkeypatch.setattr(confirmation, "DANGEROUS", DANGEROUS | {Permission.CONTAINER_REMOVE})
    make_container("web-1", state="exited")
    remove = "/containers/local/web-1/remove/"
    asked = stale.post(remove, headers=HTMX)
    assert asked.status_code == 403
    assert json.loads(asked["HX-Trigger"]) == {"naru:unconfirmed": {}}
    assert "<dialog" in asked.content.decode()
    assert "<html" not in asked.content.decode()
    wrong = stale.post("/confirm/", {"password": "wrong"}, headers=HTMX)
    assert wrong.status_code == 403
    assert "The password is wrong" in wrong.content.decode()
    right = stale.post("/confirm/", {"password": PASSWORD}, headers=HTMX)
    assert (right.status_code, json.loads(right["HX-Trigger"])) == (204, {"naru:confirmed": {}})
    assert not Job.objects.exists()
    stale.post(remove, headers=HTMX)
    assert Job.objects.get().kind == "container.remove"


def test_json_says_so(stale: Client) -> None:
    answer = stale.post("/people/invite/", {"role": "viewer"}, headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (403, "unconfirmed")


@pytest.mark.parametrize("page", ["/account/app/", "/account/passkeys/new/"])
def test_a_page_that_leads_to_a_dangerous_act_asks_before_and_comes_back(stale: Client, page: str) -> None:
    asked = stale.get(page)
    assert asked.status_code == 403
    answer = stale.post("/confirm/", {"password": PASSWORD, "asked": asked_in(asked.content.decode())})
    assert answer["Location"] == page
    assert stale.get(page).status_code == 200


def test_what_is_not_dangerous_does_not_ask(stale: Client) -> None:
    make_container("web-1")
    assert stale.post("/containers/local/web-1/stop/").status_code == 302


def test_a_proof_lasts_ten_minutes() -> None:
    now = timezone.now()
    for age, lasts in ((0, True), (9.9, True), (10, False), (-1, False)):
        actor = Actor.of_user(User(pk=1), confirmed_at=now - timedelta(minutes=age))
        assert is_confirmed(actor, Permission.USER_MANAGE, now=now) is lasts


def test_no_door_goes_around_it(admin: User) -> None:
    """The runner asks, so an operation called from anywhere does."""
    user = make_user(Role.VIEWER)
    with pytest.raises(Unconfirmed):
        change_role(Actor.of_user(admin), user.pk, Role.ADMIN)
    assert role_of(user.pk) is Role.VIEWER


def test_signing_in_is_a_proof(client: Client, admin: User) -> None:
    client.post("/sign-in/", {"username": admin.username, "password": PASSWORD})
    assert client.post("/people/invite/", {"role": "viewer"}).status_code == 200


def test_the_system_is_not_asked() -> None:
    assert all(is_confirmed(Actor.system(), act, now=timezone.now()) for act in DANGEROUS)


def test_guesses_at_the_password_are_bounded(stale: Client) -> None:
    for _ in range(limits.PER_ORIGIN):
        stale.post("/confirm/", {"password": "wrong"})
    answer = stale.post("/confirm/", {"password": PASSWORD})
    assert answer.status_code == 403
    assert "Too many attempts" in answer.content.decode()
    assert AuditEntry.objects.filter(action="confirm", outcome="refused").count() == limits.PER_ORIGIN + 1


def test_a_code_of_the_app_will_do(ada: User, secret: str, clock: Clock) -> None:
    client = sign_in_browser(Client(), ada, is_confirmed=False)
    assert client.post("/confirm/", {"code": clock.next_code(secret)}).status_code == 302
    assert client.get("/account/app/").status_code == 200


@pytest.mark.parametrize("asked", ['["https://example.org/", null]', '["//example.org/", {"a": ["b"]}]', "{", "[]", ""])
def test_nobody_is_led_elsewhere(stale: Client, asked: str) -> None:
    answer = stale.post("/confirm/", {"password": PASSWORD, "asked": asked})
    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_passwords_are_not_carried_along(stale: Client, admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirmation, "DANGEROUS", DANGEROUS | {"password.change"})
    typed = {"current": PASSWORD, "new": "another-landing-at-dusk", "again": "another-landing-at-dusk"}
    page = stale.post("/account/password/", typed)
    assert page.status_code == 403
    assert "landing" not in page.content.decode()
