"""Beside a firewall that drops what is routed, as a dockerd on the same host makes it."""

import shutil

import pytest

from engine.model.ports import Port, PortBinding
from tests.engine.host.networks.conftest import (
    HOST_ADDRESS,
    OUTSIDE_ADDRESS,
    Machine,
    MakeEngine,
    asks,
    shell,
)

pytestmark = [pytest.mark.host, pytest.mark.skipif(not shutil.which("iptables"), reason="iptables is not installed")]

ONE = "1" * 64


def iptables(rules: str) -> None:
    for rule in rules.strip().splitlines():
        shell("iptables", *rule.split())


POLICY = "-P FORWARD DROP"
DOCKER = """
-P FORWARD DROP
-N DOCKER-USER
-A DOCKER-USER -j RETURN
-A FORWARD -j DOCKER-USER
"""


@pytest.mark.parametrize("foreign", [POLICY, DOCKER], ids=["policy", "docker"])
async def test_containers_are_let_through(machine: Machine, start_engine: MakeEngine, foreign: str) -> None:
    iptables(foreign)
    engine = await start_engine()
    place = machine.namespace()
    bindings = engine.networks.reserve(ONE, (PortBinding(Port(80), host_port=8080),))
    await engine.networks.connect(ONE, pid=place.pid, bindings=bindings)
    inside, outside = place.listen(80), machine.outside.listen(80)
    asks(machine.outside.connect(HOST_ADDRESS, 8080), inside)
    asks(place.connect(OUTSIDE_ADDRESS, 80), outside)


async def test_containers_do_not_reach_those_of_docker(machine: Machine, start_engine: MakeEngine) -> None:
    iptables(DOCKER)
    shell("ip", "link", "add", "docker0", "type", "bridge")
    shell("ip", "addr", "add", "172.17.0.1/16", "dev", "docker0")
    shell("ip", "link", "set", "docker0", "up")
    dockers = machine.namespace()
    shell(
        "ip",
        "link",
        "add",
        "d0",
        "master",
        "docker0",
        "type",
        "veth",
        "peer",
        "name",
        "eth0",
        "netns",
        str(dockers.pid),
    )
    shell("ip", "link", "set", "d0", "up")
    dockers.run("ip", "addr", "add", "172.17.0.2/16", "dev", "eth0")
    dockers.run("ip", "link", "set", "eth0", "up")
    dockers.run("ip", "route", "add", "default", "via", "172.17.0.1")
    engine = await start_engine()
    place = machine.namespace()
    await engine.networks.connect(ONE, pid=place.pid, bindings=())
    dockers.listen(80)
    assert machine.host.connects("172.17.0.2", 80)
    assert not place.reaches("172.17.0.2", 80)


@pytest.mark.parametrize("foreign", [POLICY, DOCKER], ids=["policy", "docker"])
async def test_rules_are_added_once_and_removed(machine: Machine, start_engine: MakeEngine, foreign: str) -> None:
    iptables(foreign)
    before = shell("iptables", "-S")
    engine = await start_engine()
    once = shell("iptables", "-S")
    await engine.networks.start()
    assert shell("iptables", "-S") == once != before
    await engine.networks.destroy()
    assert shell("iptables", "-S") == before


async def test_without_such_a_firewall_iptables_is_left_alone(machine: Machine, start_engine: MakeEngine) -> None:
    before = shell("iptables", "-S")
    await start_engine()
    assert shell("iptables", "-S") == before
