"""What every test stands on: a key for Django, and a private Redis for those that ask for one."""

import gc
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis
from django.conf import settings as django_settings
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from pytest_django import Settings

START_LIMIT_S = 20.0


def pytest_configure() -> None:
    # collecting makes nothing but what stays
    gc.disable()
    # how long an example takes says something about the machine, not about us
    settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("suite")
    # the engine's tests may run without Django
    if django_settings.configured:
        django_settings.SECRET_KEY = "tests-only-" + "k" * 40


# the longest of those without a browser
LONG = ("access/test_matrix.py", "access/test_api_matrix.py", "rest/test_fuzz.py")
# those that take long first; the last fill the gaps at the end
KINDS = ("e2e", "engine/host", "conformance", "console", "architecture", "engine/unit")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several workers: what takes long first, since whoever begins it last is waited for by the others.

    Two of three may have a browser at a time (tests/e2e/conftest.py), so that other files are between those.
    """
    if not hasattr(config, "workerinput"):
        return
    files = dict.fromkeys(item.path for item in items)
    counts = Counter(item.path for item in items)
    ranked = sorted(files, key=lambda path: (_kind_of(path), -counts[path]))
    for place, name in zip((2, 5, 8), LONG, strict=True):
        if found := [path for path in ranked if path.as_posix().endswith(name)]:
            ranked.remove(found[0])
            ranked.insert(place, found[0])
    rank = {path: number for number, path in enumerate(ranked)}
    items.sort(key=lambda item: rank[item.path])


def _kind_of(path: Path) -> int:
    name = path.relative_to(Path(__file__).parent).as_posix()
    return next((number for number, kind in enumerate(KINDS) if name.startswith(kind)), len(KINDS))


def pytest_collection_finish() -> None:
    """Twelve thousand tests and all that they import are there until the end: they are not looked through again."""
    gc.freeze()
    gc.enable()


@contextmanager
def running_redis() -> Iterator[Path]:
    """Its socket; the folder's name is short, since a socket's path is at most 107 bytes long."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    with tempfile.TemporaryDirectory(prefix="nr-") as folder:
        socket = Path(folder) / "redis.sock"
        argv = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--dir", folder, "--save", ""]
        server = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_until_up(socket)
            yield socket
        finally:
            server.terminate()
            server.wait(START_LIMIT_S)


@pytest.fixture(scope="session")
def redis_socket() -> Iterator[Path]:
    with running_redis() as socket:
        yield socket


@pytest.fixture
def redis_server(redis_socket: Path, settings: "Settings") -> "redis.Redis":
    """An empty Redis that the console's code finds as its own."""
    from console.jobs import streams

    settings.REDIS_URL = f"unix://{redis_socket}"
    connection = streams.connection()
    connection.flushall()
    return connection


def _wait_until_up(socket: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    with redis.Redis.from_url(f"unix://{socket}") as connection:
        while True:
            try:
                connection.ping()
                return
            except redis.exceptions.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
