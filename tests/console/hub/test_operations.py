"""Keeping registries: their passwords are references, and who may use one need not be able to read it."""

from typing import Any

import pytest

from console.audit.models import AuditEntry
from console.hub.client import Client
from console.hub.facts import Given
from console.hub.models import Registry
from console.hub.operations import change_registry, check_registry, create_registry, remove_registry
from console.hub.queries import account_for, client_of, get_registry, registries_with
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Missing
from console.operations.permissions import Role
from console.outbound.client import Failed
from console.secrets.operations import remove_secret
from tests.factories.console import actor_of, make_grant, make_secret, make_user, make_workspace
from tests.factories.hub import make_registry

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(db: None) -> Actor:
    make_secret("quay-token", "canary-of-the-quay")
    return actor_of(make_user(Role.ADMIN))


def one_of(workspace: str, role: Role) -> Actor:
    user = make_user(None)
    make_grant(user, role, workspace=make_workspace(workspace))
    return actor_of(user)


def create(actor: Actor, **facts: Any) -> Registry:
    given = {"address": "registry.example", "username": "robot", "password": "secret:quay-token", **facts}
    return create_registry(actor, "main", name=given.pop("name", "quay"), given=Given(**given))


def test_a_registry_is_kept_without_its_password(admin: Actor) -> None:
    registry = create(admin)
    assert (registry.address, registry.password, registry.state) == (
        "registry.example",
        "secret:quay-token",
        "registry.untried",
    )
    assert "canary-of-the-quay" not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"address": "no address"}, "address"),
        ({"address": "shop"}, "address"),
        ({"address": "user@registry.example"}, "address"),
        ({"address": "registry.example/path"}, "address"),
        ({"name": "Not a slug"}, "name"),
        ({"password": "canary-itself"}, "password"),
        ({"password": "secret:nobody-knows-it"}, "password"),
        ({"password": ""}, "password"),
        ({"username": ""}, "username"),
        ({"username": "a:b"}, "username"),
        ({"ca_pem": "no certificate"}, "ca_pem"),
    ],
)
def test_what_is_wrong_is_named(admin: Actor, wrong: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        create(admin, **wrong)
    assert caught.value.field == field
    assert "canary-itself" not in str(caught.value)
    assert not Registry.objects.exists()


@pytest.mark.parametrize(
    ("typed", "means"),
    [("https://Registry.Example/", "registry.example"), ("index.docker.io", "docker.io"), ("localhost", "localhost")],
)
def test_an_address_is_kept_as_image_names_have_it(admin: Actor, typed: str, means: str) -> None:
    assert create(admin, address=typed).address == means


def test_an_address_is_there_once(admin: Actor) -> None:
    create(admin)
    with pytest.raises(Conflict, match="quay"):
        create(admin, name="other")
    with pytest.raises(Conflict):
        create(admin, address="other.example")


def test_the_workspace_s_rules_say_which_may_be(admin: Actor) -> None:
    make_workspace(registries=["docker.io"])
    with pytest.raises(Denied, match=r"registry\.example"):
        create(admin)
    create(admin, address="docker.io")


def test_who_may_not_use_secrets_cannot_keep_one_in_a_registry(admin: Actor) -> None:
    with pytest.raises(Denied):
        create(one_of("main", Role.DEVELOPER))


def test_a_change_forgets_how_it_was_tried(admin: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    create(admin)
    monkeypatch.setattr(Client, "check", lambda _self: None)
    assert check_registry(admin, "main", "quay").state == "registry.answers"
    changed = change_registry(admin, "main", "quay", given=Given("other.example"))
    assert (changed.state, changed.username, changed.password) == ("registry.untried", "", "")


def test_what_is_wrong_with_it_is_written_down(admin: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    create(admin)

    def refuse(_self: Client) -> None:
        raise Failed("It says no.")

    monkeypatch.setattr(Client, "check", refuse)
    tried = check_registry(admin, "main", "quay")
    assert (tried.state, tried.trouble) == ("registry.failing", "It says no.")


def test_its_password_is_opened_for_who_may_use_it(admin: Actor) -> None:
    registry = create(admin)
    assert client_of(one_of("main", Role.DEVELOPER), registry).password == "canary-of-the-quay"
    with pytest.raises(Denied):
        client_of(one_of("main", Role.VIEWER), registry)
    assert "canary-of-the-quay" not in repr(client_of(admin, registry))


def test_a_secret_that_a_registry_has_stays(admin: Actor) -> None:
    create(admin)
    with pytest.raises(Conflict, match="quay"):
        remove_secret(admin, "main", "quay-token")
    remove_registry(admin, "main", "quay")
    remove_secret(admin, "main", "quay-token")


def test_who_cannot_see_a_registry_learns_no_name_of_it(admin: Actor) -> None:
    registry = create(admin)
    secret = registry.workspace.secrets.get(name="quay-token")
    assert list(registries_with(one_of("other", Role.ADMIN), secret)) == ["?"]
    with pytest.raises(Missing):
        get_registry(one_of("other", Role.ADMIN), "main", "quay")


def test_a_job_signs_in_with_a_reference_where_its_person_may(admin: Actor) -> None:
    registry = create(admin)
    account = {"address": "registry.example", "username": "robot", "password": "secret:quay-token"}
    assert account_for(registry.workspace, "registry.example", actor=admin) == account
    assert account_for(registry.workspace, "registry.example", actor=one_of("main", Role.OPERATOR)) == {}
    assert account_for(make_workspace("other"), "registry.example", actor=admin) == {}
    make_registry("open", address="open.example")
    assert account_for(registry.workspace, "open.example", actor=admin) == {}
