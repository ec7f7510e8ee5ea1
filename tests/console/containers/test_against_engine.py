"""What the docker CLI makes of a line and what the console makes of it are the same; and a replacement on an engine."""

import asyncio
import json
import shlex
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any, cast

import pytest

from console.containers.jobs import run_container
from console.containers.log_text import follow_log, log_piece, whole_log
from console.containers.replacing import replace
from console.containers.specs.checks import checked
from console.containers.specs.docker import as_docker
from console.containers.specs.pasted import read_line
from console.containers.specs.reading import of_docker
from console.containers.specs.spec import ContainerSpec
from console.hosts import acting
from console.hosts.gateway import Engine, connect
from console.hosts.log_reading import kept_logs_of
from console.live.topics import Chunk
from console.operations.errors import Missing
from tests.engine.conftest import IMAGE, RunningEngine, busybox_tar, running_engine, wait_until
from tests.engine.host.registry.servers import docker_registry
from tests.fakes.docker import FakeRun, Killed
from tests.fakes.ports import free_port

pytestmark = [pytest.mark.host]
__all__ = ["busybox_tar"]

LINES = """\
IMAGE
-d IMAGE sleep 5
-it IMAGE sh
-e A=b -e 'B=c d' --env=C= IMAGE
-p 8080:80 IMAGE
-p 127.0.0.1:8443:443 -p 53:53/udp IMAGE
-p 80 IMAGE
-P --expose 9000 --expose 53/udp IMAGE
-v data:/data IMAGE
-v data:/data:ro -v /tmp:/host IMAGE
-v /anonymous IMAGE
--mount type=bind,source=/tmp,target=/x,readonly IMAGE
--mount type=volume,source=data,target=/x IMAGE
--mount type=tmpfs,target=/run,tmpfs-size=64m,tmpfs-mode=1770 IMAGE
--tmpfs /run:size=64m,mode=1777 --tmpfs /var/run IMAGE
--hostname web --domainname example.org IMAGE
--dns 10.0.0.2 --dns-search example.org --dns-option ndots:2 IMAGE
--add-host db:10.0.0.5 --add-host up:host-gateway IMAGE
--network none IMAGE
--network host IMAGE
--network front --network-alias api --network-alias web IMAGE
--network front --ip 10.89.7.9 IMAGE
-m 64m IMAGE
-m 64m --memory-swap 128m --memory-reservation 32m IMAGE
-m 64m --memory-swap -1 IMAGE
--cpus 0.5 IMAGE
--cpu-shares 512 --cpuset-cpus 0 IMAGE
--pids-limit 50 --shm-size 32m IMAGE
--ulimit nofile=1024:2048 --ulimit core=0 IMAGE
--restart always IMAGE
--restart on-failure:3 IMAGE
--rm IMAGE
--health-cmd 'true || false' --health-interval 30s --health-retries 2 --health-start-period 1s IMAGE
--no-healthcheck IMAGE
--privileged IMAGE
--cap-add net_admin --cap-drop ALL --security-opt no-new-privileges IMAGE
--read-only --init -u 1000:1000 -w /tmp --group-add 7 IMAGE
--device /dev/null:/dev/nothing:rw --device /dev/zero IMAGE
--sysctl net.ipv4.ip_forward=1 IMAGE
--userns host --ipc shareable --pid host IMAGE
--log-driver json-file --log-opt max-size=1m --log-opt max-file=2 IMAGE
-l a=b --label 'c=d e' --stop-signal INT --stop-timeout 3 IMAGE
--entrypoint /bin/sh IMAGE -c true
--entrypoint '' IMAGE sh
--oom-score-adj 100 IMAGE
"""
# of the client that asked, or of its being another container
OWN = {"Hostname", "AttachStdout", "AttachStderr", "AttachStdin", "StdinOnce"}
HOST_OWN = {"ConsoleSize", "ContainerIDFile"}


@pytest.fixture(scope="module")
def engine() -> Iterator[RunningEngine]:
    """With the image, and a network "front"."""
    with running_engine() as running:
        yield running


@pytest.fixture(scope="module")
def image(engine: RunningEngine, busybox_tar: bytes) -> str:
    engine.docker("import", "-c", 'CMD ["sleep", "1000"]', "-", IMAGE, input=busybox_tar)
    engine.docker("network", "create", "--subnet", "10.89.7.0/24", "front")
    return IMAGE


@pytest.fixture
def cleared(engine: RunningEngine) -> Iterator[None]:
    """Whatever comes of a test, those after it find none of its containers."""
    yield
    if left := engine.out("ps", "-aq").split():
        engine.docker("rm", "-fv", *left)


def noted(engine: RunningEngine, *options: str) -> str:
    """The id of a container "web" that has written into its volume, once it has."""
    noting = "echo kept > /data/note; exec sleep 1000"
    made = engine.out("run", "-d", "--name", "web", *options, IMAGE, "sh", "-c", noting)
    wait_until(lambda: engine.docker("exec", "web", "cat", "/data/note", check=False).stdout == b"kept\n")
    return made


async def made(engine: RunningEngine, spec: ContainerSpec) -> tuple[dict[str, Any], dict[str, Any]]:
    """Made by the console and shown, with its image; gone afterwards."""
    async with connect(f"unix://{engine.socket}") as gateway:
        engine_id = await acting.create(gateway, as_docker(spec), name="")
        document = await acting.inspect(gateway, engine_id)
        image = await acting.find_image(gateway, document["Image"])
        await acting.remove(gateway, engine_id, with_volumes=True)
        assert image is not None
        return document, image


def shown(document: dict[str, Any]) -> dict[str, Any]:
    """What was asked for, without what each has of its own."""
    config = document["Config"].items()
    networks = {
        name: {
            "IPAMConfig": one.get("IPAMConfig") or {},
            "Aliases": sorted(set(one.get("Aliases") or ()) - {document["Id"][:12]}),
        }
        for name, one in document["NetworkSettings"]["Networks"].items()
    }
    return {
        "config": {key: _sorted(value) if key == "Env" else value for key, value in config if key not in OWN and value},
        "host": {key: _sorted(value) for key, value in document["HostConfig"].items() if key not in HOST_OWN and value},
        "networks": networks,
        "program": [document["Path"], document["Args"]],
    }


def _sorted(value: Any) -> Any:
    """The CLI keeps some of them in no order."""
    return sorted(value, key=json.dumps) if isinstance(value, list) else value


@pytest.mark.parametrize("line", LINES.splitlines())
async def test_the_console_makes_what_the_cli_makes(engine: RunningEngine, image: str, line: str) -> None:
    words = line.replace("IMAGE", image)
    flags = [word for word in shlex.split(words) if word != "-d"]
    by_cli = engine.out("create", *flags)
    theirs = json.loads(engine.out("inspect", by_cli))[0]
    engine.docker("rm", "-v", by_cli)
    spec = checked(read_line(f"docker run {words}").spec)
    ours, found_image = await made(engine, spec)
    assert shown(ours) == shown(theirs)
    # and what the engine shows of it says the same again
    reading = of_docker(ours, found_image)
    again, _image = await made(engine, checked(reading.spec))
    assert shown(again) == shown(ours)
    assert reading.lost == ()


class Dying:
    """An engine's gateway of which the ``at``-th change is the agent's last."""

    def __init__(self, gateway: Any, at: int) -> None:
        self._gateway, self._left = gateway, at

    async def json(self, path: str, method: str = "GET", **given: Any) -> Any:
        answer = await self._gateway.json(path, method, **given)
        if method != "GET":
            self._left -= 1
            if self._left == 0:
                raise Killed
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    async def create_container(self, body: Any, *, name: str, platform: str = "") -> str:
        params = {"name": name}
        return str((await self.json("containers/create", "POST", params=params, body=body))["Id"])


@pytest.mark.usefixtures("cleared")
@pytest.mark.parametrize("step", [1, 2, 3, 5, 6])
async def test_on_an_engine_too_one_runs_whenever_the_agent_dies(engine: RunningEngine, image: str, step: int) -> None:
    port = free_port()
    line = f"--init --stop-timeout 0 -p 127.0.0.1:{port}:80 -v /data"
    old = noted(engine, *shlex.split(line))
    spec = checked(read_line(f"docker run {line} -e NEW=1 {image}").spec)
    args = {**spec.as_json(), "name": "web", "engine_id": old, "settle_s": 0, "drops": []}
    async with connect(f"unix://{engine.socket}") as gateway:
        first: Any = FakeRun(Dying(gateway, step))
        with pytest.raises(Killed):
            await replace(first, args)
        second: Any = FakeRun(gateway)
        result = await replace(second, args)
    assert engine.out("ps", "-aq", "--no-trunc").split() == [result["engine_id"]]
    assert engine.out("exec", "web", "sh", "-c", "cat /data/note; echo $NEW").split() == ["kept", "1"]
    assert f":{port}" in engine.out("port", "web")


@pytest.mark.usefixtures("cleared")
async def test_a_volume_without_a_name_stays_through_every_replacement(engine: RunningEngine, image: str) -> None:
    line = "docker run --name web --stop-timeout 0 -v /data {} " + image + " sleep 1000"
    noted(engine, "--stop-timeout", "0", "-v", "/data")
    async with connect(f"unix://{engine.socket}") as gateway:
        for number in ("1", "2"):
            old = str(json.loads(engine.out("inspect", "web"))[0]["Id"])
            spec = checked(read_line(line.format(f"-e NUMBER={number}")).spec)
            args = {**spec.as_json(), "name": "web", "engine_id": old, "settle_s": 0, "drops": []}
            await replace(cast(Any, FakeRun(gateway)), args)
        document = await gateway.json("containers/web/json")
    assert engine.out("exec", "web", "sh", "-c", "cat /data/note; echo $NUMBER").split() == ["kept", "2"]
    assert [(mount.target, mount.source) for mount in of_docker(document).spec.mounts] == [("/data", "")]


async def test_the_log_of_a_container_is_read_on_after_its_removal(engine: RunningEngine, image: str) -> None:
    address = f"unix://{engine.socket}"
    name = engine.out("run", "-d", "--name", "told", image, "sh", "-c", "echo one; echo two; exec sleep 1000")
    wait_until(lambda: engine.out("logs", "told").split() == ["one", "two"])
    lines: list[str] = []
    chunk = Chunk("")
    async with aclosing(follow_log(address, name, None)) as chunks:
        async for chunk in chunks:
            lines += [line.text for line in chunk.lines]
            if lines == ["one", "two"] and not chunk.ended:
                await asyncio.to_thread(engine.docker, "rm", "-f", "told")
    assert (lines, chunk.ended) == (["one", "two"], True)
    piece = await log_piece(address, name, None)
    assert ([line.text for line in piece.lines], piece.ended) == (["one", "two"], True)
    assert (await log_piece(address, name, piece.cursor)).lines == ()
    assert "".join([text async for text in whole_log(address, name)]) == "one\ntwo\n"
    told = (await kept_logs_of({address: [name, "0" * 64]}))[address]
    assert (list(told.logs), told.logs[name].name, told.logs[name].exit_code) == ([name], "told", 137)
    with pytest.raises(Missing):
        await log_piece(address, "0" * 64, None)


async def test_an_image_that_is_not_there_is_pulled_and_run(
    engine: RunningEngine, image: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with docker_registry(tmp_path_factory.mktemp("hub") / "registry") as registry:
        name = f"{registry.address}/shop/web:1"
        engine.docker("tag", image, name)
        engine.docker("push", name)
        engine.docker("rmi", name)
        spec = checked(read_line(f"docker run {name} echo ready").spec)
        pull = {"repository": name.rpartition(":")[0], "tag": "1"}
        args = {**spec.as_json(), "name": "pulled", "image_engine_id": "", "pull": pull}
        async with connect(f"unix://{engine.socket}") as gateway:
            run: Any = FakeRun(gateway)
            result = await run_container(run, args)
            again: Any = FakeRun(gateway)
            assert (await run_container(again, args))["engine_id"] == result["engine_id"]
            assert "pulling" not in again.text
            assert (result["name"], result["new"]) == ("pulled", False)
            assert engine.out("inspect", "--format", "{{.Image}}", "pulled") == f"sha256:{result['image']}"
            assert "is not here: pulling it first" in run.text
            engine.docker("rm", "-f", "pulled")
            await an_edit_pulls_it_too(engine, gateway, image, args)


async def an_edit_pulls_it_too(engine: RunningEngine, gateway: Engine, image: str, args: dict[str, Any]) -> None:
    """Before the old one stops."""
    engine.docker("rmi", args["image"])
    old = engine.out("run", "-d", "--name", "edited", image, "sleep", "1000")
    editing: Any = FakeRun(gateway)
    wanted = {**args, "name": "edited", "engine_id": old, "settle_s": 0, "drops": [], "command": ["sleep", "1000"]}
    result = await replace(editing, wanted)
    assert (result["name"], result["image"]) == ("edited", engine.out("inspect", "--format", "{{.Id}}", image)[7:])
    assert "is not here: pulling it first" in editing.text
    assert engine.out("inspect", "--format", "{{.Config.Image}}", "edited") == args["image"]
    engine.docker("rm", "-f", "edited")
