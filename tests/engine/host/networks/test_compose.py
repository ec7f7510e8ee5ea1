"""docker-compose 1.29 (Debian's) over networks of its own making."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.host.sysctl import has_ipv6
from tests.engine.conftest import IMAGE, RunningEngine
from tests.engine.host.containers.shared_engine import engine_with_image

COMPOSE = "/usr/bin/docker-compose"
PROJECT = f"""
version: "3"
services:
  web:
    image: {IMAGE}
    command: ["httpd", "-f", "-p", "80", "-h", "/etc"]
    stop_grace_period: 0s
  client:
    image: {IMAGE}
    command: ["sleep", "1000"]
    stop_grace_period: 0s
    depends_on: [web]
    networks: [default, back]
networks:
  back:
    internal: true
"""

WITH_IPV6 = f"""
version: "2.4"
services:
  web:
    image: {IMAGE}
    command: ["httpd", "-f", "-p", "[::]:80", "-h", "/data"]
    stop_grace_period: 0s
    scale: 3
    depends_on: [writer]
    volumes: ["data:/data:ro"]
    networks: [front]
  writer:
    image: {IMAGE}
    command: ["sh", "-c", "echo written > /data/page; exec sleep 1000"]
    stop_grace_period: 0s
    volumes: ["data:/data"]
    networks:
      front:
        ipv6_address: "fd00:c0:5e::77"
        link_local_ips: ["169.254.8.8"]
volumes:
  data:
networks:
  front:
    enable_ipv6: true
    ipam:
      config:
        - subnet: "fd00:c0:5e::/64"
"""

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(shutil.which(COMPOSE) is None, reason="docker-compose is not installed"),
]


@pytest.fixture(scope="module")
def docker(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with engine_with_image(busybox_tar) as engine:
        yield engine


def compose(docker: RunningEngine, directory: Path, *arguments: str) -> None:
    argv = [COMPOSE, "-p", "project", *arguments]
    done = subprocess.run(argv, cwd=directory, env=docker.environment, capture_output=True, timeout=100)
    assert done.returncode == 0, done.stderr.decode()


def test_two_services_come_up_find_each_other_and_go(docker: RunningEngine, tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").write_text(PROJECT)
    compose(docker, tmp_path, "up", "-d", "--scale", "web=3")
    names = docker.out("ps", "--format", "{{.Names}}").split()
    assert sorted(names) == ["project_client_1", "project_web_1", "project_web_2", "project_web_3"]
    looked_up = docker.out("exec", "project_client_1", "nslookup", "web")
    template = "{{.NetworkSettings.Networks.project_default.IPAddress}}"
    for number in (1, 2, 3):
        assert docker.out("inspect", "--format", template, f"project_web_{number}") in looked_up
    assert "root" in docker.out("exec", "project_client_1", "wget", "-q", "-O-", "http://web/passwd")
    compose(docker, tmp_path, "up", "-d", "--scale", "web=1")
    assert len(docker.out("ps", "-q").split()) == 2
    compose(docker, tmp_path, "down", "-t", "0")
    assert docker.out("ps", "-aq") == ""
    assert "project" not in docker.out("network", "ls")


def test_a_changed_service_is_made_anew_with_its_volumes(docker: RunningEngine, tmp_path: Path) -> None:
    docker.docker("build", "-t", "with-volume", "-", input=f"FROM {IMAGE}\nVOLUME /kept\n".encode())
    service = "{image: with-volume, command: sleep 1000, stop_grace_period: 0s, hostname: %s}"
    text = f"version: '3'\nservices: {{one: {service}}}\n"
    for hostname in ("first", "second"):
        (tmp_path / "docker-compose.yml").write_text(text % hostname)
        compose(docker, tmp_path, "up", "-d")
        docker.docker("exec", "project_one_1", "sh", "-c", "hostname >> /kept/names")
    assert docker.out("exec", "project_one_1", "cat", "/kept/names").split() == ["first", "second"]
    compose(docker, tmp_path, "down", "-v", "-t", "0")


@pytest.mark.skipif(not has_ipv6(), reason="this host has no IPv6")
def test_replicas_over_ipv6_share_a_volume_and_are_scaled_and_go(docker: RunningEngine, tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").write_text(WITH_IPV6)
    compose(docker, tmp_path, "up", "-d")
    assert replicas(docker) == [1, 2, 3]
    template = "{{.NetworkSettings.Networks.project_front.GlobalIPv6Address}}"
    assert docker.out("inspect", "--format", template, "project_writer_1") == "fd00:c0:5e::77"
    for number in (1, 2, 3):
        address = docker.out("inspect", "--format", template, f"project_web_{number}")
        assert address.startswith("fd00:c0:5e::")
        for place in (address, f"project_web_{number}"):
            wanted = f"http://[{place}]/page" if ":" in place else f"http://{place}/page"
            assert docker.out("exec", "project_writer_1", "wget", "-q", "-O-", wanted) == "written"
    for scale in (1, 2):
        compose(docker, tmp_path, "up", "-d", "--scale", f"web={scale}")
        assert len(replicas(docker)) == scale
        assert docker.out("exec", "project_writer_1", "wget", "-q", "-O-", "http://web/page") == "written"
    compose(docker, tmp_path, "down", "-v", "-t", "0")
    left = [docker.out(*words) for words in (("ps", "-aq"), ("network", "ls"), ("volume", "ls"))]
    assert not any("project" in each for each in left)
    assert left[0] == ""


def replicas(docker: RunningEngine) -> list[int]:
    names = docker.out("ps", "--format", "{{.Names}}").split()
    return sorted(int(name.rpartition("_")[2]) for name in names if "_web_" in name)
