"""How long a key takes from a browser's websocket to the shell in a container and back as its echo.

    python -m benchmarks.terminal_echo [--keys 400] [--json] [--max-p95-ms 30]

A whole instance of the console is started for it (web server, Redis, engine), in a directory of its own. Keys are
pressed one after the other, each when the one before was shown.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.contenders import IMAGE, REPOSITORY, busybox_tar

START_LIMIT_S = 240.0
PERSON = {"username": "bench", "password": "ferry-landing-at-dawn-1"}
TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')
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


@contextmanager
def instance() -> Iterator[tuple[str, str, Path]]:
    """Its address, the link for its first person, its engine's socket."""
    home = Path(tempfile.mkdtemp(prefix="nr-", dir="/tmp"))
    port = _free_port()
    places = {"NARU_DATA": str(home / "data"), "NARU_RUN": str(home / "run"), "NARU_HTTP": f"127.0.0.1:{port}"}
    environ = {**os.environ, **places}
    for name in ("DATABASE_URL", "REDIS_URL"):
        environ.pop(name, None)
    with (home / "log").open("w") as log:
        argv = [sys.executable, "manage.py", "up"]
        process = subprocess.Popen(argv, cwd=REPOSITORY, env=environ, stdout=log, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        yield url, _first_link(home / "log", url), home / "run" / "engine.sock"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        purge = [sys.executable, "-m", "engine", "purge", "--data-root", str(home / "data/engine")]
        subprocess.run([*purge, "--run-root", str(home / "run")], cwd=REPOSITORY, check=True, capture_output=True)
        shutil.rmtree(home)


def _first_link(log: Path, url: str) -> str:
    deadline = time.monotonic() + START_LIMIT_S
    while not (found := re.search(rf"{re.escape(url)}/invitations/\S+", log.read_text())):
        if time.monotonic() > deadline:
            raise SystemExit(f"the console did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.2)
    return found.group()


def begin_container(engine: Path) -> None:
    environ = {**os.environ, "DOCKER_HOST": f"unix://{engine}"}
    subprocess.run(["docker", "import", "-", IMAGE], input=busybox_tar(), env=environ, check=True, capture_output=True)
    argv = ["docker", "run", "-d", "--name", "bench", "--network", "none", IMAGE, "sleep", "100000"]
    subprocess.run(argv, env=environ, check=True, capture_output=True)


async def measured(url: str, link: str, keys: int) -> list[float]:
    # cookies of an address by its number are wanted, too
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        await _post(session, link, {**PERSON, "again": PERSON["password"]})
        await _post(session, f"{url}/sign-in/", PERSON)
        page = f"{url}/containers/local/bench/terminal/"
        await _until_seen(session, page)
        opened = json.loads(await _post(session, f"{page}open", {}, page=page))
        async with _terminal(session, url, opened["key"]) as terminal:
            await terminal.until(b"# ")
            return [await terminal.press() for _ in range(keys)]


async def _post(session: aiohttp.ClientSession, url: str, fields: dict[str, str], *, page: str = "") -> str:
    """With the token of the page that has the form."""
    async with session.get(page or url) as shown:
        found = TOKEN.search(await shown.text())
    if found is None:
        raise SystemExit(f"{page or url} is no page of ours")
    headers = {"X-CSRFToken": found.group(1), "Accept": "application/json, text/html"}
    async with session.post(url, data=fields, headers=headers) as answer:
        if answer.status >= 400:
            raise SystemExit(f"{url} answered {answer.status}: {(await answer.text())[:500]}")
        return await answer.text()


async def _until_seen(session: aiohttp.ClientSession, page: str) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        async with session.get(page) as answer:
            if answer.status == 200:
                return
        if time.monotonic() > deadline:
            raise SystemExit("the console does not see the container")
        await asyncio.sleep(0.2)


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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


if __name__ == "__main__":
    main()
