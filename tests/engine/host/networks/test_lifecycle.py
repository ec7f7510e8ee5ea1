"""Ports and addresses over the life of containers and engines."""

import asyncio
import socket
import time
from collections.abc import Callable
from ipaddress import IPv4Network

import pytest

from engine.model.errors import Conflict, Unavailable
from engine.model.ports import Port, PortBinding, Protocol
from tests.engine.host.networks.conftest import (
    HOST_ADDRESS,
    OUTSIDE_ADDRESS,
    PATIENCE_S,
    Engine,
    Machine,
    MakeEngine,
    asks,
    shell,
)

pytestmark = pytest.mark.host

ONE, TWO = "1" * 64, "2" * 64
PUBLISHED = (PortBinding(Port(80), host_port=8080),)


async def eventually(holds: Callable[[], bool]) -> bool:
    limit = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > limit:
            return False
        await asyncio.sleep(0.01)
    return True


async def test_a_port_of_another_container_is_a_conflict(engine: Engine) -> None:
    engine.networks.reserve(ONE, PUBLISHED)
    with pytest.raises(Conflict, match=r"Bind for 0\.0\.0\.0:8080 failed: port is already allocated"):
        engine.networks.reserve(TWO, PUBLISHED)


async def test_a_port_of_a_server_of_the_host_is_a_conflict(engine: Engine, machine: Machine) -> None:
    machine.host.listen(8080, address="127.0.0.1")
    with pytest.raises(Conflict, match="address already in use"):
        engine.networks.reserve(ONE, PUBLISHED)


async def test_a_port_of_another_engine_is_a_conflict(engine: Engine, start_engine: MakeEngine) -> None:
    other = await start_engine("two")
    engine.networks.reserve(ONE, PUBLISHED)
    with pytest.raises(Conflict, match="address already in use"):
        other.networks.reserve(TWO, PUBLISHED)


async def test_a_server_of_the_host_cannot_take_a_published_port(engine: Engine, machine: Machine) -> None:
    engine.networks.reserve(ONE, PUBLISHED)
    with pytest.raises(OSError, match="Address already in use"):
        machine.host.listen(8080)


async def test_an_address_the_host_does_not_have_cannot_be_published_on(engine: Engine) -> None:
    with pytest.raises(Conflict, match="cannot assign requested address"):
        engine.networks.reserve(ONE, (PortBinding(Port(80), "203.0.113.7", 0),))


async def test_a_refused_reservation_holds_nothing(engine: Engine) -> None:
    engine.networks.reserve(ONE, PUBLISHED)
    with pytest.raises(Conflict):
        engine.networks.reserve(TWO, (PortBinding(Port(81), host_port=8081), *PUBLISHED))
    await engine.networks.disconnect(ONE)
    assert engine.networks.reserve(ONE, (PortBinding(Port(81), host_port=8081), *PUBLISHED))


async def test_a_random_port_is_told(engine: Engine, machine: Machine) -> None:
    place = machine.namespace()
    bindings = engine.networks.reserve(ONE, (PortBinding(Port(80)), PortBinding(Port(81))))
    endpoint = await engine.networks.connect(ONE, pid=place.pid, bindings=bindings)
    assert endpoint.published == bindings
    assert all(32768 <= one.host_port <= 60999 and one.host_ip == "0.0.0.0" for one in bindings)
    server = place.listen(80)
    asks(machine.outside.connect(HOST_ADDRESS, bindings[0].host_port), server)


async def test_disconnecting_leaves_nothing_behind(engine: Engine, machine: Machine) -> None:
    bindings = (*PUBLISHED, PortBinding(Port(53, Protocol.UDP), HOST_ADDRESS, 5353))
    await engine.networks.reconcile()
    before = machine.state()
    place = machine.namespace()
    await engine.networks.connect(ONE, pid=place.pid, bindings=engine.networks.reserve(ONE, bindings))
    assert machine.state() != before
    machine.kill(place)
    await engine.networks.disconnect(ONE)
    assert not engine.networks.endpoints()
    machine.host.listen(8080)
    assert await eventually(lambda: machine.state() == before)


async def test_disconnecting_twice_is_fine(engine: Engine, machine: Machine) -> None:
    await engine.networks.connect(ONE, pid=machine.namespace().pid, bindings=())
    await engine.networks.disconnect(ONE)
    await engine.networks.disconnect(ONE)
    await engine.networks.disconnect(TWO)
    assert [event.action for event in engine.events.recent()] == ["connect", "disconnect"]


async def test_a_failed_connection_leaves_only_the_reservation(engine: Engine, machine: Machine) -> None:
    await engine.networks.reconcile()
    place = machine.namespace()
    place.run("ip", "link", "add", "eth0", "type", "bridge")  # in the way
    before = machine.state()
    bindings = engine.networks.reserve(ONE, PUBLISHED)
    with pytest.raises(Unavailable, match="File exists"):
        await engine.networks.connect(ONE, pid=place.pid, bindings=bindings)
    assert machine.state() == before
    assert not engine.networks.endpoints()
    with pytest.raises(Conflict):
        engine.networks.reserve(TWO, PUBLISHED)


async def test_a_process_that_is_gone_cannot_be_connected(engine: Engine) -> None:
    with pytest.raises(Unavailable, match="no network namespace"):
        await engine.networks.connect(ONE, pid=2**22 - 1, bindings=())
    assert not engine.networks.endpoints()


async def test_an_address_is_free_again_while_its_last_holder_still_lingers(
    machine: Machine, start_engine: MakeEngine
) -> None:
    """A namespace that something keeps alive keeps its link; the next container must get the address all the same."""
    engine = await start_engine(subnet=IPv4Network("10.77.0.0/29"))
    lingering = [machine.namespace() for _ in range(5)]
    for number, place in enumerate(lingering):
        await engine.networks.connect(f"{number:064x}", pid=place.pid, bindings=())
    with pytest.raises(Unavailable, match="no available IPv4 addresses"):
        await engine.networks.connect(ONE, pid=machine.namespace().pid, bindings=())
    await engine.networks.disconnect(f"{3:064x}")
    place = machine.namespace()
    await engine.networks.connect(ONE, pid=place.pid, bindings=())
    server = machine.outside.listen(80)
    assert asks(place.connect(OUTSIDE_ADDRESS, 80), server) == HOST_ADDRESS
    assert not lingering[3].reaches(OUTSIDE_ADDRESS, 80)


async def test_fifty_at_once(engine: Engine, machine: Machine) -> None:
    places = [machine.namespace() for _ in range(50)]
    connections = (
        engine.networks.connect(
            f"{number:064x}",
            pid=place.pid,
            bindings=engine.networks.reserve(f"{number:064x}", (PortBinding(Port(80)),)),
        )
        for number, place in enumerate(places)
    )
    endpoints = await asyncio.gather(*connections)
    assert len({one.ip_address for one in endpoints}) == 50
    server = places[49].listen(80)
    asks(machine.outside.connect(HOST_ADDRESS, endpoints[49].published[0].host_port), server)


async def test_connections_outlive_the_engine(engine: Engine, machine: Machine) -> None:
    place = machine.namespace()
    endpoint = await engine.networks.connect(ONE, pid=place.pid, bindings=engine.networks.reserve(ONE, PUBLISHED))
    server = place.listen(80)
    client = machine.outside.connect(HOST_ADDRESS, 8080)
    await engine.networks.stop()
    asks(machine.outside.connect(HOST_ADDRESS, 8080), server_after(server))
    successor = engine.restarted()
    await successor.networks.start()
    successor.networks.adopt(ONE, endpoint)
    await successor.networks.reconcile()
    assert successor.networks.network == engine.networks.network
    client.sendall(b"x")
    asks(machine.outside.connect(HOST_ADDRESS, 8080), server)
    with pytest.raises(Conflict):
        successor.networks.reserve(TWO, PUBLISHED)
    await successor.networks.disconnect(ONE)
    assert not machine.outside.reaches(HOST_ADDRESS, 8080)
    await successor.networks.stop()


def server_after(server: socket.socket) -> socket.socket:
    """``server`` once the connection that waits in its queue is taken off."""
    server.accept()[0].close()
    return server


async def test_what_nobody_adopts_is_unpublished(engine: Engine, machine: Machine) -> None:
    one, two = machine.namespace(), machine.namespace()
    kept = await engine.networks.connect(ONE, pid=one.pid, bindings=engine.networks.reserve(ONE, PUBLISHED))
    lost = (PortBinding(Port(80), host_port=8081),)
    await engine.networks.connect(TWO, pid=two.pid, bindings=engine.networks.reserve(TWO, lost))
    at_one = one.listen(80)
    two.listen(80)
    await engine.networks.stop()
    successor = engine.restarted()
    await successor.networks.start()
    successor.networks.adopt(ONE, kept)
    assert machine.outside.connects(HOST_ADDRESS, 8081)
    await successor.networks.reconcile()
    assert not machine.outside.reaches(HOST_ADDRESS, 8081)
    asks(machine.outside.connect(HOST_ADDRESS, 8080), at_one)
    await successor.networks.stop()


async def test_rules_that_somebody_flushed_come_back(engine: Engine, machine: Machine) -> None:
    one, two = machine.namespace(), machine.namespace()
    await engine.networks.connect(ONE, pid=one.pid, bindings=engine.networks.reserve(ONE, PUBLISHED))
    server = one.listen(80)
    shell("nft", "flush", "ruleset")
    await engine.networks.connect(TWO, pid=two.pid, bindings=())
    asks(machine.outside.connect(HOST_ADDRESS, 8080), server)


async def test_a_client_that_never_stops_sending_reaches_the_next_container(engine: Engine, machine: Machine) -> None:
    bindings = (PortBinding(Port(53, Protocol.UDP), host_port=5353),)
    client = machine.outside.open_socket(socket.SOCK_DGRAM)
    client.sendto(b"nobody there", (HOST_ADDRESS, 5353))
    for container_id in (ONE, TWO):
        place = machine.namespace()
        await engine.networks.connect(
            container_id, pid=place.pid, bindings=engine.networks.reserve(container_id, bindings)
        )
        server = place.receive_on(53)
        client.sendto(container_id.encode(), (HOST_ADDRESS, 5353))
        assert server.recv(100) == container_id.encode()
        await engine.networks.disconnect(container_id)


async def test_a_disconnection_that_is_cancelled_does_not_leave_a_port_open_for_long(
    engine: Engine, machine: Machine
) -> None:
    one, two = machine.namespace(), machine.namespace()
    await engine.networks.connect(ONE, pid=one.pid, bindings=engine.networks.reserve(ONE, PUBLISHED))
    one.listen(80)
    disconnection = asyncio.ensure_future(engine.networks.disconnect(ONE))
    await asyncio.sleep(0)  # it is on its way to the kernel now
    disconnection.cancel()
    with pytest.raises(asyncio.CancelledError):
        await disconnection
    await engine.networks.connect(TWO, pid=two.pid, bindings=())
    assert not machine.outside.reaches(HOST_ADDRESS, 8080)
    assert list(engine.networks.endpoints()) == [TWO]


async def test_starting_twice_changes_nothing(engine: Engine, machine: Machine) -> None:
    before = machine.state()
    await engine.networks.start()
    assert machine.state() == before


async def test_the_bridge_keeps_its_mac_address(engine: Engine, machine: Machine) -> None:
    def address() -> str:
        return shell("ip", "-br", "link", "show", engine.config.bridge).split()[2]

    before = address()
    await engine.networks.connect(ONE, pid=machine.namespace().pid, bindings=())
    assert address() == before


async def test_a_subnet_of_the_host_is_not_chosen(machine: Machine, start_engine: MakeEngine) -> None:
    shell("ip", "route", "add", "172.20.0.0/15", "via", OUTSIDE_ADDRESS)
    engine = await start_engine()
    assert engine.networks.network.subnet == IPv4Network("172.22.0.0/16")


async def test_a_subnet_of_the_host_is_refused(machine: Machine, start_engine: MakeEngine) -> None:
    with pytest.raises(Conflict, match=r"overlaps 198\.51\.100\.0/24"):
        await start_engine(subnet=IPv4Network("198.51.0.0/16"))


async def test_another_subnet_replaces_the_first(machine: Machine, start_engine: MakeEngine) -> None:
    engine = await start_engine()
    await engine.networks.stop()
    moved = await start_engine(subnet=IPv4Network("10.77.0.0/24"))
    assert "10.77.0.1/24" in shell("ip", "-br", "addr", "show", moved.config.bridge)
    place = machine.namespace()
    await moved.networks.connect(ONE, pid=place.pid, bindings=())
    server = machine.outside.listen(80)
    assert asks(place.connect(OUTSIDE_ADDRESS, 80), server) == HOST_ADDRESS


async def test_destroying_leaves_the_machine_as_it_was(machine: Machine, start_engine: MakeEngine) -> None:
    before = machine.state()
    engine = await start_engine()
    await engine.networks.connect(ONE, pid=machine.namespace().pid, bindings=())
    await engine.networks.destroy()
    await engine.networks.destroy()
    assert await eventually(lambda: machine.state() == before)
