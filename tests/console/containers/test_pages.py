"""The pages that make containers and make them anew."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from console.access.roles import PERMISSIONS
from console.containers import present
from console.containers.models import Container, Revision
from console.jobs.models import Job
from console.operations.governed import writes_allowed
from console.operations.permissions import Permission, Role
from tests.console.pages.test_every_page import Inline
from tests.factories.console import (
    make_container,
    make_custom_role,
    make_grant,
    make_host,
    make_image,
    make_user,
    sign_in_browser,
)

DOCUMENT: dict[str, Any] = {
    "Config": {"Image": "a:1", "Env": ["TOKEN=sesame", "CERT=one\ntwo"]},
    "HostConfig": {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 7}, "CgroupParent": "/x"},
}
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch, db: None, admin: object) -> None:
    async def inspected(*_given: str) -> tuple[dict[str, Any], None]:
        return DOCUMENT, None

    monkeypatch.setattr(present, "inspected", inspected)
    make_image("a:1")
    make_container("web", image="a:1")


@pytest.fixture
def browser(client: Client) -> Client:
    return sign_in_browser(client, make_user(Role.ADMIN))


def make_revision(text: str) -> None:
    with writes_allowed("test"):
        first = Container.objects.get(name="web")
        Revision.objects.create(first=first, number=1, cause="found", spec={"image": "a:1", "hostname": text})


@pytest.mark.parametrize("page", ["edit/", "edit/?revision=1", "clone/", "revisions/"])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_page_is_whole_and_runs_nothing_inline(browser: Client, page: str, language: str) -> None:
    make_revision(HOSTILE)
    answer = browser.get(f"/containers/local/web/{page}", headers={"accept-language": language})
    assert answer.status_code == 200
    text = answer.content.decode()
    inline = Inline()
    inline.feed(text)
    assert inline.found == []
    assert "<script>alert" not in text


def test_a_pasted_line_fills_the_form_and_runs_nothing(browser: Client) -> None:
    answer = browser.post("/containers/run/", {"line": "docker run --name web-2 -p 8080:80 --cap-add NET_ADMIN a:1 x"})
    form = answer.context["form"]
    assert (form["name"].value(), form["image"].value(), form["command"].value()) == ("web-2", "a:1", "x")
    assert (form["ports"].value(), form["cap_add"].value()) == ("*:8080:80", "NET_ADMIN")
    assert not Job.objects.exists()
    refused = browser.post("/containers/run/", {"line": "docker run --turbo a:1"})
    assert refused.status_code == 400
    assert "--turbo" in refused.context["line"].errors["line"][0]


def test_all_that_the_form_asks_reaches_the_job(browser: Client) -> None:
    typed = {
        "host": "local",
        "image": "a:1",
        "mounts": "main_data:/data:ro\r\ntmpfs:/run:size=64m",
        "networks": "name=main_front,alias=api",
        "restart": "on-failure:7",
        "health_command": "true",
        "health_interval_ms": "1m30s",
        "memory_bytes": "64m",
        "memory_swap_bytes": "-1",
        "stop_timeout_s": "0",
        "labels": "team=blue",
        "init": "on",
        "entrypoint": "none",
    }
    browser.post("/containers/run/", typed)
    args = Job.objects.get().args
    assert [mount["kind"] for mount in args["mounts"]] == ["volume", "tmpfs"]
    assert args["networks"] == [{"name": "main_front", "aliases": ["api"]}]
    wanted = {
        "restart": "on-failure:7",
        "health_interval_ms": 90_000,
        "memory_swap_bytes": -1,
        "stop_timeout_s": 0,
        "labels": {"team": "blue"},
        "init": True,
        "entrypoint": "",
    }
    assert {name: args[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mounts", "x:y:z:w"),
        ("networks", "name=a,color=red"),
        ("health_timeout_ms", "soon"),
        ("labels", "team"),
        ("pids_limit", "many"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(browser: Client, field: str, value: str) -> None:
    answer = browser.post("/containers/run/", {"host": "local", "image": "a:1", field: value})
    assert answer.status_code == 400
    assert answer.context["form"].errors[field]
    # the group in which it stands is open
    assert f'name="{field}"' in answer.content.decode().split("<details", 1)[1]


def test_the_command_line_is_shown_without_running_it(browser: Client) -> None:
    typed = {"host": "local", "image": "a:1", "name": "web-2", "privileged": "on", "show": "cli"}
    answer = browser.post("/containers/run/", typed)
    assert "docker run -d --name web-2 --privileged a:1" in answer.content.decode()
    part = browser.post("/containers/run/preview/", {**typed, "workspace": "main"}).content.decode()
    assert "--privileged" in part
    assert not Job.objects.exists()


def test_an_edit_shows_a_plan_and_is_done_when_one_is_sure(browser: Client) -> None:
    page = "/containers/local/web/edit/"
    form = browser.get(page).context["form"]
    assert form["restart"].value() == "on-failure:7"
    typed = {
        **{one.name: one.value() for one in form if one.value()},
        "image": "a:1",
        "hostname": "web",
        "stop_timeout_s": "0",
    }
    plan = browser.post(page, typed)
    assert {row.label for row in plan.context["rows"]} == {"Hostname", "Killed after so many seconds"}
    assert "HostConfig.CgroupParent" in plan.content.decode()
    assert not Job.objects.exists()
    sure = hidden(plan)
    assert browser.post(page, {**sure, "seen": "0" * 64, "sure": "yes"}).context["is_stale"]
    answer = browser.post(page, {**sure, "sure": "yes"})
    job = Job.objects.get()
    assert answer["Location"] == f"/jobs/{job.number}/"
    assert (job.args["hostname"], job.args["env"]["CERT"]) == ("web", "one\ntwo")
    assert job.args["stop_timeout_s"] == 0


def hidden(answer: Any) -> dict[str, str]:
    """What a plan sends on."""
    found = Fields()
    found.feed(answer.content.decode())
    return found.values


class Fields(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "input" and names.get("type") == "hidden" and names["name"] != "csrfmiddlewaretoken":
            self.values[str(names["name"])] = names.get("value") or ""


def test_who_may_not_see_secrets_edits_without_them(client: Client) -> None:
    client = without_secrets(client)
    page = "/containers/local/web/edit/"
    assert "sesame" not in client.get(page).content.decode()
    plan = client.post(page, {"image": "a:1"})
    assert "sesame" not in plan.content.decode()
    client.post(page, {**hidden(plan), "sure": "yes"})
    assert Job.objects.get().args["env"] == {"TOKEN": "sesame", "CERT": "one\ntwo"}
    assert "sesame" not in client.get("/containers/local/web/revisions/").content.decode()
    assert "sesame" not in client.get("/containers/local/web/clone/").content.decode()
    for part in ("spec", "revisions"):
        assert "sesame" not in client.get(f"/api/v1/containers/local/web/{part}").content.decode()


def without_secrets(client: Client) -> Client:
    kept = [one for one in PERMISSIONS[Role.DEVELOPER] if one is not Permission.CONTAINER_SECRETS]
    user = make_user(None)
    make_grant(user, make_custom_role("shipper", *kept))
    return sign_in_browser(client, user)


def test_many_say_beforehand_what_is_in_the_way(browser: Client) -> None:
    make_container("db", state="exited")
    keys = [f"local/{one.short_id}" for one in Container.objects.all()]
    page = browser.post("/containers/many/", {"action": "stop", "picked": keys})
    assert "It can be done to 1 of 2." in page.content.decode()
    assert not Job.objects.exists()
    browser.post("/containers/many/", {"action": "stop", "picked": keys, "sure": "yes"})
    assert [item["name"] for item in Job.objects.get().args["items"]] == ["web"]


def test_long_lists_cost_no_more_queries(browser: Client) -> None:
    for number in range(45):
        make_container(f"many-{number}", host=make_host(f"b{number % 5}"))
    # the first page in a browser writes down that it is there
    browser.get("/containers/")
    with CaptureQueriesContext(connection) as queries:
        browser.get("/containers/")
    assert len(queries) <= 12
    keys = [f"{one.host.name}/{one.short_id}" for one in Container.objects.select_related("host")]
    with CaptureQueriesContext(connection) as queries:
        browser.post("/containers/many/", {"action": "restart", "picked": keys})
    assert len(queries) <= 12


def test_who_is_not_healthy_is_seen_and_found(browser: Client) -> None:
    make_container("sick", health="unhealthy")
    make_container("fresh", health="starting")
    make_container("well", health="healthy")
    make_container("was-sick", health="unhealthy", state="exited")

    def states(row: str) -> list[str]:
        found = re.search(rf'<tr id="[^"]*">(?:(?!</tr>).)*?>{row}</a>.*?</tr>', listed, re.DOTALL)
        return re.findall(r'data-state="(\w+)"', found.group()) if found else []

    listed = browser.get("/containers/").content.decode()
    assert [states(name) for name in ("sick", "fresh", "well", "was-sick")] == [
        ["running", "unhealthy"],
        ["running", "starting"],
        ["running"],
        ["exited"],
    ]
    assert 'data-state="unhealthy"' in browser.get("/containers/local/sick/").content.decode().split("facts", 1)[0]
    narrowed = browser.get("/containers/", {"state": "unhealthy"}).context["table"]
    assert [one.name for one in narrowed.rows] == ["sick"]
    told = browser.get("/api/v1/containers", {"health": "unhealthy"}).json()["items"]
    assert [(one["name"], one["health"], one["oom_killed"], one["restart_count"]) for one in told] == [
        ("sick", "unhealthy", False, 0)
    ]
    assert browser.get("/api/v1/containers", {"health": "ill"}).status_code == 400
