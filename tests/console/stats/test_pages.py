"""Pages and API of what is used: what they show of live, stale, stopped, removed and silent things."""

import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from console.containers.models import Container
from console.hosts.models import Host
from console.jobs.models import Job
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from tests.console.stats.conftest import measured
from tests.factories.console import (
    bearer,
    make_api_token,
    make_container,
    make_host,
    make_job,
    make_user,
    sign_in_browser,
)

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12


@pytest.fixture
def viewer() -> Client:
    return sign_in_browser(Client(), make_user(Role.VIEWER))


def text_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


# --- a container ---


def test_a_running_container_is_followed(viewer: Client) -> None:
    container = make_container("web-1", cpus=0.5, memory_bytes=256 << 20)
    measured("local", [container.engine_id])
    page = text_of(viewer, "/containers/local/web-1/stats/")
    assert f'data-topic="container.{container.pk}.stats"' in page
    assert 'data-limit="50"' in page
    assert 'data-limit="268435456"' in page
    assert "12 %" in page or "13 %" in page, "the table shows what the charts do"


def test_a_span_is_shown_without_following(viewer: Client) -> None:
    make_container("web-1")
    assert 'data-topic=""' in text_of(viewer, "/containers/local/web-1/stats/?span=24h")
    assert viewer.get("/containers/local/web-1/stats/?span=7d").status_code == 400


def test_one_that_was_removed_can_still_be_looked_at(viewer: Client) -> None:
    container = make_container("web-1", gone_at=timezone.now(), state="exited")
    measured("local", [container.engine_id])
    page = text_of(viewer, f"/containers/local/{container.short_id}/stats/")
    assert "kept for a day" in page
    assert 'data-topic=""' in page
    history = viewer.get(f"/containers/local/{container.short_id}/stats/history").json()
    assert history["columns"]["cpu"][-1] == 12.5


def test_history_has_columns_of_one_length_and_gaps(viewer: Client) -> None:
    container = make_container("web-1")
    measured("local", [container.engine_id], at_s=time.time() - 600)
    measured("local", [container.engine_id])
    history = viewer.get("/containers/local/web-1/stats/history?span=1h").json()
    assert history["step"] == 10
    assert {len(column) for column in history["columns"].values()} == {len(history["at"])} == {3}
    assert history["columns"]["memory"] == [40e6, None, 40e6]


def test_a_person_without_container_stats_sees_the_container_and_not_its_use() -> None:
    make_container("web-1")
    client = sign_in_browser(Client(), make_user(Role.AUDITOR))
    assert client.get("/containers/local/web-1/stats/").status_code == 403


# --- hosts ---


def test_hosts_show_use_and_what_is_promised(viewer: Client) -> None:
    container = make_container("web-1", cpus=2, memory_bytes=2 * 10**9)
    measured("local", [container.engine_id])
    page = text_of(viewer, "/hosts/")
    assert "25 %" in page
    assert '2.0 GB</b> <span class="text-secondary">/ 8.0 GB' in page
    assert '<path class="curve-line" d="M' in page
    # two of four processors
    host = text_of(viewer, "/hosts/local/")
    assert 'class="meter-promised" width="50"' in host
    assert "2 promised by limits" in host
    assert "Images take" not in host, "its disk is not full"


@pytest.mark.parametrize(("free", "tone"), [(60e9, ""), (6e9, "alert-warning"), (1e9, "alert-danger")])
def test_a_disk_that_fills_up_is_said(viewer: Client, free: float, tone: str) -> None:
    measured("local", [], disk=40e9, disk_free=free)
    for address in ("/", "/hosts/local/"):
        page = text_of(viewer, address)
        assert ("The disk of local is" in page) == bool(tone)
        assert not tone or tone in page


@pytest.mark.parametrize(("role", "leads_to"), [(Role.ADMIN, "/prune/local/"), (Role.VIEWER, "/images/?host=local")])
def test_from_a_full_disk_it_is_one_step_to_what_one_may_do_about_it(role: Role, leads_to: str) -> None:
    measured("local", [], disk=40e9, disk_free=1e9)
    assert f'href="{leads_to}"' in text_of(sign_in_browser(Client(), make_user(role)), "/")


def test_use_that_is_old_is_not_shown_as_now(viewer: Client) -> None:
    measured("local", [], at_s=time.time() - 120)
    assert "25 %" not in text_of(viewer, "/hosts/")
    assert "not measured now" in text_of(viewer, "/hosts/local/")
    assert "Not measured now" in text_of(viewer, "/")


def test_a_silent_host_is_named(viewer: Client) -> None:
    measured("b1", [])
    with writes_allowed("test"):
        Host.objects.update(last_seen_at=timezone.now() - timedelta(minutes=5), lost_at=timezone.now())
    for address in ("/", "/hosts/", "/hosts/b1/"):
        assert 'data-state="host.lost"' in text_of(viewer, address)
    assert "Host b1 does not answer" in text_of(viewer, "/hosts/b1/")


def test_nobody_is_told_what_a_container_uses_that_they_may_not_see() -> None:
    container = make_container("web-1")
    measured("local", [container.engine_id])
    page = text_of(sign_in_browser(Client(), make_user(Role.VIEWER)), "/hosts/local/")
    assert "<b>12 %</b><span>40.0 MB</span>" in page
    assert "hosts/local" not in text_of(sign_in_browser(Client(), make_user(Role.AUDITOR)), "/")


def test_the_api_tells_the_same() -> None:
    container = make_container("web-1", cpus=1)
    measured("local", [container.engine_id])
    token = bearer(make_api_token(make_user(Role.VIEWER), scope="read"))
    told = Client().get("/api/v1/containers/local/web-1/stats?span=6h", headers=token).json()
    assert (told["now"]["cpu"], told["history"]["step_s"]) == (12.5, 60)
    told = Client().get("/api/v1/hosts/local/stats", headers=token).json()
    assert (told["now"]["cpus"], told["promised"]["cpus"], told["promised"]["unlimited"]) == (4, 1.0, 1)
    assert Client().get("/api/v1/hosts/local/stats?span=2d", headers=token).status_code == 400


# --- the overview ---


def test_the_overview_says_what_needs_a_look(viewer: Client) -> None:
    now = timezone.now()
    make_container("well")
    make_container("stopped", state="exited", exit_code=143, finished_at=now)
    make_container("old-trouble", state="exited", exit_code=1, finished_at=now - timedelta(days=2))
    make_container("sick", health="unhealthy")
    make_container("broke", state="exited", exit_code=3, finished_at=now)
    make_container("starved", state="exited", exit_code=137, oom_killed=True, finished_at=now)
    make_container("dizzy", state="restarting", restart_count=7)
    page = viewer.get("/")
    assert {row.name for row in page.context["troubles"]} == {"sick", "broke", "starved", "dizzy"}
    assert page.context["counts"].troubled == 4
    text = page.content.decode()
    assert "out of memory" in text
    assert "exit code 3" in text
    assert "7 restarts" in text


def test_the_overview_of_a_calm_day_says_so(viewer: Client) -> None:
    make_container("well")
    page = text_of(viewer, "/")
    assert "All is well" in page
    assert "none failed in 24 hours" in page


def test_what_changed_last_comes_first(viewer: Client) -> None:
    now = timezone.now()
    for name, minutes in {"started": 30, "ended": 20, "gone": 10}.items():
        at = now - timedelta(minutes=minutes)
        facts: dict[str, Any] = {"finished_at": at, "seen_at": at, "started_at": at}
        facts["gone_at"] = at if name == "gone" else None
        make_container(name, state="running" if name == "started" else "exited", **facts)
    make_container("long-gone", gone_at=now - timedelta(days=3), state="exited")
    told = [(change.container.name, change.what) for change in viewer.get("/").context["changes"]]
    assert told == [("gone", "gone"), ("ended", "exited"), ("started", "running")]


def test_jobs_under_way_go_before_those_that_failed(viewer: Client) -> None:
    running = make_job(state="running")
    failed = [make_job(state="failed", finished_at=timezone.now()) for _ in range(9)]
    make_job(state="succeeded")
    shown = [job.pk for job in viewer.get("/").context["jobs"]]
    assert shown == [running.pk, *(job.pk for job in reversed(failed))][:8]


# --- with much to show ---


def crowd() -> None:
    """A thousand containers on five hosts, and three thousand jobs."""
    hosts, now = [make_host(f"h{n}") for n in range(5)], timezone.now()
    workspace = make_container("first", host=hosts[0]).workspace
    with writes_allowed("test"):
        Container.objects.bulk_create(
            Container(
                host=hosts[n % 5],
                workspace=workspace,
                engine_id=f"{n:064x}",
                name=f"web-{n}",
                image="web:1",
                state="exited" if n % 10 == 0 else "running",
                exit_code=1 if n % 10 == 0 else None,
                created_at=now,
                started_at=now,
                finished_at=now if n % 10 == 0 else None,
                seen_at=now,
                gone_at=now if n % 7 == 0 else None,
            )
            for n in range(1000)
        )
        Job.objects.bulk_create(
            Job(
                kind="container.stop",
                host=hosts[n % 5],
                workspace=workspace,
                state="failed" if n % 9 == 0 else "succeeded",
                finished_at=now,
            )
            for n in range(3000)
        )
    for host in hosts:
        measured(host.name, [f"{n:064x}" for n in range(20)])


def test_pages_of_lists_ask_little_however_much_there_is(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    crowd()
    client = sign_in_browser(Client(), make_user(Role.ADMIN))
    # a browser's first request is written down
    client.get("/account/")
    for address in ("/", "/hosts/", "/hosts/h0/", "/containers/", "/jobs/", "/images/", "/builds/", "/jobs/tray/"):
        with django_assert_max_num_queries(MOST_QUERIES):
            assert client.get(address).status_code == 200
