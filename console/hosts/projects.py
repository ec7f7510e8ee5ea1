"""What belongs to a Compose project on a host, in the words of Docker's API: read, made and removed.

Everything that removes or stops is content with its being so already.
"""

import asyncio
import contextlib
import io
import json
import tarfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from console.hosts.gateway import Engine
from console.operations.errors import Conflict, Invalid, Missing

PROJECT_LABEL = "com.docker.compose.project"
AT_ONCE = 8
STOP_MARGIN_S = 30.0
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to be put into a container."""

    path: str
    content: bytes
    uid: int
    gid: int
    mode: int


# --- reading ---


async def containers_of(engine: Engine, project: str) -> list[Document]:
    """As inspected. One that goes while they are read is left out."""
    filters = json.dumps({"label": [f"{PROJECT_LABEL}={project}"]})
    listed = await engine.json("containers/json", params={"all": 1, "filters": filters}) or []
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(engine_id: str) -> Document | None:
        async with limit:
            return await find_container(engine, engine_id)

    found = await asyncio.gather(*(one(str(entry["Id"])) for entry in listed))
    return [document for document in found if document is not None]


async def find_container(engine: Engine, name: str) -> Document | None:
    try:
        document: Document = await engine.json(f"containers/{quote(name)}/json")
    except Missing:
        return None
    return document


async def networks(engine: Engine) -> list[Document]:
    return list(await engine.json("networks") or [])


async def volumes(engine: Engine) -> list[Document]:
    return list((await engine.json("volumes") or {}).get("Volumes") or [])


async def image_ids(engine: Engine, names: Sequence[str]) -> dict[str, str]:
    """The 64 hex digits of those that are there."""
    found = {}
    for name in names:
        engine_id = await engine.find_image_id(name)
        if engine_id is not None:
            found[name] = engine_id
    return found


async def host_labels(engine: Engine) -> list[str]:
    """What an engine says of itself by ``name=value``."""
    return list((await engine.json("info") or {}).get("Labels") or [])


# --- images ---


async def pull(engine: Engine, image: str) -> AsyncIterator[str]:
    """What the engine says of it, line by line. Invalid with its words when it cannot be had."""
    params = {"fromImage": image}
    if "@" not in image and ":" not in image.rsplit("/", 1)[-1]:
        params["tag"] = "latest"
    async for message in engine.lines("images/create", "POST", params=params):
        if "error" in message:
            raise Invalid(str(message["error"]))
        yield f"{message.get('id', '')} {message.get('status', '')}".strip()


# --- networks and volumes ---


async def create_network(engine: Engine, body: Mapping[str, Any]) -> None:
    await engine.json("networks/create", "POST", body=dict(body))


async def remove_network(engine: Engine, name: str) -> None:
    with contextlib.suppress(Missing):
        await engine.json(f"networks/{quote(name)}", "DELETE")


async def connect(engine: Engine, network: str, engine_id: str, endpoint: Mapping[str, Any]) -> None:
    body = {"Container": engine_id, "EndpointConfig": dict(endpoint)}
    await engine.json(f"networks/{quote(network)}/connect", "POST", body=body)


async def create_volume(engine: Engine, body: Mapping[str, Any]) -> None:
    """Fine if it is there already."""
    await engine.json("volumes/create", "POST", body=dict(body))


async def remove_volume(engine: Engine, name: str) -> None:
    with contextlib.suppress(Missing):
        await engine.json(f"volumes/{quote(name)}", "DELETE")


# --- containers ---


async def create_container(engine: Engine, body: Mapping[str, Any], *, name: str, platform: str = "") -> str:
    """Returns the engine id."""
    params = {"name": name, **({"platform": platform} if platform else {})}
    created = await engine.json("containers/create", "POST", params=params, body=dict(body))
    return str(created["Id"])


async def put_files(engine: Engine, engine_id: str, files: Sequence[NewFile]) -> None:
    """Into a container that need not run, directories on the way along."""
    if not files:
        return
    data = await asyncio.to_thread(_archive, files)
    path = f"containers/{engine_id}/archive"
    headers = {"Content-Type": "application/x-tar"}
    async with engine.stream(path, "PUT", params={"path": "/"}, data=data, headers=headers) as response:
        await response.read()


def _archive(files: Sequence[NewFile]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for file in files:
            entry = tarfile.TarInfo(file.path.lstrip("/"))
            entry.size, entry.mode, entry.uid, entry.gid = len(file.content), file.mode, file.uid, file.gid
            archive.addfile(entry, io.BytesIO(file.content))
    return buffer.getvalue()


async def rename(engine: Engine, engine_id: str, name: str) -> None:
    await engine.json(f"containers/{engine_id}/rename", "POST", params={"name": name})


async def stop(engine: Engine, engine_id: str, *, timeout_s: int | None) -> None:
    """``timeout_s`` None: as long as the container was made to be given."""
    params = {} if timeout_s is None else {"t": timeout_s}
    with contextlib.suppress(Missing):
        path = f"containers/{engine_id}/stop"
        await engine.json(path, "POST", params=params, timeout_s=(timeout_s or 600) + STOP_MARGIN_S)


async def remove_container(engine: Engine, engine_id: str, *, with_volumes: bool) -> None:
    with contextlib.suppress(Missing):
        params = {"force": 1, "v": int(with_volumes)}
        with contextlib.suppress(Conflict):
            # somebody else is removing it at this moment
            await engine.json(f"containers/{engine_id}", "DELETE", params=params)
