"""What changed is told in one order over three tables, to each as far as they may read it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.audit.models import AuditEntry
from console.audit.recorder import record
from console.containers.models import Container
from console.operations.actor import Actor
from console.operations.errors import Invalid
from console.operations.governed import writes_allowed
from console.operations.permissions import Permission, Role
from console.operations.runner import Operation, Outcome
from console.timeline.entries import Entry
from console.timeline.models import Change
from console.timeline.queries import ChangeFilter, Group, timeline
from tests.factories.console import (
    actor_of,
    bearer,
    make_api_token,
    make_container,
    make_custom_role,
    make_entry,
    make_grant,
    make_host,
    make_image,
    make_job,
    make_user,
    make_workspace,
    sign_in_browser,
)
from tests.factories.engine import HOSTILE
from tests.factories.timeline import make_change

NOW = timezone.now()


def ago(minutes: int) -> datetime:
    return NOW - timedelta(minutes=minutes)


def everything(actor: Actor, wanted: ChangeFilter | None = None, *, limit: int = 3) -> list[Entry]:
    """Page by page."""
    found: list[Entry] = []
    after = ""
    while True:
        shown = timeline(actor, wanted or ChangeFilter(), after=after, limit=limit)
        found += shown.entries
        after = shown.next_after
        if not after:
            return found
        assert len(shown.entries) == limit


@pytest.fixture
def container() -> Container:
    return make_container("web-1", workspace=make_workspace("shop"), created_at=ago(600))


def test_three_tables_are_one_list_page_by_page(container: Container) -> None:
    for minutes in range(0, 20, 2):
        make_change(container, "started", at=ago(minutes))
        make_job("container.start", created_at=ago(minutes), on_name="web-1", workspace=container.workspace)
        make_change(container, "died", at=ago(minutes), exit_code=1)
    make_entry("refused")
    found = everything(actor_of(make_user(Role.ADMIN)))
    assert len(found) == 30
    assert [entry.at for entry in found] == sorted((entry.at for entry in found), reverse=True)
    assert len({entry.key for entry in found}) == 30


@pytest.mark.parametrize("position", ["x", "W10", "WzEsMiwzXQ", "bnVsbA", "WyIyMDI2LTAxLTAxIiwtMSwwXQ", "=" * 900])
def test_a_position_that_nobody_was_given_is_refused(position: str) -> None:
    with pytest.raises(Invalid):
        timeline(actor_of(make_user(Role.ADMIN)), ChangeFilter(), after=position)


def test_each_sees_what_is_theirs(container: Container) -> None:
    make_change(container, "started")
    make_change(make_container("db-1", workspace=make_workspace("depot")), "started")
    image = make_image("app:1", workspace=make_workspace("shop"))
    moved = make_change(container, "tagged", to="a")
    with_image(moved, workspace=image.workspace)
    lost = make_change(container, "host-lost")
    with_image(lost, workspace=None)
    orphan = make_change(container, "died", exit_code=1)
    with_image(orphan, workspace=None)

    def seen_by(actor: Actor) -> set[str]:
        return {f"{entry.name} {entry.kind}" for entry in everything(actor) if entry.origin == "engine"}

    of_shop, of_depot, looker = (make_user(None, username=name) for name in ("kim", "lee", "park"))
    make_grant(of_shop, Role.VIEWER, workspace=make_workspace("shop", hosts=["local"]))
    make_grant(of_depot, Role.VIEWER, workspace=make_workspace("depot", hosts=["elsewhere"]))
    make_grant(looker, make_custom_role("looker", "container.view"), host=make_host())
    assert seen_by(actor_of(of_shop)) == {"web-1 started", "web-1 tagged", "web-1 host-lost"}
    assert seen_by(actor_of(of_depot)) == {"db-1 started"}
    assert seen_by(actor_of(looker)) == {"web-1 started", "db-1 started", "web-1 died"}
    assert seen_by(actor_of(make_user(Role.ADMIN))) == {
        *("web-1 started", "db-1 started", "web-1 died", "web-1 tagged", "web-1 host-lost"),
    }


def with_image(change: Change, **facts: Any) -> None:
    """Make it one of no container."""
    with writes_allowed("test"):
        Change.objects.filter(pk=change.pk).update(container=None, **facts)


def test_a_container_s_own_tells_who_asked_and_who_may(container: Container) -> None:
    make_change(container, "died", at=ago(5), exit_code=1, is_trouble=True)
    make_change(make_container("db-1"), "died", at=ago(5), exit_code=1, is_trouble=True)
    about: dict[str, Any] = {
        "on_kind": "container",
        "on_id": str(container.pk),
        "on_name": "web-1",
        "workspace": container.workspace,
    }
    make_job("container.stop", user=make_user(Role.ADMIN, username="dana"), created_at=ago(4), **about)
    make_job("container.stop", created_at=ago(4), workspace=container.workspace)
    admin = actor_of(make_user(Role.ADMIN))
    give_grant_in(container)
    found = everything(admin, ChangeFilter(container=container))
    assert [(entry.origin.value, entry.who) for entry in found] == [
        ("audit", "system"),
        ("job", "dana"),
        ("engine", ""),
    ]
    operator = make_user(None, username="op")
    make_grant(operator, Role.OPERATOR, workspace=container.workspace)
    assert {entry.origin.value for entry in everything(actor_of(operator), ChangeFilter(container=container))} == {
        *("job", "engine"),
    }
    assert [e.kind for e in everything(admin, ChangeFilter(container=container, group=Group.TROUBLE))] == ["died"]
    assert "died" not in {e.kind for e in everything(admin, ChangeFilter(container=container, group=Group.PEOPLE))}


def give_grant_in(container: Container) -> None:
    op = Operation(Actor.system("system"), Permission.GRANT_MANAGE, None, {"holder": "kim", "role": "operator"})
    op.place = container.place
    record(op, outcome=Outcome.ALLOWED, reason="")


def test_what_its_image_s_name_came_to_mean_is_told_while_it_was_there(container: Container) -> None:
    image = make_change(make_container("builder"), "tagged", at=ago(5), to="a")
    earlier = make_change(make_container("builder-2"), "tagged", at=ago(700), to="b")
    for change in (image, earlier):
        with_image(change, image=container.image, workspace=container.workspace)
    found = everything(actor_of(make_user(Role.ADMIN)), ChangeFilter(container=container))
    assert [(entry.kind, entry.at) for entry in found] == [("tagged", image.at)]


@pytest.mark.parametrize(
    ("address", "most"),
    [("/changes/", 12), ("/containers/local/web-1/history/", 12)],
)
def test_a_page_asks_little_however_much_happened(container: Container, address: str, most: int) -> None:
    client = sign_in_browser(Client(), make_user(Role.ADMIN))
    about: dict[str, Any] = {"on_kind": "container", "on_id": str(container.pk), "workspace": container.workspace}
    for minutes in range(60):
        make_change(container, "started", at=ago(minutes))
        make_job("container.start", created_at=ago(minutes), **about)
    client.get(address)
    with CaptureQueriesContext(connection) as whole:
        answer = client.get(address)
    with CaptureQueriesContext(connection) as part:
        client.get(address, headers={"HX-Request": "true"})
    assert answer.content.decode().count('<li id="e-') == 50
    assert len(part) <= most, [query["sql"][:90] for query in part]
    assert len(whole) <= 2 * most, [query["sql"][:90] for query in whole]


def test_reading_the_audit_log_here_is_on_record_too(container: Container) -> None:
    give_grant_in(container)
    client = sign_in_browser(Client(), make_user(Role.ADMIN, username="dana"))
    before = AuditEntry.objects.count()
    client.get("/containers/local/web-1/history/")
    client.get("/containers/local/web-1/history/", headers={"HX-Request": "true"})
    assert AuditEntry.objects.count() == before + 1
    assert AuditEntry.objects.latest("seq").details["target"] == str(container.pk)


def test_names_and_reasons_are_text(container: Container) -> None:
    make_change(container, "renamed", old=HOSTILE, new=HOSTILE)
    make_change(container, "exec", program=HOSTILE, exec_id="1")
    make_change(container, "health", status=HOSTILE)
    make_change(container, "replaced", earlier="a", changes=[{"what": HOSTILE, "added": [HOSTILE], "removed": []}])
    client = sign_in_browser(Client(), make_user(Role.ADMIN))
    for address in ("/changes/", "/containers/local/web-1/history/"):
        text = client.get(address).content.decode()
        assert HOSTILE not in text
        assert "&lt;script&gt;" in text


def test_what_another_version_wrote_is_still_listed(container: Container) -> None:
    make_change(container, "died")
    make_change(container, "tagged")
    make_change(container, "of-tomorrow")
    client = sign_in_browser(Client(), make_user(Role.ADMIN))
    assert client.get("/changes/").status_code == 200


def test_the_api_goes_on_by_its_cursor(container: Container) -> None:
    for minutes in range(5):
        make_change(container, "started", at=ago(minutes))
    token, path = make_api_token(make_user(Role.ADMIN)), "/api/v1/containers/local/web-1/changes"
    found = list[str]()
    cursor = ""
    for _page in range(3):
        answer = Client().get(path, {"limit": "2", "cursor": cursor}, headers=bearer(token)).json()
        found += [item["at"] for item in answer["items"]]
        cursor = answer["next"] or ""
    assert (len(found), cursor) == (5, "")
    assert Client().get(path, {"cursor": "x"}, headers=bearer(token)).status_code == 400
