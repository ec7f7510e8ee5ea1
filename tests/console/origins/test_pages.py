"""Pages and API of where stacks come from: hostile words escaped, secrets shown once, what is wrong in its place."""

import pytest
from django.test import Client

from console.operations.actor import Actor
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.origins.models import Origin
from console.stacks.models import Stack
from tests.console.stacks.conftest import fake_host, make_release
from tests.factories.console import bearer, make_api_token, make_host, make_user, make_workspace, sign_in_browser
from tests.factories.origins import COMMIT, URL, make_origin
from tests.fakes.broker import Broker

__all__ = ["fake_host"]
pytestmark = pytest.mark.django_db
FORM = {"url": URL, "paths": "a.yaml\nb.yaml\n", "every_s": "60", "on_change": "deploy", "variables": "A=b"}
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def origin(broker: Broker) -> Origin:
    return make_origin("shop", host=make_host(), workspace=make_workspace(), subject=HOSTILE)


@pytest.fixture
def browser(db: None) -> Client:
    return sign_in_browser(Client(), make_user(Role.DEVELOPER, username="kim"))


def test_a_stack_is_made_from_a_repository(browser: Client, broker: Broker) -> None:
    make_host("local")
    answer = browser.post("/stacks/git/", {**FORM, "host": "local", "name": "shop"})
    origin = Origin.objects.get()
    assert answer["Location"] == f"/stacks/{origin.stack_id}/"
    assert (origin.paths, origin.every_s, origin.on_change, origin.owner_name) == (
        ["a.yaml", "b.yaml"],
        60,
        "deploy",
        "kim",
    )
    assert origin.job is not None
    assert (origin.stack.variables, origin.job.args["env"]) == ({"A": "b"}, {"A": "b"})
    page = browser.get(f"/stacks/{origin.stack_id}/").content.decode()
    assert "They are being fetched" in page


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"url": "git@git.example:shop.git"}, "url"),
        ({"url": "ssh://git.example/shop.git"}, "url"),
        ({"url": "file:///srv/shop.git"}, "url"),
        ({"url": "/srv/shop.git"}, "url"),
        ({"url": "https://kim:pw@git.example/shop.git"}, "url"),
        ({"url": "https://git.example/shop.git?x"}, "url"),
        ({"url": "ext::sh -c id"}, "url"),
        ({"ref": "--upload-pack=id"}, "ref"),
        ({"ref": "a..b"}, "ref"),
        ({"paths": "../compose.yaml"}, "paths"),
        ({"paths": "/etc/passwd"}, "paths"),
        ({"paths": "deploy/compose.yaml\nother/compose.yaml"}, "paths"),
        ({"paths": ".git/config"}, "paths"),
        ({"every_s": "10"}, "every_s"),
        ({"on_change": "explode"}, "on_change"),
        ({"username": "kim", "password": "hunter2"}, "password"),
        ({"username": "kim"}, "password"),
        ({"username": "kim", "password": "secret:none"}, "password"),
        ({"variables": "A"}, "variables"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(
    browser: Client, broker: Broker, changed: dict[str, str], field: str
) -> None:
    make_host("local")
    answer = browser.post("/stacks/git/", {**FORM, "host": "local", "name": "shop", **changed})
    assert (answer.status_code, Stack.objects.exists()) == (400, False)
    assert list(answer.context["form"].errors) == [field]


def test_what_a_commit_says_of_itself_is_shown_as_text(browser: Client, origin: Origin) -> None:
    release = make_release(origin.stack)
    with writes_allowed("test"):
        release.commit = {**origin.stack.commit, "id": "0" * 40}
        release.save()
    page = browser.get(f"/stacks/{origin.stack_id}/").content.decode()
    assert (HOSTILE in page, page.count("&lt;script&gt;alert(1)&lt;/script&gt;")) == (False, 3)
    assert "newer commit" in page
    assert COMMIT[:10] in page


def test_a_hooks_secret_is_in_one_answer_alone(browser: Client, origin: Origin) -> None:
    answer = browser.post(f"/stacks/{origin.stack_id}/git/hook/")
    secret = answer.context["secret"]
    assert (secret in answer.content.decode(), answer["Cache-Control"].count("no-store")) == (True, 1)
    assert f"/hooks/stacks/{origin.stack_id}/" in answer.content.decode()
    for path in ("", "git/"):
        assert secret not in browser.get(f"/stacks/{origin.stack_id}/{path}").content.decode()


def test_editing_by_hand_leads_to_the_repository_until_it_is_detached(browser: Client, origin: Origin) -> None:
    edit = f"/stacks/{origin.stack_id}/edit/"
    assert browser.get(edit)["Location"] == f"/stacks/{origin.stack_id}/git/"
    browser.post(f"/stacks/{origin.stack_id}/git/detach/")
    assert browser.get(edit).status_code == 200


def test_trouble_and_what_was_held_back_are_told(browser: Client, origin: Origin) -> None:
    with writes_allowed("test"):
        Origin.objects.update(trouble=f"compose.yaml:1: {HOSTILE}", held="data would be lost", state="paused")
    page = browser.get(f"/stacks/{origin.stack_id}/").content.decode()
    assert ("compose.yaml:1" in page, "data would be lost" in page, HOSTILE in page) == (True, True, False)
    assert "Whoever saves its settings" in page


def test_programs_do_the_same(client: Client, origin: Origin) -> None:
    headers = bearer(make_api_token(make_user(Role.DEVELOPER)))
    address = f"/api/v1/stacks/{origin.stack_id}/git"
    shown = client.get(address, headers=headers).json()
    assert (shown["url"], shown["commit"]["subject"], shown["is_newer"]) == (URL, HOSTILE, False)
    body = {"url": URL, "ref": "main", "every_s": 30, "on_change": "deploy"}
    put = client.put(address, body, content_type="application/json", headers=headers)
    assert (put.status_code, put.json()["ref"], put.json()["job"] is not None) == (200, "main", True)
    hook = client.post(f"{address}/hook", "", content_type="application/json", headers=headers)
    assert (len(hook.json()["hook_secret"]), hook["Cache-Control"]) == (64, "private, no-store")
    assert client.post(f"{address}/fetch", "", content_type="application/json", headers=headers).status_code == 409
    assert client.delete(address, headers=headers).status_code == 204
    assert client.get(address, headers=headers).status_code == 404
    wrong = client.put(address, {**body, "paths": ["../x"]}, content_type="application/json", headers=headers)
    assert (wrong.status_code, wrong.json()["field"]) == (400, "paths")


def test_who_only_watches_is_not_shown_variables(origin: Origin, kim: Actor) -> None:
    viewer = sign_in_browser(Client(), make_user(Role.VIEWER))
    with writes_allowed("test"):
        Stack.objects.update(variables={"A": "canary-of-variables"})
    assert "canary-of-variables" not in viewer.get(f"/stacks/{origin.stack_id}/").content.decode()
    assert viewer.get(f"/stacks/{origin.stack_id}/git/").status_code == 403
