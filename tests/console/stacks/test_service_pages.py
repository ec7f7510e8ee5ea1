"""The page of one service, and that of how many there are of each."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from console.jobs.models import Job
from console.operations.permissions import Role
from console.stacks.models import Release, Stack
from console.stacks.operations import deploy_stack, plan_stack
from tests.console.stacks.conftest import make_release, make_stack, succeed
from tests.factories.console import (
    actor_of,
    make_container,
    make_host,
    make_user,
    make_workspace,
    sign_in_browser,
)
from tests.factories.timeline import make_change
from tests.fakes.compose_host import Host

pytestmark = pytest.mark.django_db
ROLLED = """
services:
  web:
    image: web
    deploy: {replicas: 3, update_config: {parallelism: 2, order: start-first, failure_action: rollback, monitor: 4s}}
"""


@pytest.fixture
def browser(db: None) -> Client:
    make_host("local")
    return sign_in_browser(Client(), make_user(Role.OPERATOR))


def make_replica(stack: Stack, number: int, **facts: Any) -> Any:
    marks = {
        "com.docker.compose.project": stack.project,
        "com.docker.compose.service": "web",
        "com.docker.compose.container-number": str(number),
    }
    return make_container(f"{stack.project}-web-{number}", workspace=make_workspace(), labels=marks, **facts)


def page_of(browser: Client, stack: Stack, service: str = "web") -> str:
    return browser.get(reverse("stacks:service", args=[stack.pk, service])).content.decode()


def test_a_service_shows_its_replicas_its_images_and_how_it_is_updated(browser: Client) -> None:
    stack = make_stack(files={"compose.yaml": ROLLED})
    make_release(stack)
    first = make_replica(stack, 1, image_engine_id="a" * 64)
    make_replica(stack, 2, health="unhealthy", image_engine_id="b" * 64)
    make_change(first, "died")
    page = page_of(browser, stack)
    assert "2 of 3" in page
    assert "3: not there" in page
    assert f"{stack.project}-web-2: unhealthy" in page
    for words in ("aaaaaaaaaaaa", "bbbbbbbbbbbb", "go back to the release before", "healthy, or running for 4 s"):
        assert words in page
    assert 'name="r.web"' in page
    assert f"c=local%2F{stack.project}-web-1" in page
    shown = browser.get(reverse("api:get_stack_service", args=[stack.pk, "web"])).json()
    assert (shown["wanted"], shown["image_ids"]) == (3, ["a" * 64, "b" * 64])
    assert shown["update"]["failure_action"] == "rollback"
    assert browser.get(reverse("stacks:service", args=[stack.pk, "other"])).status_code == 404


def test_a_stack_tells_where_its_services_answer_once_for_all_replicas(browser: Client) -> None:
    stack = make_stack(files={"compose.yaml": ROLLED})
    make_release(stack)
    port = {"host_address": "0.0.0.0", "host_port": 8090, "container_port": 80, "protocol": "tcp"}
    for number in (1, 2):
        make_replica(stack, number, ports=[port])
    for page in (browser.get(reverse("stacks:stack", args=[stack.pk])).content.decode(), page_of(browser, stack)):
        assert page.count('href="http://testserver:8090/"') == 1
    told = browser.get(reverse("api:get_stack", args=[stack.pk])).json()["services"]
    assert [(one["name"], one["ports"]) for one in told] == [("web", ["0.0.0.0:8090:80/tcp"])]


def test_a_service_of_many_costs_no_more_than_one_of_few(browser: Client) -> None:
    stack = make_stack(files={"compose.yaml": ROLLED})
    make_release(stack)
    counts = []
    for numbers in (range(1, 2), range(2, 40)):
        for number in numbers:
            make_change(make_replica(stack, number), "started")
        page_of(browser, stack)
        with CaptureQueriesContext(connection) as asked:
            browser.get(reverse("stacks:service", args=[stack.pk, "web"]), headers={"HX-Request": "true"})
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 12, [query["sql"][:100] for query in asked.captured_queries]


def deployed(stack: Stack, host: Host) -> None:
    admin = actor_of(make_user(Role.ADMIN))
    prepared = plan_stack(admin, stack.pk)
    job = deploy_stack(admin, stack.pk, plan_digest=prepared.plan.digest)
    host.apply(prepared.plan, prepared.project)
    succeed(job)


def test_numbers_are_planned_on_the_page_and_then_asked_for(browser: Client, fake_host: Host) -> None:
    stack = make_stack()
    address = reverse("stacks:scale", args=[stack.pk])
    assert "It was not deployed yet" in browser.get(address).content.decode()
    deployed(stack, fake_host)
    assert 'name="r.db"' in browser.get(address).content.decode()
    page = browser.get(address, {"r.web": "3", "r.db": "1"})
    assert "main_shop-web-3" in page.content.decode()
    digest = page.context["plan"].digest
    assert browser.post(address, {"r.web": "3"}).status_code == 409
    done = browser.post(address, {"r.web": "3", "plan": digest})
    job = Job.objects.latest("pk")
    assert done["Location"] == reverse("jobs:job", args=[job.number])
    assert Release.objects.get(number=2).project.services["web"].replicas == 3


@pytest.mark.parametrize(("given", "words"), [({"r.web": "many"}, "0 to 1000"), ({"r.no": "2"}, "no service")])
def test_what_is_no_number_of_a_service_is_told(browser: Client, fake_host: Host, given: Any, words: str) -> None:
    stack = make_stack()
    deployed(stack, fake_host)
    answer = browser.get(reverse("stacks:scale", args=[stack.pk]), given)
    assert answer.status_code == 400
    assert words in answer.content.decode()


def test_a_scaling_is_planned_by_the_api_too(browser: Client, fake_host: Host) -> None:
    stack = make_stack()
    deployed(stack, fake_host)
    address = reverse("api:get_stack_plan", args=[stack.pk])
    found = browser.get(address, {"scale": "web=3,db=0"}).json()
    assert found["counts"] == {"keep": 1, "create": 2, "remove": 1}
    wrong = browser.get(address, {"scale": "web"})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "scale")
