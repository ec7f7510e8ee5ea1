"""What a host reports of its images becomes rows, and only what changed is announced."""

from typing import Any

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from console.images.models import Image
from console.images.observations import images_seen
from tests.factories.console import digits, make_host, make_image

pytestmark = pytest.mark.django_db
rung: list[str] = []


def hear(topic: str, _payload: dict[str, Any]) -> None:
    rung.append(topic)


@pytest.fixture(autouse=True)
def bell(settings: Settings) -> None:
    settings.NARU_PUBLISHER = f"{__name__}.hear"
    make_host("local")


def image(engine_id: str, *references: str, size_bytes: int = 5) -> dict[str, Any]:
    return {
        "engine_id": engine_id,
        "references": list(references),
        "size_bytes": size_bytes,
        "created_at": "2026-01-02T03:04:05+00:00",
    }


@pytest.fixture
def report(django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Any:
    """Report an inventory. Returns which doorbells rang."""

    def tell(*images: dict[str, Any], host: str = "local") -> list[str]:
        rung.clear()
        with django_capture_on_commit_callbacks(execute=True):
            images_seen(host, {"kind": "host.inventory", "images": list(images)})
        return list(rung)

    return tell


A, B = digits(), digits()


def names() -> dict[str, list[str]]:
    return dict(Image.objects.values_list("engine_id", "references"))


def test_new_images_get_rows(report: Any) -> None:
    assert report(image(A, "web:1"), image(B)) == ["rows.images"]
    assert names() == {A: ["web:1"], B: []}


def test_an_unchanged_inventory_rings_no_bell(report: Any) -> None:
    report(image(A, "web:1"))
    assert report(image(A, "web:1")) == []
    assert len(names()) == 1


def test_a_moved_tag_is_corrected_on_both(report: Any) -> None:
    report(image(A, "web:1"), image(B))
    pks = set(Image.objects.values_list("pk", flat=True))
    assert report(image(A), image(B, "web:1")) == ["rows.images"]
    assert names() == {A: [], B: ["web:1"]}
    assert set(Image.objects.values_list("pk", flat=True)) == pks


def test_what_is_gone_loses_its_row_and_may_come_back(report: Any) -> None:
    report(image(A, "web:1"))
    assert report() == ["rows.images"]
    assert names() == {}
    assert report(image(A, "web:1")) == ["rows.images"]
    assert names() == {A: ["web:1"]}


def test_an_inventory_says_nothing_of_other_hosts(report: Any) -> None:
    other = make_image("web:1", host=make_host("b2"))
    report(image(A))
    assert set(names()) == {A, other.engine_id}


def test_a_host_nobody_knows_leaves_no_rows(report: Any) -> None:
    assert report(image(A), host="b9") == []
    assert names() == {}


def test_a_broken_inventory_changes_nothing(report: Any) -> None:
    report(image(A, "web:1"))
    with pytest.raises(KeyError):
        report(image(A, "web:2"), {"references": []})
    with pytest.raises(ValueError, match="isoformat"):
        report(image(A, "web:2"), {**image(B), "created_at": "yesterday"})
    assert names() == {A: ["web:1"]}
