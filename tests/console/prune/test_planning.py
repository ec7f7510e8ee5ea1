"""What could go from a host, and what never does."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.hosts.disk import CacheUse, ContainerUse, DiskUse, ImageUse, VolumeUse, read_disk_use
from console.prune.planning import Kind, Plan, Why, held_name, plan

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OLD, NEW = NOW - timedelta(days=40), NOW - timedelta(days=3)


def image(*references: str, at: datetime = OLD, **facts: Any) -> ImageUse:
    given = {"engine_id": "a" * 64, "size_bytes": 100, "shared_bytes": 40, "containers": 0, **facts}
    return ImageUse(references=references, created_at=at, **given)


def container(state: str = "exited", at: datetime = OLD, **facts: Any) -> ContainerUse:
    given = {"engine_id": "c" * 64, "name": "web", "image_engine_id": "b" * 64, "size_bytes": 5, **facts}
    return ContainerUse(state=state, created_at=at, **given)


def volume(containers: int = 0, at: datetime = OLD, **facts: Any) -> VolumeUse:
    return VolumeUse("data", 7, containers, at, **facts)


def planned(*, days: int = 30, **use: Any) -> Plan:
    return plan(DiskUse(0, **use), older_than_days=days, now=NOW)


@pytest.mark.parametrize(
    ("one", "kind", "why"),
    [
        (image("a:1"), Kind.UNUSED, None),
        (image("a:1", at=NEW), Kind.UNUSED, Why.RECENT),
        (image("a:keep"), Kind.UNUSED, Why.KEPT),
        (image("a:1", "b:keep"), Kind.UNUSED, Why.KEPT),
        (image("a:1", labels={"naru.keep": ""}), Kind.UNUSED, Why.KEPT),
        (image("a:1", labels={"naru.keep": "false"}), Kind.UNUSED, None),
        (image("a:1", containers=1), Kind.UNUSED, Why.USED),
        (image("a:1", engine_id="b" * 64), Kind.UNUSED, Why.USED),
        # not told how many use it, but by the list of containers none does
        (image("a:1", containers=-1), Kind.UNUSED, None),
        (image(), Kind.DANGLING, None),
        (image(at=NEW), Kind.DANGLING, None),
        (image(containers=1), Kind.DANGLING, Why.USED),
    ],
)
def test_images(one: ImageUse, kind: Kind, why: Why | None) -> None:
    found = planned(images=(one,), containers=(container("running"),))
    assert [item.kind for item in found.items] == ([] if why else [kind])
    assert [kept.why for kept in found.kept if kept.kind is kind] == ([why] if why else [])


def test_what_a_release_may_need_again_stays() -> None:
    use = DiskUse(0, images=(image("a:1"), image(engine_id="d" * 64), image("b:1", engine_id="e" * 64)))
    found = plan(use, older_than_days=30, now=NOW, released=["a" * 64, "d" * 64])
    assert [item.key for item in found.items] == ["e" * 64]
    assert [kept.why for kept in found.kept] == [Why.RELEASED, Why.RELEASED]


def test_what_is_free_when_an_image_goes_is_what_it_has_alone() -> None:
    (item,) = planned(images=(image("a:1"),)).items
    assert item.size_bytes == 60


def test_an_image_that_is_held_is_not_held_again() -> None:
    assert planned(images=(image(held_name("a" * 64)),)) == Plan((), ())


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (container("exited"), None),
        (container("created"), None),
        (container("dead"), None),
        (container("running"), Why.RUNNING),
        (container("paused"), Why.RUNNING),
        (container("restarting"), Why.RUNNING),
        (container("something new"), Why.RUNNING),
        (container(at=NEW), Why.RECENT),
        (container(labels={"naru.keep": "yes"}), Why.KEPT),
    ],
)
def test_containers(one: ContainerUse, why: Why | None) -> None:
    found = planned(containers=(one,))
    assert [kept.why for kept in found.kept] == ([why] if why else [])
    assert len(found.items) == (0 if why else 1)


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (volume(), None),
        (volume(1), Why.USED),
        # nobody knows whether it is used
        (volume(-1), Why.USED),
        (volume(at=NEW), Why.RECENT),
        (volume(labels={"naru.keep": "1"}), Why.KEPT),
    ],
)
def test_volumes(one: VolumeUse, why: Why | None) -> None:
    found = planned(volumes=(one,))
    assert [kept.why for kept in found.kept] == ([why] if why else [])


def test_caches_go_by_their_last_use() -> None:
    def cache(at: datetime, *, is_in_use: bool = False) -> CacheUse:
        return CacheUse("x", "cache", 9, is_in_use, at)

    found = planned(caches=(cache(OLD), cache(NEW), cache(OLD, is_in_use=True)))
    assert [item.kind for item in found.items] == [Kind.CACHE]
    assert [kept.why for kept in found.kept] == [Why.RECENT, Why.USED]


def test_docker_s_words_are_read() -> None:
    use = read_disk_use(
        {
            "LayersSize": 500,
            "Images": [
                {"Id": "sha256:" + 64 * "a", "RepoTags": ["<none>:<none>"], "Size": 9, "SharedSize": -1, "Created": 1},
                {"Id": "sha256:" + 64 * "b", "RepoTags": ["b:1"], "Size": 9, "SharedSize": 4, "Containers": 2},
            ],
            "Containers": [{"Id": "c", "Names": ["/web"], "ImageID": "sha256:" + 64 * "b", "State": "running"}],
            "Volumes": [
                {"Name": "data", "UsageData": {"Size": -1, "RefCount": 1}, "CreatedAt": "2026-01-02T03:04:05Z"}
            ],
            "BuildCache": [{"ID": "x", "Size": 3, "InUse": False, "LastUsedAt": "2026-01-02T03:04:05.123456789Z"}],
        }
    )
    assert [(one.is_dangling, one.unique_bytes, one.containers) for one in use.images] == [(True, 9, -1), (False, 5, 2)]
    assert (use.containers[0].name, use.containers[0].image_engine_id) == ("web", 64 * "b")
    assert (use.volumes[0].containers, use.caches[0].last_used_at.year) == (1, 2026)
    assert read_disk_use({}) == DiskUse(-1)
