"""What docker-compose 1.29 makes of files that both understand, and what is written out again, read as the same."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from console.stacks.compose.loading import Request, load
from console.stacks.compose.model import Project
from console.stacks.compose.rendering import rendered
from tests.fakes.compose_files import project

COMPOSE = "/usr/bin/docker-compose"
UNORDERED = ("expose", "ports", "volumes", "dns", "dns_search")
EVERYTHING = """
version: "3.8"
x-base: &base
  restart: unless-stopped
  logging: {driver: json-file, options: {max-size: 10m}}
services:
  web:
    <<: *base
    image: "app:${TAG:-1}"
    ports: ["8080:80", "127.0.0.1:9000-9001:9000-9001/udp", 5000, "7000-7001", "[::1]:81:81"]
    expose: [99, "100"]
    environment: [A=1, "B=x=y", "C=${EMPTY-none}${EMPTY:-dash}${UNSET-none}", 'D=$$HOME', TAG]
    env_file: [a.env]
    volumes: ["./data:/data:ro", "v:/v", /anon, {type: tmpfs, target: /t, tmpfs: {size: 1000}}]
    command: sh -c "echo hi 'a b'"
    entrypoint: ["/e", "x"]
    depends_on: [db]
    deploy:
      replicas: 3
      resources: {limits: {cpus: '0.5', memory: 64m}, reservations: {memory: 32m}}
      update_config: {parallelism: 2, delay: 10s, order: start-first}
      restart_policy: {condition: on-failure, max_attempts: 3}
      placement: {constraints: [node.role == worker]}
    healthcheck: {test: curl localhost, interval: 1m30s, timeout: 10s, retries: 3, start_period: 40s}
    stop_grace_period: 1m30s
    secrets: [{source: s, target: t, mode: 0440, uid: '103'}]
    ulimits: {nofile: {soft: 20000, hard: 40000}, nproc: 65535}
    extra_hosts: ["a:1.2.3.4"]
    sysctls: [net.core.somaxconn=1024]
    labels: [a.b=c, d]
    cap_add: [NET_ADMIN]
    dns: 8.8.8.8
    dns_search: [a.example, b.example]
    tmpfs: /run
    devices: ["/dev/null:/dev/x:r"]
    networks: {front: {aliases: [w], ipv4_address: 172.16.238.10}, back: }
    user: "1000"
    init: true
    shm_size: 64m
    build:
      {context: ./dir, dockerfile: D, args: [X=1, TAG], target: t, cache_from: [a], labels: {l: v}, network: host}
  db: {image: db, networks: [back], healthcheck: {test: [CMD, ok]}}
  later: {image: x, depends_on: {db: {condition: service_healthy}}}
  joined: {image: x, network_mode: "service:db"}
  more: {extends: db, image: y}
  far: {extends: {file: sub/common.yml, service: app}, environment: {B: own}}
networks:
  front: {driver: bridge, ipam: {config: [{subnet: 172.16.238.0/24}]}, internal: true, driver_opts: {a: 1}}
  back: {name: other, external: true}
volumes: {v: {labels: {a: b}, driver_opts: {type: none}}}
secrets: {s: {file: ./s.txt}}
"""
OVER = """
version: "3.8"
services:
  web:
    command: [other]
    environment: {A: "2", Z: "1"}
    ports: ["8080:80", "82:82"]
    volumes: ["./elsewhere:/data", "v:/w"]
    labels: {a.b: d}
    dns: [9.9.9.9]
    healthcheck: {timeout: 1s}
    networks: {front: {aliases: [w2]}}
  db: {ports: ["5432:5432"]}
"""
FILES = {
    "docker-compose.yml": EVERYTHING,
    "over.yml": OVER,
    ".env": "TAG=7\nEMPTY=\nQUOTED='a $b'\n",
    "a.env": "A=fromfile\nF=1\nG=x y\n# no\nTAG=file\n",
    "sub/common.yml": 'version: "3.8"\nservices: {app: {image: far, volumes: ["./d:/d"], environment: {A: 1, B: 1}}}\n',
    "dir/Dockerfile": "FROM scratch\n",
}


def read(path: str) -> str | None:
    return Path(path).read_text() if Path(path).is_file() else None


@pytest.mark.skipif(shutil.which(COMPOSE) is None, reason="docker-compose is not installed")
@pytest.mark.parametrize("names", [("docker-compose.yml",), ("docker-compose.yml", "over.yml")])
def test_docker_compose_resolves_files_to_the_same_project(tmp_path, names):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    wanted = Request(str(tmp_path), names, name="same")
    ours = load(wanted, read).project
    given = [word for name in names for word in ("-f", name)]
    told = subprocess.run([COMPOSE, *given, "config"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    theirs = load(Request(str(tmp_path), ("told",), name="same"), {f"{tmp_path}/told": told.stdout}.get).project
    assert different(theirs.document(), ours.document()) == [], "\n".join(different(theirs.document(), ours.document()))


def different(one: object, other: object, path: str = "") -> list[str]:
    """Where they differ, each with both values."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = sorted({*one, *other})
        return [line for name in names for line in different(one.get(name), other.get(name), f"{path}.{name}")]
    # docker-compose sorts these where files are merged
    if isinstance(one, tuple) and isinstance(other, tuple) and path.rsplit(".", 1)[1] in UNORDERED:
        one, other = sorted(one, key=repr), sorted(other, key=repr)
    return [] if one == other else [f"{path}: {one} != {other}"]


def everything() -> Project:
    return project(EVERYTHING, files={**FILES, "s.txt": "x"}, variables={"MONEY": "a$b"})


def test_what_is_written_out_reads_as_the_same():
    found = everything()
    assert project(rendered(found)) == found


def test_a_project_comes_back_from_json():
    found = everything()
    assert Project.from_document(json.loads(json.dumps(found.document()))) == found


def test_values_with_dollars_are_written_so_that_they_come_back():
    text = "services: {a: {image: x, command: ['echo $$HOME $$$$'], environment: {A: '${V}'}}}"
    found = project(text, variables={"V": "$x"})
    assert found.services["a"].environment == {"A": "$x"}
    assert project(rendered(found)) == found
