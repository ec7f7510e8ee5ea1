"""What a host reports of its volumes becomes rows of the right workspace, and stays when it goes."""

from typing import Any

import pytest

from console.volumes.browsing import folder_of
from console.volumes.models import Volume, VolumeListing
from console.volumes.observations import volume_listed, volumes_measured, volumes_seen
from tests.factories.console import make_host, make_job, make_workspace
from tests.factories.wires import make_listing, make_volume

pytestmark = pytest.mark.django_db


def volume(name: str, **facts: Any) -> dict[str, Any]:
    return {
        "name": name,
        "driver": "local",
        "scope": "local",
        "mountpoint": f"/v/{name}",
        "options": {},
        "labels": {},
        "users": [],
        "created_at": "2026-01-02T03:04:05+00:00",
        **facts,
    }


def report(*volumes: dict[str, Any]) -> None:
    make_host("local")
    volumes_seen("local", {"kind": "host.inventory", "volumes": list(volumes)})


def test_volumes_come_and_go_and_one_made_anew_is_another() -> None:
    report(volume("a"), volume("b"))
    report(volume("a", created_at="2026-02-02T03:04:05+00:00"))
    rows = list(Volume.objects.order_by("pk").values_list("name", "gone_at"))
    assert [(name, gone is None) for name, gone in rows] == [("a", False), ("b", False), ("a", True)]


def test_a_volume_belongs_to_whose_job_made_it_whose_name_it_bears_or_whose_container_has_it() -> None:
    shop = make_workspace("shop")
    make_workspace("depot")
    make_host("local")
    made = make_job("volume.clone", workspace=shop, args={"name": "made"})
    ran = make_job("container.run", workspace=shop)
    nameless, user = "f" * 64, {"container": "c" * 64, "name": "web", "destination": "/d", "is_writable": True}
    report(
        volume("made", labels={"naru.job": str(made.pk)}),
        volume("depot_x"),
        volume(nameless, users=[{**user, "job": str(ran.pk)}]),
        volume("stray"),
    )
    found = dict(Volume.objects.values_list("name", "workspace__slug"))
    assert found == {"made": "shop", "depot_x": "depot", nameless: "shop", "stray": "main"}


def test_sizes_are_kept_when_they_were_measured() -> None:
    row = make_volume("main_data")
    volumes_measured("local", {"sizes": {"main_data": 42, "unknown": 1}})
    row.refresh_from_db()
    assert row.size_bytes == 42
    assert row.measured_at is not None


def test_a_listing_is_taken_from_the_job_that_was_asked_to_look() -> None:
    row = make_volume("main_data")
    entries = make_listing(make_volume("other"), "a.txt").entries
    asked = make_job("volume.list", state="running", on_kind="volume", on_id=str(row.pk))
    volume_listed("local", {"job": asked.pk, "attempt": 9, "entries": entries, "is_complete": True})
    assert not VolumeListing.objects.filter(volume=row).exists()
    volume_listed("local", {"job": asked.pk, "attempt": 1, "entries": entries, "is_complete": True})
    assert VolumeListing.objects.get(volume=row).entries[0]["path"] == "a.txt"


def test_a_directory_of_a_listing() -> None:
    listing = make_listing(make_volume(), "z.txt", "deep/", "deep/er/", "deep/er/b", "deep/c", "deeper")
    root = folder_of(listing.entries, "")
    assert [(item.name, item.kind, item.size_bytes) for item in root.items] == [
        ("deep", "directory", 10),
        ("deeper", "file", 5),
        ("z.txt", "file", 5),
    ]
    below = folder_of(listing.entries, "/deep/er/")
    assert ([item.name for item in below.items], below.parents) == (["b"], [("deep", "deep"), ("er", "deep/er")])
    assert folder_of(listing.entries, "../..").items == []
