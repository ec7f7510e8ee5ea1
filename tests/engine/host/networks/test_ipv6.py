"""Who can talk to whom by IPv6, with real packets between namespaces."""

import socket
from ipaddress import IPv6Address, IPv6Network

import pytest

from engine.host.sysctl import find_sysctl, set_sysctl
from engine.model.errors import Conflict, Denied, Invalid, Unavailable
from engine.model.network import ICC, MASQUERADE, Ipv6Request, NetworkRequest
from engine.model.ports import Port, PortBinding, Protocol
from engine.networks.network import link_local_of
from tests.engine.host.networks.conftest import Engine, Machine, MakeEngine, Place, asks, shell
from tests.engine.host.networks.ipv6 import HOST_ADDRESS, IPV6, ONE, OUTSIDE_ADDRESS, THREE, TWO, dual, give_ipv6, join

pytestmark = IPV6
PUBLISHED = PortBinding(Port(80), host_port=8080)


@pytest.fixture(autouse=True)
def machine_with_ipv6(machine: Machine) -> None:
    give_ipv6(machine)


def says(client: Place, server: socket.socket, address: str, port: int) -> str:
    """Send a datagram each way; the address the server sees."""
    asking = client.open_socket(socket.SOCK_DGRAM, family=socket.AF_INET6)
    asking.sendto(b"ping", (address, port))
    data, peer = server.recvfrom(10)
    assert data == b"ping"
    server.sendto(b"pong", peer)
    data, answered = asking.recvfrom(10)
    assert (data, answered[0]) == (b"pong", address)
    return str(peer[0])


async def test_containers_reach_each_other_by_tcp_and_udp(engine: Engine, machine: Machine) -> None:
    network = await dual(engine)
    one, two = machine.namespace(), machine.namespace()
    one_at, two_at = await join(engine, one, ONE, network), await join(engine, two, TWO, network)
    server = two.listen(80, address="::")
    assert asks(one.connect(two_at.ipv6_address, 80), server) == one_at.ipv6_address
    assert says(one, two.receive_on(53, address="::"), two_at.ipv6_address, 53) == one_at.ipv6_address


async def test_an_address_is_usable_at_once_and_nobody_is_told_of_routes(engine: Engine, machine: Machine) -> None:
    network = await dual(engine)
    one = machine.namespace()
    await join(engine, one, ONE, network)
    shown = one.run("ip", "-6", "addr", "show", "dev", "eth0")
    assert "tentative" not in shown
    assert "scope global nodad" in shown
    for setting in ("accept_ra", "autoconf", "accept_dad"):
        assert one.run("sysctl", "-n", f"net.ipv6.conf.eth0.{setting}").strip() == "0"
        assert shell("sysctl", "-n", f"net.ipv6.conf.{network.bridge}.{setting}").strip() == "0"
    assert network.ipv6 is not None
    assert f"default via {network.ipv6.gateway}" in one.run("ip", "-6", "route")


async def test_the_host_goes_on_hearing_of_its_own_routes(machine: Machine, engine: Engine) -> None:
    assert find_sysctl("net/ipv6/conf/up0/accept_ra") == "1"
    await dual(engine)
    assert find_sysctl("net/ipv6/conf/all/forwarding") == "1"
    assert find_sysctl("net/ipv6/conf/up0/accept_ra") == "2"


async def test_the_world_sees_the_hosts_address(engine: Engine, machine: Machine) -> None:
    one = machine.namespace()
    await join(engine, one, ONE, await dual(engine))
    server = machine.outside.listen(80, address="::")
    assert asks(one.connect(OUTSIDE_ADDRESS, 80), server) == HOST_ADDRESS
    assert says(one, machine.outside.receive_on(53, address="::"), OUTSIDE_ADDRESS, 53) == HOST_ADDRESS


async def test_without_masquerading_the_world_sees_the_container(engine: Engine, machine: Machine) -> None:
    network = await dual(engine, options={MASQUERADE: "false"})
    one = machine.namespace()
    at = await join(engine, one, ONE, network)
    assert network.ipv6 is not None
    machine.outside.run("ip", "-6", "route", "add", str(network.ipv6.subnet), "via", HOST_ADDRESS)
    server = machine.outside.listen(80, address="::")
    assert asks(one.connect(OUTSIDE_ADDRESS, 80), server) == at.ipv6_address


async def test_networks_are_closed_to_one_another_and_to_the_outside(engine: Engine, machine: Machine) -> None:
    mine, yours = await dual(engine, "mine"), await dual(engine, "yours")
    one, two = machine.namespace(), machine.namespace()
    await join(engine, one, ONE, mine)
    at = await join(engine, two, TWO, yours)
    server = two.listen(80, address="::")
    asks(machine.host.connect(at.ipv6_address, 80), server)
    assert not one.reaches(at.ipv6_address, 80)
    assert yours.ipv6 is not None
    machine.outside.run("ip", "-6", "route", "add", str(yours.ipv6.subnet), "via", HOST_ADDRESS)
    assert not machine.outside.reaches(at.ipv6_address, 80)


async def test_containers_of_a_network_that_keeps_them_apart_do_not_meet(engine: Engine, machine: Machine) -> None:
    network = await dual(engine, options={ICC: "false"})
    one, two = machine.namespace(), machine.namespace()
    await join(engine, one, ONE, network)
    at = await join(engine, two, TWO, network)
    two.listen(80, address="::")
    assert not one.reaches(at.ipv6_address, 80)
    assert not one.reaches(f"{link_local_of(at.mac_address)}%eth0", 80)
    assert machine.host.connects(f"{link_local_of(at.mac_address)}%{network.bridge}", 80)
    outside = machine.outside.listen(80, address="::")
    asks(one.connect(OUTSIDE_ADDRESS, 80), outside)


async def test_an_internal_network_has_no_way_out(engine: Engine, machine: Machine) -> None:
    inside = await dual(engine, internal=True)
    one, two = machine.namespace(), machine.namespace()
    await join(engine, one, ONE, inside)
    at = await join(engine, two, TWO, inside)
    machine.outside.listen(80, address="::")
    inner = two.listen(80, address="::")
    asks(one.connect(at.ipv6_address, 80), inner)
    assert inside.ipv6 is not None
    assert "default" not in one.run("ip", "-6", "route")
    one.run("ip", "-6", "route", "add", "default", "via", str(inside.ipv6.gateway))
    assert not one.reaches(OUTSIDE_ADDRESS, 80)


async def test_of_the_host_nothing_is_open_but_names_and_ping_at_the_gateway(engine: Engine, machine: Machine) -> None:
    network = await dual(engine)
    one = machine.namespace()
    await join(engine, one, ONE, network)
    assert network.ipv6 is not None
    gateway = str(network.ipv6.gateway)
    own = [line.split()[3] for line in shell("ip", "-o", "-6", "addr", "show", network.bridge).splitlines()]
    of_link = next(each.partition("/")[0] for each in own if each.startswith("fe80"))
    machine.host.listen(22, address="::")
    assert machine.outside.connects(HOST_ADDRESS, 22)
    for address in (HOST_ADDRESS, gateway, f"{of_link}%eth0"):
        assert not one.reaches(address, 22)
    one.run("busybox", "ping6", "-c1", "-W2", gateway)
    assert one.connects(gateway, 53)  # the name service
    assert not one.reaches(f"{of_link}%eth0", 53)


@pytest.mark.parametrize("address", ["fd00:ec2::254", "fd20:ce::254"])
async def test_metadata_services_are_closed_to_containers(engine: Engine, machine: Machine, address: str) -> None:
    one = machine.namespace()
    await join(engine, one, ONE, await dual(engine))
    machine.outside.run("ip", "addr", "add", f"{address}/128", "dev", "lo", "nodad")
    machine.outside.listen(80, address="::"), machine.outside.listen(53, address="::")
    assert machine.host.connects(address, 80)
    assert not one.reaches(address, 80)
    assert one.connects(address, 53)


async def test_a_published_port_is_reached_from_the_host_but_for_its_loopback(engine: Engine, machine: Machine) -> None:
    one = machine.namespace()
    await join(engine, one, ONE, await dual(engine), PUBLISHED)
    server = one.listen(80, address="::")
    asks(machine.host.connect(HOST_ADDRESS, 8080), server)
    with pytest.raises(ConnectionRefusedError):
        machine.host.connect("::1", 8080)


async def test_a_port_without_an_address_is_published_by_both_families(engine: Engine, machine: Machine) -> None:
    network, yours = await dual(engine), await dual(engine, "yours")
    one, two = machine.namespace(), machine.namespace()
    at = await join(engine, one, ONE, network, PUBLISHED)
    await join(engine, two, TWO, yours)
    assert [each.host_ip for each in at.published] == ["0.0.0.0", "::"]
    server = one.listen(80, address="::")  # of both families
    assert asks(machine.outside.connect(HOST_ADDRESS, 8080), server) == OUTSIDE_ADDRESS
    asks(machine.outside.connect("198.51.100.1", 8080), server)
    for place in (one, two):
        asks(place.connect(HOST_ADDRESS, 8080), server)


@pytest.mark.parametrize("br_netfilter", ["0", "1"])
async def test_a_published_port_is_reached_from_its_own_container(
    engine: Engine, machine: Machine, br_netfilter: str
) -> None:
    if find_sysctl("net/bridge/bridge-nf-call-ip6tables") is not None:
        set_sysctl("net/bridge/bridge-nf-call-ip6tables", br_netfilter)
    network = await dual(engine)
    one, two = machine.namespace(), machine.namespace()
    await join(engine, one, ONE, network, PUBLISHED)
    await join(engine, two, TWO, network)
    server = one.listen(80, address="::")
    for place in (one, two):
        asks(place.connect(HOST_ADDRESS, 8080), server)


async def test_a_port_published_on_one_ipv6_address_is_reached_there_only(engine: Engine, machine: Machine) -> None:
    network = await dual(engine)
    one = machine.namespace()
    shell("ip", "addr", "add", "2001:db8:1::10/64", "dev", "up0", "nodad")
    await join(engine, one, ONE, network, PortBinding(Port(80), "2001:db8:1::10", 8080))
    server = one.listen(80, address="::")
    asks(machine.outside.connect("2001:db8:1::10", 8080), server)
    assert not machine.outside.reaches(HOST_ADDRESS, 8080)
    assert not machine.outside.reaches("198.51.100.1", 8080)


async def test_a_published_udp_port_follows_its_container(engine: Engine, machine: Machine) -> None:
    network = await dual(engine)
    binding = PortBinding(Port(53, Protocol.UDP), host_port=5353)
    client = machine.outside.open_socket(socket.SOCK_DGRAM, family=socket.AF_INET6)
    client.sendto(b"nobody there", (HOST_ADDRESS, 5353))
    for container_id in (ONE, TWO):
        place = machine.namespace()
        await join(engine, place, container_id, network, binding)
        server = place.receive_on(53, address="::")
        client.sendto(container_id.encode(), (HOST_ADDRESS, 5353))
        assert server.recv(100) == container_id.encode()
        await engine.networks.disconnect(container_id)


async def test_link_local_addresses_that_were_wished_for_reach_neighbours_alone(
    engine: Engine, machine: Machine
) -> None:
    network = await dual(engine)
    one, two = machine.namespace(), machine.namespace()
    await join(engine, one, ONE, network, link_local=("169.254.8.1", "fe80::1:1"))
    await join(engine, two, TWO, network, link_local=("169.254.8.2", "fe80::1:2"))
    server = two.listen(80, address="::")
    asks(one.connect("169.254.8.2", 80), server)
    assert asks(one.connect("fe80::1:2%eth0", 80), server).startswith("fe80::")
    assert not machine.host.reaches("169.254.8.2", 80)
    with pytest.raises(Denied, match=r"169\.254\.8\.2: Address already in use"):
        await join(engine, machine.namespace(), THREE, network, link_local=("169.254.8.2",))
    # what the rest of the world has at such addresses is as far away as ever
    machine.outside.run("ip", "addr", "add", "169.254.8.9/32", "dev", "lo")
    machine.outside.listen(80)
    one.run("ip", "route", "replace", "169.254.8.9/32", "via", str(network.gateway))
    assert machine.host.connects("169.254.8.9", 80)
    assert not one.reaches("169.254.8.9", 80)


async def test_ipv6_leaves_by_a_network_that_has_it_and_ports_follow(engine: Engine, machine: Machine) -> None:
    plain = await engine.networks.create(NetworkRequest("plain"))
    network = await dual(engine)
    one = machine.namespace()
    first = await join(engine, one, ONE, plain, PUBLISHED)
    await join(engine, one, ONE, network)
    await engine.networks.settle_way_out(ONE, pid=one.pid, before=first, wanted=(PUBLISHED,))
    server, inside = machine.outside.listen(80, address="::"), one.listen(80, address="::")
    asks(one.connect(OUTSIDE_ADDRESS, 80), server)
    assert not machine.outside.reaches(HOST_ADDRESS, 8080)
    await engine.networks.leave(ONE, "plain")
    await engine.networks.settle_way_out(ONE, pid=one.pid, before=first, wanted=(PUBLISHED,))
    asks(machine.outside.connect(HOST_ADDRESS, 8080), inside)
    asks(machine.outside.connect("198.51.100.1", 8080), inside)


async def test_a_given_subnet_is_used_as_said_and_a_taken_one_refused(engine: Engine, machine: Machine) -> None:
    said = Ipv6Request(IPv6Network("2001:db8:7::/64"), IPv6Address("2001:db8:7::ffff"))
    network = await dual(engine, ipv6=said)
    one = machine.namespace()
    at = await join(engine, one, ONE, network, ipv6_address="2001:db8:7::f00d")
    assert at.ipv6_address == "2001:db8:7::f00d"
    assert "2001:db8:7::ffff/64" in shell("ip", "-6", "addr", "show", network.bridge)
    for subnet in ("2001:db8:7::/80", "2001:db8:1::/80"):
        with pytest.raises(Denied, match="Pool overlaps"):
            await dual(engine, "other", ipv6=Ipv6Request(IPv6Network(subnet)))


async def test_everything_goes_on_without_the_engine_and_comes_back_after_a_reboot(
    engine: Engine, machine: Machine
) -> None:
    network = await dual(engine)
    one, two = machine.namespace(), machine.namespace()
    at = await join(engine, one, ONE, network, PUBLISHED)
    server = one.listen(80, address="::")
    client = machine.outside.connect(HOST_ADDRESS, 8080)
    await engine.networks.stop()
    assert asks(client, server) == OUTSIDE_ADDRESS
    shell("nft", "flush", "ruleset")
    shell("ip", "link", "set", network.bridge, "down")
    successor = engine.restarted()
    await successor.networks.start()
    successor.networks.adopt(ONE, at)
    await successor.networks.reconcile()
    asks(machine.outside.connect(HOST_ADDRESS, 8080), server)
    other = await join(successor, two, TWO, network)
    asks(two.connect(at.ipv6_address, 80), server)
    assert other.ipv6_address != at.ipv6_address
    await successor.networks.stop()


async def test_what_had_ipv6_leaves_nothing_behind(engine: Engine, machine: Machine) -> None:
    await engine.networks.reconcile()
    before, addresses = machine.state(), shell("ip", "-6", "-br", "addr")
    network = await dual(engine)
    one = machine.namespace()
    await join(engine, one, ONE, network, PUBLISHED, link_local=("169.254.8.1",))
    await engine.networks.disconnect(ONE)
    await engine.networks.remove(network)
    assert machine.state() == before
    assert shell("ip", "-6", "-br", "addr") == addresses
    machine.host.listen(8080, address="::")


async def test_a_host_without_ipv6_says_so_and_goes_on(machine: Machine, start_engine: MakeEngine) -> None:
    engine = await start_engine()
    network = await dual(engine)
    await engine.networks.stop()
    shell("sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1")
    successor = engine.restarted()
    await successor.networks.start()
    with pytest.raises(Unavailable, match="EnableIPv6: this host has no IPv6"):
        await dual(successor, "other")
    one, two = machine.namespace(), machine.namespace()
    found = successor.networks.get(network.name)
    at = await join(successor, one, ONE, found, PUBLISHED)
    assert (at.ipv6_address, [each.host_ip for each in at.published]) == ("", ["0.0.0.0"])
    await join(successor, two, TWO, found)
    server = one.listen(80)
    asks(two.connect(at.ip_address, 80), server)
    await successor.networks.stop()


async def test_the_default_network_has_it_when_the_operator_says_so(machine: Machine, start_engine: MakeEngine) -> None:
    engine = await start_engine(ipv6=True)
    default = engine.networks.network
    assert default.ipv6 is not None
    assert default.ipv6.subnet.is_private
    one, two = machine.namespace(), machine.namespace()
    one_at, two_at = await join(engine, one, ONE, default), await join(engine, two, TWO, default, PUBLISHED)
    server = two.listen(80, address="::")
    assert asks(one.connect(two_at.ipv6_address, 80), server) == one_at.ipv6_address
    assert asks(machine.outside.connect(HOST_ADDRESS, 8080), server) == OUTSIDE_ADDRESS
    again = engine.restarted()
    await again.networks.start()
    assert again.networks.network.ipv6 == default.ipv6


async def test_a_subnet_given_for_the_default_network_must_be_free(machine: Machine, start_engine: MakeEngine) -> None:
    engine = await start_engine(ipv6=True, ipv6_subnet=IPv6Network("2001:db8:77::/64"))
    assert "2001:db8:77::1/64" in shell("ip", "-6", "addr", "show", "dev", engine.config.bridge)
    with pytest.raises(Conflict, match="2001:db8:1::/64 overlaps"):
        await start_engine("two", ipv6=True, ipv6_subnet=IPv6Network("2001:db8:1::/64"))
    with pytest.raises(Invalid, match="too small"):
        await start_engine("three", ipv6=True, ipv6_subnet=IPv6Network("2001:db8:78::/127"))


async def test_containers_go_on_when_the_default_network_loses_it(machine: Machine, start_engine: MakeEngine) -> None:
    engine = await start_engine(ipv6=True)
    one, two = machine.namespace(), machine.namespace()
    one_at = await join(engine, one, ONE, engine.networks.network, PUBLISHED)
    await engine.networks.stop()
    again = await start_engine(ipv6=False)
    again.networks.adopt(ONE, one_at)
    await again.networks.reconcile()
    assert again.networks.network.ipv6 is None
    two_at = await join(again, two, TWO, again.networks.network)
    assert two_at.ipv6_address == ""
    server = one.listen(80)
    assert asks(two.connect(one_at.ip_address, 80), server) == two_at.ip_address
    asks(machine.outside.connect("198.51.100.1", 8080), server)
    await again.networks.disconnect(ONE)
    await again.networks.create(NetworkRequest("other", enable_ipv6=True))
