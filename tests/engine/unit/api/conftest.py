"""The API over fakes, on a real unix socket."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine.api.server import ApiServer
from tests.engine.unit.api.fakes import Fakes, make_fakes

LIMIT_S = 10


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        return str(self.json["message"])


@dataclass
class Api:
    socket: Path
    fakes: Fakes
    server: ApiServer
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_unix_connection(str(self.socket))
        self.writers.append(writer)
        return reader, writer

    async def ask(self, method: str, path: str, body: object = None, *, headers: str = "") -> Answer:
        """``body``: bytes as they are, anything else as JSON."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "" if body is None or "ontent-" in headers else "Content-Type: application/json\r\n"
        first = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        head = f"{first}{kind}{headers}Content-Length: {len(data)}\r\n\r\n"
        reader, writer = await self.connect()
        try:
            writer.write(head.encode() + data)
            async with asyncio.timeout(LIMIT_S):
                return await read_answer(reader)
        finally:
            writer.close()

    async def created(self, name: str = "one", **body: Any) -> str:
        answer = await self.ask("POST", f"/containers/create?name={name}", {"Image": "busybox"} | body)
        assert answer.status == 201, answer.body
        return str(answer.json["Id"])


async def read_head(reader: asyncio.StreamReader) -> Answer:
    async with asyncio.timeout(LIMIT_S):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    return Answer(int(first.split()[1]), {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}, b"")


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    answer = await read_head(reader)
    answer.body = await reader.read(-1)
    if answer.headers.get("transfer-encoding") == "chunked":
        answer.body = unchunked(answer.body)
    return answer


def unchunked(data: bytes) -> bytes:
    whole = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        whole, data = whole + data[:length], data[length + 2 :]
        if not length:
            break
    return whole


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    with tempfile.TemporaryDirectory(prefix="nr-") as root:
        fakes = make_fakes(Path(root))
        server = ApiServer(fakes.parts)
        socket = Path(root) / "api.sock"
        await server.start(socket)
        api = Api(socket, fakes, server)
        try:
            yield api
        finally:
            for writer in api.writers:
                writer.transport.abort()
            await server.stop()
            fakes.parts.state.close()
