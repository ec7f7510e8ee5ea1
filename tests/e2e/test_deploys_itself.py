"""docker-compose.example.yml, brought up by our own engine from images that are made here."""

import html
import http.cookiejar
import re
import shutil
import subprocess
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.e2e.conftest import turn
from tests.engine.conftest import RunningEngine, running_engine, wait_until
from tests.fakes.frozen import IMAGES, ROOT, Freezer
from tests.fakes.ports import free_port

COMPOSE = "/usr/bin/docker-compose"
EXAMPLE = ROOT / "docker-compose.example.yml"
PASSWORD = "ferry-landing-at-dawn-1"
pytestmark = [
    pytest.mark.host,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which(COMPOSE) is None, reason="docker-compose is not installed"),
]


@pytest.fixture(scope="module")
def docker(turns: Path) -> Iterator[RunningEngine]:
    with turn(turns), running_engine() as engine:
        for name in IMAGES:
            import_frozen(engine, name)
        yield engine


def import_frozen(engine: RunningEngine, name: str) -> None:
    freeze, changes = IMAGES[name]
    with tempfile.NamedTemporaryFile(dir="/var/tmp") as file:
        freezer = Freezer(file)
        cast("Callable[[Freezer], None]", freeze)(freezer)
        freezer.close()
        file.flush()
        options = [word for change in changes for word in ("--change", change)]
        engine.docker("import", *options, file.name, name, timeout_s=120)


class Deployed:
    def __init__(self, engine: RunningEngine) -> None:
        self.port = free_port()
        self._engine = engine
        self._told = {
            "POSTGRES_PASSWORD": "tide-table",
            "REDIS_PASSWORD": "low-water",
            "NARU_PORT": f"127.0.0.1:{self.port}",
            "NARU_ENGINE_SOCKET": str(engine.socket),
            "COMPOSE_DOCKER_CLI_BUILD": "0",
        }

    def compose(self, *arguments: str) -> str:
        argv = [COMPOSE, "-f", str(EXAMPLE), "-p", "naru", *arguments]
        environ = {**self._engine.environment, **self._told}
        done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=400, check=False)
        assert done.returncode == 0, f"{done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout

    def invitation(self) -> str:
        """The path of the link that the web server's log holds."""
        wait_until(self._invitations, limit_s=300, what="an invitation is printed")
        return self._invitations()[0]

    def _invitations(self) -> list[str]:
        return re.findall(r"http://[^/\s]+(/invitations/\S+)", self.compose("logs", "--no-color", "web"))


class Browser:
    """Keeps cookies and hands back the token of the form it was shown last."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        self.text = ""

    def get(self, path: str) -> str:
        return self._ask(path, None)

    def post(self, path: str, **fields: str) -> str:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.text)
        assert token
        return self._ask(path, urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode())

    def _ask(self, path: str, data: bytes | None) -> str:
        request = urllib.request.Request(self._base + path, data, {"Referer": self._base, "Origin": self._base})
        with self._opener.open(request, timeout=30) as answer:
            self.text = html.unescape(answer.read().decode())
        return self.text


def test_the_console_brought_up_by_our_engine_shows_the_containers_that_it_is(docker: RunningEngine) -> None:
    deployed = Deployed(docker)
    try:
        deployed.compose("build", "worker")
        deployed.compose("up", "-d")
        link, browser = deployed.invitation(), Browser(deployed.port)
        browser.get(link)
        browser.post(link, username="ada", password=PASSWORD, again=PASSWORD)
        names = {f"naru_{part}_1" for part in ("web", "worker", "scheduler", "agent", "postgres", "redis")}
        wait_until(lambda: not {name for name in names if name not in browser.get("/containers/")}, limit_s=60)
        environ = docker.out("exec", "naru_agent_1", "env")
        assert "tide-table" not in environ
    finally:
        deployed.compose("down", "--volumes", "--timeout", "3")
    assert docker.out("ps", "--all", "--quiet") == ""


def test_the_example_asks_for_its_passwords(tmp_path: Path) -> None:
    argv = [COMPOSE, "-f", str(EXAMPLE), "config", "--quiet"]
    environ = {"PATH": "/usr/bin", "HOME": str(tmp_path)}
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "set POSTGRES_PASSWORD in .env" in done.stderr
