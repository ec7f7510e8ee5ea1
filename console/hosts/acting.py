"""What can be done to one container of an engine, and how it is asked about. Each takes an Engine."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from console.hosts.gateway import QUICK_S, STOP_MARGIN_S, Engine
from console.operations.errors import Missing

Document = dict[str, Any]
# Docker's own, where a container says nothing
STOP_TIMEOUT_S = 10


async def inspect(engine: Engine, engine_id: str) -> Document:
    """As ``docker inspect`` shows it."""
    found: Document = await engine.json(_path(engine_id, "json"))
    return found


async def find(engine: Engine, engine_id: str) -> Document | None:
    try:
        return await inspect(engine, engine_id)
    except Missing:
        return None


async def find_image(engine: Engine, name: str) -> Document | None:
    """As ``docker image inspect`` shows it."""
    try:
        found: Document = await engine.json(f"images/{quote(name, safe='/:@')}/json")
    except Missing:
        return None
    return found


async def labelled(engine: Engine, label: str, value: str) -> list[Document]:
    """All that carry ``label=value``, inspected. One that goes meanwhile is left out."""
    filters = json.dumps({"label": [f"{label}={value}"]})
    listed = await engine.json("containers/json", params={"all": "1", "filters": filters}) or []
    # asked again here: an engine may know fewer filters than Docker does
    ids = [str(entry["Id"]) for entry in listed if (entry.get("Labels") or {}).get(label) == value]
    found = [await find(engine, engine_id) for engine_id in ids]
    return [document for document in found if document is not None]


async def create(engine: Engine, body: Mapping[str, Any], *, name: str, platform: str = "") -> str:
    """With all its networks, also where the engine takes one at a time. Returns the engine id."""
    first, _later = one_network(body)
    engine_id = await engine.create_container(first, name=name, platform=platform)
    await join_all(engine, engine_id, body)
    return engine_id


async def join_all(engine: Engine, engine_id: str, body: Mapping[str, Any]) -> None:
    """The networks of ``body`` that it is not on yet. Safe to repeat."""
    _first, later = one_network(body)
    if not later:
        return
    joined = ((await inspect(engine, engine_id)).get("NetworkSettings") or {}).get("Networks") or {}
    for name, endpoint in later.items():
        if name not in joined:
            asked = {"Container": engine_id, "EndpointConfig": endpoint}
            await engine.json(f"networks/{quote(name, safe='')}/connect", "POST", body=asked)


def one_network(body: Mapping[str, Any]) -> tuple[Document, Document]:
    """The same with one network at most, which is all that engines before API 1.44 take, and the others' endpoints."""
    endpoints = dict((body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {})
    first = (body.get("HostConfig") or {}).get("NetworkMode") or next(iter(endpoints), "")
    now = {name: endpoint for name, endpoint in endpoints.items() if name == first}
    rest = {name: value for name, value in body.items() if name != "NetworkingConfig"}
    later = {name: endpoint for name, endpoint in endpoints.items() if name != first}
    return rest | ({"NetworkingConfig": {"EndpointsConfig": now}} if now else {}), later


async def start(engine: Engine, engine_id: str) -> None:
    """Fine if it runs already."""
    await engine.json(_path(engine_id, "start"), "POST")


async def stop(engine: Engine, engine_id: str, *, timeout_s: int | None = None) -> None:
    """Fine if it does not run. Without ``timeout_s`` it has the time that it was made with."""
    await _end(engine, engine_id, "stop", timeout_s)


async def restart(engine: Engine, engine_id: str, *, timeout_s: int | None = None) -> None:
    """Also what does not run."""
    await _end(engine, engine_id, "restart", timeout_s)


async def _end(engine: Engine, engine_id: str, verb: str, timeout_s: int | None) -> None:
    wait_s = timeout_s
    if wait_s is None:
        own = ((await inspect(engine, engine_id)).get("Config") or {}).get("StopTimeout")
        wait_s = STOP_TIMEOUT_S if own is None else max(int(own), 0)
    params = {} if timeout_s is None else {"t": str(timeout_s)}
    limit_s = QUICK_S + wait_s + STOP_MARGIN_S
    await engine.json(_path(engine_id, verb), "POST", params=params, timeout_s=limit_s)


async def pause(engine: Engine, engine_id: str) -> None:
    await engine.json(_path(engine_id, "pause"), "POST")


async def unpause(engine: Engine, engine_id: str) -> None:
    await engine.json(_path(engine_id, "unpause"), "POST")


async def kill(engine: Engine, engine_id: str, *, signal: str) -> None:
    await engine.json(_path(engine_id, "kill"), "POST", params={"signal": signal})


async def rename(engine: Engine, engine_id: str, *, name: str) -> None:
    await engine.json(_path(engine_id, "rename"), "POST", params={"name": name})


async def update(engine: Engine, engine_id: str, limits: Mapping[str, Any]) -> None:
    """``limits`` as ``POST /containers/{id}/update`` takes them."""
    await engine.json(_path(engine_id, "update"), "POST", body=dict(limits))


async def remove(engine: Engine, engine_id: str, *, with_volumes: bool) -> None:
    """Also while it runs; fine if it is gone. ``with_volumes``: those that have no name and are nobody else's."""
    params = {"force": "1", "v": "1" if with_volumes else "0"}
    try:
        await engine.json(_path(engine_id, ""), "DELETE", params=params, timeout_s=QUICK_S + STOP_MARGIN_S)
    except Missing:
        return


def _path(engine_id: str, verb: str) -> str:
    path = f"containers/{quote(engine_id, safe='')}"
    return f"{path}/{verb}" if verb else path
