"""A host chosen for a new stack: shown before it is taken, by page and API, of those that may be used."""

import pytest
from django.test import Client
from django.utils import timezone

from console.operations.actor import Actor
from console.operations.errors import Conflict
from console.operations.permissions import Role
from console.stacks.models import Stack
from console.stacks.operations import create_stack
from tests.factories.console import (
    actor_of,
    bearer,
    make_api_token,
    make_container,
    make_host,
    make_user,
    make_workspace,
    sign_in_browser,
)

pytestmark = pytest.mark.django_db
GIB = 1 << 30
EAST = 'services: {web: {image: x, deploy: {placement: {constraints: ["node.labels.zone == east"]}}}}\n'
LARGE = "services: {web: {image: x, deploy: {resources: {reservations: {memory: 3g}}}}}\n"
NOWHERE = 'services: {web: {image: x, deploy: {placement: {constraints: ["node.hostname == none"]}}}}\n'


@pytest.fixture(autouse=True)
def hosts(db: None) -> None:
    for name, cpus, zone in (("a", 2, "west"), ("b", 8, "west"), ("c", 2, "east")):
        info = {"cpus": cpus, "memory_bytes": cpus * GIB, "os": "linux", "architecture": "x86_64"}
        seen = {"state": "reachable", "last_seen_at": timezone.now()}
        make_host(name, info={**info, "labels": {"zone": zone}}, **seen)


@pytest.fixture
def kim(db: None) -> Actor:
    return actor_of(make_user(Role.DEVELOPER, username="kim"))


def created(actor: Actor, text: str) -> str:
    return create_stack(actor, "", name="shop", files={"compose.yaml": text}).host.name


@pytest.mark.parametrize(("text", "host"), [(EAST, "c"), (LARGE, "b")])
def test_it_goes_where_it_fits(kim: Actor, text: str, host: str) -> None:
    assert created(kim, text) == host


def test_what_limits_promise_is_not_free(kim: Actor) -> None:
    host = make_host("b")
    make_container("eater", host=host, memory_bytes=6 * GIB, cpus=1.0)
    with pytest.raises(Conflict, match=r"No host fits\..*b: Memory: 3072 MiB reserved, 2048 MiB free"):
        created(kim, LARGE)


def test_hosts_that_the_workspace_may_not_use_are_none(kim: Actor) -> None:
    make_workspace("fenced", hosts=("a",))
    with pytest.raises(Conflict, match="may not use"):
        create_stack(kim, "", name="shop", files={"compose.yaml": EAST}, workspace="fenced")


def test_the_page_shows_it_before_it_is_taken(kim: Actor) -> None:
    browser = sign_in_browser(Client(), make_user(Role.DEVELOPER))
    form = {"workspace": make_workspace().slug, "host": "", "name": "shop", "compose": EAST}
    page = browser.post("/stacks/new/", form)
    assert (page.status_code, Stack.objects.exists(), page.context["form"]["host"].value()) == (200, False, "c")
    assert page.context["placings"][0].host.name == "c"
    assert "web: node.labels.zone == east" in page.content.decode()
    assert browser.post("/stacks/new/", {**form, "host": "c"}).status_code == 302
    none = browser.post("/stacks/new/", {**form, "name": "other", "compose": NOWHERE})
    assert (none.status_code, list(none.context["form"].errors), len(none.context["placings"])) == (409, ["host"], 3)
    wrong = browser.post("/stacks/new/", {**form, "compose": "services: {a: {imag: x}}"})
    assert (wrong.status_code, list(wrong.context["form"].errors)) == (400, ["compose"])


def test_programs_ask_and_leave_it_to_the_console(client: Client) -> None:
    headers = bearer(make_api_token(make_user(Role.DEVELOPER)))
    body = {"files": {"compose.yaml": EAST}}
    found = client.post("/api/v1/stacks/placement", body, content_type="application/json", headers=headers).json()
    assert [(one["host"], one["fits"]) for one in found] == [("c", True), ("a", False), ("b", False)]
    made = client.post("/api/v1/stacks", {**body, "name": "shop"}, content_type="application/json", headers=headers)
    assert (made.status_code, made.json()["host"]) == (201, "c")
    none = {"files": {"compose.yaml": NOWHERE}, "name": "other"}
    refused = client.post("/api/v1/stacks", none, content_type="application/json", headers=headers)
    assert (refused.status_code, refused.json()["field"]) == (409, "host")
