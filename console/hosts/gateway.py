"""The one module that talks to engines: Docker's HTTP API by aiodocker, stock Docker as well as our own.

An :class:`Engine` belongs to one event loop: ``async with connect(address) as engine``. Foreign errors become ours
here. Nothing of aiodocker leaves this module. What is asked often has a method; modules beside this one that know a
part of the API well (``hosts/stats.py``, ``hosts/files.py``, …) take an Engine and use ``json``, ``lines``, ``stream``.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import aiodocker
import aiohttp
from aiodocker.stream import Stream
from yarl import URL

from console.hosts.facts import ContainerFact, ImageFact, container_fact, image_fact
from console.hosts.tunnel.addresses import is_relayed, resolved
from console.operations.errors import Conflict, ConsoleError, Denied, Invalid, Missing, Unavailable

QUICK_S = 20.0
STOP_MARGIN_S = 30.0
API_VERSION = "v1.41"
# on a container that was made only to look into its image (console.hosts.files)
PEEK = "naru.peek"
MOST_LABELS = 100
RUNNING = frozenset({"running", "paused", "restarting"})
# the label of containers that are there for a moment to reach a volume, and never run
HELPER = "naru.helper"
HELPER_IMAGE = "naru-volume-helper:1"
# statuses that aiodocker makes up: 0 for an error inside a stream of progress, 900 for "cannot connect"
IN_STREAM = 0
NO_CONNECTION = 900
ERRORS: Mapping[int, type[ConsoleError]] = {
    IN_STREAM: Invalid,
    400: Invalid,
    401: Denied,
    403: Denied,
    404: Missing,
    409: Conflict,
    413: Invalid,
}


@dataclass(frozen=True, slots=True)
class BuildLine:
    """One message of a build: text to show, how far a layer is that is fetched for it (its id, what is done to it,
    bytes done and bytes in all, 0 where not told), or the id of the finished image (64 hex digits).
    """

    text: str = ""
    image_id: str = ""
    layer: tuple[str, str, int, int] | None = None


@asynccontextmanager
async def connect(address: str) -> AsyncIterator["Engine"]:
    """``address`` is ``unix:///path``, ``tcp://host:port``, or ``agent://N`` for one behind its host's agent.

    Nothing is sent until the first call.
    """
    timeout = aiohttp.ClientTimeout(total=QUICK_S, sock_connect=5)
    docker = aiodocker.Docker(url=resolved(address), timeout=timeout, api_version=API_VERSION)
    try:
        yield Engine(docker, address)
    finally:
        await docker.close()


class Engine:
    def __init__(self, docker: aiodocker.Docker, address: str) -> None:
        self._docker = docker
        self.address = address

    # --- any part of the API ---

    async def json(
        self,
        path: str,
        method: str = "GET",
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        timeout_s: float = QUICK_S,
    ) -> Any:
        """What ``path`` (no leading slash, no version) answers, parsed; None for an answer without a body."""
        limit = aiohttp.ClientTimeout(total=timeout_s, sock_connect=5)
        with translated(self.address):
            return (
                await self._docker._query_json(path, method, params=dict(params or {}), data=body, timeout=limit)
                or None
            )

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        method: str = "GET",
        *,
        params: Mapping[str, Any] | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer as it comes, with no limit of time; leaving the block ends the request."""
        with translated(self.address):
            async with self._docker._query(
                path,
                method,
                params=dict(params or {}),
                data=data,
                headers=headers,
                timeout=aiohttp.ClientTimeout(sock_connect=5),
            ) as response:
                try:
                    yield response
                finally:
                    # aiodocker leaves that to us; what was read to its end keeps its connection
                    response.close()

    @asynccontextmanager
    async def duplex(
        self, path: str, *, params: Mapping[str, Any] | None = None, body: Any = None, has_tty: bool
    ) -> AsyncIterator["Duplex"]:
        """``POST path`` as a connection that is taken over (``Upgrade: tcp``); leaving the block closes it.

        ``has_tty`` tells how output comes: as it is, or in Docker's frames of stdout and stderr.
        """

        async def setup() -> tuple[URL, bytes | None, bool]:
            encoded = None if body is None else json.dumps(body).encode()
            return URL(path).with_query({key: str(value) for key, value in (params or {}).items()}), encoded, has_tty

        with translated(self.address):
            stream = await Stream(self._docker, setup).__aenter__()
        try:
            yield Duplex(stream, self.address)
        finally:
            await stream.close()

    async def lines(
        self, path: str, method: str = "GET", *, params: Mapping[str, Any] | None = None, **more: Any
    ) -> AsyncIterator[dict[str, Any]]:
        """The messages of an answer that is a stream of JSON, as they come."""
        async with self.stream(path, method, params=params, **more) as response:
            async for message in _json_lines(response):
                yield message

    # --- the host ---

    async def info(self) -> dict[str, Any]:
        """Name, version and size of the engine's machine, as ``/info`` and ``/version`` give them."""
        with translated(self.address):
            info = await self._docker.system.info()
            version = await self._docker.version()
        return {
            "version": version.get("Version", ""),
            "api_version": version.get("ApiVersion", ""),
            "operating_system": info.get("OperatingSystem", ""),
            "kernel": info.get("KernelVersion", ""),
            "os": info.get("OSType", ""),
            "architecture": info.get("Architecture", ""),
            "labels": dict(label.partition("=")[::2] for label in (info.get("Labels") or [])[:MOST_LABELS]),
            "cpus": info.get("NCPU", 0),
            "memory_bytes": info.get("MemTotal", 0),
            "runtime": info.get("DefaultRuntime", ""),
        }

    async def containers(self) -> list[ContainerFact]:
        """All containers, stopped ones too."""
        return [container_fact(document) for document in await self.container_documents()]

    async def container_documents(self) -> list[dict[str, Any]]:
        """The same as the engine's own JSON. One that goes while they are read is left out, and so are our helpers."""
        listed = await self.json("containers/json", params={"all": 1}) or []
        ids = [entry["Id"] for entry in listed if not {HELPER, PEEK} & (entry.get("Labels") or {}).keys()]
        found = [await self._document_or_none(engine_id) for engine_id in ids]
        return [document for document in found if document is not None]

    async def images(self) -> list[ImageFact]:
        with translated(self.address):
            facts = [image_fact(entry) for entry in await self._docker.images.list()]
        return [fact for fact in facts if fact.references != [HELPER_IMAGE]]

    # --- images ---

    async def build(
        self,
        context: BinaryIO,
        *,
        tag: str,
        dockerfile_path: str,
        secrets: Mapping[str, str] | None = None,
        registries: Mapping[str, Mapping[str, str]] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[BuildLine]:
        """Build from a plain tar. The last line with an image_id names what was built; without one nothing was.

        ``options`` are further parameters, in Docker's words. ``secrets`` by id are for steps that mount them;
        ``registries`` gives ``username`` and ``password`` by address.

        Invalid carries the engine's own words, line numbers and all. Ending the iteration ends the build.
        """
        params = {"t": tag, "dockerfile": dockerfile_path, "rm": "1", "forcerm": "1", **(options or {})}
        with translated(self.address):
            async with self._docker._query(
                "build",
                "POST",
                params=params,
                headers={"Content-Type": "application/x-tar", **_build_headers(secrets or {}, registries or {})},
                data=_chunks(context),
                timeout=aiohttp.ClientTimeout(sock_connect=5),
            ) as response:
                async for message in _json_lines(response):
                    if "error" in message:
                        raise Invalid(str(message.get("errorDetail", {}).get("message") or message["error"]))
                    yield _build_line(message)

    async def find_image_id(self, name: str) -> str | None:
        """The 64 hex digits of the image that ``name`` means."""
        try:
            with translated(self.address):
                found = await self._docker.images.inspect(name)
        except Missing:
            return None
        return str(found["Id"]).removeprefix("sha256:")

    async def remove_image(self, name: str, *, force: bool) -> None:
        """All tags with it. Missing is for the caller to judge."""
        with translated(self.address):
            await self._docker.images.delete(name, force=force)

    # --- containers ---

    async def create_container(self, body: Mapping[str, Any], *, name: str, platform: str = "") -> str:
        """``body`` as Docker takes it. Returns the engine id."""
        params = {key: value for key, value in (("name", name), ("platform", platform)) if value}
        return str((await self.json("containers/create", "POST", params=params, body=body))["Id"])

    async def find_labelled(self, label: str, value: str) -> str | None:
        """The engine id of a container that carries ``label=value``."""
        filters = json.dumps({"label": [f"{label}={value}"]})
        with translated(self.address):
            listed = await self._docker._query_json("containers/json", params={"all": 1, "filters": filters})
        # asked again here: an engine may know fewer filters than Docker does
        matching = [str(entry["Id"]) for entry in listed if (entry.get("Labels") or {}).get(label) == value]
        return matching[0] if matching else None

    async def get_container(self, engine_id: str) -> ContainerFact:
        with translated(self.address):
            return container_fact(await self._docker.containers.container(engine_id).show())

    async def start_container(self, engine_id: str) -> None:
        """Fine if it runs already."""
        with translated(self.address):
            await self._docker.containers.container(engine_id).start()

    async def stop_container(self, engine_id: str, *, timeout_s: int) -> None:
        """Fine if it does not run."""
        limit = aiohttp.ClientTimeout(total=timeout_s + STOP_MARGIN_S)
        with translated(self.address):
            await self._docker.containers.container(engine_id).stop(t=timeout_s, timeout=limit)

    async def remove_container(self, engine_id: str, *, force: bool) -> None:
        with translated(self.address):
            await self._docker.containers.container(engine_id).delete(force=force, v=True)

    async def _document_or_none(self, engine_id: str) -> dict[str, Any] | None:
        try:
            return dict(await self.json(f"containers/{engine_id}/json"))
        except Missing:
            return None


class Duplex:
    """A connection to a program. Nothing is read from it ahead of ``read`` but a buffer's worth."""

    def __init__(self, stream: Stream, address: str) -> None:
        self._stream = stream
        self._address = address

    async def read(self) -> bytes:
        """What the program printed, stdout and stderr alike; empty at its end."""
        with translated(self._address):
            message = await self._stream.read_out()
        return message.data if message is not None else b""

    async def write(self, data: bytes) -> None:
        """Waits while the engine does not take it."""
        try:
            with translated(self._address):
                await self._stream.write_in(data)
        except (RuntimeError, AssertionError) as error:
            # aiodocker's words for a connection that has gone
            raise Unavailable(f"the connection to the engine at {self._address} is closed") from error


@contextmanager
def translated(address: str) -> Iterator[None]:
    """aiodocker's and aiohttp's errors as ours."""
    try:
        yield
    except aiodocker.DockerError as error:
        if error.status == NO_CONNECTION and is_relayed(address):
            raise Unavailable("the host cannot be reached: its agent does not call") from error
        kind = ERRORS.get(error.status, Unavailable)
        raise kind(str(error.message)) from error
    except TimeoutError as error:
        raise Unavailable(f"the engine at {address} did not answer in time") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise Unavailable(f"the engine at {address} broke off: {error}") from error


def _build_headers(secrets: Mapping[str, str], registries: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """``X-Registry-Config`` is Docker's; ``X-Build-Secrets`` is our engine's, and others do not look at it."""
    given: dict[str, dict[str, Any]] = {
        "X-Build-Secrets": {name: base64.b64encode(value.encode()).decode() for name, value in secrets.items()},
        "X-Registry-Config": {address: dict(account) for address, account in registries.items()},
    }
    return {
        name: base64.urlsafe_b64encode(json.dumps(value).encode()).decode() for name, value in given.items() if value
    }


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, 256 * 1024):
        yield chunk


def _build_line(message: Mapping[str, Any]) -> BuildLine:
    image_id = str((message.get("aux") or {}).get("ID", "")).removeprefix("sha256:")
    status, layer = str(message.get("status") or ""), str(message.get("id") or "")
    # "Pulling from library/debian" is about the image, whose tag is then the id
    if status and layer and not status.startswith("Pulling from "):
        told = message.get("progressDetail") or {}
        return BuildLine(image_id=image_id, layer=(layer, status, told.get("current") or 0, told.get("total") or 0))
    return BuildLine(text=str(message.get("stream") or (status and f"{status}\n")), image_id=image_id)


async def _json_lines(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """One message a line, of any length. A connection that breaks raises; it is not an end."""
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield json.loads(line)
    if rest.strip():
        yield json.loads(rest)
