"""What is true of every page, whatever it shows."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.utils import timezone

from console.operations.permissions import Role
from tests.console.pages.conftest import SignedIn
from tests.console.schedules.conftest import make_schedule
from tests.factories.console import (
    make_container,
    make_custom_role,
    make_grant,
    make_host,
    make_image,
    make_job,
    make_secret,
    make_team,
    make_terminal,
    make_user,
)
from tests.factories.hub import make_quarantined, make_registry
from tests.factories.notifications import make_channel, make_delivery, make_rule, make_silence
from tests.factories.timeline import make_capsule, make_change
from tests.factories.wires import make_backup, make_listing, make_network, make_volume, member, user

PAGES = [
    "/",
    "/containers/",
    "/containers/run/",
    "/containers/local/web-1/",
    "/containers/local/web-1/logs/",
    "/containers/local/web-1/health/",
    "/containers/local/web-1/config/",
    "/containers/local/web-1/network/",
    "/containers/local/web-1/storage/",
    "/containers/local/web-1/inspect/",
    "/containers/local/web-1/history/",
    "/containers/local/web-1/crashes/{crash}/",
    "/changes/",
    "/containers/local/web-1/terminal/",
    "/sessions/",
    "/sessions/{terminal}/",
    "/workspaces/main/terminals/",
    "/containers/local/web-1/stats/",
    "/containers/local/web-1/stats/?span=24h",
    "/hosts/",
    "/hosts/local/",
    "/hosts/local/?span=6h",
    "/hosts/local/settings/",
    "/hosts/new/",
    "/images/",
    "/images/local/{image}/",
    "/images/pull/?reference=registry.example/shop/web:1.0",
    "/images/load/",
    "/hub/",
    "/hub/new/",
    "/hub/main/quay/",
    "/hub/main/quay/edit/",
    "/hub/main/quay/repository/?repository=shop/web",
    "/hub/main/quay/repositories/",
    "/hub/main/quay/tags/?repository=shop/web",
    "/hub/main/quay/image/?repository=shop/web&reference=1.0",
    "/prune/",
    "/prune/local/",
    "/networks/",
    "/networks/new/",
    "/networks/topology/",
    "/networks/prune/",
    "/networks/local/main_front/",
    "/volumes/",
    "/volumes/new/",
    "/volumes/prune/",
    "/volumes/local/main_data/",
    "/volumes/local/main_data/files/",
    "/volumes/local/main_data/remove/",
    "/backups/",
    "/backups/{backup}/restore/",
    "/palette/?q=web",
    "/shares/",
    "/shares/containers/local/web-1/",
    "/shares/jobs/{job}/",
    "/account/settings/",
    "/builds/",
    "/builds/new/",
    "/builds/{job}/",
    "/jobs/",
    "/jobs/{job}/",
    "/jobs/{job}/proof/",
    "/workspaces/main/jobs/",
    "/schedules/",
    "/schedules/new/",
    "/schedules/new/?kind=container.run",
    "/schedules/new/?kind=container.stop",
    "/schedules/times/?s-cron=*+*+*+*+*&s-time_zone=UTC",
    "/schedules/{schedule}/",
    "/schedules/{schedule}/edit/",
    "/jobs/tray/",
    "/audit/",
    "/people/",
    "/people/{person}/help/",
    "/people/{person}/tokens/",
    "/account/",
    "/account/password/",
    "/account/app/",
    "/account/passkeys/new/",
    "/account/tokens/",
    "/workspaces/",
    "/workspaces/main/",
    "/workspaces/main/policy/",
    "/secrets/",
    "/secrets/main/db-password/",
    "/notifications/",
    "/notifications/?part=bell",
    "/alerts/",
    "/alerts/new/",
    "/alerts/{rule}/",
    "/alerts/channels/",
    "/alerts/channels/new/",
    "/alerts/channels/{channel}/",
    "/alerts/deliveries/",
    "/alerts/silences/",
    "/teams/",
    "/teams/ops/",
    "/roles/",
    "/roles/new/",
    "/roles/log-reader/",
    "/grants/",
    "/grants/new/",
    "/grants/why/",
    "/grants/why/?who=kim&permission=container.logs&thing=main/web-1",
]
OPEN_PAGES = ["/sign-in/", "/nothing-here/"]
HOSTILE = '"><script>alert(1)</script>\u202e'


class Inline(HTMLParser):
    """Collects what a strict content policy would refuse to run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(f"<{tag}>")
        self.found += [f"{tag} {name}" for name in names if name == "style" or re.match(r"on[a-z]+$|hx-on", name)]
        self.found += [f"{tag} {value}" for value in names.values() if value and value.startswith("javascript:")]


def address(page: str, *, name: str = "web-1") -> str:
    web = container = make_container(name)
    make_network(members=[member(web)])
    make_listing(make_volume(users=[user(web)]), "a.txt", "deep/")
    make_secret("db-password")
    if page.startswith(("/hub/", "/prune/")):
        make_registry("quay", trouble="It says no.")
        make_quarantined("a:1")
    make_grant(make_team("ops", make_user(None, username="kim")), make_custom_role("log-reader", "container.logs"))
    facts = {"image": make_image("hello-naru:latest").short_id, "job": make_job(args={"tag": "a:1"}).number}
    if "/alerts/" in page:
        channel = make_channel("pager")
        make_delivery(channel)
        make_silence("at work")
        facts |= {"rule": make_rule("loud", channel).pk, "channel": channel.pk}
    make_change(container, "renamed", old=name, new=name)
    facts["crash"] = make_capsule(container).number
    if "{terminal}" in page:
        facts["terminal"] = make_terminal(make_user(), container, is_recorded=True).number
    facts["backup"] = make_backup().number
    facts["schedule"] = make_schedule(make_user()).pk
    return page.format(**facts, person=make_user().pk if "{person}" in page else 0)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_page_is_whole_and_runs_nothing_inline(signed_in: SignedIn, page: str, language: str) -> None:
    answer = signed_in(Role.ADMIN).get(address(page), headers={"accept-language": language})
    assert answer.status_code == 200
    inline = Inline()
    inline.feed(answer.content.decode())
    assert inline.found == []


@pytest.mark.parametrize("page", OPEN_PAGES)
def test_a_page_for_strangers_runs_nothing_inline(client: Client, db: None, page: str) -> None:
    inline = Inline()
    inline.feed(client.get(page).content.decode())
    assert inline.found == []


@pytest.mark.parametrize("page", ["/", "/sign-in/", "/nothing-here/"])
def test_the_content_policy_is_strict(signed_in: SignedIn, page: str) -> None:
    policy = signed_in(Role.ADMIN).get(page)["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["script-src"] == directives["style-src"] == directives["connect-src"] == "'self'"
    assert directives["frame-ancestors"] == directives["default-src"] == "'none'"
    assert "unsafe" not in policy


@pytest.mark.parametrize("page", PAGES)
def test_a_stranger_is_sent_to_sign_in(client: Client, db: None, page: str) -> None:
    answer = client.get(address(page))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/?next=")


@pytest.mark.parametrize("page", ["/", "/containers/", "/images/", "/jobs/", "/builds/", "/hosts/local/"])
def test_names_from_hosts_are_shown_and_never_run(signed_in: SignedIn, page: str) -> None:
    make_container(HOSTILE, image=HOSTILE)
    make_image(HOSTILE)
    make_job(on_name=HOSTILE, error=HOSTILE, state="running" if page == "/" else "failed")
    text = signed_in(Role.ADMIN).get(page).content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize(("page", "hidden"), [("/people/", "user.view"), ("/audit/", "audit.view")])
def test_a_forbidden_page_says_which_permission_is_missing(signed_in: SignedIn, page: str, hidden: str) -> None:
    viewer = signed_in(Role.VIEWER)
    answer = viewer.get(page)
    assert answer.status_code == 403
    assert hidden in answer.content.decode()
    assert f'href="{page}"' not in viewer.get("/").content.decode()


def test_the_theme_is_drawn_by_the_server(signed_in: SignedIn) -> None:
    client = signed_in(Role.VIEWER)
    assert client.post("/theme/", {"theme": "dark"}).status_code == 204
    assert 'data-bs-theme="dark"' in client.get("/").content.decode()
    assert client.post("/theme/", {"theme": "purple"}).status_code == 400


def test_the_language_is_changed_by_post_only(signed_in: SignedIn) -> None:
    client = signed_in(Role.VIEWER)
    client.get("/language/?language=ko")
    assert '<html lang="en"' in client.get("/").content.decode()
    client.post("/language/", {"language": "ko", "next": "/jobs/"})
    assert '<html lang="ko"' in client.get("/").content.decode()


def test_a_list_asked_for_by_htmx_is_the_part_alone(signed_in: SignedIn) -> None:
    client = signed_in(Role.VIEWER)
    part = client.get("/containers/", headers={"hx-request": "true"})
    assert "<html" not in part.content.decode()
    assert "HX-Request" in part["Vary"]


def test_a_host_that_went_quiet_is_named(signed_in: SignedIn) -> None:
    make_host("b1", last_seen_at=timezone.now() - timedelta(minutes=5))
    assert "Host b1 does not answer" in signed_in(Role.VIEWER).get("/containers/").content.decode()
