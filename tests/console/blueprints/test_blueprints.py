"""A workspace's own templates: written, used, changed, made of a stack, and nobody else's."""

import dataclasses
from typing import Any

import pytest
from django.test import Client

from console.audit.models import AuditEntry
from console.blueprints.facts import Asked, Given
from console.blueprints.models import Blueprint
from console.blueprints.operations import change_blueprint, create_blueprint, delete_blueprint
from console.blueprints.queries import visible_blueprints
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Missing
from console.operations.permissions import Role
from console.stacks.compose.problems import ComposeInvalid
from console.stacks.models import Stack
from tests.console.stacks.conftest import broker, make_stack
from tests.factories.blueprints import COMPOSE, VARIABLES, make_blueprint
from tests.factories.console import (
    actor_of,
    bearer,
    make_api_token,
    make_grant,
    make_host,
    make_user,
    make_workspace,
    sign_in_browser,
)

__all__ = ["broker"]
pytestmark = pytest.mark.django_db
GIVEN = Given("Web", COMPOSE, "about", [Asked(**one) for one in VARIABLES])
HOSTILE = "<script>alert(1)</script>"


def of(workspace: str, role: Role = Role.DEVELOPER) -> Actor:
    user = make_user(None, username=f"{role}-of-{workspace}")
    make_grant(user, role, workspace=make_workspace(workspace))
    return actor_of(user)


@pytest.fixture
def browser(db: None) -> Client:
    return sign_in_browser(Client(), make_user(Role.DEVELOPER, username="kim"))


def posted(given: Given, **more: str) -> dict[str, str]:
    """As the form sends it."""
    rows = {
        f"v-{number}-{name}": value
        for number, one in enumerate(given.variables)
        for name, value in dataclasses.asdict(one).items()
        if value
    }
    count = str(len(given.variables))
    form = {"title": given.title, "about": given.about, "compose": given.compose.replace("\n", "\r\n")}
    return {**form, **rows, "v-TOTAL_FORMS": count, "v-INITIAL_FORMS": "0", "workspace": "main", **more}


def test_each_workspace_has_its_own() -> None:
    shop, depot = of("shop"), of("depot")
    made = create_blueprint(shop, "shop", given=GIVEN)
    create_blueprint(depot, "depot", given=GIVEN)
    assert [one.workspace.slug for one in visible_blueprints(shop)] == ["shop"]
    for attempt in (
        lambda: change_blueprint(depot, made.pk, given=GIVEN),
        lambda: delete_blueprint(depot, made.pk),
    ):
        with pytest.raises(Missing):
            attempt()
    with pytest.raises((Missing, Denied)):
        create_blueprint(depot, "shop", given=dataclasses.replace(GIVEN, title="Other"))
    with pytest.raises(Denied):
        create_blueprint(of("shop", Role.OPERATOR), "shop", given=dataclasses.replace(GIVEN, title="Other"))


def test_it_is_changed_and_deleted_and_that_is_on_record() -> None:
    shop = of("shop")
    made = create_blueprint(shop, "shop", given=GIVEN)
    with pytest.raises(Conflict):
        create_blueprint(shop, "shop", given=GIVEN)
    change_blueprint(shop, made.pk, given=dataclasses.replace(GIVEN, about="else"))
    assert AuditEntry.objects.latest("seq").details["changed"] == ["about"]
    delete_blueprint(shop, made.pk)
    assert not Blueprint.objects.exists()
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {"template.manage"}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 81}, "title"),
        ({"compose": "x" * (256 * 1024 + 1)}, "compose"),
        ({"variables": [Asked("1A")]}, "variables"),
        ({"variables": [Asked("A"), Asked("A")]}, "variables"),
        ({"variables": [Asked("A", pattern="(a+)+")]}, "variables"),
        ({"variables": [Asked("A", pattern="[a-z]+", default="1")]}, "variables"),
        ({"variables": [Asked("A", default="it's")]}, "variables"),
        ({"variables": [Asked("A", default="hunter2", is_secret=True)]}, "variables"),
        ({"variables": [Asked(f"A{number}") for number in range(31)]}, "variables"),
        ({"compose": "", "variables": [Asked("A")]}, "compose"),
    ],
)
def test_what_is_wrong_is_told_of(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        create_blueprint(of("shop"), "shop", given=dataclasses.replace(GIVEN, **changed))
    assert caught.value.field == field


def test_a_file_that_is_no_project_is_told_of_line_by_line() -> None:
    with pytest.raises(ComposeInvalid, match="imag"):
        create_blueprint(of("shop"), "shop", given=dataclasses.replace(GIVEN, compose="services: {a: {imag: x}}"))


def test_one_is_written_in_the_browser_and_a_stack_made_of_it(browser: Client) -> None:
    make_host("local")
    given = dataclasses.replace(GIVEN, about=HOSTILE)
    answer = browser.post("/stacks/templates/own/new/", posted(given))
    made = Blueprint.objects.get()
    assert answer["Location"] == f"/stacks/templates/own/{made.pk}/"
    assert (made.compose, made.variables[0]) == (COMPOSE, VARIABLES[0])
    catalogue = browser.get("/stacks/templates/").content.decode()
    assert (answer["Location"] in catalogue, HOSTILE in catalogue) == (True, False)
    asked = {"host": "local", "workspace": "main", "stack": "web", "IMAGE": "web:2", "PASSWORD": "secret:db"}
    wrong = browser.post(answer["Location"], {**asked, "IMAGE": "WEB", "PASSWORD": "hunter2"})
    assert (wrong.status_code, list(wrong.context["form"].errors)) == (400, ["IMAGE"])
    wrong = browser.post(answer["Location"], {**asked, "PASSWORD": "hunter2"})
    assert (wrong.status_code, list(wrong.context["form"].errors)) == (400, ["PASSWORD"])
    assert browser.post(answer["Location"], asked).status_code == 302
    assert Stack.objects.get().files[".env"] == "IMAGE='web:2'\nPASSWORD='secret:db'\n"


def test_what_is_wrong_is_shown_in_the_form(browser: Client) -> None:
    bad = dataclasses.replace(GIVEN, compose="services: {a: {imag: x}}")
    answer = browser.post("/stacks/templates/own/new/", posted(bad))
    assert (answer.status_code, list(answer.context["form"].errors)) == (400, ["compose"])
    bad = dataclasses.replace(GIVEN, variables=[Asked("A", pattern="(a+)+")])
    answer = browser.post("/stacks/templates/own/new/", posted(bad))
    assert (answer.status_code, "(a+)+" in answer.content.decode()) == (400, True)


def test_one_is_made_of_a_stack(browser: Client) -> None:
    files = {"compose.yaml": COMPOSE, ".env": "IMAGE=web:3\nPASSWORD=secret:pw\nOTHER=x\n"}
    stack = make_stack(files=files)
    page = browser.get(f"/stacks/{stack.pk}/template/")
    rows = [row.initial for row in page.context["rows"] if row.initial]
    assert [(row["name"], row["default"], row["is_secret"]) for row in rows] == [
        ("IMAGE", "web:3", False),
        ("PASSWORD", "secret:pw", True),
    ]
    answer = browser.post(f"/stacks/{stack.pk}/template/", posted(GIVEN))
    assert (answer.status_code, Blueprint.objects.get().workspace.slug) == (302, "main")
    viewer = sign_in_browser(Client(), make_user(Role.VIEWER))
    assert viewer.get(f"/stacks/{stack.pk}/template/").status_code == 403


def test_a_row_without_a_name_is_left_out(browser: Client) -> None:
    made = make_blueprint("Web", workspace=make_workspace())
    data = posted(dataclasses.replace(GIVEN, variables=[Asked("IMAGE", default="web:1"), Asked("", label="nothing")]))
    compose = 'services: {web: {image: "${IMAGE}"}}\n'
    answer = browser.post(f"/stacks/templates/own/{made.pk}/edit/", {**data, "compose": compose})
    assert answer.status_code == 302
    made.refresh_from_db()
    assert [one["name"] for one in made.variables] == ["IMAGE"]


def test_programs_do_the_same(client: Client) -> None:
    headers = bearer(make_api_token(make_user(Role.DEVELOPER)))
    body = {"title": "Web", "compose": COMPOSE, "variables": VARIABLES}
    address = "/api/v1/stacks/templates/own"
    made = client.post(address, body, content_type="application/json", headers=headers)
    assert (made.status_code, made.json()["variables"][1]["pattern"].startswith("secret:")) == (201, True)
    one = f"{address}/{made.json()['id']}"
    changed = client.put(one, {**body, "about": "x"}, content_type="application/json", headers=headers)
    assert (changed.status_code, changed.json()["about"]) == (200, "x")
    assert [item["title"] for item in client.get(address, headers=headers).json()["items"]] == ["Web"]
    assert client.delete(one, headers=headers).status_code == 204
    assert client.get(one, headers=headers).status_code == 404


def test_the_catalogue_asks_few_questions(browser: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(60):
        make_blueprint(f"Web {number}", workspace=make_workspace())
    browser.get("/stacks/templates/")
    with django_assert_max_num_queries(12):
        browser.get("/stacks/templates/")
