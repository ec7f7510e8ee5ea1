"""The section of logs: who sees which, and what was found."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from console.containers.models import Container
from console.logs import searching
from console.logs.queries import MOST_SOURCES, Choice, chosen, key_of, offered
from console.logs.searching import Found, Hit, Part
from console.operations.permissions import Role
from tests.factories.console import (
    actor_of,
    make_container,
    make_grant,
    make_host,
    make_user,
    make_workspace,
    sign_in_browser,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    make_host("local")
    make_container("web-1", labels={"tier": "front"})
    make_container("web-2", labels={"tier": "back"})
    return sign_in_browser(Client(), make_user(Role.VIEWER))


def sources(page: str) -> list[str]:
    return [part.split('"')[0] for part in page.split('data-name="')[1:]]


def test_nothing_is_read_before_something_was_chosen(browser: Client) -> None:
    page = browser.get("/logs/").content.decode()
    assert sources(page) == []
    assert "web-2" in page


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("c=local/web-2", ["web-2"]),
        ("c=local/web-2&c=local/web-1&c=local/web-2", ["web-2", "web-1"]),
        ("text=web&show=on", ["web-1", "web-2"]),
        ("label=tier=front&show=on", ["web-1"]),
        ("label=tier&show=on", ["web-1", "web-2"]),
        ("label=tier=none&show=on", []),
        # chosen, and not among those that the filter offers
        ("text=nothing&c=local/web-1", ["web-1"]),
        ("c=local/nothing&c=nonsense", []),
    ],
)
def test_containers_are_chosen_by_name_and_label(browser: Client, query: str, names: list[str]) -> None:
    assert sources(browser.get(f"/logs/?{query}").content.decode()) == names


def test_only_logs_that_may_be_read_are_offered() -> None:
    make_host("local")
    for name, slug in (("web-1", "shop"), ("secret-1", "depot")):
        make_container(name, workspace=make_workspace(slug))
    user = make_user(None)
    make_grant(user, Role.VIEWER, workspace=make_workspace("shop"))
    among = offered(actor_of(user), Choice())
    assert [one.name for one in among] == ["web-1"]
    assert chosen(actor_of(user), Choice(keys=["local/secret-1"]), among) == []


def test_not_more_than_a_socket_carries_are_shown(browser: Client) -> None:
    for n in range(MOST_SOURCES + 5):
        make_container(f"many-{n:02}")
    page = browser.get("/logs/?text=many&show=on").content.decode()
    assert len(sources(page)) == MOST_SOURCES
    assert "More containers match" in page


def test_many_containers_cost_few_queries(
    browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(60):
        make_container(f"many-{n:02}")
    browser.get("/logs/")
    with django_assert_max_num_queries(12):
        browser.get("/logs/?text=many&show=on")


def test_what_was_found_is_shown_harmlessly(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    hit = Hit(0, 2, (Part("\x1b[31m<b>"), Part("needle", is_hit=True), Part("\u202e!")))

    async def search(places: Any, _wanted: Any) -> list[Found]:
        asked.extend(places)
        return [Found(hits=[hit], scanned_bytes=10, bound="hits")]

    monkeypatch.setattr(searching, "search", search)
    page = browser.get("/logs/search/?c=local/web-1&query=needle").content.decode()
    assert "&lt;b&gt;<mark>needle</mark>!" in page
    assert "there may be more" in page
    assert asked == [("unix:///nowhere.sock", Container.objects.get(name="web-1").engine_id)]


def test_a_pattern_that_is_none_is_said_beside_the_field(browser: Client) -> None:
    answer = browser.get("/logs/search/?c=local/web-1&query=(&pattern=on")
    assert answer.status_code == 400
    assert "This is no pattern" in answer.content.decode()


def test_the_key_of_a_container_chooses_it() -> None:
    make_host("local")
    container = make_container("web-1")
    actor = actor_of(make_user(Role.VIEWER))
    assert chosen(actor, Choice(keys=[key_of(container)]), []) == [container]
