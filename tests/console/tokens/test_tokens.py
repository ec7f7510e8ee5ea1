"""Making, narrowing, ending and watching API tokens."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from console.access.models import Grant
from console.access.queries import held_by
from console.accounts import limits
from console.accounts.models import User
from console.accounts.operations import set_active
from console.audit.models import AuditEntry
from console.operations.actor import Actor
from console.operations.errors import Conflict, Invalid, Missing, Unconfirmed
from console.operations.governed import writes_allowed
from console.operations.permissions import NEVER_BY_TOKEN, READ_ONLY, OpenAction, Permission, Role
from console.operations.policy import NOWHERE, Place, may
from console.project.logging import hide_links
from console.rest.errors import TooMany, Unauthorised
from console.tokens.bearer import TokenBearers
from console.tokens.models import ApiToken
from console.tokens.operations import make_token, revoke_token, revoke_token_of
from tests.factories.console import (
    actor_of,
    bearer,
    make_api_token,
    make_container,
    make_grant,
    make_host,
    make_job,
    make_user,
    make_workspace,
    sign_in_browser,
    token_of,
)

pytestmark = pytest.mark.django_db
Scope = ApiToken.Scope
HERE = "192.0.2.7"


def acting(text: str, *, address: str = HERE, is_reading: bool = False) -> Actor:
    """Who asks by that token."""
    return TokenBearers().actor_of(text, address=address, is_reading=is_reading)


def get(text: str, path: str = "me", **more: Any) -> Any:
    return Client().get(f"/api/v1/{path}", headers=bearer(text), **more)


def rows(action: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action=action).order_by("seq"))


# --- making ---


def test_a_token_is_shown_once_and_stored_as_a_hash() -> None:
    client = sign_in_browser(Client(), make_user(Role.OPERATOR))
    page = client.post("/account/tokens/", {"name": "ci", "scope": "write", "days": "7"})
    text = page.context["issued"].text
    assert text in page.content.decode()
    assert page["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    assert text not in client.get("/account/tokens/").content.decode()
    stored = "\n".join(str(row) for model in apps.get_models() for row in model._default_manager.values())
    assert token_of(text).prefix in stored
    assert text.split("_", 2)[2] not in stored
    assert get(text).json()["token"] == str(token_of(text))


def test_making_one_asks_for_a_proof() -> None:
    user = make_user(Role.ADMIN)
    with pytest.raises(Unconfirmed):
        make_token(Actor.of_user(user), name="ci", scope=Scope.READ)
    client = sign_in_browser(Client(), user, is_confirmed=False)
    page = client.post("/account/tokens/", {"name": "ci", "scope": "read", "days": "7"})
    assert b'name="password"' in page.content
    assert not ApiToken.objects.exists()


def test_it_lasts_as_long_as_the_settings_say(settings: Settings) -> None:
    me = actor_of(make_user())
    days = (make_token(me, name="usual", scope=Scope.READ).token.expires_at - timezone.now()).days
    assert days in (89, 90)
    with pytest.raises(Invalid, match="365") as error:
        make_token(me, name="long", scope=Scope.READ, days=366)
    assert error.value.field == "days"
    settings.NARU_TOKEN_MOST_DAYS = 10
    assert (make_token(me, name="short", scope=Scope.READ).token.expires_at - timezone.now()).days < 10
    offered = sign_in_browser(Client(), make_user()).get("/account/tokens/").context["form"].fields["days"].choices
    assert max(value for value, _label in offered) == 10


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"days": 0}, "days"),
        ({"workspace": "nothing-here"}, "workspace"),
        ({"permissions": [Permission.CONTAINER_START]}, "permissions"),
        ({"scope": Scope.WRITE, "permissions": [Permission.USER_MANAGE]}, "permissions"),
    ],
)
def test_what_a_token_cannot_be_is_refused_by_name(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as error:
        make_token(actor_of(make_user()), **{"name": "ci", "scope": Scope.READ, **wrong})
    assert error.value.field == field


def test_nobody_makes_a_token_for_what_they_do_not_hold() -> None:
    user, shop = make_user(None), make_workspace("shop")
    make_grant(user, Role.OPERATOR, workspace=shop)
    make_grant(user, Role.VIEWER, workspace=make_workspace("depot"))
    wanted: dict[str, Any] = {"name": "ci", "scope": Scope.WRITE, "permissions": [Permission.CONTAINER_STOP]}
    assert make_token(actor_of(user), **wanted, workspace="shop").token.workspace == shop
    with pytest.raises(Invalid, match=r"container\.stop"):
        make_token(actor_of(user), **wanted, workspace="depot")


def test_there_is_an_end_to_how_many_and_to_how_long_ended_ones_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.tokens.operations.MOST_ACTIVE", 2)
    user = make_user()
    old = make_api_token(user, expires_at=timezone.now() - timedelta(days=31))
    make_api_token(user)
    make_token(actor_of(user), name="second", scope=Scope.READ)
    with pytest.raises(Conflict):
        make_token(actor_of(user), name="third", scope=Scope.READ)
    assert not ApiToken.objects.filter(prefix=old.split("_")[1]).exists()


# --- what it can do ---


def allowed(actor: Actor) -> set[Permission]:
    return {permission for permission in Permission if may(actor, permission)}


def test_a_token_changes_no_account() -> None:
    actor = acting(make_api_token(make_user(), is_confirmed=True))
    assert {action for action in OpenAction if may(actor, action)} == {OpenAction.TOKEN_USE}


def test_a_token_holds_no_more_than_its_scope() -> None:
    user = make_user()
    assert allowed(acting(make_api_token(user))) == set(Permission) - NEVER_BY_TOKEN
    assert allowed(acting(make_api_token(user, scope=Scope.READ))) == READ_ONLY
    only = make_api_token(user, permissions=["container.stop", "gone.since"])
    assert allowed(acting(only)) == {Permission.CONTAINER_STOP}
    assert allowed(acting(make_api_token(user, permissions=["gone.since"]))) == set()


def test_a_token_never_does_more_than_its_person_now() -> None:
    user = make_user(None)
    grant = make_grant(user, Role.OPERATOR)
    text = make_api_token(user)
    assert may(acting(text), Permission.CONTAINER_STOP)
    with writes_allowed("test"):
        Grant.objects.filter(pk=grant.pk).update(role=Role.VIEWER)
    assert not may(acting(text), Permission.CONTAINER_STOP)
    with writes_allowed("test"):
        Grant.objects.filter(pk=grant.pk).update(until=timezone.now())
    assert held_by(acting(text)).over(NOWHERE) == frozenset()


def test_a_token_for_one_workspace_sees_nothing_else() -> None:
    user, shop, depot = make_user(), make_workspace("shop"), make_workspace("depot", hosts=["b1"])
    make_host("b1")
    make_container("web", workspace=shop, labels={"tier": "web"})
    make_container("store", workspace=depot, host=make_host("b1"))
    make_job(user=user, workspace=shop)
    text = make_api_token(user, workspace=depot)

    def names(path: str, key: str) -> list[str]:
        return [item[key] for item in get(text, path).json()["items"]]

    assert names("containers", "name") == ["store"]
    assert names("workspaces", "slug") == ["depot"]
    assert names("hosts", "name") == ["b1"]
    assert names("jobs", "number") == []
    assert get(text, "people").status_code == 403
    assert get(text, "containers/local/web").status_code == 404


@pytest.mark.parametrize("kind", ["host", "label"])
def test_of_a_wider_grant_only_what_lies_in_the_workspace_is_left(kind: str) -> None:
    user, shop, depot = make_user(None), make_workspace("shop"), make_workspace("depot")
    host = make_host("local")
    make_grant(user, Role.OPERATOR, **({"host": host} if kind == "host" else {"label": ("tier", "web")}))
    here = make_container("here", workspace=shop, labels={"tier": "web"})
    there = make_container("there", workspace=depot, labels={"tier": "web"})
    actor = acting(make_api_token(user, workspace=shop))
    assert may(actor, Permission.CONTAINER_STOP, on=here)
    assert not may(actor, Permission.CONTAINER_STOP, on=there)
    assert held_by(actor).over(Place(depot.pk, host.pk, {"tier": "web"})) == frozenset()
    text = make_api_token(user, workspace=shop)
    assert [item["name"] for item in get(text, "containers").json()["items"]] == ["here"]


def test_a_token_gives_no_more_than_it_holds() -> None:
    """Granting goes as far as the token, not as far as its person."""
    kim = make_user(None, username="kim")
    text = make_api_token(make_user(), is_confirmed=True, permissions=["grant.manage", "grant.view", "workspace.view"])
    wanted = {"user": kim.username, "role": "operator", "scope": "everything"}
    answer = Client().post("/api/v1/grants", wanted, content_type="application/json", headers=bearer(text))
    assert (answer.status_code, answer.json()["error"]) == (403, "denied")
    assert "Nobody gives what they do not hold" in answer.json()["detail"]


def test_what_asks_for_a_proof_takes_a_token_made_for_it() -> None:
    user = make_user()
    plain, confirmed = make_api_token(user), make_api_token(user, is_confirmed=True)
    wanted = {"slug": "night-shift"}
    found = [
        Client().post("/api/v1/teams", wanted, content_type="application/json", headers=bearer(text))
        for text in (plain, confirmed)
    ]
    assert [answer.status_code for answer in found] == [403, 201]
    assert found[0].json()["error"] == "unconfirmed"


def test_a_token_for_reading_changes_nothing_whatever_is_asked() -> None:
    text = make_api_token(make_user(), scope=Scope.READ)
    answer = Client().post("/api/v1/audit/integrity/check", headers=bearer(text))
    assert (answer.status_code, answer.json()["detail"]) == (403, "This token is for reading.")


# --- its end ---


def test_a_revoked_token_does_nothing_from_the_next_request_on() -> None:
    user = make_user()
    text = make_api_token(user)
    assert get(text).status_code == 200
    revoke_token(actor_of(user), token_of(text).pk)
    answer = get(text)
    assert (answer.status_code, answer.json()["detail"]) == (401, "This token was revoked.")
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]
    with pytest.raises(Conflict):
        revoke_token(actor_of(user), token_of(text).pk)


def test_an_administrator_revokes_the_tokens_of_others_and_nobody_else_does() -> None:
    kim, admin = make_user(Role.OPERATOR), make_user()
    text = make_api_token(kim)
    pk = token_of(text).pk
    with pytest.raises(Missing):
        revoke_token(actor_of(make_user(Role.OPERATOR)), pk)
    with pytest.raises(Missing):
        revoke_token_of(actor_of(make_user(Role.OPERATOR)), kim.pk, pk)
    client = sign_in_browser(Client(), admin)
    assert text[:17] in client.get(f"/people/{kim.pk}/tokens/").content.decode()
    client.post(f"/people/{kim.pk}/tokens/{pk}/revoke/")
    assert get(text).status_code == 401
    assert rows("user.manage")[-1].details == {"person": kim.username, "revoked": True}


def test_a_token_of_the_disabled_does_nothing_until_they_are_let_in_again() -> None:
    kim, admin = make_user(Role.OPERATOR), actor_of(make_user())
    text = make_api_token(kim)
    set_active(admin, kim.pk, is_active=False)
    answer = get(text)
    assert (answer.status_code, answer.json()["detail"]) == (401, "This token is not valid.")
    set_active(admin, kim.pk, is_active=True)
    assert get(text).status_code == 200


def test_a_token_expires() -> None:
    answer = get(make_api_token(make_user(), expires_at=timezone.now()))
    assert (answer.status_code, answer.json()["detail"]) == (401, "This token has expired.")


def test_a_token_goes_with_its_workspace() -> None:
    text = make_api_token(make_user(), workspace=make_workspace("depot"))
    client = sign_in_browser(Client(), make_user())
    client.post("/workspaces/depot/delete/")
    assert get(text).status_code == 401
    assert not ApiToken.objects.exists()


# --- what is on record ---


def test_what_is_changed_by_a_token_says_by_which() -> None:
    text = make_api_token(make_user())
    Client().post("/api/v1/workspaces", {"slug": "depot"}, content_type="application/json", headers=bearer(text))
    entry = rows("workspace.manage")[-1]
    assert entry.outcome == "allowed"
    assert entry.details["token"] == str(token_of(text))


def test_what_is_refused_to_a_token_is_on_record_once() -> None:
    text = make_api_token(make_user(Role.VIEWER), scope=Scope.READ)
    get(text)
    before = AuditEntry.objects.count()
    assert get(text, "people").status_code == 403
    Client().delete("/api/v1/workspaces/main", headers=bearer(text))
    found = list(AuditEntry.objects.order_by("seq"))[before:]
    assert [(entry.action, entry.outcome) for entry in found] == [("token.use", "refused")] * 2
    assert [entry.details["asked"] for entry in found] == ["GET /api/v1/people", "DELETE /api/v1/workspaces/main"]
    writing = make_api_token(make_user(Role.VIEWER))
    Client().delete("/api/v1/workspaces/main", headers=bearer(writing))
    assert [entry.action for entry in list(AuditEntry.objects.order_by("seq"))[before + 2 :]] == ["workspace.manage"]


def test_readings_of_an_hour_are_folded_into_one_row_for_each_network() -> None:
    text = make_api_token(make_user())
    for address in (HERE, HERE, "192.0.2.8", "2001:db8::1", "2001:db8::2"):
        assert get(text, REMOTE_ADDR=address).status_code == 200
    assert [entry.address for entry in rows("token.use")] == [HERE, "192.0.2.8", "2001:db8::1"]
    with writes_allowed("test"):
        token = token_of(text)
        token.readings = {name: at - 3601 for name, at in token.readings.items()}
        token.save()
    get(text, REMOTE_ADDR=HERE)
    assert len(rows("token.use")) == 4
    assert list(token_of(text).readings) == [HERE]


def test_when_and_from_where_it_was_last_used_is_written_once_a_minute() -> None:
    text = make_api_token(make_user())
    get(text, REMOTE_ADDR=HERE)
    first = token_of(text)
    assert first.last_used_from == HERE
    get(text, REMOTE_ADDR="192.0.2.8")
    assert token_of(text).last_used_at == first.last_used_at
    with writes_allowed("test"):
        ApiToken.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    get(text, REMOTE_ADDR="192.0.2.8")
    assert token_of(text).last_used_from == "192.0.2.8"


# --- bad tokens ---


def test_a_bad_token_is_on_record_and_says_nothing() -> None:
    text = make_api_token(make_user())
    guessed = text[:-4] + ("AAAA" if not text.endswith("AAAA") else "BBBB")
    for wrong in (guessed, "naru_", "x" * 5000, "naru_000000000000_" + "x" * 43):
        answer = get(wrong)
        assert (answer.status_code, answer.json()["detail"]) == (401, "This token is not valid.")
    found = rows("token.use")
    assert [entry.outcome for entry in found] == ["refused"] * 4
    assert found[0].details == {"shown": text[:17]}
    assert not [entry for entry in found if text.split("_", 2)[2][:-4] in str(vars(entry))]


def test_a_session_does_not_stand_in_for_a_bad_token() -> None:
    client = sign_in_browser(Client(), make_user())
    assert client.get("/api/v1/me").status_code == 200
    assert client.get("/api/v1/me", headers=bearer("naru_nonsense")).status_code == 401


def test_bad_tokens_are_bounded_by_address_and_good_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOKENS", (limits.Bound(("kind", "address", "origin"), 2, limits.WINDOW),))
    good = make_api_token(make_user())
    for wanted in (401, 401, 429, 429, 429):
        answer = get("naru_nonsense", REMOTE_ADDR=HERE)
        assert answer.status_code == wanted
    assert answer["Retry-After"] == "900"
    assert len(rows("token.use")) == 3
    assert get("naru_nonsense", REMOTE_ADDR="192.0.2.8").status_code == 401
    assert get(good, REMOTE_ADDR=HERE).status_code == 200
    with pytest.raises(TooMany):
        acting("nonsense")
    assert limits.admit(Actor.of_user(None, address=HERE), "kim", now=timezone.now()) == ""


@pytest.mark.parametrize("where", ["?token={}", "?access_token={}", "/{}", "?cursor={}"])
def test_a_token_in_an_address_is_refused_as_one_that_is_not_secret_any_more(where: str) -> None:
    text = make_api_token(make_user())
    answer = sign_in_browser(Client(), make_user()).get("/api/v1/containers" + where.format(text))
    assert answer.status_code == 400
    assert "revoke it" in answer.json()["detail"]
    assert token_of(text).last_used_at is None


def test_a_page_takes_no_token() -> None:
    text = make_api_token(make_user())
    answer = Client().get("/containers/", headers=bearer(text))
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/?next=/containers/")


def test_a_log_line_hides_a_token() -> None:
    text = make_api_token(make_user())
    event = hide_links(None, "", {"event": f"GET /api/v1/me?token={text}&x=1"})
    assert event["event"] == f"GET /api/v1/me?token={text[:18]}…&x=1"


def test_a_token_goes_with_its_person() -> None:
    user = make_user(Role.OPERATOR)
    text = make_api_token(user)
    with writes_allowed("test"):
        User.objects.get(pk=user.pk).delete()
    with pytest.raises(Unauthorised):
        acting(text)
