"""What engines say, as our own types. Documents are cut down from what dockerd 20.10 answers."""

from typing import Any

import pytest

from console.hosts.facts import ContainerFact, ImageFact, container_fact, image_fact, log_since


def document(**state: Any) -> dict[str, Any]:
    return {
        "Id": "ab" * 32,
        "Name": "/web-1",
        "Created": "2026-01-02T03:04:05.123456789Z",
        "Path": "/bin/sh",
        "Args": ["-c", "sleep 9"],
        "Image": "sha256:" + "cd" * 32,
        "Config": {"Image": "hello-naru:latest", "Labels": {"naru.job": "7"}, "Tty": False},
        "State": {
            "Status": "running",
            "Running": True,
            "ExitCode": 0,
            "StartedAt": "2026-01-02T03:04:06.5+09:00",
            "FinishedAt": "0001-01-01T00:00:00Z",
            **state,
        },
        "HostConfig": {"Memory": 64 << 20, "NanoCpus": 500_000_000, "PortBindings": {"80/tcp": [{"HostPort": "8080"}]}},
        "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "49153"}], "443/tcp": None}},
    }


def test_a_running_container() -> None:
    fact = container_fact(document())
    assert (fact.name, fact.image, fact.image_engine_id) == ("web-1", "hello-naru:latest", "cd" * 32)
    assert fact.command == ["/bin/sh", "-c", "sleep 9"]
    assert (fact.state, fact.exit_code, fact.finished_at) == ("running", None, None)
    assert (fact.created_at, fact.started_at) == (
        "2026-01-02T03:04:05.123456+00:00",
        "2026-01-01T18:04:06.500000+00:00",
    )
    assert (fact.memory_bytes, fact.cpus) == (64 << 20, 0.5)


def test_an_ended_container_has_its_code_and_time() -> None:
    fact = container_fact(document(Status="exited", Running=False, ExitCode=137, FinishedAt="2026-01-02T03:05:00Z"))
    assert (fact.state, fact.exit_code, fact.finished_at) == ("exited", 137, "2026-01-02T03:05:00+00:00")


def test_a_running_container_has_the_ports_it_got() -> None:
    [port] = container_fact(document()).ports
    assert port == {"host_address": "127.0.0.1", "host_port": 49153, "container_port": 80, "protocol": "tcp"}


@pytest.mark.parametrize(("wanted", "number"), [("8080", 8080), ("", 0), ("8000-8010", 0)])
def test_a_stopped_container_has_the_ports_it_wants(wanted: str, number: int) -> None:
    """A range, as ``docker run -p 8000-8010:80`` writes it, is the engine's to choose from."""
    stopped = document(Status="exited", Running=False)
    stopped["HostConfig"]["PortBindings"]["80/tcp"][0]["HostPort"] = wanted
    [port] = container_fact(stopped).ports
    assert (port["host_address"], port["host_port"]) == ("0.0.0.0", number)


def test_a_container_without_what_is_optional() -> None:
    bare = {"Id": "ab", "Config": {"Labels": None}, "State": {}, "Args": None, "HostConfig": None}
    fact = container_fact(bare)
    assert (fact.command, fact.labels, fact.ports, fact.memory_bytes) == ([], {}, [], 0)


def test_facts_travel_as_json() -> None:
    container = container_fact(document())
    assert ContainerFact.from_json(container.as_json()) == container
    image = image_fact({"Id": "sha256:ef", "RepoTags": ["b:1", "<none>:<none>", "a:1"], "Size": 9, "Created": 0})
    assert image.references == ["a:1", "b:1"]
    assert ImageFact.from_json(image.as_json()) == image


def test_an_image_without_a_name() -> None:
    assert image_fact({"Id": "sha256:ef", "RepoTags": None, "Created": None}).references == []


@pytest.mark.parametrize(("at_ns", "asked"), [(0, {}), (1_700_000_000_000_000_007, {"since": "1700000000.000000007"})])
def test_the_time_to_go_on_from_is_exact(at_ns: int, asked: dict[str, str]) -> None:
    assert log_since(at_ns) == asked
