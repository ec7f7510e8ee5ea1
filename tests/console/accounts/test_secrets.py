"""What was typed in secret is nowhere in the database; and a name is the same name however it is typed."""

import unicodedata

import pytest
from django.apps import apps
from django.contrib.auth.hashers import identify_hasher
from django.core.exceptions import ValidationError
from django.test import Client
from pytest_django import Settings

from console.accounts import limits
from console.accounts.models import Invitation, User
from console.accounts.operations import accept_invitation, create_invitation, sign_in
from console.operations.actor import Actor
from console.operations.errors import Denied, Invalid
from console.operations.permissions import Role
from console.project import settings as product
from tests.factories.console import PASSWORD, make_user

pytestmark = pytest.mark.django_db
STRANGER = Actor.of_user(None, address="192.0.2.9")
NFC = unicodedata.normalize("NFC", "나루")
NFD = unicodedata.normalize("NFD", "나루")


def everything_stored() -> str:
    return "\n".join(str(row) for model in apps.get_models() for row in model._default_manager.values())


def test_neither_password_nor_token_is_stored_in_clear(client: Client) -> None:
    admin = make_user(Role.ADMIN)
    client.post("/sign-in/", {"username": admin.username, "password": PASSWORD})
    client.post("/people/invite/", {"role": "viewer"})
    token = create_invitation(Actor.system(), Role.VIEWER).token
    stranger = Client()
    stranger.get(f"/invitations/{token}/")
    stranger.post(f"/invitations/{token}/", {"username": "grace", "password": PASSWORD, "again": PASSWORD})
    stranger.post("/sign-in/", {"username": "grace", "password": PASSWORD + "-not"})
    stored = everything_stored()
    assert User.objects.filter(username="grace").exists()
    assert Invitation.objects.count() == 2
    assert "grace" in stored
    assert PASSWORD not in stored
    assert token not in stored


def test_passwords_are_stored_with_argon2(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = product.PASSWORD_HASHERS
    assert identify_hasher(make_user().password).algorithm == "argon2"


@pytest.mark.parametrize("typed", [NFC, NFD])
@pytest.mark.parametrize("joined_as", [NFC, NFD])
def test_a_name_is_the_same_in_every_unicode_form(joined_as: str, typed: str) -> None:
    issued = create_invitation(Actor.system(), Role.VIEWER)
    user = accept_invitation(STRANGER, issued.token, username=joined_as, password=PASSWORD)
    assert sign_in(STRANGER, username=typed, password=PASSWORD).user == user


def test_another_unicode_form_of_a_name_is_no_second_set_of_tries() -> None:
    make_user(username=NFC)
    for typed in [NFC, NFD] * 3:
        with pytest.raises(Denied) as denied:
            sign_in(STRANGER, username=typed, password="wrong")
    assert limits.PER_ACCOUNT_AND_ADDRESS < 6
    assert "Too many" in str(denied.value)


@pytest.mark.parametrize("username", ["a" * 151, "a\0b", "a\nb", "<b>", "ada lovelace"])
def test_a_name_that_is_none_is_refused(username: str) -> None:
    issued = create_invitation(Actor.system(), Role.VIEWER)
    with pytest.raises((Invalid, ValidationError)) as refused:
        accept_invitation(STRANGER, issued.token, username=username, password=PASSWORD)
    assert isinstance(refused.value, Invalid)
    assert refused.value.field == "username"


def test_an_administrator_is_not_made_by_naming_the_role(client: Client) -> None:
    token = create_invitation(Actor.system(), Role.VIEWER).token
    wanted = {"username": "mallory", "password": PASSWORD, "again": PASSWORD, "role": "admin"}
    client.post(f"/invitations/{token}/", wanted)
    assert client.get("/people/").status_code == 403
