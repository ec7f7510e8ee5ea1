"""A link shows one thing to whoever has it, until it ends, and not a moment longer than its maker may read that."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from console.access.models import Grant
from console.accounts.models import User
from console.audit.models import AuditEntry
from console.live.topics import Chunk, Line
from console.operations.actor import Actor
from console.operations.errors import Conflict, Denied, Invalid, Missing
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from console.project.logging import hide_links
from console.shares import operations, public_views
from console.shares.models import Share
from console.shares.queries import visible_shares
from tests.factories.console import (
    actor_of,
    make_container,
    make_grant,
    make_job,
    make_user,
    make_workspace,
)
from tests.factories.wires import make_share

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> None:
    async def piece(_address: str, _engine_id: str, since: str | None) -> Chunk:
        return Chunk("2", () if since == "2" else (Line("hello"),))

    monkeypatch.setattr(public_views, "log_piece", piece)


def viewer_of(workspace: str) -> User:
    user = make_user(None)
    make_grant(user, Role.VIEWER, workspace=make_workspace(workspace))
    return user


def lines(token: str) -> Any:
    return Client().get(f"/shared/{token}/lines/")


def test_whoever_has_the_link_reads_that_log_without_signing_in_and_nothing_else() -> None:
    shop = make_workspace("shop")
    make_container("web", workspace=shop)
    maker = viewer_of("shop")
    issued = operations.share_container_log(actor_of(maker), "local", "web", hours=1)
    page = Client().get(issued.path)
    text = page.content.decode()
    assert (page.status_code, page["Referrer-Policy"]) == (200, "no-referrer")
    assert "web" in text
    assert 'id="sidebar"' not in text
    assert lines(issued.token).json()["lines"][0][2] == "hello"
    assert Client().get("/containers/local/web/").status_code == 302
    assert issued.token not in str(list(Share.objects.values()))


def test_a_jobs_output_is_shown_the_same_way(redis_server: object) -> None:
    maker = viewer_of("shop")
    job = make_job(workspace=make_workspace("shop"), on_name="built")
    issued = operations.share_job_output(actor_of(maker), job.number, hours=1)
    assert Client().get(issued.path).status_code == 200
    assert lines(issued.token).json()["lines"] == []


@pytest.mark.parametrize("end", ["revoked", "expired", "disabled", "no longer allowed", "removed"])
def test_it_ends_for_pages_that_are_open(end: str) -> None:
    maker = viewer_of("shop")
    container = make_container("web", workspace=make_workspace("shop"))
    share = make_share(maker, container)
    assert lines("a-token").status_code == 200
    with writes_allowed("test"):
        if end == "expired":
            Share.objects.filter(pk=share.pk).update(expires_at=timezone.now())
        elif end == "disabled":
            User.objects.filter(pk=maker.pk).update(is_active=False)
        elif end == "no longer allowed":
            Grant.objects.all().delete()
        elif end == "removed":
            container.delete()
    if end == "revoked":
        operations.revoke_share(actor_of(maker), share.pk)
    assert lines("a-token").status_code == 404
    assert Client().get("/shared/a-token/").status_code == 404
    assert Client().get("/shared/a-token/text/").status_code == 404


def test_only_who_may_read_makes_a_link_and_no_token_ever_does() -> None:
    make_container("web", workspace=make_workspace("shop"))
    with pytest.raises(Missing):
        operations.share_container_log(actor_of(viewer_of("depot")), "local", "web", hours=1)
    auditor = make_user(None)
    make_grant(auditor, Role.AUDITOR, workspace=make_workspace("shop"))
    with pytest.raises(Missing):
        operations.share_container_log(actor_of(auditor), "local", "web", hours=1)
    assert not Share.objects.exists()


@pytest.mark.parametrize("hours", [0, 721])
def test_a_link_lasts_no_longer_than_thirty_days(hours: int) -> None:
    make_container("web")
    with pytest.raises(Invalid):
        operations.share_container_log(actor_of(make_user(Role.ADMIN)), "local", "web", hours=hours)


def test_opening_is_on_record_once_an_hour_for_each_network() -> None:
    share = make_share(make_user(Role.ADMIN), make_container("web"))
    for address in ("192.0.2.1", "192.0.2.1", "198.51.100.7"):
        assert Client(REMOTE_ADDR=address).get("/shared/a-token/").status_code == 200
    opened = AuditEntry.objects.filter(action="share.open")
    assert opened.count() == 2
    with writes_allowed("test"):
        long_ago = (timezone.now() - timedelta(hours=2)).timestamp()
        Share.objects.filter(pk=share.pk).update(openings={"192.0.2.1": long_ago})
    Client(REMOTE_ADDR="192.0.2.1").get("/shared/a-token/")
    assert opened.count() == 3


def test_links_are_seen_and_ended_by_their_maker_and_who_manages_grants_there() -> None:
    shop = make_workspace("shop")
    maker = viewer_of("shop")
    share = make_share(maker, make_container("web", workspace=shop))
    admin, stranger = make_user(None), viewer_of("shop")
    make_grant(admin, Role.ADMIN, workspace=shop)
    seen = [list(visible_shares(actor_of(one))) for one in (maker, admin, stranger)]
    assert seen == [[share], [share], []]
    with pytest.raises(Missing):
        operations.revoke_share(actor_of(stranger), share.pk)
    operations.revoke_share(actor_of(admin), share.pk)
    with pytest.raises(Conflict):
        operations.revoke_share(actor_of(maker), share.pk)
    with pytest.raises(Denied):
        list(visible_shares(Actor.of_user(None)))


def test_the_console_writes_no_link_into_its_log() -> None:
    event = hide_links(None, "info", {"event": "GET /shared/secret-words/lines/"})
    assert event == {"event": "GET /shared/…/lines/"}
