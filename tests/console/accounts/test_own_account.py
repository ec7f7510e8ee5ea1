"""Your account: password and sessions."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from console.accounts import limits, middleware
from console.accounts.models import BrowserSession, User
from console.accounts.operations import create_reset_link
from console.accounts.user_agents import name_of
from console.audit.models import AuditEntry
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from tests.factories.console import PASSWORD, actor_of, make_user, sign_in_browser

NEW = "another-landing-at-dusk"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
pytestmark = pytest.mark.django_db


def enter(password: str = PASSWORD, *, agent: str = FIREFOX) -> Client:
    client = Client(headers={"user-agent": agent})
    client.post("/sign-in/", {"username": "ada", "password": password})
    return client


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def change(client: Client, *, current: str = PASSWORD, new: str = NEW, again: str = NEW) -> int:
    return client.post("/account/password/", {"current": current, "new": new, "again": again}).status_code


def test_a_password_is_changed_and_ends_other_sessions(ada: User) -> None:
    here, there = enter(), enter()
    assert change(here) == 302
    assert is_in(here)
    assert not is_in(there)
    assert is_in(enter(NEW))
    assert not is_in(enter(PASSWORD))
    entry = AuditEntry.objects.get(action="password.change")
    assert (entry.outcome, entry.details["ended_sessions"]) == ("allowed", 1)
    assert BrowserSession.objects.filter(key=here.session.session_key).exists()


@pytest.mark.parametrize(
    ("typed", "status", "field"),
    [
        ({"current": "wrong"}, 403, "current"),
        ({"again": "else"}, 400, "again"),
        ({"new": "short", "again": "short"}, 400, "new"),
        ({"new": "1234567890123456", "again": "1234567890123456"}, 400, "new"),
        ({"new": "passwordpassword", "again": "passwordpassword"}, 302, ""),
    ],
)
def test_what_is_wrong_with_a_new_password_is_told_at_its_field(
    ada: User, typed: dict[str, str], status: int, field: str
) -> None:
    answer = enter().post("/account/password/", {"current": PASSWORD, "new": NEW, "again": NEW, **typed})
    assert answer.status_code == status
    if field:
        assert answer.context["form"].errors[field]


def test_the_present_password_is_not_guessed(ada: User) -> None:
    client = enter()
    for _ in range(limits.PER_ORIGIN):
        change(client, current="wrong")
    assert change(client) == 403
    assert not is_in(enter(NEW))


def test_who_has_no_password_chooses_one(ada: User) -> None:
    with writes_allowed("test"):
        ada.set_unusable_password()
        ada.save()
    client = sign_in_browser(Client(), ada)
    assert client.post("/account/password/", {"new": NEW, "again": NEW}).status_code == 302
    assert is_in(enter(NEW))
    assert AuditEntry.objects.get(action="password.set").outcome == "allowed"


def test_sessions_say_where_from_and_which_is_this(ada: User) -> None:
    here = enter()
    enter(agent="curl/8.0")
    shown = here.get("/account/").context["sessions"]
    assert [(one.browser, one.is_this, one.row.method) for one in shown] == [
        ("Firefox, Linux", True, "password"),
        ("curl", False, "password"),
    ]
    assert shown[0].row.address == "127.0.0.1"


def test_one_session_is_ended_at_once(ada: User) -> None:
    here, there = enter(), enter()
    theirs = BrowserSession.objects.get(key=there.session.session_key)
    here.post(f"/account/sessions/{theirs.pk}/end/")
    assert is_in(here)
    assert not is_in(there)
    assert AuditEntry.objects.get(action="session.revoke").outcome == "allowed"


def test_all_other_sessions_are_ended_also_those_without_a_row(ada: User) -> None:
    here, there, old = enter(), enter(), sign_in_browser(Client(), ada)
    bob = sign_in_browser(Client(), make_user())
    here.post("/account/sessions/end-others/")
    assert [is_in(client) for client in (here, there, old, bob)] == [True, False, False, True]
    assert AuditEntry.objects.get(action="session.revoke").details["ended"] == 2


def test_a_session_of_somebody_else_is_missing(ada: User) -> None:
    bob = sign_in_browser(Client(), make_user())
    bob.get("/")
    theirs = BrowserSession.objects.get()
    assert enter().post(f"/account/sessions/{theirs.pk}/end/").status_code == 404
    assert is_in(bob)


def test_a_session_begun_before_there_were_rows_gets_one(ada: User) -> None:
    client = sign_in_browser(Client(headers={"user-agent": FIREFOX}), ada)
    client.get("/")
    client.get("/")
    assert BrowserSession.objects.get().user_agent == FIREFOX


def test_where_a_session_was_seen_last_is_kept_up_to_date(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    client = enter()
    monkeypatch.setattr(middleware, "EVERY_S", 0)
    client.get("/", REMOTE_ADDR="198.51.100.3")
    row = BrowserSession.objects.get()
    assert (row.address, row.method) == ("198.51.100.3", "password")


def test_a_busy_session_ends_when_it_was_to(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    client = enter()
    ends = Session.objects.get().expire_date
    monkeypatch.setattr(middleware, "EVERY_S", 0)
    client.get("/")
    assert abs(Session.objects.get().expire_date - ends) < timedelta(seconds=1)
    assert ends - timezone.now() < timedelta(hours=12)


def test_a_session_whose_time_is_over_is_not_shown_and_its_row_goes(ada: User) -> None:
    enter()
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    here = sign_in_browser(Client(), ada)
    assert [shown.is_this for shown in here.get("/account/").context["sessions"]] == []
    enter()
    assert BrowserSession.objects.count() == 2


def test_leaving_ends_the_session_and_its_row(ada: User) -> None:
    client = enter()
    client.post("/sign-out/")
    assert not BrowserSession.objects.exists()
    assert not Session.objects.exists()


def test_a_session_that_was_there_before_signing_in_is_not_carried_over(ada: User) -> None:
    client = Client()
    session = client.session
    session["planted"] = True
    session.save()
    planted = session.session_key
    client.post("/sign-in/", {"username": "ada", "password": PASSWORD})
    assert client.session.session_key != planted
    assert not Session.objects.filter(pk=planted).exists()


def test_an_administrator_helps_somebody_back_in(ada: User, secret: str) -> None:
    admin, was = sign_in_browser(Client(), make_user(Role.ADMIN)), sign_in_browser(Client(), ada)
    page = admin.post(f"/people/{ada.pk}/help/", {"drops_factors": "on"})
    link = page.context["link"].removeprefix("http://testserver")
    assert Client().post(link, {"new": NEW, "again": NEW})["Location"] == "/sign-in/"
    assert not is_in(was)
    assert is_in(enter(NEW))
    assert Client().get(link).status_code == 404
    assert AuditEntry.objects.get(action="password.reset").details["drops_factors"] is True


def test_a_reset_link_leaves_factors_alone_unless_it_says_so(ada: User, secret: str) -> None:
    path = create_reset_link(actor_of(make_user(Role.ADMIN)), ada.pk, drops_factors=False)
    Client().post(path, {"new": NEW, "again": NEW})
    assert enter(NEW).get("/sign-in/second-factor/").status_code == 200


def test_a_newer_reset_link_voids_the_older(ada: User) -> None:
    admin = actor_of(make_user(Role.ADMIN))
    older, newer = (create_reset_link(admin, ada.pk, drops_factors=False) for _ in range(2))
    assert Client().get(older).status_code == 404
    assert Client().get(newer).status_code == 200


def test_only_who_manages_people_makes_reset_links(browser: Client, ada: User) -> None:
    assert browser.post(f"/people/{ada.pk}/help/").status_code == 403


def test_the_people_page_shows_who_has_a_second_factor(ada: User, secret: str) -> None:
    people = sign_in_browser(Client(), make_user(Role.ADMIN)).get("/people/").context["people"]
    assert {row["person"].user.username: row["person"].is_two_step for row in people}["ada"] is True
    assert sum(row["person"].is_two_step for row in people) == 1


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile Safari/604.1", "Safari, iOS"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("", "Unknown browser"),
        ("<script>", "Unknown browser"),
    ],
)
def test_a_browser_is_named(agent: str, name: str) -> None:
    assert name_of(agent) == name
