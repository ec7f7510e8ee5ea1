"""What a host reports of its containers becomes rows; a container that went keeps its row, dated."""

from typing import Any

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from console.containers.models import Container
from console.containers.observations import all_containers_seen, containers_gone, containers_seen
from tests.factories.console import digits, make_container, make_host, make_job, make_workspace

pytestmark = pytest.mark.django_db
rung: list[str] = []
A, B = digits(), digits()


def hear(topic: str, _payload: dict[str, Any]) -> None:
    # apps above that hear of changes ring bells of their own
    if topic == "rows.containers":
        rung.append(topic)


@pytest.fixture(autouse=True)
def bell(settings: Settings) -> None:
    settings.NARU_PUBLISHER = f"{__name__}.hear"
    make_host("local")


def container(engine_id: str, name: str = "web-1", **facts: Any) -> dict[str, Any]:
    return {
        "engine_id": engine_id,
        "name": name,
        "image": "hello-naru:latest",
        "image_engine_id": "cd" * 32,
        "command": ["/bin/hello"],
        "state": "running",
        "exit_code": None,
        "ports": [{"host_address": "127.0.0.1", "host_port": 8080, "container_port": 80, "protocol": "tcp"}],
        "labels": {"naru.job": "7"},
        "memory_bytes": 64 << 20,
        "cpus": 0.1,
        "has_tty": False,
        "created_at": "2026-01-02T03:04:05.123456+00:00",
        "started_at": "2026-01-02T03:04:06.000001+00:00",
        "finished_at": None,
        "error": "",
        **facts,
    }


@pytest.fixture
def report(django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Any:
    """Report an inventory, or with ``part`` some containers. Returns which doorbells rang."""

    def tell(*containers: dict[str, Any], host: str = "local", part: bool = False) -> list[str]:
        rung.clear()
        with django_capture_on_commit_callbacks(execute=True):
            observe = containers_seen if part else all_containers_seen
            observe(host, {"containers": list(containers)})
        return list(rung)

    return tell


def present() -> dict[str, str]:
    return dict(Container.objects.filter(gone_at=None).values_list("engine_id", "state"))


def test_new_containers_get_rows(report: Any) -> None:
    assert report(container(A), container(B, "db-1", state="exited", exit_code=1)) == ["rows.containers"]
    assert present() == {A: "running", B: "exited"}
    row = Container.objects.get(engine_id=A)
    assert (row.name, row.command, row.labels) == ("web-1", ["/bin/hello"], {"naru.job": "7"})
    assert row.started_at is not None
    assert row.started_at.microsecond == 1


def test_an_unchanged_inventory_rings_no_bell(report: Any) -> None:
    report(container(A))
    assert report(container(A)) == []
    assert report(container(A), part=True) == []


@pytest.mark.parametrize(
    "change", [{"state": "exited", "exit_code": 0}, {"name": "web-2"}, {"ports": []}, {"started_at": None}]
)
def test_what_changed_is_corrected_and_announced(report: Any, change: dict[str, Any]) -> None:
    report(container(A))
    row = Container.objects.get()
    assert report(container(A, **change)) == ["rows.containers"]
    now = Container.objects.get()
    assert now.pk == row.pk
    assert {name: getattr(now, name) for name in change} == change


def test_what_went_keeps_its_row_dated_and_is_announced_once(report: Any) -> None:
    report(container(A), container(B, "db-1"))
    assert report(container(B, "db-1")) == ["rows.containers"]
    gone_at = Container.objects.get(engine_id=A).gone_at
    assert gone_at is not None
    assert report(container(B, "db-1")) == []
    assert Container.objects.get(engine_id=A).gone_at == gone_at


def test_what_comes_back_is_the_same_row(report: Any) -> None:
    report(container(A))
    pk = Container.objects.get().pk
    report()
    assert report(container(A)) == ["rows.containers"]
    row = Container.objects.get()
    assert (row.pk, row.gone_at) == (pk, None)


def test_a_report_about_some_says_nothing_of_the_others(report: Any) -> None:
    report(container(A), container(B, "db-1"))
    report(container(A, state="exited", exit_code=0), part=True)
    assert present() == {A: "exited", B: "running"}


def test_an_inventory_says_nothing_of_other_hosts(report: Any) -> None:
    other = make_container(host=make_host("b2"))
    report()
    assert set(present()) == {other.engine_id}


def test_one_host_cannot_report_the_containers_of_another_gone(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    own, other = make_container(), make_container(host=make_host("b2"))
    with django_capture_on_commit_callbacks(execute=True):
        containers_gone("local", {"engine_ids": [own.engine_id, other.engine_id]})
    assert set(present()) == {other.engine_id}


def test_a_host_nobody_knows_leaves_no_rows(report: Any) -> None:
    assert report(container(A), host="b9") == []
    assert not Container.objects.exists()


def test_a_broken_inventory_changes_nothing(report: Any) -> None:
    report(container(A), container(B))
    for broken in ({"engine_id": "ef"}, container("ef", more="than we know"), container("ef", created_at="yesterday")):
        with pytest.raises((TypeError, ValueError)):
            report(container(A, state="exited"), broken)
    assert present() == {A: "running", B: "running"}


@pytest.mark.parametrize("kind", ["stack.deploy", "capsule.restore"])
def test_what_a_job_makes_belongs_to_its_workspace(report: Any, kind: str) -> None:
    depot = make_workspace("depot")
    job = make_job(kind, workspace=depot, args={})
    foreign = make_job("image.build", workspace=depot)
    report(container(A, labels={"naru.job": str(job.pk)}), container(B, "db-1", labels={"naru.job": str(foreign.pk)}))
    found = {row.engine_id: row.workspace for row in Container.objects.select_related("workspace")}
    assert found[A] == depot
    assert found[B] != depot
