"""Logs of containers that are gone: where pages lead to them, who reads them, and what is said where there is none."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from console.containers import kept_logs
from console.containers.models import Container
from console.hosts.log_reading import KeptLog, KeptLogs
from console.operations.permissions import Role
from tests.factories.console import (
    bearer,
    make_api_token,
    make_container,
    make_grant,
    make_host,
    make_user,
    make_workspace,
    sign_in_browser,
)

pytestmark = pytest.mark.django_db
BEFORE = {"created_at": datetime(2026, 1, 1, tzinfo=UTC)}


def gone(name: str, **facts: Any) -> Container:
    removed_at = timezone.now() - timedelta(hours=1)
    return make_container(name, state="exited", **{**BEFORE, "gone_at": removed_at, **facts})


def kept(container: Container) -> KeptLog:
    at = container.gone_at or timezone.now()
    return KeptLog(container.engine_id, container.name, {}, at, at, 3, has_tty=False, size_bytes=2048)


class Engines:
    """What engines keep; ``asked`` has the addresses of each time."""

    def __init__(self) -> None:
        self.keeps: list[Container] = []
        self.is_able = True
        self.asked: list[list[str]] = []

    async def kept_logs_of(self, wanted: dict[str, list[str]]) -> dict[str, KeptLogs]:
        self.asked.append(sorted(wanted))
        return {
            address: KeptLogs(
                {one.engine_id: kept(one) for one in self.keeps if one.engine_id in engine_ids}, is_able=self.is_able
            )
            for address, engine_ids in wanted.items()
        }


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Engines:
    engines = Engines()
    monkeypatch.setattr(kept_logs, "kept_logs_of", engines.kept_logs_of)
    return engines


@pytest.fixture
def browser() -> Client:
    make_host("local")
    return sign_in_browser(Client(), make_user(Role.VIEWER))


def log_page(browser: Client, container: Container) -> str:
    answer = browser.get(f"/containers/{container.host.name}/{container.key}/logs/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_of_one_that_is_gone_shows_the_log_that_was_kept(browser: Client, engines: Engines) -> None:
    web = gone("web")
    engines.keeps = [web]
    page = log_page(browser, web)
    assert f'data-topic="{web.log_topic}"' in page
    assert "has kept the log (2.0 kB)" in " ".join(page.split())
    overview = browser.get(f"/containers/local/{web.short_id}/").content.decode()
    assert f"/containers/local/{web.short_id}/logs/" in overview


@pytest.mark.parametrize(("is_able", "words"), [(True, "No log was kept"), (False, "The log went with the container")])
def test_where_there_is_none_it_is_said_why(browser: Client, engines: Engines, is_able: bool, words: str) -> None:
    engines.is_able = is_able
    page = log_page(browser, gone("web"))
    assert words in page
    assert "data-topic" not in page.split("<main")[1]


def test_the_page_of_a_successor_leads_to_what_was_before_it(browser: Client, engines: Engines) -> None:
    first, other, elsewhere = gone("web"), gone("db"), gone("web", host=make_host("far", address="unix:///far.sock"))
    renamed = gone("web-old", first=first)
    now = make_container("web", first=first)
    engines.keeps = [first, other, elsewhere, renamed]
    page = log_page(browser, now)
    assert {one.short_id for one in Container.objects.all() if f"/local/{one.short_id}/logs/" in page} == {
        first.short_id,
        renamed.short_id,
    }
    assert f"c=local/web&amp;c=local/{renamed.short_id}&amp;c=local/{first.short_id}" in page
    assert engines.asked == [["unix:///nowhere.sock"]]


def test_an_engine_that_is_away_is_not_waited_for(browser: Client, engines: Engines) -> None:
    host = make_host("away", address="unix:///away.sock", state="unreachable", last_seen_at=BEFORE["created_at"])
    gone("web", host=host)
    log_page(browser, make_container("web", host=host))
    assert engines.asked == []


def test_removed_ones_are_chosen_together_with_their_successors(browser: Client, engines: Engines) -> None:
    old, lost = gone("web-1", labels={"tier": "front"}), gone("web-2", labels={"tier": "front"})
    make_container("web-1", labels={"tier": "front"})
    engines.keeps = [old]
    page = browser.get("/logs/?label=tier=front&show=on&gone=on").content.decode()
    assert [part.split('"')[0] for part in page.split('data-name="')[1:]] == ["web-1", f"web-1 {old.short_id}"]
    assert lost.short_id not in page
    # named, it is shown without the tick
    assert f"web-1 {old.short_id}" in browser.get(f"/logs/?c=local/{old.short_id}").content.decode()


def test_many_that_are_gone_cost_few_queries_and_one_request_a_host(
    browser: Client, engines: Engines, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    engines.keeps = [gone(f"many-{n:02}") for n in range(60)]
    browser.get("/logs/")
    with django_assert_max_num_queries(12):
        browser.get("/logs/?text=many&show=on&gone=on")
    assert len(engines.asked) == 1


def test_kept_logs_are_those_of_containers_whose_logs_may_be_read(client: Client, engines: Engines) -> None:
    make_host("local")
    mine, theirs = gone("web", workspace=make_workspace("shop")), gone("db", workspace=make_workspace("depot"))
    long_ago = gone("web", workspace=make_workspace("shop"), gone_at=timezone.now() - timedelta(days=99))
    engines.keeps = [mine, theirs, long_ago]
    user = make_user(None)
    make_grant(user, Role.VIEWER, workspace=make_workspace("shop"))
    token = bearer(make_api_token(user))
    answer = client.get("/api/v1/logs/kept", headers=token).json()
    assert [(one["container"], one["id"], one["exit_code"]) for one in answer] == [("web", mine.engine_id, 3)]
    assert client.get("/api/v1/logs/kept?text=db", headers=token).json() == []
