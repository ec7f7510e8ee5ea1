"""The console's jobs for networks and volumes do what they say on our engine and on dockerd, also when repeated."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from console.hosts import volume_files, wires
from console.hosts.gateway import Engine, connect
from console.jobs import freight
from console.jobs.agent.run import JobRun
from console.jobs.kinds import get_kind
from console.networks import jobs as network_jobs
from console.operations.errors import Conflict, Denied
from console.volumes import jobs as volume_jobs
from tests.conformance.client import Client
from tests.conformance.conftest import IMAGE
from tests.conformance.test_volume_files import files_in, pieces, tar_of

__all__ = ["network_jobs", "volume_jobs"]  # whose kinds are asked for by name
pytestmark = [pytest.mark.conformance, pytest.mark.host]
FILES = {"a.txt": b"ahoy\n", "deep/b": b"x" * 700_000}
NETWORK: dict[str, Any] = {
    "driver": "bridge",
    "subnets": [{"subnet": "10.203.7.0/24", "gateway": "10.203.7.1", "ip_range": "10.203.7.128/25"}],
    "is_internal": True,
    "is_attachable": False,
    "has_ipv6": False,
    "options": {},
    "labels": {"team": "a"},
}
VOLUME: dict[str, Any] = {"driver": "local", "options": {}, "labels": {}}


class Run(JobRun):
    """Keeps what the console would be told."""

    told: list[tuple[str, dict[str, Any]]]

    async def tell(self, kind: str, **fact: Any) -> None:
        self.told.append((kind, fact))


@pytest.fixture(params=["ours", "dockers"])
def client(request: pytest.FixtureRequest) -> Client:
    client: Client = request.getfixturevalue(request.param)
    return client


@pytest.fixture
async def engine(client: Client) -> AsyncIterator[Engine]:
    async with connect(f"unix://{client.path}") as engine:
        yield engine


async def do(client: Client, kind: str, *, job: int = 1, attempt: int = 1, **args: Any) -> tuple[dict[str, Any], Run]:
    run = Run(job=job, attempt=attempt, host_name="local", engine_address=f"unix://{client.path}")
    run.told = []
    return await get_kind(kind).handle(run, args), run


async def sleeper(engine: Engine, name: str, **host: Any) -> str:
    body = {"Image": IMAGE, "Cmd": ["sleep", "1000"], "HostConfig": host}
    made = await engine.json("containers/create", "POST", params={"name": name}, body=body)
    await engine.json(f"containers/{made['Id']}/start", "POST")
    return str(made["Id"])


async def removed(engine: Engine, container: str) -> None:
    await engine.json(f"containers/{container}", "DELETE", params={"force": 1})


async def test_a_network_is_made_joined_left_and_removed(client: Client, engine: Engine) -> None:
    made, _run = await do(client, "network.create", name="wired", **NETWORK)
    again, _run = await do(client, "network.create", attempt=2, name="wired", **NETWORK)
    assert again == made
    with pytest.raises(Conflict):
        await do(client, "network.create", job=2, name="wired", **NETWORK)
    container = await sleeper(engine, "wired-one")
    about = {"engine_id": made["engine_id"], "name": "wired", "container": container, "container_name": "wired-one"}
    for attempt in (1, 2):
        await do(client, "network.connect", attempt=attempt, **about, aliases=["www"], ipv4="10.203.7.200", ipv6="")
    documents = await engine.container_documents()
    fact = next(one for one in await wires.networks(engine, documents) if one.name == "wired")
    assert (fact.is_internal, fact.labels["team"], fact.subnets[0]["ip_range"]) == (True, "a", "10.203.7.128/25")
    member = next(one for one in fact.members if one["container"] == container)
    assert (member["name"], member["ipv4"], member["aliases"]) == ("wired-one", "10.203.7.200", ["www"])
    with pytest.raises((Conflict, Denied)):
        await do(client, "network.remove", engine_id=made["engine_id"], name="wired")
    for attempt in (1, 2):
        await do(client, "network.disconnect", attempt=attempt, **about, force=False)
    pruned, _run = await do(client, "network.prune", networks=[{"engine_id": made["engine_id"], "name": "wired"}])
    assert pruned == {"removed": ["wired"], "kept": []}
    await do(client, "network.remove", engine_id=made["engine_id"], name="wired")
    await removed(engine, container)


async def test_a_volume_is_made_measured_listed_cloned_and_removed(client: Client, engine: Engine) -> None:
    for attempt in (1, 2):
        await do(client, "volume.create", job=5, attempt=attempt, name="cargo", **VOLUME)
    await volume_files.write_volume(engine, "cargo", pieces(tar_of(FILES)))
    _result, run = await do(client, "volume.measure")
    assert run.told[0][1]["sizes"]["cargo"] >= 700_000
    _result, run = await do(client, "volume.list", name="cargo")
    assert {entry["path"] for entry in run.told[0][1]["entries"]} == {"a.txt", "deep", "deep/b", "link"}
    for attempt in (1, 2):
        await do(client, "volume.clone", job=6, attempt=attempt, source="cargo", name="cargo-copy", **VOLUME)
    assert await files_in(engine, "cargo-copy") == FILES
    container = await sleeper(engine, "has-cargo", Binds=["cargo:/cargo"])
    fact = next(one for one in await wires.volumes(engine, await engine.container_documents()) if one.name == "cargo")
    assert [(user["name"], user["destination"]) for user in fact.users] == [("has-cargo", "/cargo")]
    with pytest.raises(Conflict):
        await do(client, "volume.remove", name="cargo")
    await removed(engine, container)
    _result, run = await do(client, "volume.remove", name="cargo")
    assert run.told == [("volumes.gone", {"names": ["cargo"]})]
    pruned, _run = await do(client, "volume.prune", names=["cargo-copy"])
    assert pruned["removed"] == ["cargo-copy"]


async def test_a_backup_goes_back_into_new_and_old_volumes(
    client: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What passes between host and console is kept here; how it passes is tested with the console's own Redis."""
    kept = bytearray()

    async def send(_run: object, _kind: str, chunks: AsyncIterator[bytes], **_more: Any) -> freight.Sent:
        async for chunk in chunks:
            kept.extend(chunk)
        return freight.Sent(len(kept), "5" * 64)

    def fetch(*_given: Any, **_more: Any) -> AsyncIterator[bytes]:
        return pieces(bytes(kept))

    monkeypatch.setattr(freight, "send", send)
    monkeypatch.setattr(freight, "fetch", fetch)
    await wires.create_volume(engine, wires.VolumeSpec("hold"))
    await volume_files.write_volume(engine, "hold", pieces(tar_of(FILES)))
    container = await sleeper(engine, "has-hold", Binds=["hold:/hold"])
    sent, _run = await do(client, "volume.backup", name="hold", stops=[container], most_bytes=10**9)
    assert (await engine.get_container(container)).state == "running"
    about = {"size_bytes": sent["size_bytes"], "sha256": sent["sha256"], **VOLUME}
    await do(client, "volume.restore", job=7, name="hold-new", over=False, stops=[], **about)
    assert await files_in(engine, "hold-new") == FILES
    with pytest.raises(Conflict):
        await do(client, "volume.restore", job=8, name="hold", over=True, stops=[], **about)
    await volume_files.write_volume(engine, "hold", pieces(tar_of({"later": b"1"})))
    await do(client, "volume.restore", job=8, name="hold", over=True, stops=[container], **about)
    # a container has it: what the backup does not name stays
    assert await files_in(engine, "hold") == {**FILES, "later": b"1"}
    await removed(engine, container)
    await do(client, "volume.restore", job=9, name="hold", over=True, stops=[], **about)
    assert await files_in(engine, "hold") == FILES
    listed = await engine.json("containers/json", params={"all": 1, "filters": json.dumps({"label": ["naru.helper"]})})
    assert not listed
    for name in ("hold", "hold-new"):
        await do(client, "volume.remove", name=name)
