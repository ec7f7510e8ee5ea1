"""How long a line takes from a container's program to a browser's websocket, while many come.

    python -m benchmarks.log_latency [--lines 10000] [--rate 1000] [--json] [--max-p99-ms 50]

A whole instance of the console is started for it (web server, Redis, engine). The program is ``cat``, which is given
each line with the time at which it was written, through a pipe in a directory that is mounted.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.console_instance import docker, import_image, instance, signed_in, until_seen
from benchmarks.contenders import IMAGE

TOPIC = re.compile(r"container\.\d+\.log")
NAME = "bench"


def main() -> None:
    parser = argparse.ArgumentParser(description="Time lines of a log on their way to a browser.")
    parser.add_argument("--lines", type=int, default=10_000, metavar="N")
    parser.add_argument("--rate", type=int, default=1000, metavar="N", help="lines in a second")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--max-p99-ms", type=float, metavar="MS", help="fail when 99 of 100 lines take longer")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nr-", dir="/tmp") as folder, instance() as (url, link, engine):
        pipe = Path(folder) / "pipe"
        os.mkfifo(pipe)
        import_image(engine)
        mount = ("-v", f"{folder}:/lines:ro")
        docker(engine, "run", "-d", "--name", NAME, "--network", "none", *mount, IMAGE, "cat", "/lines/pipe")
        times_ms = asyncio.run(measured(url, link, pipe, lines=options.lines, rate=options.rate))
    result = {
        "lines": len(times_ms),
        "median_ms": round(statistics.median(times_ms), 2),
        "p99_ms": round(statistics.quantiles(times_ms, n=100)[98], 2),
        "slowest_ms": round(max(times_ms), 2),
    }
    print(json.dumps(result) if options.json else "\n".join(f"{name:12}{value:>10}" for name, value in result.items()))
    if options.max_p99_ms is not None and result["p99_ms"] > options.max_p99_ms:
        raise SystemExit(f"99 of 100 lines should take at most {options.max_p99_ms} ms")


async def measured(url: str, link: str, pipe: Path, *, lines: int, rate: int) -> list[float]:
    async with signed_in(url, link) as session:
        shown = await until_seen(session, f"{url}/containers/local/{NAME}/logs/")
        topic = TOPIC.search(shown)
        if topic is None:
            raise SystemExit("the page follows no log")
        async with session.ws_connect(f"{url}/live/", origin=url) as socket:
            await socket.send_json({"op": "subscribe", "topic": topic.group(), "since": None})
            writer = threading.Thread(target=write, args=(pipe, lines, rate))
            writer.start()
            found: list[float] = []
            while len(found) < lines:
                found += await _hear(socket)
            writer.join()
    return found


def write(pipe: Path, lines: int, rate: int) -> None:
    """One line after the other, each at its time."""
    with pipe.open("wb", buffering=0) as file:
        begun = time.monotonic()
        for number in range(lines):
            time.sleep(max(0.0, begun + number / rate - time.monotonic()))
            file.write(f"{time.time_ns()} line {number}\n".encode())


async def _hear(socket: aiohttp.ClientWebSocketResponse) -> list[float]:
    """Milliseconds of each line of a frame."""
    message: Any = await socket.receive(timeout=30)
    now_ns = time.time_ns()
    if message.type is not aiohttp.WSMsgType.TEXT:
        raise SystemExit(f"the socket was closed: {message}")
    frame = json.loads(message.data)
    if frame["kind"] != "data":
        return []
    await socket.send_json({"op": "credit", "topic": frame["topic"], "bytes": frame["bytes"]})
    return [(now_ns - int(text.split()[0])) / 1e6 for _ms, _stream, text in frame["lines"]]


if __name__ == "__main__":
    main()
