"""What tests of IPv6 share: a machine that has it, and containers on networks of both families."""

import pytest

from engine.host.sysctl import find_sysctl
from engine.model.container import Endpoint
from engine.model.network import EndpointSettings, Network, NetworkRequest
from engine.model.ports import PortBinding
from tests.engine.host.networks.conftest import Engine, Machine, Place, shell

IPV6 = [
    pytest.mark.host,
    pytest.mark.skipif(find_sysctl("net/ipv6/conf/all/disable_ipv6") is None, reason="this kernel has no IPv6"),
]
HOST_ADDRESS, OUTSIDE_ADDRESS = "2001:db8:1::1", "2001:db8:1::2"
ONE, TWO, THREE = "1" * 64, "2" * 64, "3" * 64


def give_ipv6(machine: Machine) -> None:
    shell("ip", "addr", "add", f"{HOST_ADDRESS}/64", "dev", "up0", "nodad")
    shell("ip", "-6", "route", "add", "default", "via", OUTSIDE_ADDRESS)
    machine.outside.run("ip", "addr", "add", f"{OUTSIDE_ADDRESS}/64", "dev", "up0", "nodad")


async def dual(engine: Engine, name: str = "dual", **wishes: object) -> Network:
    return await engine.networks.create(NetworkRequest(name, enable_ipv6=True, **wishes))  # type: ignore[arg-type]


async def join(
    engine: Engine, place: Place, container_id: str, network: Network, *bindings: PortBinding, **wishes: object
) -> Endpoint:
    held = engine.networks.published(container_id)
    if bindings:
        held = engine.networks.reserve(container_id, bindings, through=network)
    settings = EndpointSettings(**wishes)  # type: ignore[arg-type]
    return await engine.networks.connect(container_id, pid=place.pid, bindings=held, network=network, settings=settings)
