"""Which mounts a container has, when several sources name the same path."""

from dataclasses import replace

import pytest

from engine.containers.wanted_mounts import wanted_mounts
from engine.model.container import ContainerSpec
from engine.model.digest import Digest
from engine.model.errors import Invalid, Missing
from engine.model.mount import Mount, MountKind

SPEC = ContainerSpec(image_id=Digest.of(b"x"), image_name="x")
OTHERS = {
    "one": (
        Mount(MountKind.VOLUME, target="/data", volume="0a", is_implied=True),
        Mount(MountKind.BIND, target="/src", source="/s", bind="/s:/src:ro", read_only=True),
    ),
    "two": (Mount(MountKind.VOLUME, target="/data", source="named", volume="named", bind="named:/data"),),
}


def mounts_of(name: str) -> tuple[Mount, ...]:
    if name not in OTHERS:
        raise Missing(name)
    return OTHERS[name]


def wanted(spec: ContainerSpec) -> dict[str, Mount]:
    return {mount.target: mount for mount in wanted_mounts(spec, mounts_of=mounts_of)}


def test_each_path_of_volumes_is_a_new_volume_where_nothing_else_is() -> None:
    own = Mount(MountKind.TMPFS, target="/own")
    spec = replace(SPEC, volumes=frozenset({"/data/", "rel", "/own", "/tmpfs"}), mounts=(own,), tmpfs={"/tmpfs/": ""})
    found = wanted(spec)
    assert found.keys() == {"/own", "/data", "/rel"}
    assert found["/own"] is own
    assert found["/data"] == Mount(MountKind.VOLUME, target="/data", is_implied=True)


def test_the_last_of_several_containers_and_then_the_own_mounts_prevail() -> None:
    assert wanted(replace(SPEC, volumes_from=("one", "two")))["/data"].volume == "named"
    assert wanted(replace(SPEC, volumes_from=("two", "one"), volumes=frozenset({"/data"})))["/data"].volume == "0a"
    own = Mount(MountKind.VOLUME, target="/data", source="mine", bind="mine:/data")
    found = wanted(replace(SPEC, volumes_from=("one",), mounts=(own,)))
    assert found["/data"] is own
    assert found["/src"].source == "/s"


def test_what_is_borrowed_can_lose_and_not_gain_the_right_to_write() -> None:
    found = wanted(replace(SPEC, volumes_from=("one:ro",)))
    assert found["/data"].read_only
    found = wanted(replace(SPEC, volumes_from=("one:rw",)))
    assert (found["/data"].read_only, found["/src"].read_only) == (False, True)
    assert all(mount.is_implied and not mount.bind and not mount.copies_from_image for mount in found.values())


def test_an_image_cannot_have_everything_as_a_volume() -> None:
    with pytest.raises(Invalid, match="destination can't be '/'"):
        wanted(replace(SPEC, volumes=frozenset({"/a/.."})))


def test_a_container_that_is_not_there_makes_the_request_wrong() -> None:
    with pytest.raises(Invalid, match="nope"):
        wanted(replace(SPEC, volumes_from=("nope",)))
