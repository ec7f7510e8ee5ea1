"""What every test stands on: a key for Django, and a private Redis for those that ask for one."""

import gc
import shutil
import subprocess
import tempfile
import time
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
