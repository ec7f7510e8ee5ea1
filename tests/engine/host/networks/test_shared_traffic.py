"""Ports that containers share, with real packets: from wherever one asks, somebody answers who is to."""

import asyncio
import os
import select
import socket
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from engine.host.sysctl import has_ipv6
from engine.model.network import Network, NetworkRequest
from engine.model.ports import Port, PortBinding, Protocol
from engine.model.sharing import Standing
from tests.engine.host.networks.conftest import (
    HOST_ADDRESS,
    OUTSIDE_ADDRESS,
    PATIENCE_S,
    Engine,
    Machine,
    Place,
    shell,
)

pytestmark = pytest.mark.host

WEB = PortBinding(Port(80), host_port=8080, group="web")
NAMES = PortBinding(Port(53, Protocol.UDP), host_port=5353, group="web")
ASKED = 40  # that one of three is never drawn in so many: once in four million
CHANGES = int(os.environ.get("NARU_SHARED_CHANGES", "150"))


@dataclass
class Member:
    id: str
    place: Place
    server: socket.socket

    def answers(self, client: socket.socket) -> str:
        """What the client is told of itself."""
        accepted, peer = self.server.accept()
        with accepted:
            accepted.sendall(peer[0].encode())
        return client.recv(100).decode()


async def member(
    engine: Engine,
    machine: Machine,
    number: int,
    *bindings: PortBinding,
    network: Network | None = None,
    standing: Standing = Standing.READY,
) -> Member:
    container_id, place = f"{number:064x}", machine.namespace()
    concrete = engine.networks.reserve(container_id, bindings, through=network)
    engine.networks.shared_ports.expect(container_id)
    await engine.networks.connect(container_id, pid=place.pid, bindings=concrete, network=network)
    await engine.networks.shared_ports.stand(container_id, standing)
    if bindings[0].container_port.protocol is Protocol.UDP:
        return Member(container_id, place, place.receive_on(53))
    return Member(container_id, place, place.listen(80, address="::" if network and network.ipv6 else "0.0.0.0"))


def who_takes(client: Place, address: str, port: int, members: Sequence[Member]) -> tuple[Member, str]:
    """Who answers, and what address of the client's it sees."""
    with client.connect(address, port) as asking:
        (server, *_), _, _ = select.select([each.server for each in members], [], [], PATIENCE_S)
        taking = next(each for each in members if each.server is server)
        return taking, taking.answers(asking)


def takers(client: Place, address: str, port: int, members: Sequence[Member], *, times: int = ASKED) -> set[int]:
    taken = (who_takes(client, address, port, members)[0] for _ in range(times))
    return {members.index(each) for each in taken}


async def test_members_take_turns_wherever_one_asks_from(engine: Engine, machine: Machine) -> None:
    members = [await member(engine, machine, number, WEB) for number in (1, 2, 3)]
    assert takers(machine.outside, HOST_ADDRESS, 8080, members) == {0, 1, 2}
    assert takers(machine.host, "127.0.0.1", 8080, members) == {0, 1, 2}
    assert takers(members[0].place, HOST_ADDRESS, 8080, members) == {0, 1, 2}
    assert who_takes(machine.outside, HOST_ADDRESS, 8080, members)[1] == OUTSIDE_ADDRESS


async def test_each_is_reached_at_a_port_of_its_own(engine: Engine, machine: Machine) -> None:
    other = PortBinding(Port(8000), HOST_ADDRESS, 8080, group="web")
    members = [
        await member(engine, machine, number, PortBinding(Port(80), HOST_ADDRESS, 8080, group="web"))
        for number in (1, 2)
    ]
    third = await member(engine, machine, 3, other)
    third.server = third.place.listen(8000)
    assert takers(machine.outside, HOST_ADDRESS, 8080, [*members, third]) == {0, 1, 2}
    assert not machine.host.reaches("127.0.0.1", 8080)


@pytest.mark.skipif(not has_ipv6(), reason="this kernel has no IPv6")
async def test_members_take_turns_by_both_families(engine: Engine, machine: Machine) -> None:
    shell("ip", "addr", "add", "2001:db8:1::1/64", "dev", "up0", "nodad")
    machine.outside.run("ip", "addr", "add", "2001:db8:1::2/64", "dev", "up0", "nodad")
    network = await engine.networks.create(NetworkRequest("dual", enable_ipv6=True))
    members = [await member(engine, machine, number, WEB, network=network) for number in (1, 2)]
    assert takers(machine.outside, "2001:db8:1::1", 8080, members) == {0, 1}
    assert takers(machine.outside, HOST_ADDRESS, 8080, members) == {0, 1}
    await engine.networks.shared_ports.stand(members[0].id, Standing.LEAVING)
    assert takers(machine.outside, "2001:db8:1::1", 8080, members) == {1}


async def test_more_members_than_there_were_chains(
    engine: Engine, machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    members = [await member(engine, machine, number, WEB) for number in range(1, 6)]
    assert takers(machine.outside, HOST_ADDRESS, 8080, members, times=100) == {0, 1, 2, 3, 4}
    for one in members[:4]:
        await engine.networks.disconnect(one.id)
    assert takers(machine.outside, HOST_ADDRESS, 8080, members) == {4}
    await engine.networks.disconnect(members[4].id)
    assert not machine.outside.reaches(HOST_ADDRESS, 8080)
    assert ": jump one_of" not in shell("nft", "list", "ruleset")
    assert caplog.messages == []  # nothing had to be written anew


async def test_who_leaves_keeps_its_connections_and_gets_no_more(engine: Engine, machine: Machine) -> None:
    members = [await member(engine, machine, number, WEB) for number in (1, 2)]
    leaving, shared_ports = members[0], engine.networks.shared_ports
    held, accepted = connected(machine.outside, members, to=leaving)
    await shared_ports.stand(leaving.id, Standing.LEAVING)
    with accepted:
        assert takers(machine.outside, HOST_ADDRESS, 8080, members) == {1}
        assert shared_ports.is_relieved(leaving.id)
        assert await shared_ports.has_open_connections(leaving.id)
        held.sendall(b"ping")
        assert accepted.recv(4) == b"ping"
    held.close()
    async with asyncio.timeout(PATIENCE_S):
        while await shared_ports.has_open_connections(leaving.id):
            await asyncio.sleep(0.01)


def connected(client: Place, members: Sequence[Member], *, to: Member) -> tuple[socket.socket, socket.socket]:
    """A connection, from both sides."""
    while True:
        asking = client.connect(HOST_ADDRESS, 8080)
        (server, *_), _, _ = select.select([each.server for each in members], [], [], PATIENCE_S)
        accepted, _ = server.accept()
        if server is to.server:
            return asking, accepted
        accepted.close()
        asking.close()


async def test_a_sender_of_datagrams_turns_to_another(engine: Engine, machine: Machine) -> None:
    members = [await member(engine, machine, number, NAMES) for number in (1, 2)]
    client = machine.outside.open_socket(socket.SOCK_DGRAM)
    client.connect((HOST_ADDRESS, 5353))
    first = _receiver(client, members)
    assert all(_receiver(client, members) is first for _ in range(10))
    await engine.networks.shared_ports.stand(first.id, Standing.LEAVING)
    second = _receiver(client, members)
    assert second is not first
    await engine.networks.disconnect(second.id)
    assert _receiver(client, members) is first


async def test_a_late_answer_ties_no_sender_to_who_is_gone(engine: Engine, machine: Machine) -> None:
    at_own_number = PortBinding(Port(53, Protocol.UDP), host_port=53, group="web")
    members = [await member(engine, machine, number, at_own_number) for number in (1, 2)]
    client = machine.outside.open_socket(socket.SOCK_DGRAM)
    client.connect((HOST_ADDRESS, 53))
    client.send(b"ping")
    (server, *_), _, _ = select.select([each.server for each in members], [], [], PATIENCE_S)
    first = next(each for each in members if each.server is server)
    _, peer = server.recvfrom(10)
    await engine.networks.shared_ports.stand(first.id, Standing.LEAVING)
    server.sendto(b"late", peer)
    assert client.recv(10) == b"late"
    await engine.networks.disconnect(first.id)
    assert _receiver(client, members) is not first


def _receiver(client: socket.socket, members: Sequence[Member]) -> Member:
    client.send(b"ping")
    (server, *_), _, _ = select.select([each.server for each in members], [], [], PATIENCE_S)
    data, peer = server.recvfrom(10)
    server.sendto(data, peer)
    assert client.recv(10) == b"ping"
    return next(each for each in members if each.server is server)


async def test_at_no_moment_of_a_change_nobody_answers(engine: Engine, machine: Machine) -> None:
    members = [await member(engine, machine, number, WEB) for number in (1, 2, 3)]
    changes = asyncio.create_task(_change_over_and_over(engine, members))
    asked = 0
    while not changes.done():
        await asyncio.to_thread(lambda: machine.outside.connect(HOST_ADDRESS, 8080).close())
        asked += 1
        for one in members:
            while select.select([one.server], [], [], 0)[0]:
                one.server.accept()[0].close()
    await changes
    assert asked > CHANGES / 10


async def _change_over_and_over(engine: Engine, members: Sequence[Member]) -> None:
    for turn in range(CHANGES):
        away = members[turn % 3]
        await engine.networks.shared_ports.stand(away.id, Standing.LEAVING)
        await engine.networks.shared_ports.stand(members[(turn + 1) % 3].id, Standing.WAITING)
        for one in members:
            await engine.networks.shared_ports.stand(one.id, Standing.READY)


async def test_rules_that_somebody_flushed_come_back_with_who_answered(engine: Engine, machine: Machine) -> None:
    members = [await member(engine, machine, number, WEB) for number in (1, 2, 3)]
    shell("nft", "flush", "ruleset")
    await engine.networks.shared_ports.stand(members[1].id, Standing.LEAVING)
    assert takers(machine.outside, HOST_ADDRESS, 8080, members) == {0, 2}


async def test_a_next_engine_goes_on_with_who_is_there(engine: Engine, machine: Machine) -> None:
    members = [await member(engine, machine, number, WEB) for number in (1, 2, 3)]
    endpoints = {each.id: engine.networks.endpoints_of(each.id) for each in members}
    await engine.networks.stop()
    assert takers(machine.outside, HOST_ADDRESS, 8080, members) == {0, 1, 2}
    engine.networks = engine.restarted().networks
    await engine.networks.start()
    for one in members[:2]:
        engine.networks.shared_ports.expect(one.id)
        engine.networks.adopt(one.id, *endpoints[one.id])
    await engine.networks.reconcile()
    assert takers(machine.outside, HOST_ADDRESS, 8080, members) == {0, 1}
