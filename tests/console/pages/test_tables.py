"""Lists: pages that continue each other, and addresses that nobody was given."""

import re

import pytest

from console.operations.permissions import Role
from tests.console.pages.conftest import SignedIn
from tests.factories.console import make_container, make_job


@pytest.mark.parametrize("sort", ["", "&sort=name", "&sort=-name", "&sort=state", "&sort=host", "&sort=created"])
def test_pages_continue_each_other(signed_in: SignedIn, sort: str) -> None:
    for _ in range(53):
        make_container()
    client = signed_in(Role.VIEWER)
    first = client.get(f"/containers/?text=container{sort}")
    rest = client.get(f"/containers/{first.context['table'].next_link}")
    names = [row.name for answer in (first, rest) for row in answer.context["table"].rows]
    assert len(names) == len(set(names)) == 53
    assert not rest.context["table"].next_after


@pytest.mark.parametrize("query", ["sort=secret", "after=x", "after=WzEsMl0", "after=bnVsbA", "after=W10", "after=%00"])
def test_an_address_nobody_was_given_is_a_bad_request(signed_in: SignedIn, query: str) -> None:
    make_container()
    assert signed_in(Role.VIEWER).get(f"/containers/?{query}").status_code == 400


def test_filters_narrow_and_say_when_nothing_is_left(signed_in: SignedIn) -> None:
    make_container("web-1")
    make_container("db-1", state="exited")
    client = signed_in(Role.VIEWER)
    names = [row.name for row in client.get("/containers/?text=web").context["table"].rows]
    assert names == ["web-1"]
    assert "Nothing matches" in client.get("/containers/?text=nothing").content.decode()


def test_jobs_are_filtered_by_kind_and_state(signed_in: SignedIn) -> None:
    make_job("container.stop", state="failed")
    make_job("container.stop", state="succeeded")
    rows = signed_in(Role.VIEWER).get("/jobs/?state=failed").context["table"].rows
    assert [row.state for row in rows] == ["failed"]


def test_ports_beyond_three_collapse(signed_in: SignedIn) -> None:
    ports = [
        {"host_address": "127.0.0.1", "host_port": 8000 + n, "container_port": 80, "protocol": "tcp"} for n in range(5)
    ]
    make_container("web-1", ports=ports)
    page = signed_in(Role.VIEWER).get("/containers/").content.decode()
    assert re.findall(r">(80\d\d)→80<", page) == ["8000", "8001", "8002"]
