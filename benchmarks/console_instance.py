"""A whole instance of the console for a benchmark, in a directory of its own, and a person who is signed in to it."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp

from benchmarks.contenders import IMAGE, REPOSITORY, busybox_tar

START_LIMIT_S = 240.0
PERSON = {"username": "bench", "password": "ferry-landing-at-dawn-1"}
TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')


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


def docker(engine: Path, *words: str, given: bytes = b"") -> None:
    environ = {**os.environ, "DOCKER_HOST": f"unix://{engine}"}
    subprocess.run(["docker", *words], input=given, env=environ, check=True, capture_output=True)


def import_image(engine: Path) -> None:
    docker(engine, "import", "-", IMAGE, given=busybox_tar())


@asynccontextmanager
async def signed_in(url: str, link: str) -> AsyncIterator[aiohttp.ClientSession]:
    # cookies of an address by its number are wanted, too
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        await post(session, link, {**PERSON, "again": PERSON["password"]})
        await post(session, f"{url}/sign-in/", PERSON)
        yield session


async def post(session: aiohttp.ClientSession, url: str, fields: dict[str, str], *, page: str = "") -> str:
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


async def until_seen(session: aiohttp.ClientSession, page: str) -> str:
    """What the page says, once there is one."""
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        async with session.get(page) as answer:
            if answer.status == 200:
                return await answer.text()
        if time.monotonic() > deadline:
            raise SystemExit("the console does not see the container")
        await asyncio.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
