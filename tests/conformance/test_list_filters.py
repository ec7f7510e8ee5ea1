"""Filters of lists and of events: both engines hold the same objects and choose the same of them."""

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.conformance.client import Client, until
from tests.conformance.conftest import IMAGE

pytestmark = [pytest.mark.conformance, pytest.mark.host]

SLEEP = ["sleep", "300"]
# in the order in which they are made; those with a state are brought into it
CAST: dict[str, tuple[dict[str, Any], str]] = {
    "cast-first": ({"Cmd": ["sh", "-c", "exit 3"], "Labels": {"a": "1", "shared": ""}}, "exited"),
    "cast-made": ({"Labels": {"a": "2"}, "ExposedPorts": {"80/tcp": {}}}, "created"),
    "cast-runs": ({"Cmd": SLEEP, "Labels": {"shared": "", "b": "x=y"}, "ExposedPorts": {"90/udp": {}}}, "running"),
    "cast-waits": ({"Cmd": SLEEP, "HostConfig": {"NetworkMode": "none"}}, "paused"),
    "cast-serves": (
        {
            "Cmd": SLEEP,
            "ExposedPorts": {"81/tcp": {}},
            "HostConfig": {"PortBindings": {"81/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18481"}]}},
        },
        "running",
    ),
    "cast-last": ({"Cmd": ["true"], "HostConfig": {"NetworkMode": "host"}}, "exited"),
}


@pytest.fixture(scope="module", autouse=True)
def cast(ours: Client, dockers: Client) -> Iterator[None]:
    for client in (ours, dockers):
        for name, (body, state) in CAST.items():
            client.create(name, body)
            _bring(client, name, state)
    yield
    for client in (ours, dockers):
        for name in CAST:
            client.ask("DELETE", f"/containers/{name}?force=1")


def _bring(client: Client, name: str, state: str) -> None:
    if state == "created":
        return
    assert client.ask("POST", f"/containers/{name}/start").status == 204
    if state == "exited":
        client.ask("POST", f"/containers/{name}/wait")
    if state == "paused":
        assert client.ask("POST", f"/containers/{name}/pause").status == 204


def _chosen(client: Client, query: str) -> tuple[int, Any]:
    answer = client.ask("GET", f"/containers/json?{query}")
    if answer.status != 200:
        return answer.status, None
    return 200, [one["Names"][0] for one in answer.json if one["Names"][0].startswith("/cast-")]


def _narrowed(filters: dict[str, Any]) -> dict[str, Any]:
    """In the form of the others: Docker takes lists or maps, not both in one request."""
    is_legacy = any(isinstance(values, dict) for values in filters.values())
    return {**filters, "name": {"cast-": True} if is_legacy else ["cast-"]}


def _filters(value: Any) -> str:
    return "filters=" + quote(value if isinstance(value, str) else json.dumps(value))


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"status": ["exited"]},
        {"status": ["created", "paused"]},
        {"status": ["running"]},
        {"status": ["removing"]},
        {"status": {"running": True}},
        {"exited": ["3"]},
        {"exited": ["0", "3"]},
        {"exited": ["137"]},
        {"label": ["a"]},
        {"label": ["a=1"]},
        {"label": ["a", "shared"]},
        {"label": ["a=1", "a=2"]},
        {"label": ["b=x=y"]},
        {"label": ["missing"]},
        {"label": {"a=2": True}},
        {"name": ["cast-runs"]},
        {"name": ["/cast-runs"]},
        {"name": ["runs"]},
        {"name": ["^/cast-runs$"]},
        {"name": ["^cast-runs$"]},
        {"name": ["cast-(runs|made)"]},
        {"name": ["cast-runs", "cast-made"]},
        {"name": ["absent"]},
        {"name": {"cast-made": True}},
        {"ancestor": [IMAGE]},
        {"ancestor": ["conformance/busybox"]},
        {"ancestor": ["absent"]},
        {"ancestor": ["absent", IMAGE]},
        {"before": ["cast-runs"]},
        {"since": ["cast-runs"]},
        {"since": ["cast-made"], "before": ["cast-last"]},
        {"before": ["cast-first"]},
        {"expose": ["80"]},
        {"expose": ["80/tcp"]},
        {"expose": ["90/udp"]},
        {"expose": ["90"]},
        {"expose": ["79-82"]},
        {"expose": ["79-82/tcp"]},
        {"publish": ["81"]},
        {"publish": ["18481"]},
        {"publish": ["18481/tcp"]},
        {"publish": ["18480-18490"]},
        {"publish": ["81/udp"]},
        {"network": ["none"]},
        {"network": ["host"]},
        {"network": ["bridge"]},
        {"network": ["absent"]},
        {"network": ["none", "host"]},
        {"volume": ["absent"]},
        {"health": ["none"]},
        {"health": ["healthy"]},
        {"is-task": ["true"]},
        {"is-task": ["false"]},
        {"status": ["running"], "label": ["shared"]},
        {"id": ["zzz"]},
    ],
    ids=json.dumps,
)
@pytest.mark.parametrize("options", ["all=1", "all=0", "limit=2"])
def test_the_same_containers_are_chosen(ours: Client, dockers: Client, filters: Any, options: str) -> None:
    # bystanders of other tests must not use up the limit
    narrowed = filters if "name" in filters or "limit" not in options else _narrowed(filters)
    query = f"{options}&{_filters(narrowed)}"
    assert _chosen(ours, query) == _chosen(dockers, query)


@pytest.mark.parametrize(
    "query",
    ["limit=-1", "limit=0", "limit=3", "limit=3&all=1", "limit=3&all=0", "limit=100", "all=false", "all=True", ""],
)
def test_limits_are_kept_alike(ours: Client, dockers: Client, query: str) -> None:
    query = f"{query}&{_filters({'name': ['cast-']})}"
    assert _chosen(ours, query) == _chosen(dockers, query)


@pytest.mark.parametrize(
    "query",
    [
        _filters({"status": ["nonsense"]}),
        _filters({"exited": ["x"]}),
        _filters({"health": ["x"]}),
        _filters({"before": ["absent"]}),
        _filters({"since": ["absent"]}),
        _filters({"nonsense": ["x"]}),
        _filters({"is-task": ["x"]}),
        _filters({"expose": ["x"]}),
        _filters({"publish": ["1-x"]}),
        _filters("garbage"),
        _filters("[]"),
        _filters('"text"'),
        _filters({"label": "a"}),
        "limit=x",
        "limit=1.5",
    ],
)
def test_bad_values_are_refused_by_both(ours: Client, dockers: Client, query: str) -> None:
    our, theirs = (_chosen(client, f"all=1&{query}")[0] for client in (ours, dockers))
    assert theirs >= 400
    # dockerd 20.10 answers 500 to what is not JSON or not a number, newer ones 400
    assert our == (404 if "absent" in query else 400 if theirs == 500 else theirs)


def test_an_id_is_found_by_its_beginning(ours: Client) -> None:
    container_id = ours.ask("GET", "/containers/cast-made/json").json["Id"]
    query = f"all=1&{_filters({'id': [container_id[:10]]})}"
    assert _chosen(ours, query) == (200, ["/cast-made"])


def test_sizes_are_told_when_asked_for(ours: Client, dockers: Client) -> None:
    for client in (ours, dockers):
        for answer in (
            client.ask("GET", f"/containers/json?size=1&all=1&{_filters({'name': ['cast-made']})}").json[0],
            client.ask("GET", "/containers/cast-made/json?size=1").json,
        ):
            assert answer["SizeRootFs"] >= answer.get("SizeRw", 0) >= 0
        assert "SizeRootFs" not in client.ask("GET", "/containers/cast-made/json").json


@pytest.fixture(scope="module")
def story(ours: Client, dockers: Client, cast: None) -> dict[int, tuple[str, str]]:
    """One life with most of what can happen, told by both; the beginning and the end of it."""
    spans = {}
    for client in (ours, dockers):
        began = f"{time.time():.6f}"
        body = {"Cmd": SLEEP, "Labels": {"of": "story"}}
        client.create("story", body)
        for name, step in (
            ("story", "start"),
            ("story", "pause"),
            ("story", "unpause"),
            ("story", "rename?name=story2"),
            ("story2", "restart?t=0"),
            ("story2", "stop?t=0"),
            ("story2", "start"),
        ):
            assert client.ask("POST", f"/containers/{name}/{step}").status == 204
        client.exec_("story2", {"Cmd": ["true"]})
        client.ask("POST", "/containers/story2/resize?h=20&w=70")
        client.ask("GET", "/containers/story2/top")
        client.ask("POST", f"/images/{IMAGE}/tag?repo=tale&tag=1")
        client.ask("DELETE", "/images/tale:1")
        assert client.ask("DELETE", "/containers/story2?force=1").status == 204
        until(lambda client=client, began=began: "destroy" in [event["Action"] for event in _so_far(client, began)])
        spans[id(client)] = (began, f"{time.time():.6f}")
    return spans


def _so_far(client: Client, since: str) -> list[Any]:
    return _told(client, since, f"{time.time():.6f}", {"label": ["of=story"]})


def _told(client: Client, since: str, until_: str, filters: Any) -> list[Any]:
    return client.ask("GET", f"/events?since={since}&until={until_}&{_filters(filters)}").lines


def _lines(events: list[Any]) -> list[str]:
    """Without ids; an exec's and a network's events beside the container's come in no fixed order.

    dockerd tells of a pause once by itself, and a second time when its own news of it comes late.
    """
    lines = sorted(
        f"{event['Type']} {event['Action']} {event.get('status')} {event.get('from')} "
        + " ".join(
            f"{key}={value}"
            for key, value in sorted(event["Actor"]["Attributes"].items())
            if key not in ("execID", "container", "execDuration", "of")
        )
        for event in events
    )
    return [line for line, before in zip(lines, ["", *lines], strict=False) if line != before or "pause" not in line]


@pytest.mark.parametrize(
    "filters",
    [
        {"type": ["container"]},
        {"type": ["network"]},
        {"type": ["image"]},
        {"type": ["volume"]},
        {"type": ["container", "image"]},
        {"event": ["start"]},
        {"event": ["die", "kill"]},
        {"event": ["exec_create"]},
        {"event": ["exec_start: true"]},
        {"event": ["nonsense"]},
        {"container": ["story2"]},
        {"container": ["story"]},
        {"container": ["absent"]},
        {"image": [IMAGE]},
        {"image": ["conformance/busybox"]},
        {"image": ["tale"]},
        {"label": ["of=story"]},
        {"label": ["of"], "event": ["start"]},
        {"network": ["bridge"]},
        {"volume": ["absent"]},
        {"daemon": ["absent"]},
        {"scope": ["local"]},
        {"scope": ["swarm"]},
        {"type": {"image": True}},
    ],
    ids=json.dumps,
)
def test_the_same_events_are_told(
    ours: Client, dockers: Client, story: dict[int, tuple[str, str]], filters: Any
) -> None:
    our, theirs = (_lines(_told(client, *story[id(client)], filters)) for client in (ours, dockers))
    assert our == theirs
