"""Lists by cursor: whole, in order, and not moved by what comes and goes meanwhile."""

import base64
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from console.containers.models import Container
from console.operations.governed import writes_allowed
from tests.console.rest.conftest import Call
from tests.factories.console import make_container, make_job, make_team, make_workspace

pytestmark = pytest.mark.django_db


def walk(call: Call, path: str, key: str, *, limit: int = 2) -> list[object]:
    found: list[object] = []
    cursor = ""
    while True:
        page = call("get", f"{path}?limit={limit}&cursor={cursor}").json()
        found += [item[key] for item in page["items"]]
        assert len(page["items"]) == limit or page["next"] is None
        if page["next"] is None:
            return found
        cursor = page["next"]


def test_pages_together_are_the_list(call: Call) -> None:
    at = timezone.now()
    # three of one moment: ties are broken
    names = [make_container(f"c-{n}", created_at=at - timedelta(minutes=n // 3)).name for n in range(9)]
    for limit in (1, 2, 9, 10):
        assert sorted(map(str, walk(call, "containers", "name", limit=limit))) == sorted(names)
    assert walk(call, "containers", "name", limit=4) == walk(call, "containers", "name", limit=200)


@pytest.mark.parametrize(("path", "key"), [("workspaces", "slug"), ("teams", "slug"), ("jobs", "number")])
def test_each_list_goes_on_where_it_ended(call: Call, path: str, key: str) -> None:
    for n in range(5):
        make_workspace(f"w-{n}")
        make_team(f"t-{n}")
        make_job()
    assert walk(call, path, key) == [item[key] for item in call("get", path).json()["items"]]


def test_what_comes_or_goes_meanwhile_moves_nothing(call: Call) -> None:
    made = [make_container(f"c-{n}", created_at=timezone.now() - timedelta(minutes=n)) for n in range(6)]
    first = call("get", "containers?limit=3").json()
    make_container("newest", created_at=timezone.now() + timedelta(minutes=1))
    with writes_allowed("test"):
        Container.objects.filter(pk__in=[made[0].pk, made[2].pk]).delete()
    second = call("get", f"containers?limit=3&cursor={first['next']}").json()
    assert [item["name"] for item in second["items"]] == ["c-3", "c-4", "c-5"]


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "%",
        base64.urlsafe_b64encode(b"[1]").decode(),
        base64.urlsafe_b64encode(json.dumps(["x", 1]).encode()).decode(),
        base64.urlsafe_b64encode(json.dumps([{"at": "never"}, 1]).encode()).decode(),
        base64.urlsafe_b64encode(json.dumps([2**70, 2**70]).encode()).decode(),
    ],
)
def test_a_cursor_that_nobody_was_given_is_refused(call: Call, cursor: str) -> None:
    make_container()
    answer = call("get", f"containers?cursor={cursor}")
    assert (answer.status_code, answer.json()["field"]) == (400, "cursor")


def test_fifty_come_when_nobody_says_how_many(call: Call) -> None:
    for n in range(51):
        make_workspace(f"w-{n:02}")
    page = call("get", "workspaces").json()
    assert len(page["items"]) == 50
    assert page["next"]
