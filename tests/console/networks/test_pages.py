"""Pages of networks: who is on one, and the drawing, with hostile names and within few queries."""

import pytest
from django.test import Client
from django.utils.html import escape
from pytest_django import DjangoAssertNumQueries

from console.operations.permissions import Role
from tests.factories.console import (
    make_container,
    make_grant,
    make_host,
    make_user,
    make_workspace,
    sign_in_browser,
)
from tests.factories.wires import make_network, member

pytestmark = pytest.mark.django_db
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def browser(client: Client) -> Client:
    make_host("local")
    return sign_in_browser(client, make_user(Role.ADMIN))


def text_of(browser: Client, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_a_page_names_members_with_addresses_and_aliases(browser: Client) -> None:
    make_network("main_front", members=[member(make_container("web"), ipv4="172.18.0.7", aliases=("www",))])
    text = text_of(browser, "/networks/local/main_front/")
    assert all(word in text for word in ("web", "172.18.0.7", "www", "docker network create"))


def test_containers_of_others_are_counted_and_not_named(client: Client) -> None:
    shop = make_workspace("shop")
    theirs = make_container("secret-thing", workspace=make_workspace("depot"))
    make_network("shop_front", workspace=shop, members=[member(theirs), member(make_container("web", workspace=shop))])
    user = make_user(None)
    make_grant(user, Role.VIEWER, workspace=shop)
    text = text_of(sign_in_browser(client, user), "/networks/local/shop_front/")
    assert "web" in text
    assert "secret-thing" not in text
    assert "1 container of others" in text
    drawn = text_of(client, "/networks/topology/")
    assert "secret-thing" not in drawn


def test_names_are_shown_and_never_run(browser: Client) -> None:
    web = make_container(HOSTILE, image=HOSTILE)
    make_network(HOSTILE, labels={HOSTILE: HOSTILE}, members=[member(web, aliases=(HOSTILE,))])
    for address in ("/networks/", "/networks/topology/", "/networks/prune/"):
        text = text_of(browser, address)
        assert "<script>alert" not in text
        assert address == "/networks/prune/" or escape(HOSTILE)[:12] in text


def test_the_drawing_shows_ports_networks_and_what_is_still(browser: Client) -> None:
    published = [{"host_address": "0.0.0.0", "host_port": 8080, "container_port": 80, "protocol": "tcp"}]
    web = make_container("web", ports=published)
    make_network("main_front", members=[member(web)])
    make_container("old", state="exited")
    text = text_of(browser, "/networks/topology/")
    assert text.count('<circle class="dot ') == 1
    assert "8080 → 80" in text
    assert "boat-still" in text
    assert 'href="/networks/local/main_front/"' in text


def test_many_rows_cost_few_queries(browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    containers = [make_container() for _ in range(60)]
    for number in range(60):
        make_network(f"main_{number}", members=[member(one) for one in containers[:number]])
    # the first page of a session writes down that it is there
    text_of(browser, "/networks/")
    pages = {"/networks/": 12, "/networks/topology/": 18, "/networks/prune/": 18, "/networks/local/main_59/": 22}
    for address, most in pages.items():
        with django_assert_max_num_queries(most):
            text_of(browser, address)


def test_the_form_makes_a_job_and_shows_what_is_wrong(browser: Client) -> None:
    wrong = browser.post("/networks/new/", {"host": "local", "name": "main_a", "driver": "bridge", "subnets": "x"})
    assert wrong.status_code == 400
    assert "is no subnet" in wrong.content.decode()
    given = {"host": "local", "name": "main_a", "driver": "bridge", "subnets": "10.9.0.0/24 gateway=10.9.0.1"}
    answer = browser.post("/networks/new/", given)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/jobs/")
