"""Signing in at an OpenID provider: who may come in by it, and what a lying one gets."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.test import Client
from pytest_django import Settings

from console.access.queries import role_of
from console.accounts.models import Identity, User
from console.accounts.operations import create_invitation
from console.accounts.providers import Provider
from console.audit.models import AuditEntry
from console.operations.actor import Actor
from console.operations.permissions import Role
from tests.factories.console import make_user, sign_in_browser
from tests.fakes.oidc_provider import CLIENT_ID, SECRET, OidcProvider

pytestmark = pytest.mark.django_db
LEAVE = "/sign-in/with/sso/"


@pytest.fixture(scope="module")
def running() -> Iterator[OidcProvider]:
    with OidcProvider() as provider:
        yield provider


@pytest.fixture
def idp(running: OidcProvider, settings: Settings) -> OidcProvider:
    running.claims = {"sub": "ada-1", "preferred_username": "ada", "email": "ada@example.org"}
    running.lies = {}
    configure(settings, Provider("sso", "Harbour", running.issuer, CLIENT_ID, SECRET))
    return running


def configure(settings: Settings, provider: Provider) -> None:
    settings.NARU_OIDC = (provider,)
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [provider.as_app()]}}


def link(user: User, idp: OidcProvider) -> Client:
    client = sign_in_browser(Client(), user)
    client.get(idp.answer(client.get(f"{LEAVE}?process=link")["Location"]))
    return client


def come(idp: OidcProvider, query: str = "", client: Client | None = None) -> Client:
    client = client or Client()
    client.get(idp.answer(client.get(LEAVE + query)["Location"]))
    return client


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def test_who_is_linked_comes_in_and_is_led_on(idp: OidcProvider, ada: User) -> None:
    link(ada, idp)
    client = Client()
    answer = client.get(idp.answer(client.get(f"{LEAVE}?next=/jobs/")["Location"]))
    assert (answer.status_code, answer["Location"]) == (302, "/jobs/")
    assert client.get("/").context["user"] == ada
    entry = AuditEntry.objects.get(action="sign-in")
    assert (entry.outcome, entry.target_name, entry.details["method"]) == ("allowed", "ada", "provider:sso")
    assert AuditEntry.objects.get(action="identity.add").outcome == "allowed"


def test_a_stranger_needs_an_invitation(idp: OidcProvider) -> None:
    client = come(idp)
    assert not is_in(client)
    assert "Ask an administrator for an invitation" in client.get("/sign-in/").content.decode()
    assert not User.objects.exists()
    assert AuditEntry.objects.get(action="sign-in").outcome == "refused"


def test_a_stranger_of_the_same_name_or_address_is_not_taken_for_the_person(idp: OidcProvider, ada: User) -> None:
    idp.claims = {"sub": "mallory", "preferred_username": "ada", "email": ada.email or "ada@example.org"}
    assert not is_in(come(idp))


def test_an_invitation_makes_the_person_without_a_password(idp: OidcProvider, ada: User) -> None:
    issued = create_invitation(Actor.system(), Role.OPERATOR)
    page = Client().get(issued.path).content.decode()
    assert "Harbour" in page
    client = come(idp, f"?process=join&invitation={issued.token}")
    user = client.get("/").context["user"]
    # the name it has there is taken here
    assert (user.username, role_of(user.pk), user.has_usable_password()) == ("ada-2", Role.OPERATOR, False)
    assert Client().get(issued.path).status_code == 404
    assert is_in(come(idp))


def test_a_used_invitation_makes_nobody(idp: OidcProvider) -> None:
    assert not is_in(come(idp, "?process=join&invitation=unknown"))
    assert not User.objects.exists()


def test_a_configured_role_is_what_strangers_become(idp: OidcProvider, settings: Settings) -> None:
    configure(settings, replace(settings.NARU_OIDC[0], role=Role.VIEWER))
    idp.claims = {"sub": "7", "preferred_username": "Grace Hopper <x>"}
    client = come(idp)
    user = client.get("/").context["user"]
    assert (user.username, role_of(user.pk)) == ("GraceHopperx", Role.VIEWER)


def test_an_identity_belongs_to_one_person(idp: OidcProvider, ada: User) -> None:
    link(ada, idp)
    bob = make_user()
    assert "linked to an account already" in link(bob, idp).get("/account/").content.decode()
    assert Identity.objects.get().user == ada


def test_the_second_factor_is_asked_for_all_the_same(idp: OidcProvider, ada: User, secret: str) -> None:
    link(ada, idp)
    client = Client()
    answer = client.get(idp.answer(client.get(LEAVE)["Location"]))
    assert answer["Location"] == "/sign-in/second-factor/"
    assert not is_in(client)


@pytest.mark.parametrize(
    "lies",
    [
        {"key": True},
        {"token": {"iss": "https://elsewhere.example"}},
        {"token": {"aud": "another-client"}},
        {"token": {"exp": 1}},
        {"token": {"sub": "bob-1"}},
        {"userinfo": {"sub": "bob-1"}},
    ],
    ids=[
        "signature",
        "issuer",
        "audience",
        "expired",
        "other subject in the token",
        "other subject in the information",
    ],
)
def test_a_lying_provider_signs_nobody_in(idp: OidcProvider, ada: User, lies: dict[str, object]) -> None:
    link(ada, idp)
    idp.lies = lies
    client = come(idp)
    assert not is_in(client)
    assert "Harbour did not sign you in" in client.get("/sign-in/").content.decode()
    assert AuditEntry.objects.get(action="sign-in").outcome == "refused"


def test_a_provider_that_calls_itself_otherwise_is_not_gone_to(idp: OidcProvider) -> None:
    idp.lies = {"issuer": "https://elsewhere.example"}
    client = Client()
    assert client.get(LEAVE)["Location"] == "/sign-in/"
    assert AuditEntry.objects.get(action="sign-in").outcome == "refused"


def test_an_answer_is_of_use_in_the_browser_that_asked_and_once(idp: OidcProvider, ada: User) -> None:
    link(ada, idp)
    client, thief = Client(), Client()
    back = idp.answer(client.get(LEAVE)["Location"])
    thief.get(back)
    assert not is_in(thief)
    client.get(back)
    assert is_in(client)
    again = Client()
    again.cookies = client.cookies
    again.post("/sign-out/")
    again.get(back)
    assert not is_in(again)


@pytest.mark.parametrize(
    "query", ["?error=access_denied&state={}", "?state={}", "?code=x", "?code=x&state=unknown", ""]
)
def test_a_broken_answer_leads_back_to_the_sign_in_page(idp: OidcProvider, query: str) -> None:
    client = Client()
    idp.answer(client.get(LEAVE)["Location"])
    answer = client.get(f"{LEAVE}callback/" + query.format(idp.asked["state"]))
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/")


def test_a_provider_that_does_not_answer_is_told(settings: Settings) -> None:
    configure(settings, Provider("sso", "Harbour", "http://127.0.0.1:9", CLIENT_ID, SECRET))
    answer = Client().get(LEAVE)
    assert answer.status_code == 503
    assert "Harbour does not answer" in answer.content.decode()


def test_a_provider_nobody_configured_is_missing() -> None:
    assert Client().get("/sign-in/with/other/").status_code == 404
    assert Client().get("/sign-in/with/other/callback/").status_code == 404


def test_signing_in_there_again_confirms(idp: OidcProvider, ada: User) -> None:
    link(ada, idp)
    client = sign_in_browser(Client(), ada, is_confirmed=False)
    back = idp.answer(client.get(f"{LEAVE}?process=confirm&next=/account/app/")["Location"])
    assert (idp.asked["prompt"], idp.asked["max_age"]) == ("login", "0")
    assert client.get(back)["Location"] == "/account/app/"
    assert client.get("/account/app/").status_code == 200


def test_signing_in_there_as_somebody_else_confirms_nothing(idp: OidcProvider, ada: User) -> None:
    link(ada, idp)
    client = sign_in_browser(Client(), ada, is_confirmed=False)
    idp.claims = {"sub": "mallory"}
    assert come(idp, "?process=confirm", client).get("/account/app/").status_code == 403


def test_linking_asks_for_a_proof_first(idp: OidcProvider, ada: User) -> None:
    client = sign_in_browser(Client(), ada, is_confirmed=False)
    assert client.get(f"{LEAVE}?process=link").status_code == 403


def test_the_last_way_in_stays(idp: OidcProvider) -> None:
    issued = create_invitation(Actor.system(), Role.VIEWER)
    client = come(idp, f"?process=join&invitation={issued.token}")
    identity = Identity.objects.get()
    assert client.post(f"/account/identities/{identity.pk}/unlink/").status_code == 409
    new = {"new": "another-landing-at-dusk", "again": "another-landing-at-dusk"}
    client.post("/account/password/", new)
    assert client.post(f"/account/identities/{identity.pk}/unlink/").status_code == 302
    assert not is_in(come(idp))


def test_the_secret_is_shown_nowhere(idp: OidcProvider, settings: Settings) -> None:
    assert SECRET not in repr(settings.NARU_OIDC)
    assert SECRET not in Client().get(LEAVE)["Location"]
