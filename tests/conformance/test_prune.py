"""What prunes take and tell, and what ``system/df`` says is to be had: asked of both engines."""

import json
import time
from typing import Any
from urllib.parse import quote

import pytest

from tests.conformance.client import Client
from tests.conformance.conftest import IMAGE

pytestmark = [pytest.mark.conformance, pytest.mark.host]


@pytest.fixture(scope="module", autouse=True)
def only_the_base_image(ours: Client, dockers: Client) -> None:
    """What other files have left in the engines they share would be pruned, too."""
    for client in (ours, dockers):
        for one in client.ask("GET", "/containers/json?all=1").json:
            client.ask("DELETE", f"/containers/{one['Id']}?force=1&v=1")
        # the newest first: one below another goes after it, or along with it
        for one in client.ask("GET", "/images/json").json:
            if IMAGE not in (one["RepoTags"] or ()):
                client.ask("DELETE", f"/images/{one['Id']}?force=1")
        assert [one["RepoTags"] for one in client.ask("GET", "/images/json").json] == [[IMAGE]]


def filters(**values: list[str]) -> str:
    return "filters=" + quote(json.dumps(values))


def committed(client: Client, tag: str, label: str) -> None:
    """An image above the one there is, with a layer of its own."""
    client.run("committed", {"Cmd": ["sh", "-c", "echo text > /tmp/file"]})
    body = {"Labels": {label: "1"}}
    answer = client.ask("POST", f"/commit?container=committed&repo=committed&tag={tag}", body)
    assert answer.status == 201, answer.body
    client.ask("DELETE", "/containers/committed?force=1")


def deleted(client: Client, **values: list[str]) -> list[str]:
    answer = client.ask("POST", f"/images/prune?{filters(**values)}")
    assert answer.status == 200, answer.body
    return [one["Untagged"] for one in answer.json["ImagesDeleted"] or [] if "Untagged" in one]


def test_images_are_pruned_by_age_and_label(ours: Client, dockers: Client) -> None:
    for client in (ours, dockers):
        client.create("holds", {})  # the base image stays
        committed(client, "1", "first")
        committed(client, "2", "second")
        assert deleted(client, dangling=["false"], until=["1h"]) == []
        assert deleted(client, dangling=["false"], label=["none"]) == []
        assert deleted(client, dangling=["false"], **{"label!": ["second"]}) == ["committed:1"]
        assert deleted(client, dangling=["0"], label=["second=1"]) == ["committed:2"]
        client.ask("DELETE", "/containers/holds")


@pytest.mark.parametrize("kind", ["containers", "images", "networks"])
def test_one_until_is_taken_and_it_must_say_something(ours: Client, dockers: Client, kind: str) -> None:
    for until in (["1h"], ["2001-02-03"], ["2001-02-03T04:05:06Z"], ["981173106"]):
        for client in (ours, dockers):
            assert client.ask("POST", f"/{kind}/prune?{filters(until=until)}").status == 200
    for bad in (["yesterday"], ["1h", "2h"]):
        assert ours.ask("POST", f"/{kind}/prune?{filters(until=bad)}").status == 400
        assert dockers.ask("POST", f"/{kind}/prune?{filters(until=bad)}").status >= 400


def test_each_prune_and_each_save_is_an_event(ours: Client, dockers: Client) -> None:
    told = []
    for client in (ours, dockers):
        since = time.time()
        for kind in ("containers", "images", "networks", "volumes"):
            client.ask("POST", f"/{kind}/prune?{filters(label=['none'])}")
        client.ask("POST", "/build/prune")
        client.ask("GET", f"/images/{IMAGE}/get")
        query = f"since={since:.6f}&until={time.time():.6f}&{filters(event=['prune', 'save'])}"
        lines = client.ask("GET", f"/events?{query}").lines
        told.append([(one["Type"], one["Action"], one["Actor"]["Attributes"].get("reclaimed")) for one in lines])
    assert told[0] == told[1]
    assert len(told[0]) == 6


def test_what_images_share_is_told(ours: Client, dockers: Client) -> None:
    def shared(client: Client, path: str) -> list[Any]:
        answer = client.ask("GET", path).json
        images = answer["Images"] if isinstance(answer, dict) else answer
        # of the base image other tests have left containers, each engine some of its own
        return sorted(
            (str(one["RepoTags"]), one["SharedSize"] > 0, one["Containers"] if own in one["RepoTags"] else None)
            for one in images
        )

    own = "committed:3"
    for client in (ours, dockers):
        committed(client, "3", "third")
        client.create("of-third", {"Image": own})
    for path in ("/system/df", "/images/json"):
        assert shared(ours, path) == shared(dockers, path)
    assert any(is_shared for _, is_shared, _ in shared(ours, "/system/df"))
    of_newer = ours.ask("GET", "/images/json?shared-size=1", version="v1.47").json
    usage = {one["Id"]: one["SharedSize"] for one in ours.ask("GET", "/system/df").json["Images"]}
    assert {one["Id"]: one["SharedSize"] for one in of_newer} == usage
    for client in (ours, dockers):
        client.ask("DELETE", "/containers/of-third")
        client.ask("DELETE", f"/images/{own}")
