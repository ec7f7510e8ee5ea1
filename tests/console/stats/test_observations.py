"""What hosts say of their use: what is kept, for how long, and what a host that lies can do."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from console.stats import retention
from console.stats.latest import NOTHING, container_ring, folder_of, host_ring, latest_of
from console.stats.observations import host_used
from console.stats.retention import tidy
from tests.console.stats.conftest import fact, measured
from tests.factories.console import make_host

pytestmark = pytest.mark.django_db
MALFORMED = (KeyError, ValueError, TypeError, AttributeError)


def samples(engine_id: str, host: str = "local") -> int:
    now = int(time.time())
    return len(container_ring(host, engine_id).read(0, now - 3600, now + 10))


def test_what_a_host_tells_is_kept(engine_id: str) -> None:
    make_host("local")
    host_used("local", fact())
    latest = latest_of("local")
    assert not latest.is_stale
    assert latest.host is not None
    assert (latest.host.cpu, latest.host.tx) == (25.0, None)
    assert (latest.containers[engine_id].cpu, latest.containers[engine_id].tx) == (12.5, None)
    assert samples(engine_id) == 1
    assert len(host_ring("local").read(0, 0, int(time.time()) + 10)) == 1


def test_a_sample_costs_no_row(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    make_host("local")
    with django_assert_num_queries(1):
        host_used("local", fact())


def test_hearing_it_twice_is_hearing_it_once(engine_id: str) -> None:
    make_host("local")
    told = fact()
    host_used("local", told)
    host_used("local", told)
    assert samples(engine_id) == 1


def test_a_host_nobody_knows_is_not_written_down(settings: Settings) -> None:
    host_used("stranger", fact())
    assert not (Path(settings.NARU_DATA) / "stats").exists()


def test_a_clock_that_is_ahead_writes_nothing_into_the_future(engine_id: str) -> None:
    make_host("local")
    host_used("local", fact(at=time.time() + 50_000))
    assert latest_of("local").at_s <= time.time()
    assert samples(engine_id) == 1


def test_a_clock_that_is_behind_a_little_does_not_make_it_old() -> None:
    make_host("local")
    host_used("local", fact(at=time.time() - 90))
    assert not latest_of("local").is_stale
    host_used("local", fact(at=time.time() - 900))
    assert latest_of("local").is_stale


def test_what_is_of_yesterday_is_not_taken(engine_id: str) -> None:
    make_host("local")
    host_used("local", fact(at=time.time() - 100_000))
    assert samples(engine_id) == 0


@pytest.mark.parametrize("key", ["../../../etc/x", "ab", "AB" * 32, "ab" * 31 + "/x", ""])
def test_a_container_is_named_by_its_id_or_not_at_all(key: str, settings: Settings) -> None:
    make_host("local")
    host_used("local", fact(containers={key: [1, 2, 3, 4, 5, 6, 7, 8]}))
    written = {path.name for path in (Path(settings.NARU_DATA) / "stats").rglob("*") if path.is_file()}
    assert written == {"host.ring", "latest.json"}


@pytest.mark.parametrize(
    "changes",
    [
        {"containers": {"ab" * 32: [1, 2]}},
        {"containers": {"ab" * 32: ["1"] * 8}},
        {"containers": {"ab" * 32: [-1.0] * 8}},
        {"containers": {"ab" * 32: [float("inf")] * 8}},
        {"containers": {"ab" * 32: [1e300] * 8}},
        {"containers": ["x"]},
        {"host": {"cpu": 1}},
        {"host": {"cpu": True}},
        {"at": "now"},
    ],
)
def test_what_is_malformed_is_set_aside_whole(changes: dict[str, Any], settings: Settings) -> None:
    make_host("local")
    with pytest.raises(MALFORMED):
        host_used("local", fact(**changes))
    assert not (Path(settings.NARU_DATA) / "stats").exists()


def test_an_agent_may_be_newer(engine_id: str) -> None:
    make_host("local")
    told = fact()
    told["host"]["temperature"] = 40
    host_used("local", told)
    assert samples(engine_id) == 1


def test_a_disk_that_takes_nothing_holds_up_nothing(settings: Settings) -> None:
    make_host("local")
    (Path(settings.NARU_DATA) / "stats").write_text("in the way")
    host_used("local", fact())
    assert latest_of("local") == NOTHING


def test_rings_of_what_is_gone_go_after_a_day(engine_id: str, settings: Settings) -> None:
    make_host("local")
    host_used("local", fact())
    other = "cd" * 32
    container_ring("local", other).add(int(time.time()), [1.0] * 8)
    old = time.time() - retention.KEPT_S - 60
    os.utime(container_ring("local", other).path, (old, old))
    container_ring("gone-host", other).add(int(time.time()), [1.0] * 8)
    assert tidy() == 1
    assert container_ring("local", engine_id).path.exists()
    assert not container_ring("local", other).path.exists()
    assert not folder_of("gone-host").exists()


def test_a_host_has_so_many_rings_at_most(monkeypatch: pytest.MonkeyPatch, engine_id: str) -> None:
    monkeypatch.setattr(retention, "MOST_RINGS", 3)
    make_host("local")
    for number in range(5):
        use = [1.0] * 8
        host_used("local", fact(containers={f"{number:064x}": use}))
        path = container_ring("local", f"{number:064x}").path
        os.utime(path, (number + 1, number + 1))
    assert len(list(folder_of("local").glob("*.ring"))) <= 4
    assert container_ring("local", f"{4:064x}").path.exists()
    assert not container_ring("local", f"{0:064x}").path.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"at": 1}', '{"at": 1, "containers": {"' + "ab" * 32 + '": [1]}}'])
def test_a_file_of_latest_use_that_is_damaged_says_nothing(text: str, engine_id: str) -> None:
    measured("local", [engine_id])
    (folder_of("local") / "latest.json").write_text(text)
    assert latest_of("local") == NOTHING
