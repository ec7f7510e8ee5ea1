"""Putting what is in a capsule on a host. For the agent: pieces come from the console as they are needed.

What the engine is told of images is written here anew, out of what was looked through; nothing of what a capsule says
in words of its own reaches it.
"""

import asyncio
import json
import tarfile
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from console.capsules.packing import blob_path, entry, header, padding
from console.capsules.squeezing import Unsqueezer
from console.hosts import images, volume_files, wires
from console.hosts.gateway import Engine
from console.jobs import freight
from console.jobs.agent.run import JobRun
from console.operations.errors import Conflict, Invalid, Missing, Unavailable

WANTED = "capsule.wanted"
# called with how many bytes have come
Tell = Callable[[int], None]


@dataclass(slots=True)
class Unpacking:
    """``parts``: digests (64 hex digits) → [offset, bytes] in the capsule."""

    run: JobRun
    engine: Engine
    parts: Mapping[str, Sequence[int]]
    tell: Tell
    passed: int = 0

    # --- images ---

    async def load_images(self, wanted: Sequence[Mapping[str, Any]]) -> list[str]:
        """Ids of those that were not there before. ``wanted``: {"id", "layers": [{"digest", "diff_id", …}], "names"}.

        Conflict when one of the names means another image; what is there is not loaded again.
        """
        new = [one for one in wanted if await self.engine.find_image_id(one["id"]) is None]
        for one in wanted:
            await self._require_names_free(one)
        if new:
            await self._load(new)
        for one in wanted:
            if await self.engine.find_image_id(one["id"]) != one["id"]:
                raise Unavailable(f"the engine said that image {one['id'][:12]} was loaded, and has it not")
            for name in one["names"]:
                repository, _colon, tag = name.rpartition(":")
                await images.tag(self.engine, one["id"], repository=repository, tag=tag)
            word = "loaded" if one in new else "was there already"
            await self.run.write(f"Image {one['id'][:12]} {' '.join(one['names'])}: {word}\n")
        return [str(one["id"]) for one in new]

    async def _require_names_free(self, one: Mapping[str, Any]) -> None:
        for name in one["names"]:
            found = await self.engine.find_image_id(name)
            if found not in (None, one["id"]) and not one["moves"]:
                raise Conflict(f"{name} means another image on this host, {str(found)[:12]}")

    async def _load(self, wanted: Sequence[Mapping[str, Any]]) -> None:
        async with aclosing(self._archive(wanted)) as archive:
            headers = {"Content-Type": "application/x-tar"}
            async with self.engine.stream(
                "images/load", "POST", params={"quiet": "1"}, data=archive, headers=headers
            ) as response:
                said = (await response.read()).decode(errors="replace")
        for line in filter(None, said.splitlines()):
            if "error" in (message := json.loads(line)):
                raise Invalid(str(message["error"])[:500])

    async def _archive(self, wanted: Sequence[Mapping[str, Any]]) -> AsyncGenerator[bytes, None]:
        """As ``docker save`` writes it, without a name. In the capsule's own order, which is read forwards."""
        layers = {layer["digest"]: layer for one in wanted for layer in one["layers"]}
        ids = {one["id"] for one in wanted}
        for digest in sorted(layers.keys() | ids, key=lambda digest: self.parts[digest][0]):
            yield header(blob_path(digest), self.parts[digest][1])
            pieces = self.checked(layers[digest]) if digest in layers else self.part(digest)
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece
            yield padding(self.parts[digest][1])
        items = [
            {
                "Config": blob_path(one["id"]),
                "RepoTags": None,
                "Layers": [blob_path(layer["digest"]) for layer in one["layers"]],
            }
            for one in wanted
        ]
        yield entry("manifest.json", json.dumps(items).encode()) + bytes(2 * tarfile.BLOCKSIZE)

    # --- volumes ---

    async def fill_volume(self, volume: Mapping[str, Any], body: Mapping[str, Any]) -> None:
        """Make it, and put in what the capsule has. Conflict when it is there, unless ``volume["over"]``."""
        name = str(volume["name"])
        await volume_files.remove_helpers(self.engine, name)
        await self._make(name, body, over=bool(volume["over"]))
        await volume_files.write_volume(self.engine, name, self._plain(volume))
        await self.run.write(f"Volume {name}: {volume['plain_bytes']:,} bytes\n")

    async def _make(self, name: str, body: Mapping[str, Any], *, over: bool) -> None:
        try:
            found = await wires.get_volume(self.engine, name)
        except Missing:
            found = None
        if found is not None and found.labels.get(wires.JOB_LABEL) != str(self.run.job):
            if not over:
                raise Conflict(f"there is a volume {name} already")
            if running := await wires.running_users(self.engine, name):
                raise Conflict(f"container {running[0][:12]} runs and has {name}; stop it first")
            # only what nobody has can be made anew; an engine says so otherwise
            await wires.remove_volume(self.engine, name)
        await self.engine.json("volumes/create", "POST", body=dict(body))

    async def _plain(self, volume: Mapping[str, Any]) -> AsyncGenerator[bytes, None]:
        unsqueezer = Unsqueezer(most_bytes=int(volume["plain_bytes"]))
        async with aclosing(self.part(volume["digest"])) as pieces:
            async for packed in pieces:
                for piece in unsqueezer.feed(packed):
                    yield piece
        _require(unsqueezer.finish(), str(volume["plain_digest"]), f"volume {volume['name']}")

    # --- pieces ---

    async def part(self, digest: str) -> AsyncGenerator[bytes, None]:
        offset, size = self.parts[digest]
        async for piece in freight.fetch_part(self.run, WANTED, offset=offset, size_bytes=size):
            self.passed += len(piece)
            self.tell(self.passed)
            yield piece

    async def checked(self, layer: Mapping[str, Any]) -> AsyncGenerator[bytes, None]:
        """As it is, and broken off when it is not what it should unpack to."""
        unsqueezer = Unsqueezer(most_bytes=int(layer["plain_bytes"]))
        async with aclosing(self.part(layer["digest"])) as pieces:
            async for packed in pieces:
                await asyncio.to_thread(_drain, unsqueezer, packed)
                yield packed
        _require(unsqueezer.finish(), str(layer["diff_id"]), f"layer {str(layer['digest'])[:12]}")


def _drain(unsqueezer: Unsqueezer, packed: bytes) -> None:
    for _plain in unsqueezer.feed(packed):
        pass


def _require(digest: str, wanted: str, what: str) -> None:
    if digest != wanted:
        raise Invalid(f"{what} does not unpack to what the capsule says: its digest differs")
