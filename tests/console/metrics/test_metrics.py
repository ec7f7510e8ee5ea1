"""``/metrics``: who is let in, that a Prometheus can read it, and that names cannot write into it."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoAssertNumQueries

from console.accounts.models import User
from console.audit.models import AuditEntry
from console.metrics import families
from console.operations.governed import writes_allowed
from console.operations.permissions import Role
from tests.console.stats.conftest import measured
from tests.factories.console import (
    bearer,
    make_api_token,
    make_container,
    make_custom_role,
    make_grant,
    make_host,
    make_job,
    make_user,
    sign_in_browser,
)
from tests.factories.notifications import make_channel, make_delivery

pytestmark = pytest.mark.django_db
HOSTILE = 'a"} 1\nnaru_forged{x="\\'


@pytest.fixture(autouse=True)
def forget() -> None:
    cache.clear()


@pytest.fixture
def scraper() -> str:
    """The token of somebody who holds nothing else."""
    user = make_user(None, username="prometheus")
    make_grant(user, make_custom_role("scraper", "metrics.view"))
    return make_api_token(user, scope="read")


def scrape(token: str, **headers: str) -> Any:
    return Client().get("/metrics", headers={**bearer(token), **headers})


def samples(token: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = scrape(token).content.decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def labelled(name: str, /, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_jobs_hosts_and_containers_are_counted(scraper: str) -> None:
    container = make_container("web-1")
    measured("local", [container.engine_id])
    make_job("image.build", state="failed")
    make_job("container.run", state="queued", created_at=timezone.now() - timedelta(minutes=5))
    make_job("of.an-older-version", state="succeeded")
    make_delivery(make_channel("pager"))
    found = samples(scraper)
    assert found[labelled("naru_jobs", state="failed", kind="image.build")] == 1
    assert found[labelled("naru_jobs", state="succeeded", kind="other")] == 1
    assert 295 < found[labelled("naru_job_queue_age_seconds", host="local")] < 400
    assert found[labelled("naru_websockets_open")] == 0
    assert found[labelled("naru_deliveries", state="dead")] == 1
    assert found[labelled("naru_audit_entries")] > 0
    assert found[labelled("naru_host_up", host="local")] == 1
    assert found[labelled("naru_host_cpu_percent", host="local")] == 25
    assert found[labelled("naru_host_disk_bytes", host="local")] == 100e9
    assert found[labelled("naru_containers", host="local", state="running")] == 1
    of_it = {"host": "local", "workspace": "main", "name": "web-1", "id": container.engine_id[:12]}
    assert found[labelled("naru_container_memory_working_set_bytes", **of_it)] == 40e6


def test_requests_are_timed_by_route_and_not_by_address(scraper: str) -> None:
    client = sign_in_browser(Client(), make_user(Role.VIEWER))
    make_container("web-1")
    for address in ("/containers/local/web-1/", "/nothing/at/all", "/nothing/else"):
        client.get(address)
    found = samples(scraper)
    name = "naru_http_request_duration_seconds_count"
    assert found[labelled(name, route="containers:container", method="GET", status="2xx")] >= 1
    assert found[labelled(name, route="none", method="GET", status="4xx")] >= 2
    assert not [1 for key, _ in found.items() if "web-1" in str(key) and key[0].startswith("naru_http")]


def test_what_is_old_is_not_told_as_if_it_were_so(scraper: str) -> None:
    container = make_container("web-1")
    measured("local", [container.engine_id], at_s=timezone.now().timestamp() - 600)
    make_host("b1", last_seen_at=timezone.now() - timedelta(minutes=9))
    found = samples(scraper)
    assert labelled("naru_host_cpu_percent", host="local") not in found
    assert found[labelled("naru_host_up", host="b1")] == 0
    assert 500 < found[labelled("naru_host_seen_age_seconds", host="b1")] < 600


def test_a_name_is_a_label_and_nothing_more(scraper: str) -> None:
    container = make_container(HOSTILE)
    measured("local", [container.engine_id])
    found = samples(scraper)
    names = {dict(labels).get("name") for name, labels in found if name == "naru_container_pids"}
    assert names == {HOSTILE}
    assert not [name for name, _ in found if "forged" in name]


def test_openmetrics_is_there_for_who_asks(scraper: str) -> None:
    answer = scrape(scraper, accept="application/openmetrics-text; version=1.0.0")
    assert answer["Content-Type"].startswith("application/openmetrics-text")
    assert {family.name for family in parse_openmetrics(answer.content.decode())} >= {"naru_jobs", "naru_host_up"}


def test_containers_beyond_the_most_are_left_out_and_counted(scraper: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(families, "MOST_CONTAINERS", 2)
    rows = [make_container(f"web-{n}") for n in range(5)]
    measured("local", [row.engine_id for row in rows])
    found = samples(scraper)
    assert found[labelled("naru_containers_left_out")] == 3
    assert len([name for name, _ in found if name == "naru_container_pids"]) == 2


def test_a_scrape_asks_little_however_many_there_are(
    scraper: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(40):
        make_container(f"web-{number}", host=make_host(f"h{number % 4}"))
    scrape(scraper)
    with django_assert_max_num_queries(15):
        assert scrape(scraper).status_code == 200


# --- who is let in ---


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic a2ltOjE="}, {"authorization": "Bearer naru_x_y"}])
def test_nobody_is_let_in_without_a_token(headers: dict[str, str]) -> None:
    answer = Client().get("/metrics", headers=headers)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_session_is_no_token() -> None:
    assert sign_in_browser(Client(), make_user(Role.ADMIN)).get("/metrics").status_code == 401


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DEVELOPER, Role.AUDITOR])
def test_a_token_without_metrics_view_is_refused(role: Role) -> None:
    answer = scrape(make_api_token(make_user(role)))
    assert (answer.status_code, answer.json()["permission"]) == (403, "metrics.view")


def test_one_who_was_disabled_is_not_let_in(scraper: str) -> None:
    with writes_allowed("test"):
        User.objects.filter(username="prometheus").update(is_active=False)
    assert scrape(scraper).status_code == 401


def test_nothing_can_be_sent_there(scraper: str) -> None:
    assert Client().post("/metrics", headers=bearer(scraper)).status_code in (403, 405)


def test_a_scraper_leaves_one_entry_and_not_one_for_each_scrape(scraper: str) -> None:
    before = AuditEntry.objects.count()
    for _ in range(5):
        assert scrape(scraper).status_code == 200
    assert AuditEntry.objects.count() == before + 1


def test_one_that_is_refused_leaves_no_entry_for_each_scrape_either() -> None:
    token = make_api_token(make_user(Role.VIEWER))
    scrape(token)
    before = AuditEntry.objects.count()
    for _ in range(5):
        assert scrape(token).status_code == 403
    assert AuditEntry.objects.count() == before
    assert AuditEntry.objects.filter(outcome="refused", action="token.use").count() == 1
