"""Pages of stacks: what they cost, what they show, and what they do not."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from console.jobs.models import Job
from console.operations.permissions import Role
from console.stacks.models import Release, Stack
from console.stacks.operations import deploy_stack, plan_stack
from tests.console.stacks.conftest import TEXT, make_stack
from tests.factories.console import actor_of, make_container, make_host, make_user, make_workspace, sign_in_browser
from tests.fakes.compose_host import Host

pytestmark = pytest.mark.django_db
NEW = {"host": "local", "workspace": "main", "name": "shop", "compose": TEXT.replace("\n", "\r\n"), "env": "A=1\r\n"}


@pytest.fixture
def browser(db: None) -> Client:
    make_host("local")
    return sign_in_browser(Client(), make_user(Role.DEVELOPER))


def test_a_list_of_many_costs_no_more_than_one_of_few(browser: Client) -> None:
    make_stack("stack-0")
    # the first request of a session writes down that it is in use
    browser.get(reverse("stacks:list"))
    counts = []
    for more in (0, 30):
        for number in range(1, more):
            make_stack(f"stack-{number}")
        # the rows alone: what every page is drawn with is not the list's
        with CaptureQueriesContext(connection) as asked:
            answer = browser.get(reverse("stacks:list"), headers={"HX-Request": "true"})
        counts.append(len(asked))
    assert b"stack-29" in answer.content
    assert counts[0] == counts[1] <= 12, [query["sql"][:100] for query in asked.captured_queries]


def test_a_stack_is_pasted_and_mended(browser: Client) -> None:
    wrong = browser.post(reverse("stacks:new"), {**NEW, "compose": "services:\n  a: {imag: x}\n"})
    assert wrong.status_code == 400
    assert "Line 2, column 7: services.a:" in wrong.content.decode()
    assert 'data-error-line="2"' in wrong.content.decode()
    made = browser.post(reverse("stacks:new"), NEW)
    stack = Stack.objects.get()
    assert made["Location"] == reverse("stacks:stack", args=[stack.pk])
    assert stack.files == {"compose.yaml": TEXT, ".env": "A=1\n"}


def test_editing_leaves_other_files_alone(browser: Client) -> None:
    stack = make_stack(files={"compose.yaml": TEXT, "conf/x": "y"})
    data = {"compose": TEXT.replace("one", "two"), "env": ""}
    assert browser.post(reverse("stacks:edit", args=[stack.pk]), data).status_code == 302
    assert Stack.objects.get().files == {"compose.yaml": data["compose"], "conf/x": "y"}


def test_a_plan_is_shown_and_agreed_to_by_its_digest(browser: Client, fake_host: Host) -> None:
    stack = make_stack()
    page = browser.get(reverse("stacks:plan", args=[stack.pk])).content.decode()
    assert "main_shop-web-1" in page
    stale = browser.post(reverse("stacks:deploy", args=[stack.pk]), {"plan": "0" * 64})
    assert stale.status_code == 409
    digest = plan_stack(actor_of(make_user(Role.ADMIN)), stack.pk).plan.digest
    assert digest in page
    done = browser.post(reverse("stacks:deploy", args=[stack.pk]), {"plan": digest})
    assert done["Location"] == reverse("jobs:job", args=[Job.objects.get().number])


def test_what_cannot_be_planned_is_told(browser: Client, fake_host: Host) -> None:
    stack = make_stack(files={"compose.yaml": "services: {a: {image: '${X:?say which}'}}"})
    answer = browser.get(reverse("stacks:plan", args=[stack.pk]))
    assert answer.status_code == 400
    assert "say which" in answer.content.decode()


def test_hostile_names_are_shown_as_they_are(browser: Client, fake_host: Host) -> None:
    text = "services: {a: {image: web, labels: {x: '<script>alert(1)</script>'}}}"
    stack = make_stack(files={"compose.yaml": "services: {a: {image: web}}"})
    admin = actor_of(make_user(Role.ADMIN))
    prepared = plan_stack(admin, stack.pk)
    fake_host.apply(prepared.plan, prepared.project)
    browser.post(reverse("stacks:edit", args=[stack.pk]), {"compose": text, "env": ""})
    page = browser.get(reverse("stacks:plan", args=[stack.pk])).content.decode()
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page


def test_one_stack_shows_its_containers_and_releases(browser: Client, fake_host: Host) -> None:
    stack, admin = make_stack(), actor_of(make_user(Role.ADMIN))
    deploy_stack(admin, stack.pk, plan_digest=plan_stack(admin, stack.pk).plan.digest)
    marks = {"com.docker.compose.project": stack.project, "com.docker.compose.service": "web"}
    make_container("web-1", workspace=make_workspace(), labels=marks)
    page = browser.get(reverse("stacks:stack", args=[stack.pk])).content.decode()
    assert "1 of 1" in page
    assert "0 of 1" in page
    assert Release.objects.get().number == 1


def test_who_may_only_look_is_not_shown_the_files(db: None) -> None:
    make_host("local")
    stack = make_stack()
    viewer = sign_in_browser(Client(), make_user(Role.VIEWER))
    assert viewer.get(reverse("stacks:stack", args=[stack.pk])).status_code == 200
    assert viewer.get(reverse("stacks:edit", args=[stack.pk])).status_code == 403
    shown = viewer.get(reverse("api:get_stack", args=[stack.pk])).json()
    assert shown["files"] is None
