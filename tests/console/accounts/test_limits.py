"""Who guesses is stopped, and the owner is not: a known device and a session have a count of their own."""

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from console.accounts import limits
from console.accounts.limits import Kind, admit, network_of
from console.accounts.models import SignInAttempt, User
from console.operations.actor import Actor
from tests.factories.console import PASSWORD, make_user

pytestmark = pytest.mark.django_db


def stranger(address: str) -> Actor:
    return Actor.of_user(None, address=address)


def let_through(tries: int, *, addresses: int, start: datetime, over: timedelta) -> int:
    """How many of ``tries`` evenly spread guesses at one account have their password looked at."""
    refusals = [admit(stranger(f"192.0.2.{n % addresses}"), "ada", now=start + over * n / tries) for n in range(tries)]
    return refusals.count("")


@pytest.mark.parametrize("addresses", [1, 100])
def test_a_thousand_guesses_in_an_hour_get_thirty_tries(addresses: int) -> None:
    passed = let_through(1000, addresses=addresses, start=timezone.now(), over=timedelta(minutes=59))
    assert 0 < passed <= 30


def test_who_was_refused_may_come_back_though_others_went_on() -> None:
    start = timezone.now()
    let_through(200, addresses=100, start=start, over=timedelta(minutes=50))
    later = start + timedelta(minutes=50) + limits.ACCOUNT_WINDOW
    assert admit(stranger("198.51.100.7"), "ada", now=later) == ""


def guess(client: Client, times: int, *, address: str = "203.0.113.9") -> None:
    for _ in range(times):
        client.post("/sign-in/", {"username": "ada", "password": "wrong"}, REMOTE_ADDR=address)


def test_the_owner_comes_in_from_a_known_device_while_strangers_guess(ada: User) -> None:
    owner = Client()
    owner.post("/sign-in/", {"username": "ada", "password": PASSWORD})
    owner.post("/sign-out/")
    for number in range(8):
        guess(Client(), limits.PER_ACCOUNT_AND_ADDRESS, address=f"203.0.113.{number}")
    right = {"username": "ada", "password": PASSWORD}
    assert Client().post("/sign-in/", right, REMOTE_ADDR="198.51.100.1").status_code == 403
    assert owner.post("/sign-in/", right).status_code == 302


def test_the_owner_who_is_signed_in_confirms_while_strangers_guess(browser: Client) -> None:
    for number in range(8):
        guess(Client(), limits.PER_ACCOUNT_AND_ADDRESS, address=f"203.0.113.{number}")
    assert browser.post("/confirm/", {"password": PASSWORD}).status_code == 302


def test_a_known_device_may_not_guess_for_ever(ada: User) -> None:
    client = Client()
    client.post("/sign-in/", {"username": "ada", "password": PASSWORD})
    client.post("/sign-out/")
    guess(client, limits.PER_ORIGIN)
    assert client.post("/sign-in/", {"username": "ada", "password": PASSWORD}).status_code == 403


def test_a_device_known_to_one_is_a_stranger_to_another(ada: User) -> None:
    client, bob = Client(), make_user()
    client.post("/sign-in/", {"username": bob.username, "password": PASSWORD})
    client.post("/sign-out/")
    guess(client, 1)
    assert SignInAttempt.objects.get().origin == ""


@pytest.mark.parametrize("cookie", ["", "x", '[1,"abc"]:sig', "WzEsImEiXQ:1:x"])
def test_a_forged_device_is_none(ada: User, cookie: str, settings: pytest.FixtureRequest) -> None:
    client = Client()
    client.cookies[settings.DEVICE_COOKIE_NAME] = cookie  # type: ignore[attr-defined]
    guess(client, 1)
    assert SignInAttempt.objects.get().origin == ""


def test_codes_and_passwords_are_counted_apart() -> None:
    now, actor = timezone.now(), stranger("192.0.2.1")
    for _ in range(limits.PER_ACCOUNT_AND_ADDRESS):
        assert admit(actor, "ada", now=now) == ""
    assert admit(actor, "ada", now=now) != ""
    assert admit(actor, "ada", now=now, kind=Kind.CODE) == ""


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("not an address", "not an address"),
    ],
)
def test_an_address_counts_as_its_network(address: str, network: str) -> None:
    assert network_of(address) == network
