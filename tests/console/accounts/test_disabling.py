"""Somebody who is disabled is out at once, everywhere, and comes back as they were."""

import pytest
from django.test import Client

from console.access.queries import role_of
from console.accounts.operations import set_active, sign_in
from console.audit.models import AuditEntry
from console.operations.actor import Actor
from console.operations.errors import Conflict, ConsoleError, Denied, Missing
from console.operations.permissions import Role
from tests.factories.console import PASSWORD, actor_of, make_user, sign_in_browser

pytestmark = pytest.mark.django_db


def test_a_disabled_person_is_signed_out_and_kept_out() -> None:
    admin, kim = make_user(Role.ADMIN), make_user(Role.OPERATOR, username="kim")
    browser = sign_in_browser(Client(), kim)
    assert browser.get("/jobs/").status_code == 200
    sign_in_browser(Client(), admin).post(f"/people/{kim.pk}/active/", {"active": "0"})
    assert browser.get("/jobs/").status_code == 302
    assert role_of(kim.pk) is None
    with pytest.raises(ConsoleError):
        sign_in(Actor.of_user(None), username="kim", password=PASSWORD)
    assert AuditEntry.objects.get(action="user.manage").details == {"active": False}


def test_who_is_enabled_again_has_what_they_had() -> None:
    admin, kim = actor_of(make_user(Role.ADMIN)), make_user(Role.OPERATOR)
    set_active(admin, kim.pk, is_active=False)
    set_active(admin, kim.pk, is_active=True)
    assert role_of(kim.pk) is Role.OPERATOR


def test_nobody_disables_themselves() -> None:
    admin = make_user(Role.ADMIN)
    make_user(Role.ADMIN)
    with pytest.raises(Conflict, match="yourself"):
        set_active(actor_of(admin), admin.pk, is_active=False)


def test_the_last_administrator_stays() -> None:
    admin = make_user(Role.ADMIN)
    with pytest.raises(Conflict, match="last administrator"):
        set_active(Actor.system(), admin.pk, is_active=False)
    assert role_of(admin.pk) is Role.ADMIN


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.DEVELOPER])
def test_it_is_for_those_who_manage_people(role: Role) -> None:
    with pytest.raises((Denied, Missing)):
        set_active(actor_of(make_user(role)), make_user(Role.VIEWER).pk, is_active=False)
