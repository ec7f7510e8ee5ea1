"""What docker compose runs becomes a stack by pages."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from console.operations.permissions import Role
from console.stacks.models import Stack
from tests.console.stacks.conftest import make_stack
from tests.factories.console import make_container, make_grant, make_host, make_user, make_workspace, sign_in_browser
from tests.fakes.compose_host import Host

pytestmark = pytest.mark.django_db
LABELS = {
    "com.docker.compose.project": "old_shop",
    "com.docker.compose.service": "web",
    "com.docker.compose.project.working_dir": "/home/me/old",
    "com.docker.compose.project.config_files": "/home/me/old/docker-compose.yml",
}
ADDRESS = ("local", "old_shop")


@pytest.fixture
def browser(db: None) -> Client:
    make_host("local")
    return sign_in_browser(Client(), make_user(Role.DEVELOPER))


def test_projects_without_a_stack_are_offered_once_each(browser: Client) -> None:
    address = reverse("stacks:adoptable")
    assert "nothing to adopt" in browser.get(address).content.decode()
    for number in range(2):
        make_container(f"old-web-{number}", labels=LABELS, workspace=make_workspace())
    stack = make_stack()
    make_container("known", labels={**LABELS, "com.docker.compose.project": stack.project}, workspace=make_workspace())
    # one that two workspaces have parts of belongs to neither
    for workspace in ("main", "depot"):
        marks = {**LABELS, "com.docker.compose.project": "torn"}
        make_container(f"torn-{workspace}", labels=marks, workspace=make_workspace(workspace))
    page = browser.get(address).content.decode()
    assert page.count("/home/me/old") == 1
    assert "known" not in page
    shown = browser.get(reverse("api:list_adoptable_projects")).json()
    assert [(one["project"], one["containers"], one["directory"]) for one in shown] == [("old_shop", 2, "/home/me/old")]


def test_many_cost_no_more_than_few(browser: Client) -> None:
    address, counts = reverse("stacks:adoptable"), []
    browser.get(address)
    for numbers in (range(1), range(1, 30)):
        for number in numbers:
            marks = {**LABELS, "com.docker.compose.project": f"old-{number}"}
            make_container(f"old-{number}", labels=marks, workspace=make_workspace())
        with CaptureQueriesContext(connection) as asked:
            browser.get(address)
        counts.append(len(asked))
    assert counts[0] == counts[1], counts


def test_pasted_files_make_a_stack_of_it_whose_plan_comes_next(browser: Client, fake_host: Host) -> None:
    make_container("old-web-1", labels=LABELS, workspace=make_workspace())
    address = reverse("stacks:adopt", args=ADDRESS)
    page = browser.get(address).content.decode()
    for words in ('value="old_shop"', 'value="/home/me/old"', "/home/me/old/docker-compose.yml"):
        assert words in page
    given = {"name": "old-shop", "directory": "/home/me/old", "env": ""}
    wrong = browser.post(address, {**given, "compose": "services: {web: {imag: x}}"})
    assert wrong.status_code == 400
    done = browser.post(address, {**given, "compose": "services: {web: {image: web}}"})
    stack = Stack.objects.get()
    assert (stack.project, stack.directory, done["Location"]) == (
        "old_shop",
        "/home/me/old",
        reverse("stacks:plan", args=[stack.pk]),
    )
    assert browser.get(address).status_code == 404


def test_what_one_does_not_see_one_cannot_adopt(db: None) -> None:
    make_host("local")
    make_container("old-web-1", labels=LABELS, workspace=make_workspace())
    stranger = make_user(None)
    make_grant(stranger, Role.DEVELOPER, workspace=make_workspace("depot"))
    browser = sign_in_browser(Client(), stranger)
    assert "old_shop" not in browser.get(reverse("stacks:adoptable")).content.decode()
    assert browser.get(reverse("stacks:adopt", args=ADDRESS)).status_code == 404
