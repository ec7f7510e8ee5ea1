"""The pages of sessions, without a program."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from console.accounts.models import User
from console.operations.permissions import Role
from console.terminals.models import Terminal, TerminalRules
from console.web.tables import PAGE_ROWS
from tests.factories.console import make_container, make_terminal, make_user, make_workspace, sign_in_browser

HOSTILE = '"><script>alert(1)</script>'


def browser_of(role: Role) -> Client:
    return sign_in_browser(Client(), make_user(role, username=f"{role}-of-pages"))


def test_a_list_of_many_sessions_asks_the_database_a_few_times(
    db: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = browser_of(Role.ADMIN)
    container, kim = make_container("web-1"), make_user(Role.DEVELOPER, username="kim")
    for number in range(60):
        make_terminal(kim, container, is_recorded=number % 2 == 0)
    client.get("/sessions/")
    with django_assert_max_num_queries(12):
        page = client.get("/sessions/").content.decode()
    assert page.count('id="t-') == PAGE_ROWS


@pytest.mark.parametrize("address", ["/sessions/", "/sessions/{}/", "/containers/local/web-1/terminal/"])
def test_what_is_foreign_is_shown_and_never_run(db: None, address: str) -> None:
    client = browser_of(Role.DEVELOPER)
    person = make_user(None, username=HOSTILE)
    container = make_container("web-1", image=HOSTILE)
    terminal = make_terminal(person, container, command=[HOSTILE], error=HOSTILE, container_name=HOSTILE)
    page = client.get(address.format(terminal.pk)).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_a_page_offers_ones_own_sessions_in_the_container_and_no_others(db: None) -> None:
    client = browser_of(Role.DEVELOPER)
    container = make_container("web-1")
    person = make_user(Role.DEVELOPER)
    own = make_terminal(User.objects.get(username="developer-of-pages"), container)
    others = make_terminal(person, container)
    page = client.get("/containers/local/web-1/terminal/").content.decode()
    assert own.key in page
    assert others.key not in page


def test_opening_answers_with_what_the_socket_is_called(db: None) -> None:
    client = browser_of(Role.DEVELOPER)
    make_container("web-1")
    answer = client.post("/containers/local/web-1/terminal/open", {"command": "ls -l"})
    terminal = Terminal.objects.get()
    assert (answer.status_code, answer.json()["key"]) == (201, terminal.key)
    assert (terminal.command, terminal.records) == (["ls", "-l"], "output")


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"command": "'open"}, "command"), ({"user": "a b"}, "user"), ({"working_dir": "tmp"}, "working_dir")],
)
def test_what_is_malformed_is_named(db: None, fields: dict[str, str], field: str) -> None:
    client = browser_of(Role.DEVELOPER)
    make_container("web-1")
    headers = {"accept": "application/json"}
    answer = client.post("/containers/local/web-1/terminal/open", fields, headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert not Terminal.objects.exists()


def test_none_is_opened_in_a_container_that_does_not_run(db: None) -> None:
    client = browser_of(Role.DEVELOPER)
    make_container("web-1", state="exited")
    assert client.post("/containers/local/web-1/terminal/open", {}).status_code == 409


def test_an_administrator_changes_the_rules(db: None) -> None:
    client = browser_of(Role.ADMIN)
    workspace = make_workspace("shop")
    fields = {"records": "both", "idle_minutes": 5, "most_per_person": 1, "most_open": 2, "keep_days": 3}
    assert client.post("/workspaces/shop/terminals/", fields).status_code == 302
    rules = TerminalRules.objects.get(workspace=workspace)
    assert {name: getattr(rules, name) for name in TerminalRules.CHOSEN} == fields


def test_a_session_that_may_not_be_played_says_so(db: None) -> None:
    client = browser_of(Role.DEVELOPER)
    terminal = make_terminal(make_user(Role.DEVELOPER), make_container("web-1"), is_recorded=True)
    page = client.get(f"/sessions/{terminal.pk}/").content.decode()
    assert "terminal.replay" in page
    assert "naru-player" not in page
