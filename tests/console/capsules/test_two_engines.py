"""A stack goes from our engine to stock Docker's and back, in capsules: the same fingerprint, and its data along."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.capsules import operations
from console.capsules.models import StackCapsule
from console.capsules.queries import find_lock
from console.capsules.restoring import plan_restore
from console.hosts.models import Host
from console.operations.actor import Actor
from console.stacks.models import Stack
from console.stacks.operations import create_stack, deploy_stack, plan_stack
from tests.conformance.client import Client
from tests.conformance.conftest import IMAGE, image_archive, private_dockerd
from tests.engine.conftest import DOCKER, running_engine
from tests.factories.console import make_host, make_secret, make_workspace

__all__ = ["image_archive"]

SLEEP = "command: sleep 1000, stop_grace_period: 0s"
TEXT = f"""
services:
  web:
    image: {IMAGE}
    command: sleep 1000
    stop_grace_period: 0s
    scale: 2
    networks: {{front: {{aliases: [www]}}, back: }}
    secrets: [s, pw]
    configs: [{{source: c, target: /etc/c.conf}}]
    environment: {{A: one, P: "secret:db-password", DOLLAR: a$$b}}
    mem_limit: 64m
    cpus: 0.5
    pids_limit: 100
    init: true
    ports: ["127.0.0.1::80"]
    cap_drop: [ALL]
    cap_add: [CHOWN]
    tmpfs: ["/t:size=1m", /u]
    volumes: [{{type: tmpfs, target: /v, tmpfs: {{size: 1048576}}}}, "data:/data:ro", "DIRECTORY:/etc/conf"]
    user: "0"
    working_dir: /tmp
    healthcheck: {{test: [CMD, "true"], interval: 5s, retries: 2}}
    restart: on-failure:3
    ulimits: {{nofile: {{soft: 100, hard: 200}}}}
    dns: [1.1.1.1]
    extra_hosts: ["x:1.2.3.4"]
    labels: {{a.b: c}}
    shm_size: 32m
    security_opt: ["no-new-privileges:true"]
    logging: {{driver: json-file, options: {{max-size: 1m}}}}
  side: {{image: {IMAGE}, {SLEEP}, network_mode: "service:db", pid: "service:db"}}
  db: {{image: {IMAGE}, {SLEEP}, networks: [back], volumes: ["data:/data", /anon], hostname: dbhost}}
  hostly: {{image: {IMAGE}, {SLEEP}, network_mode: host}}
networks: {{front: , back: {{internal: true}}}}
volumes: {{data: }}
secrets: {{s: {{file: ./s.txt}}, pw: {{external: true, name: db-password}}}}
configs: {{c: {{file: ./c.conf}}}}
"""
PASSWORD = "hunter2hunter2"

pytestmark = [pytest.mark.host, pytest.mark.django_db]


class Docker:
    def __init__(self, socket: Path) -> None:
        self.address = f"unix://{socket}"

    def out(self, *arguments: str) -> str:
        argv = [DOCKER, "-H", self.address, *arguments]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@pytest.fixture(scope="module")
def ours(image_archive: bytes) -> Iterator[Docker]:
    with running_engine() as engine:
        answer = Client(engine.socket).ask("POST", "/images/load", image_archive, content_type="application/x-tar")
        assert answer.status == 200
        yield Docker(engine.socket)


@pytest.fixture(scope="module")
def dockers() -> Iterator[Docker]:
    if shutil.which("dockerd") is None:
        pytest.skip("dockerd is not installed")
    with private_dockerd() as socket:
        yield Docker(socket)


def deployed(actor: Actor, work: Any, stack: Stack) -> None:
    job = deploy_stack(actor, stack.pk, plan_digest=plan_stack(actor, stack.pk).plan.digest)
    run = work(job, **{"db-password": PASSWORD})
    assert job.state == "succeeded", job.error + run.text


def taken(actor: Actor, work: Any, stack: Stack, **wanted: Any) -> StackCapsule:
    capsule = operations.make_capsule(actor, stack.pk, **wanted)
    run = work(capsule.job)
    capsule.refresh_from_db()
    assert capsule.state == "kept", capsule.problem + run.text
    return capsule


def restored(actor: Actor, work: Any, capsule: StackCapsule, host: Host, **wanted: Any) -> Stack:
    stack = operations.restore_capsule(actor, capsule.pk, host.name, **wanted)
    newest = stack.newest
    assert newest is not None
    assert newest.job is not None
    given = {"db-password": PASSWORD, "s": "from a file"}
    run = work(newest.job, **given)
    assert newest.job.state == "succeeded", newest.job.error + run.text
    assert newest.job.result["is_identical"], run.text
    return stack


def test_a_stack_goes_to_another_engine_and_back(
    admin: Actor, work: Any, ours: Docker, dockers: Docker, tmp_path: Path
) -> None:
    host_a, host_b = make_host("a", address=ours.address), make_host("b", address=dockers.address)
    workspace = make_workspace(bind_prefixes=["/tmp"], host_namespaces=["network"])
    make_secret("db-password", workspace=workspace)
    text = TEXT.replace("DIRECTORY", str(tmp_path))
    files = {"compose.yaml": text, "s.txt": "from a file", "c.conf": "a: $b\n", "notes/readme": "hello"}
    stack = create_stack(admin, "a", name="shop", files=files)
    deployed(admin, work, stack)
    ours.out("exec", f"{stack.project}-db-1", "sh", "-c", "echo kept > /data/file && chown 7:8 /data/file")

    fingerprint = operations.take_fingerprint(admin, stack.pk).fingerprint
    assert operations.verify(admin, stack.pk).is_identical
    capsule = taken(admin, work, stack, volumes=["data"])
    assert capsule.fingerprint == fingerprint
    assert "from a file" not in json.dumps(capsule.index)
    assert plan_restore(admin, capsule.pk, "b", name="shop").missing == ("s",)

    there = restored(admin, work, capsule, host_b, name="shop", secrets={"s": "from a file"})
    assert dockers.out("exec", f"{there.project}-db-1", "stat", "-c", "%u:%g", "/data/file") == "7:8"
    assert dockers.out("exec", f"{there.project}-web-2", "cat", "/data/file") == "kept"
    assert dockers.out("exec", f"{there.project}-web-1", "cat", "/run/secrets/s", "/etc/c.conf") == "from a filea: $b"
    assert operations.take_fingerprint(admin, there.pk).fingerprint == fingerprint
    assert operations.verify_with(admin, there.pk, stack.pk).is_identical

    back = restored(admin, work, taken(admin, work, there, volumes=["data"]), host_a, name="again")
    assert ours.out("exec", f"{back.project}-web-1", "cat", "/data/file") == "kept"
    lock = find_lock(back)
    assert lock is not None
    assert (lock.fingerprint, lock.verdict["is_identical"]) == (fingerprint, True)

    (tmp_path / "c.conf").write_text("other")
    ours.out("cp", str(tmp_path / "c.conf"), f"{back.project}-web-1:/etc/c.conf")
    verdict = operations.verify(admin, back.pk)
    assert [(one.subject, one.field, one.kind) for one in verdict.differences] == [
        ("service web", "configs./etc/c.conf", "changed"),
        ("service web 2", "configs./etc/c.conf", "changed"),
    ]

    # beside what is there nothing is restored, and nothing of it is touched
    running = ours.out("ps", "-q", "--no-trunc")
    newest = back.newest
    assert newest is not None
    assert newest.job is not None
    work(newest.job)
    assert "runs on this host already" in newest.job.error
    assert ours.out("ps", "-q", "--no-trunc") == running
