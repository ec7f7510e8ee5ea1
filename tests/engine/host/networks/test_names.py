"""Containers find each other by name, whatever becomes of the engine."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dnslib import QTYPE, RCODE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer

from tests.engine.conftest import DOCKER, IMAGE, RunningEngine, wait_until
from tests.engine.host.containers.shared_engine import engine_with_image, refusal, said
from tests.engine.host.networks.conftest import Place

pytestmark = pytest.mark.host

ELSEWHERE = "127.77.0.53"  # a name server of the host's, as far as containers are concerned
TOO_LONG = "long.example"


@pytest.fixture(scope="module")
def docker(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with engine_with_image(busybox_tar) as engine:
        engine.docker("network", "create", "mine")
        for name in ("one", "two"):
            engine.docker(
                "run", "-d", "--network", "mine", "--network-alias", "web", "--name", name, IMAGE, "sleep", "1000"
            )
        yield engine


def address(docker: RunningEngine, name: str, network: str = "mine") -> str:
    template = f'{{{{(index .NetworkSettings.Networks "{network}").IPAddress}}}}'
    return docker.out("inspect", "--format", template, name)


def place(docker: RunningEngine, name: str) -> Place:
    return Place(int(docker.out("inspect", "--format", "{{.State.Pid}}", name)))


def gateway(docker: RunningEngine, network: str = "mine") -> str:
    return docker.out("network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", network)


def asked(where: Place, server: str, name: str, *, by_tcp: bool = False) -> DNSRecord:
    question = bytes(DNSRecord.question(name).pack())
    with contextlib.closing(where):
        client = where.open_socket(socket.SOCK_STREAM if by_tcp else socket.SOCK_DGRAM)
        client.connect((server, 53))
        if not by_tcp:
            client.sendall(question)
            return DNSRecord.parse(client.recv(65535))
        client.sendall(struct.pack("!H", len(question)) + question)
        stream = client.makefile("rb")
        return DNSRecord.parse(stream.read(struct.unpack("!H", stream.read(2))[0]))


def found(reply: DNSRecord) -> set[str]:
    return {str(record.rdata) for record in reply.rr}


def name_service(docker: RunningEngine) -> list[int]:
    """Process ids: their log is this engine's."""
    log = str(docker.run_root / "dns.log")
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if b"engine.dns" in (process / "cmdline").read_bytes() and os.readlink(process / "fd/2") == log:
                pids.append(int(process.name))
    return pids


@pytest.mark.parametrize("by_tcp", [False, True])
def test_members_are_found_by_name_and_alias(docker: RunningEngine, by_tcp: bool) -> None:
    server, one, two = gateway(docker), address(docker, "one"), address(docker, "two")
    assert found(asked(place(docker, "one"), server, "two", by_tcp=by_tcp)) == {two}
    assert found(asked(place(docker, "one"), server, "web", by_tcp=by_tcp)) == {one, two}


def test_programs_in_containers_find_them(docker: RunningEngine) -> None:
    said(docker, "--network", "mine", IMAGE, "ping", "-c1", "-W2", "two")
    short_id = docker.out("inspect", "--format", "{{.Id}}", "two")[:12]
    said(docker, "--network", "mine", IMAGE, "ping", "-c1", "-W2", short_id)


def test_a_stopped_container_is_found_no_more_and_a_renamed_one_by_its_new_name(docker: RunningEngine) -> None:
    docker.docker("run", "-d", "--network", "mine", "--name", "passing", IMAGE, "sleep", "1000")
    server = gateway(docker)
    assert found(asked(place(docker, "one"), server, "passing"))
    docker.docker("rename", "passing", "renamed")
    assert not found(asked(place(docker, "one"), server, "passing"))
    assert found(asked(place(docker, "one"), server, "renamed"))
    docker.docker("rm", "-f", "renamed")
    assert not found(asked(place(docker, "one"), server, "renamed"))


def test_a_container_that_joins_later_finds_and_is_found(docker: RunningEngine) -> None:
    docker.docker("run", "-d", "--name", "late", IMAGE, "sleep", "1000")
    docker.docker("network", "connect", "--alias", "tardy", "mine", "late")
    assert found(asked(place(docker, "one"), gateway(docker), "tardy")) == {address(docker, "late")}
    docker.docker("exec", "late", "ping", "-c1", "-W2", "one")
    docker.docker("network", "disconnect", "mine", "late")
    assert not found(asked(place(docker, "one"), gateway(docker), "tardy"))
    assert gateway(docker) not in docker.out("exec", "late", "cat", "/etc/resolv.conf")
    docker.docker("rm", "-f", "late")


def test_strangers_are_refused(docker: RunningEngine) -> None:
    assert asked(Place(), gateway(docker), "one").header.rcode == RCODE.REFUSED
    assert asked(Place(), gateway(docker), "example.com").header.rcode == RCODE.REFUSED


class KnowsAll(BaseResolver):  # type: ignore[misc]
    """What is too long for a datagram is answered by TCP only."""

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        reply = request.reply()
        if str(request.q.qname) == f"{TOO_LONG}." and handler.protocol == "udp":
            reply.header.tc = 1
        else:
            reply.add_answer(RR(request.q.qname, QTYPE.A, rdata=A("192.0.2.1")))
        return reply


@pytest.fixture
def elsewhere() -> Iterator[None]:
    servers = [DNSServer(KnowsAll(), address=ELSEWHERE, port=53, tcp=tcp, logger=DNSLogger("-all")) for tcp in (0, 1)]
    for server in servers:
        server.start_thread()
    yield
    for server in servers:
        server.stop()
        server.server.server_close()


def test_other_names_are_asked_for_where_the_container_says(docker: RunningEngine, elsewhere: None) -> None:
    docker.docker("run", "-d", "--network", "mine", "--dns", ELSEWHERE, "--name", "asker", IMAGE, "sleep", "1000")
    server = gateway(docker)
    assert found(asked(place(docker, "asker"), server, "a.example")) == {"192.0.2.1"}
    assert asked(place(docker, "asker"), server, TOO_LONG).header.tc
    assert found(asked(place(docker, "asker"), server, TOO_LONG, by_tcp=True)) == {"192.0.2.1"}
    assert found(asked(place(docker, "asker"), server, "two")) == {address(docker, "two")}
    docker.docker("rm", "-f", "asker")


def test_an_internal_network_asks_nobody_outside(docker: RunningEngine, elsewhere: None) -> None:
    docker.docker("network", "create", "--internal", "inside")
    docker.docker("run", "-d", "--network", "inside", "--dns", ELSEWHERE, "--name", "shut", IMAGE, "sleep", "1000")
    server = gateway(docker, "inside")
    assert found(asked(place(docker, "shut"), server, "shut"))
    assert asked(place(docker, "shut"), server, "a.example").header.rcode == RCODE.NXDOMAIN
    docker.docker("rm", "-f", "shut")


def test_names_outlast_the_engine_and_the_name_service_is_nobody(docker: RunningEngine) -> None:
    (pid,) = name_service(docker)
    assert "Uid:\t65534\t65534" in Path(f"/proc/{pid}/status").read_text()
    assert "CapEff:\t0000000000000400" in Path(f"/proc/{pid}/status").read_text()
    server, two, where = gateway(docker), address(docker, "two"), place(docker, "one")
    docker.kill()
    assert found(asked(where, server, "two")) == {two}
    docker.start()
    assert name_service(docker) == [pid]
    assert found(asked(place(docker, "one"), server, "two")) == {two}


def test_a_name_service_that_dies_is_started_again(docker: RunningEngine) -> None:
    (pid,) = name_service(docker)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: [each for each in name_service(docker) if each != pid], what="another one is there")
    server = gateway(docker)

    def is_answered() -> bool:
        try:
            return bool(found(asked(place(docker, "one"), server, "two")))
        except OSError:
            return False

    wait_until(is_answered)


def test_nothing_is_left_of_it_without_networks(busybox_tar: bytes) -> None:
    with engine_with_image(busybox_tar) as engine:
        assert name_service(engine) == []
        engine.docker("network", "create", "short")
        assert len(name_service(engine)) == 1
        engine.docker("network", "rm", "short")
        assert name_service(engine) == []


def test_a_name_service_that_no_engine_can_find_ends(busybox_tar: bytes) -> None:
    with engine_with_image(busybox_tar) as engine:
        engine.docker("network", "create", "short")
        (pid,) = name_service(engine)
        engine.kill()
        (engine.run_root / "dns.sock").unlink()
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), what="it has ended")
        engine.start()


def test_a_link_on_the_default_network_is_told_by_hosts_and_environment(docker: RunningEngine) -> None:
    docker.docker("run", "-d", "--name", "postgres", "--expose", "5432", "-e", "PASS=word", IMAGE, "sleep", "1000")
    link = ["--name", "linking", "--link", "postgres:store"]
    told = said(docker, *link, IMAGE, "sh", "-c", "ping -c1 -W2 store && ping -c1 -W2 postgres && env")
    where = address(docker, "postgres", "bridge")
    assert f"STORE_PORT_5432_TCP=tcp://{where}:5432" in told
    assert "STORE_ENV_PASS=word" in told
    assert "STORE_NAME=/linking/store" in told
    docker.docker("create", *link, IMAGE, "true")
    assert docker.out("inspect", "--format", "{{.HostConfig.Links}}", "linking") == "[/postgres:/linking/store]"
    docker.docker("rm", "-f", "postgres")
    assert "Cannot link to a non running container: /postgres AS /linking/store" in refusal(docker, "start", "linking")
    assert "could not get container for postgres" in refusal(docker, "run", "--link", "postgres", IMAGE, "true")


def test_a_link_on_another_network_is_a_name(docker: RunningEngine) -> None:
    said(docker, "--network", "mine", "--link", "two:zwei", IMAGE, "ping", "-c1", "-W2", "zwei")


def test_a_build_may_use_a_network(docker: RunningEngine) -> None:
    dockerfile = f"FROM {IMAGE}\nRUN ping -c1 -W2 two\n".encode()
    environment = {**docker.environment, "DOCKER_BUILDKIT": "0"}
    argv = [DOCKER, "build", "--no-cache", "--network", "mine", "-"]
    done = subprocess.run(argv, input=dockerfile, env=environment, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    argv[argv.index("mine")] = "nowhere"
    done = subprocess.run(argv, input=dockerfile, env=environment, capture_output=True, timeout=60)
    assert b"network nowhere not found" in done.stdout + done.stderr
