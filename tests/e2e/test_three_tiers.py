"""Web servers, a program and a database with a volume, as a stack: deployed, hurt, updated under load, and taken back.

NARU_LOAD_S: for how many seconds at least clients ask while updates go on (2 by default). ``pytest -s`` shows figures.
"""

import http.client
import json
import os
import re
import signal
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.conftest import Instance, wait_for
from tests.fakes.frozen import Freezer, freeze_tiers
from tests.fakes.ports import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.host, pytest.mark.timeout(400)]

LOAD_S = float(os.environ.get("NARU_LOAD_S", "2"))
WEB, REPLICAS = "main_shop-web-", 3
TEXT = """\
services:
  web:
    image: {image}
    entrypoint: [httpd, -f, -v, -p, "80", -h, /www]
    ports: ["127.0.0.1:{port}:80"]
    depends_on: [api]
    stop_signal: SIGKILL
    healthcheck:
      {{test: "wget -qO- http://127.0.0.1/cgi-bin/page | grep -q ^v", interval: 500ms, timeout: 20s, retries: 3}}
    deploy:
      replicas: 3
      update_config: {{parallelism: 1, order: start-first, failure_action: rollback}}
  api:
    image: tiers:1
    entrypoint: [sh, -c, 'psql "$$DATABASE" -c "$$TABLE" && exec httpd -f -p 80 -h /www']
    environment:
      DATABASE: host=db user=shop dbname=shop password=low-tide
      TABLE: CREATE TABLE IF NOT EXISTS visits (id serial)
    stop_signal: SIGKILL
    depends_on: {{db: {{condition: service_healthy}}}}
  db:
    image: tiers:1
    environment: {{POSTGRES_USER: shop, POSTGRES_DB: shop, POSTGRES_PASSWORD: low-tide}}
    volumes: ["data:/var/lib/postgresql/data"]
    healthcheck: {{test: pg_isready -h 127.0.0.1 -U shop, interval: 500ms, timeout: 20s, retries: 120}}
volumes: {{data: }}
"""
TOKEN = """
from console.accounts.models import User
from tests.factories.console import make_api_token, make_user
print(make_api_token(User.objects.filter(username="ada").first() or make_user(username="ada")))
"""


class Api:
    """The console's JSON API, as a program of ada's uses it."""

    def __init__(self, instance: Instance) -> None:
        self._home = f"{instance.url}/api/v1/"
        wait_for(lambda: f"{instance.url}/invitations/" in instance.log, limit_s=180, what="the console is up")
        self._token = instance.manage("shell", "-c", TOKEN).split()[-1]

    def ask(self, path: str, method: str = "GET", given: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        body = json.dumps(given).encode() if given is not None else None
        asked = urllib.request.Request(self._home + path, body, headers, method=method)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def deploy(self, stack: int, *, release: int | None = None) -> dict[str, Any]:
        """Planned, agreed to, and waited for: its job."""
        wanted = f"?release={release}" if release else ""
        plan = self.ask(f"stacks/{stack}/plan{wanted}")
        job = self.ask(f"stacks/{stack}/deploy", "POST", {"plan": plan["digest"], "release": release})
        return self.ended(job["number"])

    def ended(self, number: int) -> dict[str, Any]:
        def job() -> dict[str, Any] | None:
            found = self.ask(f"jobs/{number}")
            return found if found["state"] not in ("queued", "running") else None

        found = wait_for(job, limit_s=240, what=f"job {number} has ended")
        assert found
        return found


class Client:
    """Asks again and again; ``answers`` are what it was told by whom, ``failures`` what went wrong."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.answers: list[tuple[str, str, int]] = []
        self.failures: list[str] = []
        self.is_done = False

    def ask(self) -> tuple[str, str, int]:
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            line.request("GET", "/cgi-bin/page")
            answer = line.getresponse()
            text = answer.read().decode()
        finally:
            line.close()
        found = re.fullmatch(r"(v\d) (\w+) (\d+)", text.strip())
        if answer.status != http.client.OK or found is None:
            raise ValueError(f"{answer.status} {text!r}")
        return found[1], found[2], int(found[3])

    def ask_for_ever(self) -> None:
        while not self.is_done:
            try:
                self.answers.append(self.ask())
            except (OSError, ValueError, http.client.HTTPException) as error:
                self.failures.append(f"{time.monotonic():.2f} {error!r}")
            time.sleep(0.01)


@contextmanager
def load(port: int) -> Iterator[Client]:
    """Two clients that ask meanwhile, for as long as NARU_LOAD_S says at least."""
    client, began = Client(port), time.monotonic()
    threads = [threading.Thread(target=client.ask_for_ever) for _one in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield client
        time.sleep(max(0.0, began + LOAD_S - time.monotonic()))
    finally:
        client.is_done = True
        for thread in threads:
            thread.join()


@pytest.fixture(scope="module")
def api(instance: Instance) -> Api:
    found = Api(instance)
    give_images(instance)
    return found


def give_images(instance: Instance) -> None:
    """``tiers:1`` and ``tiers:2``, and one that does not become healthy."""
    with tempfile.NamedTemporaryFile(dir="/var/tmp") as file:
        freezer = Freezer(file)
        freeze_tiers(freezer)
        freezer.close()
        file.flush()
        for name, version in (("tiers:1", "v1"), ("tiers:2", "v2"), ("tiers:bad", "bad")):
            change = ("--change", f"ENV V={version}", "--change", 'ENTRYPOINT ["/entrypoint"]')
            instance.docker("import", *change, file.name, name)


def image_of(instance: Instance, *names: str) -> list[str]:
    return [instance.docker("inspect", "--format", "{{.Image}}", name).strip() for name in names]


def test_three_tiers_are_deployed_hurt_updated_under_load_and_taken_back(instance: Instance, api: Api) -> None:
    port = free_port()
    client, names = Client(port), [f"{WEB}{number}" for number in range(1, REPLICAS + 1)]

    def files(image: str) -> dict[str, Any]:
        return {"compose.yaml": TEXT.format(image=image, port=port)}

    stack = api.ask("stacks", "POST", {"host": "local", "name": "shop", "files": files("tiers:1")})["id"]
    assert api.deploy(stack)["state"] == "succeeded"
    wait_for_all(client)
    first = image_of(instance, *names)

    took = killed(instance, names[1])
    [restoration] = api.ask(f"stacks/{stack}/restorations")["items"]
    assert api.ended(restoration["job"])["state"] == "succeeded"
    print(f"\na replica that was killed is back after {took:.2f} s")  # noqa: T201 - a figure

    with load(port) as during:
        api.ask(f"stacks/{stack}", "PUT", {"files": files("tiers:2")})
        assert api.deploy(stack)["state"] == "succeeded"
    assert during.failures == []
    assert {version for version, _who, _count in during.answers} == {"v1", "v2"}
    print(f"{len(during.answers)} answers during the update, none of them wrong")  # noqa: T201 - a figure
    second = image_of(instance, *names)
    assert client.ask()[0] == "v2"
    assert set(second) != set(first)

    with load(port) as during:
        api.ask(f"stacks/{stack}", "PUT", {"files": files("tiers:bad")})
        job = api.deploy(stack)
    assert (job["state"], job["result"]["back_to"]) == ("failed", 2), job
    assert during.failures == []
    assert {version for version, _who, _count in during.answers} == {"v2"}
    assert image_of(instance, *names) == second

    assert api.deploy(stack, release=1)["state"] == "succeeded"
    assert image_of(instance, *names) == first
    version, _who, count = client.ask()
    # the volume has seen all of it
    assert (version, count > len(during.answers)) == ("v1", True)


def wait_for_all(client: Client) -> None:
    told: set[str] = set()

    def is_complete() -> bool:
        told.add(client.ask()[1])
        return len(told) == REPLICAS

    wait_for(is_complete, limit_s=60, what="all three have answered")


def killed(instance: Instance, name: str) -> float:
    """Seconds until another one runs in its place."""
    before = instance.docker("inspect", "--format", "{{.Id}} {{.State.Pid}}", name).split()
    os.kill(int(before[1]), signal.SIGKILL)
    began = time.monotonic()

    def is_back() -> bool:
        words = ("--filter", f"name=^/?{name}$", "--format", "{{.ID}}", "--no-trunc")
        there = instance.docker("ps", *words).split()
        return bool(there) and there[0] != before[0]

    wait_for(is_back, limit_s=60, what="a fresh one in its place")
    return time.monotonic() - began
