"""Images of an engine: what one is made of, and how it comes, goes and is named. Docker's API reference, "Image"."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final
from urllib.parse import urlencode

from console.hosts.gateway import Engine
from console.operations.errors import Invalid

CHUNK_BYTES: Final = 256 * 1024
# of what a page shows
MOST_LAYERS: Final = 200
QUICK_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Account:
    """Who signs in at a registry; the password as it is."""

    address: str
    username: str
    password: str


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a pull, push or load: text to show, or how far a layer is (id, word, bytes, of how many).

    ``digest`` as "sha256:…", once the engine tells it; ``image_id`` 64 hex digits, likewise.
    """

    text: str = ""
    layer: tuple[str, str, int, int] | None = None
    digest: str = ""
    image_id: str = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """One line of an image's history, newest first. ``is_empty``: it changed the configuration alone."""

    created_at: datetime
    command: str
    size_bytes: int
    tags: tuple[str, ...] = ()
    comment: str = ""

    @property
    def is_empty(self) -> bool:
        return self.size_bytes == 0


@dataclass(frozen=True, slots=True)
class ImageDetail:
    """``config`` as ordered pairs of Docker's names and texts, only what is set."""

    platform: str
    digests: tuple[str, ...]
    author: str
    config: tuple[tuple[str, str], ...]
    labels: Mapping[str, str]
    history: tuple[Layer, ...]


async def image_detail(engine: Engine, engine_id: str) -> ImageDetail:
    """Missing when it is not there."""
    found = await engine.json(f"images/{engine_id}/json", timeout_s=QUICK_S)
    history = await engine.json(f"images/{engine_id}/history", timeout_s=QUICK_S) or []
    config = found.get("Config") or {}
    words = [found.get("Os"), found.get("Architecture"), found.get("Variant")]
    return ImageDetail(
        platform="/".join(str(word) for word in words if word),
        digests=tuple(str(one) for one in found.get("RepoDigests") or []),
        author=str(found.get("Author") or ""),
        config=tuple(_config(config)),
        labels={str(name): str(value) for name, value in (config.get("Labels") or {}).items()},
        history=tuple(_layer(entry) for entry in history[:MOST_LAYERS]),
    )


async def pull(
    engine: Engine, name: str, *, tag: str = "", platform: str = "", account: Account | None = None
) -> AsyncIterator[Said]:
    """``name`` without, ``tag`` with a tag or a digest; without either every tag is pulled.

    Invalid carries the engine's words. Ending the iteration ends the pull.
    """
    params = {"fromImage": name, "tag": tag, "platform": platform}
    given = {key: value for key, value in params.items() if value}
    async for said in _said(engine, "images/create", params=given, headers=_auth(account)):
        yield said


async def push(engine: Engine, repository: str, *, tag: str, account: Account | None = None) -> AsyncIterator[Said]:
    # an engine wants the header even where nobody signs in
    headers = _auth(account) or {"X-Registry-Auth": _encoded({})}
    async for said in _said(engine, f"images/{repository}/push", params={"tag": tag}, headers=headers):
        yield said


async def digest_at_registry(engine: Engine, name: str, *, account: Account | None = None) -> str:
    """What the registry itself says that ``name`` is, asked by the engine's host."""
    headers = _auth(account) or {"X-Registry-Auth": _encoded({})}
    async with engine.stream(f"distribution/{name}/json", headers=headers) as response:
        found = json.loads(await response.read())
    return str((found.get("Descriptor") or {}).get("digest", ""))


async def tag(engine: Engine, engine_id: str, *, repository: str, tag: str) -> None:
    """Another image that has the name loses it. Fine if it is so already."""
    await engine.json(f"images/{engine_id}/tag", "POST", params={"repo": repository, "tag": tag})


async def untag(engine: Engine, reference: str) -> None:
    """The image goes with its last name, unless something uses it: then a Conflict. Missing when it is no name."""
    await engine.json(f"images/{reference}", "DELETE", params={"noprune": "1"})


async def load(engine: Engine, archive: BinaryIO) -> AsyncIterator[Said]:
    """What ``docker save`` wrote, gzipped or not."""
    headers = {"Content-Type": "application/x-tar"}
    async for said in _said(engine, "images/load", params={"quiet": "0"}, headers=headers, data=chunks(archive)):
        yield said


async def import_files(engine: Engine, archive: BinaryIO, *, repository: str, tag: str) -> AsyncIterator[Said]:
    """An image of one layer out of a tar of files."""
    params = {"fromSrc": "-", "repo": repository, "tag": tag}
    headers = {"Content-Type": "application/x-tar"}
    async for said in _said(engine, "images/create", params=params, headers=headers, data=chunks(archive)):
        yield said


@asynccontextmanager
async def saved(engine: Engine, names: Sequence[str]) -> AsyncIterator[AsyncIterator[bytes]]:
    """The archive of these images, as it comes."""
    # in the address: a parameter that is there several times is nothing that the library knows
    query = urlencode([("names", name) for name in names])
    async with engine.stream(f"images/get?{query}") as response:
        yield response.content.iter_chunked(CHUNK_BYTES)


async def chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
        yield chunk


async def _said(engine: Engine, path: str, **request: Any) -> AsyncIterator[Said]:
    async for message in engine.lines(path, "POST", **request):
        if "error" in message:
            raise Invalid(str((message.get("errorDetail") or {}).get("message") or message["error"]))
        yield said_in(message)


def said_in(message: Mapping[str, Any]) -> Said:
    """Pure."""
    status, layer = str(message.get("status") or ""), str(message.get("id") or "")
    aux = message.get("aux") or {}
    # "1.0: Pulling from shop/web" is about the image, whose tag is then the id
    if status and layer and not status.startswith("Pulling from "):
        told = message.get("progressDetail") or {}
        return Said(layer=(layer, status, told.get("current") or 0, told.get("total") or 0))
    digest = str(aux.get("Digest") or "") or status.removeprefix("Digest: ") * status.startswith("Digest: sha256:")
    text = str(message.get("stream") or (status and f"{status}\n"))
    return Said(text=text, digest=digest, image_id=_image_id(text))


def _image_id(text: str) -> str:
    """An import answers with the id alone, a load names it where there is no tag."""
    word = text.strip().rpartition(" ")[2]
    digits = word.removeprefix("sha256:")
    is_id = word.startswith("sha256:") and len(digits) == 64 and "Digest" not in text
    return digits if is_id else ""


def _auth(account: Account | None) -> dict[str, str]:
    if account is None:
        return {}
    given = {"username": account.username, "password": account.password, "serveraddress": account.address}
    return {"X-Registry-Auth": _encoded(given)}


def _encoded(value: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def _layer(entry: Mapping[str, Any]) -> Layer:
    return Layer(
        created_at=datetime.fromtimestamp(max(0, int(entry.get("Created") or 0)), UTC),
        command=str(entry.get("CreatedBy") or "").removeprefix("/bin/sh -c #(nop) ").strip(),
        size_bytes=int(entry.get("Size") or 0),
        tags=tuple(str(name) for name in entry.get("Tags") or []),
        comment=str(entry.get("Comment") or ""),
    )


def _config(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    listed = [(name, " ".join(_words(config.get(name)))) for name in ("Entrypoint", "Cmd", "Shell")]
    plain = [(name, str(config.get(name) or "")) for name in ("User", "WorkingDir", "StopSignal")]
    keyed = [(name, "\n".join(sorted(config.get(name) or {}))) for name in ("ExposedPorts", "Volumes")]
    env = [("Env", "\n".join(_words(config.get("Env"))))]
    check = [("Healthcheck", " ".join(_words((config.get("Healthcheck") or {}).get("Test"))))]
    return [(name, value) for name, value in [*listed, *plain, *env, *keyed, *check] if value]


def _words(value: object) -> list[str]:
    return [str(word) for word in value] if isinstance(value, list) else []
