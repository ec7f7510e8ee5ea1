"""A hundred containers on ten networks come up, outlive an engine and go, and the host is as before."""

import json
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from engine.config import EngineConfig
from engine.host.sysctl import has_ipv6
from tests.engine.conftest import IMAGE, RunningEngine, wait_until
from tests.engine.host.containers import exec_client as client
from tests.engine.host.containers.shared_engine import engine_with_image
from tests.engine.host.networks.conftest import shell

pytestmark = pytest.mark.host

NETWORKS, EACH, AT_ONCE = 10, 10, 4
FIRST_PORT = 20_000


@pytest.fixture(scope="module")
def docker(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with engine_with_image(busybox_tar) as engine:
        yield engine


def for_all(act: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(act, range(NETWORKS * EACH)))


def come_up(docker: RunningEngine) -> None:
    for number in range(NETWORKS):
        body = {"Name": f"net{number}", "EnableIPv6": number % 2 == 1 and has_ipv6()}
        assert client.ask(docker, "POST", "/networks/create", body)[0] == 201

    def start(number: int) -> None:
        body: dict[str, Any] = {
            "Image": IMAGE,
            "Cmd": ["sleep", "1000"],
            "HostConfig": {"NetworkMode": f"net{number % NETWORKS}"},
        }
        if number < NETWORKS:
            body["ExposedPorts"] = {"80/tcp": {}}
            body["HostConfig"]["PortBindings"] = {"80/tcp": [{"HostPort": str(FIRST_PORT + number)}]}
        assert client.ask(docker, "POST", f"/containers/create?name=many{number}", body)[0] == 201
        assert client.ask(docker, "POST", f"/containers/many{number}/start")[0] == 204

    for_all(start)


def go(docker: RunningEngine) -> None:
    def remove(number: int) -> None:
        assert client.ask(docker, "DELETE", f"/containers/many{number}?force=1")[0] == 204

    for_all(remove)
    for number in range(NETWORKS):
        assert client.ask(docker, "DELETE", f"/networks/net{number}")[0] == 204


def config(docker: RunningEngine) -> EngineConfig:
    return EngineConfig(data_root=docker.data_root, run_root=docker.run_root)


def links(docker: RunningEngine) -> list[str]:
    """Bridges and links of this engine."""
    digits = config(docker).instance[:5]
    names = [line.split(":")[1].strip().partition("@")[0] for line in shell("ip", "-o", "link").splitlines()]
    return [name for name in names if name.startswith((f"nb{digits}", f"nr{digits}"))]


def addresses(docker: RunningEngine) -> list[str]:
    digits = config(docker).instance[:5]
    lines = (line.split() for line in shell("ip", "-o", "addr").splitlines())
    return [words[3] for words in lines if words[1].startswith(f"nb{digits}")]


def elements(docker: RunningEngine) -> int:
    """Of all sets and maps of this engine."""
    table = config(docker).nft_table
    listed = [
        json.loads(shell("nft", "-j", "list", "table", family, table))["nftables"] for family in ("inet", "bridge")
    ]
    found = [each.get("set") or each.get("map") for part in listed for each in part]
    return sum(len(each.get("elem", ())) for each in found if each and not each["name"].startswith("__"))


def name_services(docker: RunningEngine) -> list[str]:
    """Processes that answer for names, by their parent directory's socket."""
    found = subprocess.run(["ss", "-xlpn"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if str(config(docker).dns_socket_path) in line]


def test_a_hundred_containers_on_ten_networks_leave_nothing(docker: RunningEngine) -> None:
    assert (links(docker), addresses(docker)) == ([], [])
    before = elements(docker)
    come_up(docker)
    assert len(links(docker)) == NETWORKS + NETWORKS * EACH
    for number in (8, 9):
        answered = docker.out("exec", f"many{number}", "nslookup", f"many{number + 50}")
        assert "Address" in answered.partition("Name:")[2], answered
        other = docker.docker("exec", f"many{number}", "nslookup", f"many{number - 1}", check=False)
        assert b"Name:" not in other.stdout
    counted = elements(docker)
    docker.kill()
    docker.start()
    assert len(links(docker)) == NETWORKS + NETWORKS * EACH
    assert elements(docker) == counted
    assert name_services(docker) != []
    go(docker)
    wait_until(lambda: links(docker) == [], what="the kernel has removed the links")
    assert (addresses(docker), elements(docker), name_services(docker)) == ([], before, [])
