"""How long a key takes from a browser's websocket to the shell in a container and back as its echo.

    python -m benchmarks.terminal_echo [--keys 400] [--json] [--max-p95-ms 30]

A whole instance of the console is started for it (web server, Redis, engine), in a directory of its own. Keys are
pressed one after the other, each when the one before was shown.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.console_instance import docker, import_image, instance, post, signed_in, until_seen
from benchmarks.contenders import IMAGE

PAUSE_S = 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the echo of a key in a terminal.")
    parser.add_argument("--keys", type=int, default=400, metavar="N")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--max-p95-ms", type=float, metavar="MS", help="fail when 95 of 100 keys take longer")
    options = parser.parse_args()
    with instance() as (url, link, engine):
        begin_container(engine)
        times_ms = asyncio.run(measured(url, link, options.keys))
    result = {
        "keys": len(times_ms),
        "median_ms": round(statistics.median(times_ms), 2),
        "p95_ms": round(statistics.quantiles(times_ms, n=100)[94], 2),
        "slowest_ms": round(max(times_ms), 2),
    }
    print(json.dumps(result) if options.json else "\n".join(f"{name:12}{value:>10}" for name, value in result.items()))
    if options.max_p95_ms is not None and result["p95_ms"] > options.max_p95_ms:
        raise SystemExit(f"95 of 100 keys should take at most {options.max_p95_ms} ms")


def begin_container(engine: Path) -> None:
    import_image(engine)
    docker(engine, "run", "-d", "--name", "bench", "--network", "none", IMAGE, "sleep", "100000")


async def measured(url: str, link: str, keys: int) -> list[float]:
    async with signed_in(url, link) as session:
        page = f"{url}/containers/local/bench/terminal/"
        await until_seen(session, page)
        opened = json.loads(await post(session, f"{page}open", {}, page=page))
        async with _terminal(session, url, opened["key"]) as terminal:
            await terminal.until(b"# ")
            return [await terminal.press() for _ in range(keys)]


class Terminal:
    """A page that says at once that it has shown what it got."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._cursor = 0
        self._output = b""

    async def until(self, wanted: bytes) -> None:
        while wanted not in self._output:
            await self._hear()

    async def press(self) -> float:
        """Milliseconds from a key to its echo."""
        await self._socket.send_bytes(b"\x15")  # rubs the line out, so that it does not grow
        await asyncio.sleep(PAUSE_S)
        self._output = b""
        begun = time.perf_counter()
        await self._socket.send_bytes(b"x")
        await self.until(b"x")
        return (time.perf_counter() - begun) * 1000

    async def _hear(self) -> None:
        message: Any = await self._socket.receive(timeout=30)
        if message.type is aiohttp.WSMsgType.BINARY:
            self._output += message.data
            self._cursor += len(message.data)
            await self._socket.send_json({"op": "shown", "cursor": self._cursor})
        elif message.type is not aiohttp.WSMsgType.TEXT:
            raise SystemExit(f"the socket was closed: {message}")


@asynccontextmanager
async def _terminal(session: aiohttp.ClientSession, url: str, key: str) -> AsyncIterator[Terminal]:
    async with session.ws_connect(f"{url}/ws/terminal/{key}", origin=url) as socket:
        await socket.send_json({"op": "attach", "since": None, "columns": 80, "rows": 24})
        yield Terminal(socket)


if __name__ == "__main__":
    main()
