"""How the console looks is the person's choice, kept by the server and drawn by it."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from console.accounts.models import User
from console.operations.permissions import Role
from tests.factories.console import make_container, make_user, sign_in_browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(db: None) -> User:
    return make_user(Role.ADMIN)


@pytest.fixture
def browser(client: Client, user: User) -> Client:
    return sign_in_browser(client, user)


def text_of(browser: Client, address: str) -> str:
    return str(browser.get(address).content.decode())


def test_what_is_chosen_holds_in_another_browser(browser: Client, user: User) -> None:
    given = {"theme": "dark", "language": "ko", "density": "compact", "time_zone": "Asia/Seoul"}
    assert browser.post("/account/settings/", given).status_code == 302
    text = text_of(sign_in_browser(Client(), user), "/account/settings/")
    assert all(word in text for word in ('lang="ko"', 'data-bs-theme="dark"', 'data-density="compact"', "Asia/Seoul"))
    assert "data-follows-system" not in text


def test_without_a_choice_the_theme_follows_the_system(browser: Client) -> None:
    assert "data-follows-system" in text_of(browser, "/")
    # looked at before anything is drawn: the script that does it comes before the styles
    head = text_of(Client(), "/sign-in/")
    assert head.index("early.js") < head.index("tabler.css")


def test_times_are_told_in_the_persons_zone(browser: Client) -> None:
    make_container("web", created_at=datetime(2026, 1, 2, 20, 30, tzinfo=UTC))
    assert "2026-01-02 20:30:00 UTC" in text_of(browser, "/containers/")
    browser.post("/account/settings/", {"theme": "system", "time_zone": "Asia/Seoul"})
    assert "2026-01-03 05:30:00 KST" in text_of(browser, "/containers/")


def test_the_buttons_of_every_page_change_the_same_settings(browser: Client, user: User) -> None:
    assert browser.post("/account/theme/", {"theme": "dark"}).status_code == 204
    assert browser.post("/account/language/", {"language": "ko", "next": "/jobs/"})["Location"] == "/jobs/"
    user.refresh_from_db()
    assert (user.theme, user.language) == ("dark", "ko")
    # for the pages before one is signed in, too
    assert browser.cookies["naru_theme"].value == "dark"
    elsewhere = browser.post("/account/language/", {"language": "en", "next": "https://elsewhere.example/"})
    assert elsewhere.status_code == 204


@pytest.mark.parametrize(
    "given", [{"theme": "purple"}, {"language": "xx"}, {"density": "huge"}, {"time_zone": "Mars/Olympus"}]
)
def test_what_nobody_offered_is_refused(browser: Client, user: User, given: dict[str, str]) -> None:
    assert browser.post("/account/settings/", {"theme": "system", **given}).status_code == 400
    user.refresh_from_db()
    assert (user.theme, user.time_zone) == ("", "")


def test_columns_that_are_hidden_come_hidden(browser: Client) -> None:
    make_container("web")
    shown = text_of(browser, "/containers/")
    assert ' data-col="ports">' in shown
    given = {"table": "containers:list", "hidden": ["ports", "image"]}
    assert browser.post("/account/columns/", given).status_code == 204
    hidden = text_of(browser, "/containers/")
    assert hidden.count('data-col="ports" hidden') == 2
    assert hidden.count('data-col="image" hidden') == 2
    assert "2 columns of your tables are hidden" in text_of(browser, "/account/settings/")
    browser.post("/account/columns/")
    assert 'data-col="ports" hidden' not in text_of(browser, "/containers/")
