"""Volumes: both engines are asked the same and answer the same."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.conformance.client import Answer, Client
from tests.conformance.conftest import IMAGE
from tests.engine.host.images.archives import member, tar_of

pytestmark = [pytest.mark.conformance, pytest.mark.host]
_ANONYMOUS = re.compile(r"[0-9a-f]{64}")
_ROOT = re.compile(r"/tmp/[^/]+/data/")


@pytest.fixture
def both(ours: Client, dockers: Client) -> Iterator[tuple[Client, Client]]:
    yield ours, dockers
    for client in (ours, dockers):
        for container in client.ask("GET", "/containers/json?all=1").json:
            client.ask("DELETE", f"/containers/{container['Id']}?force=1&v=1")
        for volume in client.ask("GET", "/volumes").json["Volumes"]:
            client.ask("DELETE", f"/volumes/{volume['Name']}?force=1")


def told(answer: Answer) -> tuple[int, Any]:
    """Without what each engine decides for itself."""
    return answer.status, _comparable(answer.json)


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        # newer Docker marks volumes without a name, 20.10 does not
        marked = {"Labels": None} if "com.docker.volume.anonymous" in (value.get("Labels") or {}) else {}
        return {_text(key): _comparable(member) for key, member in (value | marked).items() if key != "CreatedAt"}
    if isinstance(value, list):
        return sorted((_comparable(member) for member in value), key=str)
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    return _ANONYMOUS.sub("ID", _ROOT.sub("DATA/", text))


def alike(both: tuple[Client, Client], method: str, path: str, body: object = None) -> tuple[int, Any]:
    ours, theirs = (told(client.ask(method, path, body)) for client in both)
    if theirs[0] == 400 and "filter" in theirs[1]["message"]:  # worded otherwise by newer Docker
        assert ours[0] == theirs[0]
    else:
        assert ours == theirs
    return ours


TMPFS = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"Name": "made"}, 201),
        ({"Name": "made", "Driver": "local", "Labels": {"a": "b"}, "DriverOpts": {}}, 201),
        ({"Name": "made", "DriverOpts": TMPFS}, 201),
        ({}, 201),
        ({"Name": "a"}, 400),
        ({"Name": "$x"}, 400),
        ({"Name": '"x"'}, 400),
        ({"Name": "a/b"}, 400),
        ({"Name": ".hidden"}, 400),
        ({"Name": "made", "DriverOpts": {"foo": "x"}}, 400),
        ({"Name": "made", "DriverOpts": {"type": "tmpfs"}}, 400),
        ({"Name": "made", "DriverOpts": {"o": "ro"}}, 400),
        ({"Name": "made", "DriverOpts": {"size": "1m"}}, 400),
    ],
)
def test_a_volume_is_made_or_refused_alike(both: tuple[Client, Client], body: object, status: int) -> None:
    assert alike(both, "POST", "/volumes/create", body)[0] == status
    alike(both, "GET", "/volumes/made")
    alike(both, "GET", "/volumes")


def test_the_same_volume_can_be_made_again(both: tuple[Client, Client]) -> None:
    alike(both, "POST", "/volumes/create", {"Name": "again", "DriverOpts": TMPFS})
    alike(both, "POST", "/volumes/create", {"Name": "again", "DriverOpts": TMPFS})
    alike(both, "POST", "/volumes/create", {"Name": "again", "Labels": {"ignored": "yes"}})


@pytest.mark.parametrize("query", ["", "?force=1"])
@pytest.mark.parametrize("name", ["there", "absent", "used"])
def test_a_volume_is_removed_alike(both: tuple[Client, Client], name: str, query: str) -> None:
    for client in both:
        client.ask("POST", "/volumes/create", {"Name": "there"})
        client.create("using", {"HostConfig": {"Binds": ["used:/m"], "NetworkMode": "none"}})
    alike(both, "DELETE", f"/volumes/{name}{query}")
    alike(both, "GET", "/volumes")


@pytest.mark.parametrize(
    "filters",
    [
        '{"dangling": ["true"]}',
        '{"dangling": ["0"]}',
        '{"dangling": ["maybe"]}',
        '{"driver": ["local"]}',
        '{"driver": ["other"]}',
        '{"label": ["a"]}',
        '{"label": ["a=b"]}',
        '{"label": ["a=c"]}',
        '{"name": ["one"]}',
        '{"name": ["^o"]}',
        '{"unknown": ["x"]}',
    ],
)
def test_volumes_are_filtered_alike(both: tuple[Client, Client], filters: str) -> None:
    for client in both:
        client.ask("POST", "/volumes/create", {"Name": "one", "Labels": {"a": "b"}})
        client.ask("POST", "/volumes/create", {"Name": "two"})
        client.create("using", {"HostConfig": {"Binds": ["used:/m"], "NetworkMode": "none"}})
    alike(both, "GET", f"/volumes?filters={quote(filters)}")


@pytest.mark.parametrize("filters", ["{}", '{"label": ["a"]}', '{"label!": ["a"]}', '{"name": ["one"]}'])
def test_volumes_are_pruned_alike(both: tuple[Client, Client], filters: str) -> None:
    for client in both:
        client.ask("POST", "/volumes/create", {"Name": "one", "Labels": {"a": "b"}})
        client.ask("POST", "/volumes/create", {"Name": "two"})
        client.ask("POST", "/volumes/create", {"Name": "memory", "DriverOpts": TMPFS})
        client.create("using", {"HostConfig": {"Binds": ["used:/m"], "NetworkMode": "none"}})
    alike(both, "POST", f"/volumes/prune?filters={quote(filters)}")
    alike(both, "GET", "/volumes")


CREATIONS: dict[str, dict[str, Any]] = {
    "binds": {"HostConfig": {"Binds": ["one:/a", "two:/b:ro,nocopy", "/c"]}},
    "mounts": {"HostConfig": {"Mounts": [{"Type": "volume", "Source": "one", "Target": "/a", "ReadOnly": True}]}},
    "mount without a name": {"HostConfig": {"Mounts": [{"Type": "volume", "Target": "/a"}]}},
    "mount with options": {
        "HostConfig": {
            "Mounts": [
                {
                    "Type": "volume",
                    "Source": "one",
                    "Target": "/a",
                    "VolumeOptions": {
                        "NoCopy": True,
                        "Labels": {"a": "b"},
                        "DriverConfig": {"Name": "local", "Options": TMPFS},
                    },
                }
            ]
        }
    },
    "volumes": {"Volumes": {"/a": {}, "/b/c": {}}, "HostConfig": {"Tmpfs": {"/a": ""}}},
    "volumes and binds": {"Volumes": {"/a": {}}, "HostConfig": {"Binds": ["one:/a"]}},
    "borrowed": {"HostConfig": {"VolumesFrom": ["lender"], "Binds": ["mine:/lent/two"]}},
    "borrowed, read-only": {"HostConfig": {"VolumesFrom": ["lender:ro"]}},
    "borrowed from nobody": {"HostConfig": {"VolumesFrom": ["nobody"]}},
    "borrowed badly": {"HostConfig": {"VolumesFrom": ["lender:z,nocopy"]}},
    "over a file": {"Volumes": {"/bin/busybox": {}}},
    "twice": {"HostConfig": {"Binds": ["one:/a", "two:/a"]}},
    "twice with tmpfs": {"HostConfig": {"Binds": ["one:/a"], "Tmpfs": {"/a": ""}}},
}  # fmt: skip


@pytest.mark.parametrize("asked", CREATIONS.values(), ids=CREATIONS.keys())
def test_containers_get_the_same_mounts(both: tuple[Client, Client], asked: dict[str, Any]) -> None:
    found = []
    for client in both:
        lent = {"Binds": ["lent:/lent/one:ro", "/etc:/lent/path:ro"], "NetworkMode": "none"}
        client.create("lender", {"Volumes": {"/lent/two": {}}, "HostConfig": lent})
        body = {"Image": IMAGE, **asked, "HostConfig": {**asked.get("HostConfig", {}), "NetworkMode": "none"}}
        answer = client.ask("POST", "/containers/create?name=asking", body)
        if answer.status != 201:
            # ours names the member first, and tells of bad requests what 20.10 calls an error of its own
            message = re.sub(r"file exists .*/merged", "file exists ", answer.json["message"])
            found.append(
                (400 if answer.status == 500 else answer.status, message.removeprefix("HostConfig.VolumesFrom: "))
            )
            continue
        shown = client.ask("GET", "/containers/asking/json").json
        host = {name: shown["HostConfig"].get(name) for name in ("Binds", "Mounts", "VolumesFrom")}
        found.append(_comparable([shown["Mounts"], host, shown["Config"]["Volumes"]]))
        found.append(_comparable(client.ask("GET", "/volumes").json))
    assert found[: len(found) // 2] == found[len(found) // 2 :]


@pytest.mark.parametrize("bind", ["filled:/bin", "filled:/bin:ro", "filled:/bin:nocopy", "filled:/not/there"])
def test_an_empty_volume_is_filled_alike(both: tuple[Client, Client], bind: str) -> None:
    found = []
    for client in both:
        client.create("filling", {"HostConfig": {"Binds": [bind], "NetworkMode": "none"}})
        client.create("looking", {"HostConfig": {"Binds": ["filled:/m"], "NetworkMode": "none"}})
        answer = client.ask("PUT", "/containers/looking/archive?path=/m", tar_of(member("mark", b"x")))
        assert answer.status == 200
        usage = client.ask("GET", "/system/df").json["Volumes"]
        found.append({volume["Name"]: volume["UsageData"] for volume in usage})
    assert found[0] == found[1]
