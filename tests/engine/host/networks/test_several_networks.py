"""Who can talk to whom over networks that clients made, with real packets between namespaces."""

from ipaddress import IPv4Network

import pytest

from engine.model.errors import Conflict, Denied
from engine.model.network import (
    BRIDGE_NAME,
    HOST_BINDING,
    ICC,
    MASQUERADE,
    MTU,
    EndpointSettings,
    Network,
    NetworkRequest,
)
from engine.model.ports import Port, PortBinding
from engine.networks.bridge import remove_bridge
from tests.engine.host.networks.conftest import (
    HOST_ADDRESS,
    OUTSIDE_ADDRESS,
    Engine,
    Machine,
    Place,
    asks,
    shell,
)

pytestmark = pytest.mark.host

ONE, TWO = "1" * 64, "2" * 64
PUBLISHED = PortBinding(Port(80), host_port=8080)


async def join(engine: Engine, place: Place, container_id: str, network: Network | None, *bindings: PortBinding) -> str:
    """The address it got."""
    held = engine.networks.reserve(container_id, bindings) if bindings else engine.networks.published(container_id)
    endpoint = await engine.networks.connect(container_id, pid=place.pid, bindings=held, network=network)
    return endpoint.ip_address


async def test_containers_of_one_network_reach_each_other(engine: Engine, machine: Machine) -> None:
    network = await engine.networks.create(NetworkRequest("mine"))
    one, two = machine.namespace(), machine.namespace()
    from_address, address = await join(engine, one, ONE, network), await join(engine, two, TWO, network)
    server = two.listen(80)
    assert asks(one.connect(address, 80), server) == from_address


async def test_containers_of_different_networks_do_not(engine: Engine, machine: Machine) -> None:
    mine, yours = [await engine.networks.create(NetworkRequest(name)) for name in ("mine", "yours")]
    one, two = machine.namespace(), machine.namespace()
    one_at, two_at = await join(engine, one, ONE, mine), await join(engine, two, TWO, yours)
    one.listen(80), two.listen(80)
    assert machine.host.connects(two_at, 80)
    assert not one.reaches(two_at, 80)
    assert not two.reaches(one_at, 80)
    three = machine.namespace()
    await join(engine, three, "3" * 64, None)
    assert not three.reaches(two_at, 80)


async def test_a_container_on_two_networks_reaches_both_and_does_not_lead_from_one_to_the_other(
    engine: Engine, machine: Machine
) -> None:
    mine, yours = [await engine.networks.create(NetworkRequest(name)) for name in ("mine", "yours")]
    one, middle, two = machine.namespace(), machine.namespace(), machine.namespace()
    one_at, two_at = await join(engine, one, ONE, mine), await join(engine, two, TWO, yours)
    await join(engine, middle, "3" * 64, mine)
    await join(engine, middle, "3" * 64, yours)
    one.listen(80), two.listen(80)
    assert middle.connects(one_at, 80)
    assert middle.connects(two_at, 80)
    assert not one.reaches(two_at, 80)


async def test_the_host_is_closed_to_every_network_but_for_port_53_of_its_own_gateway(
    engine: Engine, machine: Machine
) -> None:
    mine, yours = [await engine.networks.create(NetworkRequest(name)) for name in ("mine", "yours")]
    one = machine.namespace()
    await join(engine, one, ONE, mine)
    machine.host.listen(53, address=HOST_ADDRESS), machine.host.listen(22)
    assert one.connects(str(mine.gateway), 53)
    assert not one.reaches(str(mine.gateway), 22)
    assert not one.reaches(str(yours.gateway), 53)
    assert not one.reaches(HOST_ADDRESS, 53)


async def test_a_published_port_is_reached_from_everywhere(engine: Engine, machine: Machine) -> None:
    mine, yours = [await engine.networks.create(NetworkRequest(name)) for name in ("mine", "yours")]
    one, two = machine.namespace(), machine.namespace()
    await join(engine, one, ONE, mine, PUBLISHED)
    await join(engine, two, TWO, yours)
    server = one.listen(80)
    assert asks(machine.outside.connect(HOST_ADDRESS, 8080), server) == OUTSIDE_ADDRESS
    for place, address in ((machine.host, "127.0.0.1"), (two, HOST_ADDRESS), (one, HOST_ADDRESS)):
        asks(place.connect(address, 8080), server)


async def test_an_internal_network_has_no_way_out_and_no_way_in(engine: Engine, machine: Machine) -> None:
    inside = await engine.networks.create(NetworkRequest("inside", internal=True))
    mine = await engine.networks.create(NetworkRequest("mine"))
    one, two, three = machine.namespace(), machine.namespace(), machine.namespace()
    await join(engine, one, ONE, inside)
    two_at = await join(engine, two, TWO, inside)
    await join(engine, three, "3" * 64, mine, PUBLISHED)
    machine.outside.listen(80), two.listen(80), three.listen(80)
    assert one.connects(two_at, 80)
    assert "default" not in one.run("ip", "route")
    one.run("ip", "route", "add", "default", "via", str(inside.gateway))
    assert not one.reaches(OUTSIDE_ADDRESS, 80)
    assert not one.reaches(HOST_ADDRESS, 8080)
    assert not three.reaches(two_at, 80)


async def test_options_hold(engine: Engine, machine: Machine) -> None:
    options = {BRIDGE_NAME: "mybr0", ICC: "false", MASQUERADE: "false", MTU: "1400"}
    network = await engine.networks.create(NetworkRequest("mine", options=options))
    one, two = machine.namespace(), machine.namespace()
    one_at, two_at = await join(engine, one, ONE, network), await join(engine, two, TWO, network)
    two.listen(80)
    assert not one.reaches(two_at, 80)
    assert "mtu 1400" in one.run("ip", "link", "show", "eth0")
    assert "mtu 1400" in shell("ip", "link", "show", "mybr0")
    machine.outside.run("ip", "route", "add", str(network.subnet), "via", HOST_ADDRESS)
    server = machine.outside.listen(80)
    assert asks(one.connect(OUTSIDE_ADDRESS, 80), server) == one_at


async def test_ports_are_published_where_the_network_says(engine: Engine, machine: Machine) -> None:
    network = await engine.networks.create(NetworkRequest("mine", options={HOST_BINDING: "127.0.0.1"}))
    one = machine.namespace()
    held = engine.networks.reserve(ONE, (PUBLISHED,), through=network)
    await engine.networks.connect(ONE, pid=one.pid, bindings=held, network=network)
    one.listen(80)
    assert machine.host.connects("127.0.0.1", 8080)
    assert not machine.outside.reaches(HOST_ADDRESS, 8080)


async def test_leaving_takes_the_interface_and_gives_route_and_ports_to_the_next(
    engine: Engine, machine: Machine
) -> None:
    mine, yours = [await engine.networks.create(NetworkRequest(name)) for name in ("mine", "yours")]
    one = machine.namespace()
    await join(engine, one, ONE, mine, PUBLISHED)
    await join(engine, one, ONE, yours)
    (before, _) = engine.networks.endpoints_of(ONE)
    await engine.networks.leave(ONE, "mine")
    await engine.networks.settle_way_out(ONE, pid=one.pid, before=before, wanted=(PUBLISHED,))
    assert f"default via {yours.gateway} dev eth1" in one.run("ip", "route")
    assert "eth0" not in one.run("ip", "link")
    server = one.listen(80)
    asks(machine.outside.connect(HOST_ADDRESS, 8080), server)
    asks(one.connect(HOST_ADDRESS, 8080), server)
    await engine.networks.remove(mine)
    assert mine.bridge not in shell("ip", "link")


async def test_the_network_of_the_highest_priority_leads_out(engine: Engine, machine: Machine) -> None:
    mine, yours = [await engine.networks.create(NetworkRequest(name)) for name in ("mine", "yours")]
    one = machine.namespace()
    await join(engine, one, ONE, mine, PUBLISHED)
    (before,) = engine.networks.endpoints_of(ONE)
    await engine.networks.connect(ONE, pid=one.pid, network=yours, settings=EndpointSettings(priority=1))
    await engine.networks.settle_way_out(ONE, pid=one.pid, before=before, wanted=())
    assert f"default via {yours.gateway} dev eth1" in one.run("ip", "route")
    assert [bool(each.published) for each in engine.networks.endpoints_of(ONE)] == [False, True]


async def test_a_subnet_of_the_host_or_of_another_network_is_refused_and_nothing_is_left(
    engine: Engine, machine: Machine
) -> None:
    before = machine.state()
    for subnet in ("198.51.100.0/25", str(engine.networks.network.subnet)):
        with pytest.raises(Denied, match="Pool overlaps"):
            await engine.networks.create(NetworkRequest("mine", subnet=IPv4Network(subnet)))
    with pytest.raises(Conflict, match="link up0 already"):
        await engine.networks.create(NetworkRequest("mine", options={BRIDGE_NAME: "up0"}))
    assert machine.state() == before
    assert engine.state.networks() == []


async def test_a_network_in_use_is_not_removed_and_one_removed_leaves_nothing(engine: Engine, machine: Machine) -> None:
    before = machine.state()
    network = await engine.networks.create(NetworkRequest("mine"))
    one = machine.namespace()
    await join(engine, one, ONE, network)
    with pytest.raises(Denied, match="has active endpoints"):
        await engine.networks.remove(network)
    await engine.networks.disconnect(ONE)
    await engine.networks.remove(network)
    assert machine.state() == before


async def test_everything_is_made_anew_after_a_reboot(engine: Engine, machine: Machine) -> None:
    network = await engine.networks.create(NetworkRequest("mine"))
    shell("ip", "link", "del", network.bridge)
    shell("ip", "link", "del", engine.config.bridge)
    shell("nft", "flush", "ruleset")
    stray = f"{network.bridge[:7]}deadbeef"
    shell("ip", "link", "add", stray, "type", "bridge")
    await engine.networks.stop()
    successor = engine.restarted()
    await successor.networks.start()
    assert successor.networks.get("mine") == network
    assert stray not in shell("ip", "link")
    one, two = machine.namespace(), machine.namespace()
    await join(successor, one, ONE, network)
    address = await join(successor, two, TWO, network)
    server = two.listen(80)
    asks(one.connect(address, 80), server)
    await successor.networks.stop()


async def test_an_address_comes_back_to_the_container_that_had_it(engine: Engine, machine: Machine) -> None:
    one = machine.namespace()
    address = await join(engine, one, ONE, None)
    await engine.networks.disconnect(ONE)
    two = machine.namespace()
    again = await engine.networks.connect(ONE, pid=two.pid, former=address)
    assert again.ip_address == address
    other = await engine.networks.connect(TWO, pid=machine.namespace().pid, former=address)
    assert other.ip_address != address


async def test_a_link_that_an_engine_died_over_is_swept_and_its_address_is_free(
    engine: Engine, machine: Machine
) -> None:
    network = await engine.networks.create(NetworkRequest("mine"))
    one, two = machine.namespace(), machine.namespace()
    await join(engine, one, ONE, network)
    lost = await join(engine, two, TWO, network)
    (kept,) = engine.networks.endpoints_of(ONE)
    await engine.networks.stop()
    successor = engine.restarted()
    await successor.networks.start()
    successor.networks.adopt(ONE, kept)
    await successor.networks.reconcile()
    assert "eth0" in one.run("ip", "link")
    assert "eth0" not in two.run("ip", "link")
    again = await successor.networks.connect(TWO, pid=two.pid, network=network, former=lost)
    assert again.ip_address == lost
    await successor.networks.stop()


async def test_a_network_that_an_engine_died_over_is_whole_with_the_next(engine: Engine, machine: Machine) -> None:
    network = await engine.networks.create(NetworkRequest("mine"))
    remove_bridge(network.bridge)  # as if it had been killed between record and bridge
    await engine.networks.stop()
    successor = engine.restarted()
    await successor.networks.start()
    one, two = machine.namespace(), machine.namespace()
    await join(successor, one, ONE, network)
    address = await join(successor, two, TWO, network)
    server = two.listen(80)
    asks(one.connect(address, 80), server)
    await successor.networks.stop()


async def test_rules_that_somebody_flushed_come_back_with_the_next_container(engine: Engine, machine: Machine) -> None:
    network = await engine.networks.create(NetworkRequest("mine"))
    one = machine.namespace()
    await join(engine, one, ONE, network, PUBLISHED)
    shell("nft", "flush", "ruleset")
    await join(engine, machine.namespace(), TWO, network)
    server = one.listen(80)
    asks(machine.outside.connect(HOST_ADDRESS, 8080), server)
