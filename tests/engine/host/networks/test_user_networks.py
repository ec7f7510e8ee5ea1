"""Networks that people make, through the docker command line."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.conftest import IMAGE, RunningEngine
from tests.engine.host.containers.shared_engine import engine_with_image, refusal, said

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def docker(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with engine_with_image(busybox_tar) as engine:
        yield engine


def inspected(docker: RunningEngine, *names: str) -> dict[str, Any]:
    (found,) = json.loads(docker.out(*names))
    return dict(found)


def endpoints(docker: RunningEngine, container: str) -> dict[str, Any]:
    return dict(inspected(docker, "inspect", container)["NetworkSettings"]["Networks"])


def test_a_network_is_told_as_it_was_made(docker: RunningEngine) -> None:
    arguments = ["--subnet", "10.201.0.0/24", "--gateway", "10.201.0.254", "--ip-range", "10.201.0.64/26"]
    more = ["--aux-address", "nas=10.201.0.65", "--label", "a=b", "--internal", "--attachable"]
    network_id = docker.out("network", "create", *arguments, *more, "told")
    told = inspected(docker, "network", "inspect", network_id[:12])
    assert (told["Name"], told["Id"], told["Driver"], told["Scope"]) == ("told", network_id, "bridge", "local")
    assert told["IPAM"]["Config"] == [
        {
            "Subnet": "10.201.0.0/24",
            "IPRange": "10.201.0.64/26",
            "Gateway": "10.201.0.254",
            "AuxiliaryAddresses": {"nas": "10.201.0.65"},
        }
    ]
    assert (told["Internal"], told["Attachable"], told["Labels"]) == (True, True, {"a": "b"})
    assert "inet 10.201.0.64/24" in said(docker, "--network", "told", IMAGE, "ip", "addr", "show", "eth0")
    assert "inet 10.201.0.66/24" in said(docker, "--network", "told", IMAGE, "ip", "addr", "show", "eth0")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bridge"], "predefined"),
        (["-d", "overlay", "x"], "plugin not found"),
        (["--subnet", "10.202.0.0", "x"], "invalid"),
        (["--subnet", "10.202.0.1/24", "x"], "10.202.0.0/24"),
        (["--subnet", "10.202.0.0/33", "x"], "invalid"),
        (["--subnet", "10.202.0.0/24", "--gateway", "10.203.0.1", "x"], "gateway"),
        (["--subnet", "10.202.0.0/24", "--ip-range", "10.203.0.0/28", "x"], "range"),
        (["--subnet", "127.0.0.0/16", "x"], "Subnet"),
        (["-o", "com.docker.network.driver.mtu=big", "x"], "mtu"),
        (["-o", "com.docker.network.bridge.enable_icc=perhaps", "x"], "enable_icc"),
        (["-o", "com.docker.network.bridge.name=much-too-long-for-a-link", "x"], "name"),
        (["-o", "com.docker.network.bridge.name=lo", "x"], "link lo"),
        (["--ipv6", "--subnet", "fd00:77::1/64", "x"], "fd00:77::/64"),
        (["--config-only", "x"], "ConfigOnly"),
        (["--ingress", "x"], "Ingress"),
        (["/x"], "Name"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(docker: RunningEngine, arguments: list[str], words: str) -> None:
    before = docker.out("network", "ls", "-q")
    assert words in refusal(docker, "network", "create", *arguments)
    assert docker.out("network", "ls", "-q") == before


def test_a_name_is_taken_once(docker: RunningEngine) -> None:
    docker.docker("network", "create", "once")
    assert "network with name once already exists" in refusal(docker, "network", "create", "once")


def test_containers_join_several_networks_at_once(docker: RunningEngine) -> None:
    for name in ("s1", "s2"):
        docker.docker("network", "create", name)
    routes = said(docker, "--network", "s1", "--network", "s2", IMAGE, "ip", "route")
    assert "dev eth0" in routes
    assert "dev eth1" in routes
    assert routes.count("default") == 1


def test_an_address_is_as_wished_and_taken_once(docker: RunningEngine) -> None:
    docker.docker("network", "create", "--subnet", "10.204.0.0/24", "fixed")
    docker.docker("run", "-d", "--network", "fixed", "--ip", "10.204.0.9", "--name", "nine", IMAGE, "sleep", "100")
    assert endpoints(docker, "nine")["fixed"]["IPAddress"] == "10.204.0.9"
    wish = ["--network", "fixed", "--ip"]
    assert "Address already in use" in refusal(docker, "run", "--rm", *wish, "10.204.0.9", IMAGE, "true")
    assert "Address already in use" in refusal(docker, "run", "--rm", *wish, "10.204.0.1", IMAGE, "true")
    assert "does not belong" in refusal(docker, "run", "--rm", *wish, "10.205.0.9", IMAGE, "true").replace("It", "it")
    assert "user defined networks only" in refusal(docker, "run", "--rm", "--ip", "10.204.0.7", IMAGE, "true")
    docker.docker("restart", "-t0", "nine")
    assert endpoints(docker, "nine")["fixed"]["IPAddress"] == "10.204.0.9"
    docker.docker("rm", "-f", "nine")
    assert "10.204.0.9" in said(docker, *wish, "10.204.0.9", IMAGE, "ip", "addr")


def test_a_running_container_joins_and_leaves(docker: RunningEngine) -> None:
    for name in ("l1", "l2"):
        docker.docker("network", "create", name)
    docker.docker("run", "-d", "--network", "l1", "--name", "live", IMAGE, "sleep", "100")
    docker.docker("network", "connect", "--alias", "also", "l2", "live")
    assert endpoints(docker, "live")["l2"]["Aliases"] == ["also"]
    assert "eth1" in docker.out("exec", "live", "ip", "addr")
    assert "already exists in network l2" in refusal(docker, "network", "connect", "l2", "live")
    docker.docker("network", "disconnect", "l1", "live")
    assert list(endpoints(docker, "live")) == ["l2"]
    assert "default via" in docker.out("exec", "live", "ip", "route")
    assert "not connected to network l1" in refusal(docker, "network", "disconnect", "l1", "live")
    assert "has active endpoints" in refusal(docker, "network", "rm", "l2")
    docker.docker("network", "rm", "l1")
    docker.docker("rm", "-f", "live")
    docker.docker("network", "rm", "l2")


def test_a_stopped_container_joins_for_its_next_start(docker: RunningEngine) -> None:
    docker.docker("network", "create", "later")
    docker.docker("create", "--name", "still", IMAGE, "sleep", "100")
    docker.docker("network", "connect", "later", "still")
    docker.docker("network", "disconnect", "bridge", "still")
    assert list(endpoints(docker, "still")) == ["later"]
    docker.docker("start", "still")
    assert endpoints(docker, "still")["later"]["IPAddress"]
    assert docker.out("ps", "-q", "--filter", "network=later") == docker.out("ps", "-q", "--filter", "name=still")
    docker.docker("network", "disconnect", "later", "still")
    assert docker.out("exec", "still", "ip", "route") == ""
    docker.docker("restart", "-t0", "still")
    assert docker.out("exec", "still", "ip", "route") == ""


def test_networks_and_joined_containers_outlast_a_crash_of_the_engine(docker: RunningEngine) -> None:
    docker.docker("network", "create", "lasting")
    docker.docker("network", "create", "second")
    docker.docker(
        "run", "-d", "--network", "lasting", "--network", "second", "-p", "127.0.0.1::80", "--name", "alive", IMAGE,
        "sleep", "1000",
    )  # fmt: skip
    before, ports = endpoints(docker, "alive"), docker.out("port", "alive")
    docker.kill()
    docker.start()
    assert endpoints(docker, "alive") == before
    assert docker.out("port", "alive") == ports
    assert set(inspected(docker, "network", "inspect", "second")["Containers"]) == {
        docker.out("inspect", "--format", "{{.Id}}", "alive")
    }
    address = before["second"]["IPAddress"]
    said(docker, "--network", "second", IMAGE, "ping", "-c1", "-W2", address)
    docker.docker("network", "disconnect", "lasting", "alive")
    docker.docker("rm", "-f", "alive")
    docker.docker("network", "rm", "lasting", "second")


def test_those_that_are_always_there_are_as_old_as_the_engine(docker: RunningEngine) -> None:
    """Whatever starts in between."""

    def ages() -> dict[str, str]:
        return {
            name: docker.out("network", "inspect", "-f", "{{json .Created}}", name)
            for name in ("bridge", "host", "none")
        }

    before = ages()
    assert before["bridge"].startswith('"20')
    assert len(set(before.values())) == 1
    docker.kill()
    docker.start()
    assert ages() == before


def test_unused_networks_are_pruned(docker: RunningEngine) -> None:
    for name, label in (("p1", "keep"), ("p2", "drop"), ("p3", "drop")):
        docker.docker("network", "create", "--label", label, name)
    docker.docker("create", "--network", "p3", "--name", "user-of-p3", IMAGE, "true")
    assert "p2" in docker.out("network", "prune", "-f", "--filter", "label=drop")
    names = docker.out("network", "ls", "--format", "{{.Name}}").split()
    assert {"p1", "p3", "bridge", "host", "none"} <= set(names)
    assert "p2" not in names


def test_what_happens_to_networks_is_told(docker: RunningEngine) -> None:
    since = f"{time.time():.9f}"
    docker.docker("network", "create", "seen")
    docker.docker("run", "--rm", "--network", "seen", IMAGE, "true")
    docker.docker("network", "rm", "seen")
    until = f"{time.time():.9f}"
    filters = ["--filter", "type=network", "--filter", "network=seen", "--format", "{{.Action}}"]
    told = docker.out("events", "--since", since, "--until", until, *filters)
    assert told.split() == ["create", "connect", "disconnect", "destroy"]


def test_lists_are_filtered(docker: RunningEngine) -> None:
    docker.docker("network", "create", "--label", "wanted=yes", "listed")

    def names(*filters: str) -> list[str]:
        arguments = [word for each in filters for word in ("--filter", each)]
        return docker.out("network", "ls", "--format", "{{.Name}}", *arguments).split()

    assert names("label=wanted=yes") == ["listed"]
    assert names("name=liste", "driver=bridge", "type=custom", "scope=local") == ["listed"]
    assert names("type=builtin") == ["bridge", "host", "none"]
    assert "listed" in names("dangling=true")
    assert "bridge" not in names("dangling=true")


def test_containers_without_a_network_of_their_own_join_none(docker: RunningEngine) -> None:
    docker.docker("network", "create", "refusing")
    for mode in ("host", "none"):
        docker.docker("create", "--network", mode, "--name", f"on-{mode}", IMAGE, "true")
        refusal(docker, "network", "connect", "refusing", f"on-{mode}")
    docker.docker("create", "--name", "plain", IMAGE, "true")
    refusal(docker, "network", "connect", "host", "plain")
    assert "network nowhere not found" in refusal(docker, "network", "connect", "nowhere", "plain")
    assert "network nowhere not found" in refusal(docker, "run", "--network", "nowhere", IMAGE, "true")
