"""Limits, their update, and what is told of use: both engines are asked the same and answer the same."""

from typing import Any

import pytest

from tests.conformance.client import Answer, Client

pytestmark = [pytest.mark.conformance, pytest.mark.host]
MIB = 1 << 20


def both(ours: Client, dockers: Client, method: str, path: str, body: object = None) -> tuple[Answer, Answer]:
    return ours.ask(method, path, body), dockers.ask(method, path, body)


def running(ours: Client, dockers: Client, name: str, host_config: dict[str, Any]) -> None:
    for client in (ours, dockers):
        client.create(name, {"Cmd": ["sleep", "1000"], "HostConfig": host_config})
        assert client.ask("POST", f"/containers/{name}/start").status == 204


def shape(value: Any) -> Any:
    """Members and types, without what they say."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def lacking(theirs: Any, our: Any, path: str = "") -> list[str]:
    """Members of theirs that ours has not, or has as something else. Ours may tell more of memory."""
    if isinstance(theirs, dict) and isinstance(our, dict):
        return [
            text
            for name, member in theirs.items()
            for text in (lacking(member, our[name], f"{path}.{name}") if name in our else [f"{path}.{name}"])
        ]
    return [] if theirs == our else [f"{path}: {our}, Docker has {theirs}"]


@pytest.mark.parametrize("query", ["stream=0", "stream=0&one-shot=1"])
def test_a_running_containers_use_has_the_same_shape(ours: Client, dockers: Client, query: str) -> None:
    running(ours, dockers, "measured", {"Memory": 64 * MIB, "PidsLimit": 50})
    our, theirs = both(ours, dockers, "GET", f"/containers/measured/stats?{query}")
    assert our.headers["content-type"] == theirs.headers["content-type"]
    assert lacking(shape(theirs.json), shape(our.json)) == []
    assert list(our.json) == list(theirs.json)
    assert our.json["memory_stats"]["limit"] == theirs.json["memory_stats"]["limit"] == 64 * MIB
    assert our.json["pids_stats"] == theirs.json["pids_stats"]
    assert our.json["cpu_stats"]["online_cpus"] == theirs.json["cpu_stats"]["online_cpus"]
    for client in (ours, dockers):
        client.ask("DELETE", "/containers/measured?force=1")


def test_a_stopped_containers_use_is_the_same(ours: Client, dockers: Client) -> None:
    ids = [client.create("unmeasured", {"Cmd": ["true"]}) for client in (ours, dockers)]
    our, theirs = both(ours, dockers, "GET", "/containers/unmeasured/stats?stream=0")
    assert our.json == theirs.json | {"id": ids[0]}


@pytest.mark.parametrize("query", ["stream=1&one-shot=1", "one-shot=1"])
def test_a_stream_of_one_shot_is_refused_alike(ours: Client, dockers: Client, query: str) -> None:
    for client in (ours, dockers):
        client.create("refused", {"Cmd": ["true"]})
    our, theirs = both(ours, dockers, "GET", f"/containers/refused/stats?{query}")
    assert (our.status, our.json) == (theirs.status, theirs.json) == (400, our.json)


_LIMITED = {"Memory": 64 * MIB, "MemorySwap": 128 * MIB}


@pytest.mark.parametrize(
    ("present", "body"),
    [
        ({}, {}),
        (_LIMITED, {"Memory": 32 * MIB}),
        (_LIMITED, {"Memory": 256 * MIB}),
        (_LIMITED, {"Memory": 256 * MIB, "MemorySwap": 512 * MIB}),
        (_LIMITED, {"Memory": 32 * MIB, "MemorySwap": -1}),
        (_LIMITED, {"MemorySwap": 256 * MIB}),
        (_LIMITED, {"Memory": 1000}),
        (_LIMITED, {"Memory": 256 * MIB, "MemorySwap": 128 * MIB}),
        (_LIMITED, {"MemoryReservation": 16 * MIB}),
        ({}, {"NanoCpus": 500_000_000}),
        ({}, {"NanoCpus": 999 * 10**9}),
        ({"NanoCpus": 500_000_000}, {"CpuPeriod": 50000}),
        ({"NanoCpus": 500_000_000}, {"CpuQuota": 50000}),
        ({"CpuPeriod": 50000}, {"NanoCpus": 500_000_000}),
        ({"CpuQuota": 50000}, {"NanoCpus": 500_000_000}),
        ({"CpuQuota": 50000}, {"CpuQuota": -1}),
        ({}, {"NanoCpus": 500_000_000, "CpuPeriod": 50000}),
        ({}, {"CpuPeriod": 10}),
        ({}, {"CpuQuota": 10}),
        ({}, {"CpuShares": 512, "CpusetCpus": "0", "CpusetMems": "0"}),
        ({}, {"CpusetCpus": "999"}),
        ({}, {"CpusetCpus": "x"}),
        ({}, {"CpusetMems": "99"}),
        ({}, {"PidsLimit": 20}),
        ({}, {"BlkioWeight": 500}),
        ({}, {"RestartPolicy": {"Name": "always"}}),
        ({}, {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}),
    ],
)
def test_an_update_is_answered_and_kept_alike(
    ours: Client, dockers: Client, present: dict[str, Any], body: dict[str, Any]
) -> None:
    for client in (ours, dockers):
        client.create("updated", {"Cmd": ["true"], "HostConfig": present})
    our, theirs = both(ours, dockers, "POST", "/containers/updated/update", body)
    ids = [client.ask("GET", "/containers/updated/json").json["Id"] for client in (ours, dockers)]
    said = [str(answer.json).replace(one, "ID") for answer, one in zip((our, theirs), ids, strict=True)]
    assert (our.status, said[0]) == (theirs.status, said[1])
    kept = [client.ask("GET", "/containers/updated/json").json["HostConfig"] for client in (ours, dockers)]
    for name in (*present, *body):
        assert kept[0][name] == kept[1][name], name


@pytest.mark.parametrize(
    "host_config",
    [
        {"Memory": 64 * MIB, "MemorySwappiness": 10},
        {"Memory": 64 * MIB, "OomKillDisable": True},
        {"OomKillDisable": True},
        {"MemorySwappiness": 101},
        {"MemorySwappiness": -1},
        {"MemoryReservation": 1000},
        {"CpusetCpus": "0-999"},
        {"CpusetMems": "9"},
        {"NanoCpus": 999 * 10**9},
        {"BlkioWeight": 500},
        {"BlkioWeightDevice": [{"Path": "/dev/loop0", "Weight": 100}]},
        {"BlkioDeviceReadBps": [{"Path": "/dev/loop0", "Rate": MIB}]},
        {"BlkioDeviceWriteIOps": [{"Path": "/dev/loop0", "Rate": 100}]},
        {"KernelMemoryTCP": 16 * MIB},
    ],
)
def test_limits_are_taken_warned_of_and_refused_alike(
    ours: Client, dockers: Client, host_config: dict[str, Any]
) -> None:
    body = {"Image": "conformance/busybox:1", "Cmd": ["true"], "HostConfig": host_config}
    for client in (ours, dockers):
        client.ask("DELETE", "/containers/limited?force=1")
    our, theirs = both(ours, dockers, "POST", "/containers/create?name=limited", body)
    assert our.status == theirs.status
    if our.status != 201:
        assert our.json == theirs.json
        return
    assert our.json["Warnings"] == theirs.json["Warnings"]
    kept = [client.ask("GET", "/containers/limited/json").json["HostConfig"] for client in (ours, dockers)]
    for name in host_config:
        assert kept[0][name] == kept[1][name], name
    assert [client.ask("POST", "/containers/limited/start").status for client in (ours, dockers)] == [204, 204]


def test_both_say_that_the_machine_can_limit_the_same(ours: Client, dockers: Client) -> None:
    our, theirs = both(ours, dockers, "GET", "/info")
    abilities = ("MemoryLimit", "SwapLimit", "CpuCfsPeriod", "CpuCfsQuota", "CPUShares", "CPUSet", "PidsLimit")
    for name in (*abilities, "OomKillDisable", "KernelMemoryTCP", "CgroupDriver", "CgroupVersion"):
        assert our.json[name] == theirs.json[name], name


def test_a_kill_for_memory_is_told_alike(ours: Client, dockers: Client) -> None:
    states = []
    for client in (ours, dockers):
        assert client.run("hog", {"Cmd": ["tail", "/dev/zero"], "HostConfig": {"Memory": 32 * MIB}}) == 137
        states.append(client.ask("GET", "/containers/hog/json").json["State"])
    assert [(state["OOMKilled"], state["ExitCode"], state["Status"]) for state in states] == [(True, 137, "exited")] * 2
