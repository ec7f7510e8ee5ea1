"""Signing in, being invited, and what roles may do to each other."""

import re

import pytest
from django.test import Client

from console.access.queries import role_of
from console.accounts.models import User
from console.accounts.operations import create_invitation
from console.audit.models import AuditEntry
from console.operations.permissions import Role
from tests.console.pages.conftest import SignedIn
from tests.factories.console import PASSWORD, actor_of, make_user

NEW = {"username": "dohyun", "password": PASSWORD, "again": PASSWORD}


@pytest.fixture
def link(db: None) -> str:
    return create_invitation(actor_of(make_user(Role.ADMIN)), Role.OPERATOR).path


def test_a_right_password_leads_on(client: Client, db: None) -> None:
    user = make_user(Role.VIEWER)
    answer = client.post("/sign-in/", {"username": user.username, "password": PASSWORD, "next": "/jobs/"})
    assert (answer.status_code, answer["Location"]) == (302, "/jobs/")
    assert client.get("/jobs/").status_code == 200


def test_a_wrong_password_keeps_the_name_and_is_recorded(client: Client, db: None) -> None:
    user = make_user(Role.VIEWER)
    answer = client.post("/sign-in/", {"username": user.username, "password": "wrong"})
    assert answer.status_code == 403
    assert f'value="{user.username}"' in answer.content.decode()
    assert AuditEntry.objects.get(action="sign-in").outcome == "refused"


@pytest.mark.parametrize("elsewhere", ["https://example.org/", "//example.org/", "javascript:alert(1)"])
def test_nobody_is_led_to_another_site(client: Client, db: None, elsewhere: str) -> None:
    user = make_user(Role.VIEWER)
    answer = client.post("/sign-in/", {"username": user.username, "password": PASSWORD, "next": elsewhere})
    assert answer["Location"] == "/"


def test_an_invitation_makes_the_person_and_signs_them_in(client: Client, link: str) -> None:
    answer = client.post(link, NEW)
    assert answer["Location"] == "/"
    assert client.get("/").context["user"].username == "dohyun"
    assert role_of(User.objects.get(username="dohyun").pk) is Role.OPERATOR


def test_an_invitation_works_once(client: Client, link: str) -> None:
    client.post(link, NEW)
    assert Client().get(link).status_code == 404
    assert Client().post(link, {**NEW, "username": "other"}).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "field"), [({"password": "short", "again": "short"}, "password"), ({"again": "else"}, "again")]
)
def test_a_bad_password_is_told_at_its_field(client: Client, link: str, wrong: dict[str, str], field: str) -> None:
    answer = client.post(link, {**NEW, **wrong})
    assert answer.status_code == 400
    assert answer.context["form"].errors[field]
    assert not User.objects.filter(username="dohyun").exists()


def test_an_invitation_is_shown_once_and_works(signed_in: SignedIn) -> None:
    admin = signed_in(Role.ADMIN)
    answer = admin.post("/people/invite/", {"role": "viewer"}, headers={"hx-request": "true"})
    found = re.search(r"http://testserver(/invitations/[^\"]+)", answer.content.decode())
    assert found
    assert found[1] not in admin.get("/people/").content.decode()
    assert Client().get(found[1]).status_code == 200


def test_an_administrator_changes_a_role(signed_in: SignedIn) -> None:
    user = make_user(Role.VIEWER)
    signed_in(Role.ADMIN).post(f"/people/{user.pk}/role/", {"role": "operator"})
    assert role_of(user.pk) is Role.OPERATOR


def test_an_operator_invites_nobody(signed_in: SignedIn) -> None:
    assert signed_in(Role.OPERATOR).post("/people/invite/", {"role": "admin"}).status_code == 403
