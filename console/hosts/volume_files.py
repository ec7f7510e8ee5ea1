"""Reading and writing the files of a volume, on any engine that speaks Docker's API.

Docker has no call for it. A container that mounts the volume is created and never started: an engine mounts volumes for
``GET`` and ``PUT /containers/{id}/archive`` whether the container runs or not (Docker 20.10 and our engine: seen by
tests/conformance/test_volume_files.py). It is made of an image without a single file, which is imported where it is
missing, so no image of anybody's is needed; it has the label HELPER, is left out of inventories, and is removed when
the reading ends. What a killed agent has left behind is removed before the volume is used again.
"""

import asyncio
import json
import stat
import tarfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, dataclass
from typing import IO, Any, cast

from console.hosts.gateway import HELPER, HELPER_IMAGE, Engine
from console.operations.errors import ConsoleError, Missing

PLACE = "/volume"
EMPTY_TAR = bytes(1024)
READ_BYTES = 256 * 1024
KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "link",
    tarfile.LNKTYPE: "file",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """``path`` from the volume's root, without a slash at its beginning or end. ``kind``: file, directory, link or
    other.
    """

    path: str
    kind: str
    size_bytes: int
    modified_s: int
    mode: str
    owner: str
    target: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Listing:
    """``is_complete``: false when there was more than fits."""

    entries: list[Entry]
    is_complete: bool


@asynccontextmanager
async def helper(engine: Engine, volume: str, *, is_writable: bool = False) -> AsyncIterator[str]:
    """The id of a container that has the volume at PLACE, as long as the block lasts."""
    await _require_image(engine)
    mount = {
        "Type": "volume",
        "Source": volume,
        "Target": PLACE,
        "ReadOnly": not is_writable,
        "VolumeOptions": {"NoCopy": True},
    }
    body = {
        "Image": HELPER_IMAGE,
        "Cmd": ["/never-started"],
        "Labels": {HELPER: volume},
        "HostConfig": {"Mounts": [mount], "NetworkMode": "none"},
    }
    engine_id = str((await engine.json("containers/create", "POST", body=body))["Id"])
    try:
        yield engine_id
    finally:
        await asyncio.shield(_remove(engine, engine_id))


async def remove_helpers(engine: Engine, volume: str) -> None:
    """Those that an agent had for the volume when it was killed."""
    filters = json.dumps({"label": [f"{HELPER}={volume}"]})
    listed = await engine.json("containers/json", params={"all": 1, "filters": filters}) or []
    for entry in listed:
        # asked again here: an engine may know fewer filters than Docker does
        if (entry.get("Labels") or {}).get(HELPER) == volume:
            await _remove(engine, str(entry["Id"]))


async def read_volume(engine: Engine, volume: str) -> AsyncGenerator[bytes, None]:
    """A tar of the volume's files, their paths relative to its root, as it comes. Missing without that volume."""
    await engine.json(f"volumes/{volume}")
    async with helper(engine, volume) as container:
        params = {"path": f"{PLACE}/."}
        async with engine.stream(f"containers/{container}/archive", params=params) as response:
            async for chunk in response.content.iter_chunked(READ_BYTES):
                yield chunk


async def write_volume(engine: Engine, volume: str, tar: AsyncIterator[bytes]) -> None:
    """Lay the files of ``tar`` over those in the volume; what it does not name stays. Unpacked by the engine."""
    await engine.json(f"volumes/{volume}")
    async with helper(engine, volume, is_writable=True) as container:
        path, params = f"containers/{container}/archive", {"path": PLACE}
        headers = {"Content-Type": "application/x-tar"}
        async with engine.stream(path, "PUT", params=params, data=tar, headers=headers) as response:
            await response.read()


async def list_volume(engine: Engine, volume: str, *, most: int) -> Listing:
    """What is in it, as far as ``most`` entries go. Engines have no list of files: all of the volume is read for it, or
    as much as it takes to find that many.
    """
    async with aclosing(read_volume(engine, volume)) as chunks:
        pipe = _Pipe(chunks, asyncio.get_running_loop())
        return await asyncio.to_thread(_entries, pipe, most)


def _entries(pipe: "_Pipe", most: int) -> Listing:
    entries: list[Entry] = []
    with tarfile.open(fileobj=cast("IO[bytes]", pipe), mode="r|") as tar:
        for member in tar:
            path = member.name.removeprefix("./").strip("/")
            if path in ("", "."):
                continue
            if len(entries) == most:
                return Listing(entries, is_complete=False)
            entries.append(_entry(path, member))
            # the archive remembers every member, which is of no use here
            tar.members = []  # type: ignore[attr-defined]  # tarfile's own, undocumented but used by all that stream
    return Listing(entries, is_complete=True)


def _entry(path: str, member: tarfile.TarInfo) -> Entry:
    kind = KINDS.get(member.type, "other")
    bits = stat.S_IFDIR if kind == "directory" else stat.S_IFLNK if kind == "link" else stat.S_IFREG
    target = member.linkname if kind == "link" else ""
    owner = f"{member.uid}:{member.gid}"
    return Entry(path, kind, member.size, int(member.mtime), stat.filemode(bits | member.mode), owner, target)


class _Pipe:
    """A file for a thread that reads what an event loop receives."""

    def __init__(self, chunks: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._chunks = chunks
        self._loop = loop
        self._rest = b""

    def read(self, size: int) -> bytes:
        while len(self._rest) < size:
            chunk = asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
            if not chunk:
                break
            self._rest += chunk
        given, self._rest = self._rest[:size], self._rest[size:]
        return given

    async def _next(self) -> bytes:
        return await anext(self._chunks, b"")


async def _require_image(engine: Engine) -> None:
    try:
        await engine.json(f"images/{HELPER_IMAGE}/json")
    except Missing:
        name, _colon, tag = HELPER_IMAGE.partition(":")
        params = {"fromSrc": "-", "repo": name, "tag": tag}
        headers = {"Content-Type": "application/x-tar"}
        async with engine.stream("images/create", "POST", params=params, data=EMPTY_TAR, headers=headers) as response:
            await response.read()
        await engine.json(f"images/{HELPER_IMAGE}/json")


async def _remove(engine: Engine, container: str) -> None:
    try:
        # without v=1: the volume is the point
        await engine.json(f"containers/{container}", "DELETE", params={"force": 1})
    except Missing:
        pass
    except ConsoleError as error:
        raise type(error)(f"a helper container {container[:12]} could not be removed: {error}") from error
