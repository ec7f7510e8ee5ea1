"""Containers as inspect and ps show them."""

from datetime import timedelta
from typing import Any

import pytest

from engine.model.container import Endpoint, ProcessIdentity, Status
from engine.model.health import Health, HealthStatus, Probe
from engine.model.ports import Port, PortBinding
from engine.wire.container import ContainerFacts, encode_inspect, encode_summary, status_text
from engine.wire.encode import encode
from tests.engine.unit.wire.images import IMAGE_ID, MADE_AT, container

FACTS = ContainerFacts(
    hostname="cccccccccccc", network_ids={"bridge": "n" * 64}, runtime="crun", etc_dir="/e", lower_dirs=("/b", "/a")
)
ENDPOINT = Endpoint(
    "bridge", "172.17.0.2", 16, "172.17.0.1", "02:42:ac:11:00:02", (PortBinding(Port(80), "0.0.0.0", 8080),)
)
RUNNING: dict[str, Any] = {
    "status": Status.RUNNING,
    "process": ProcessIdentity(42, 1, "boot"),
    "started_at": MADE_AT,
    "endpoint": ENDPOINT,
}


@pytest.mark.parametrize(
    ("fields", "after_s", "text"),
    [
        ({}, 5, "Created"),
        (RUNNING, 0, "Up Less than a second"),
        (RUNNING, 5, "Up 5 seconds"),
        (RUNNING | {"health": Health()}, 5, "Up 5 seconds (health: starting)"),
        (RUNNING | {"health": Health(HealthStatus.HEALTHY)}, 5, "Up 5 seconds (healthy)"),
        (RUNNING | {"health": Health(HealthStatus.UNHEALTHY)}, 5, "Up 5 seconds (unhealthy)"),
        (RUNNING | {"health": Health(), "status": Status.PAUSED}, 5, "Up 5 seconds (Paused)"),
        (RUNNING, 60, "Up About a minute"),
        (RUNNING, 119, "Up About a minute"),
        (RUNNING, 600, "Up 10 minutes"),
        (RUNNING, 3600, "Up About an hour"),
        (RUNNING, 7200, "Up 2 hours"),
        (RUNNING, 3 * 86400, "Up 3 days"),
        (RUNNING | {"status": Status.PAUSED}, 5, "Up 5 seconds (Paused)"),
        ({"status": Status.EXITED, "finished_at": MADE_AT}, 120, "Exited (0) 2 minutes ago"),
        ({"status": Status.EXITED, "finished_at": MADE_AT, "exit_code": 137}, 1, "Exited (137) 1 second ago"),
        ({"status": Status.REMOVING}, 1, "Removal In Progress"),
        ({"status": Status.DEAD}, 1, "Dead"),
    ],
)
def test_the_status_reads_as_in_docker(fields: dict[str, Any], after_s: int, text: str) -> None:
    assert status_text(container(**fields), now=MADE_AT + timedelta(seconds=after_s)) == text


def test_a_created_container_has_never_started() -> None:
    state = encode_inspect(container(), FACTS)["State"]
    assert state["StartedAt"] == state["FinishedAt"] == "0001-01-01T00:00:00Z"
    assert (state["Status"], state["Running"], state["Pid"]) == ("created", False, 0)


def test_health_is_shown_where_there_is_a_check() -> None:
    probe = Probe(MADE_AT, MADE_AT + timedelta(seconds=1), -1, "no\n")
    checked = container(**RUNNING, health=Health(HealthStatus.UNHEALTHY, 3, (probe,)))
    assert encode_inspect(checked, FACTS)["State"]["Health"] == {
        "Status": "unhealthy",
        "FailingStreak": 3,
        "Log": [{"Start": "2026-01-02T03:04:05.6Z", "End": "2026-01-02T03:04:06.6Z", "ExitCode": -1, "Output": "no\n"}],
    }
    assert "Health" not in encode_inspect(container(**RUNNING), FACTS)["State"]


def test_a_running_container_shows_its_network() -> None:
    shown = encode_inspect(container({"exposed_ports": frozenset({Port(80), Port(443)})}, **RUNNING), FACTS)
    settings = shown["NetworkSettings"]
    assert settings["Ports"] == {"443/tcp": None, "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}
    assert settings["IPAddress"] == settings["Networks"]["bridge"]["IPAddress"] == "172.17.0.2"
    assert settings["Networks"]["bridge"]["NetworkID"] == FACTS.network_ids["bridge"]
    assert shown["State"]["Pid"] == 42


def test_a_stopped_container_has_no_address() -> None:
    stopped = container(**RUNNING | {"status": Status.EXITED})
    settings = encode_inspect(stopped, FACTS)["NetworkSettings"]
    assert (settings["Ports"], settings["IPAddress"], settings["Networks"]["bridge"]["IPAddress"]) == ({}, "", "")


def test_without_a_network_the_pseudo_network_is_named() -> None:
    assert list(encode_inspect(container({"network_mode": "none"}), FACTS)["NetworkSettings"]["Networks"]) == ["none"]


def test_inspect_has_every_member_clients_read_and_is_json() -> None:
    shown = encode_inspect(container(), FACTS)
    assert shown["Path"] == "sleep"
    assert shown["Args"] == ["1 day"]
    assert shown["Image"] == str(IMAGE_ID)
    assert shown["Config"].image == "busybox"
    assert shown["GraphDriver"]["Data"]["LowerDir"] == "/b:/a"
    assert {"LogPath", "Mounts", "HostConfig", "ExecIDs", "RestartCount", "ResolvConfPath"} <= shown.keys()
    assert shown["HostConfig"]["RestartPolicy"] == {"Name": "no", "MaximumRetryCount": 0}
    assert b'"OnBuild":null' in encode(shown)


def test_a_line_of_ps() -> None:
    shown = encode_summary(container(**RUNNING), FACTS, now=MADE_AT)
    assert shown["Names"] == ["/quiet_whale"]
    assert shown["Command"] == "sleep '1 day'"
    assert shown["Ports"] == [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}]
    assert shown["Created"] == int(MADE_AT.timestamp())
    assert "SizeRw" not in shown


def test_sizes_are_there_when_asked_for() -> None:
    facts = ContainerFacts(hostname="", runtime="", size_rw_bytes=5, size_image_bytes=10)
    shown = encode_summary(container(), facts, now=MADE_AT)
    assert (shown["SizeRw"], shown["SizeRootFs"]) == (5, 15)
