"""A host that can only call out: in a network that nothing gets into, added on a page, and read like any other."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Error, expect

from tests.e2e.conftest import ROOT, Instance, accept, sign_in, wait_for
from tests.e2e.test_terminal import shows
from tests.engine.conftest import IMAGE, busybox_tar

__all__ = ["busybox_tar"]
pytestmark = [pytest.mark.e2e, pytest.mark.host, pytest.mark.timeout(400)]

SLOW_MS = 60_000
COMPOSE = "services: {web: {image: naru-test-image, command: sleep 1000}}\n"


class Door:
    """The one way out of the other network: to the console's port, until it is shut."""

    def __init__(self, address: str, port: int) -> None:
        self._port = port
        self._server = socket.create_server((address, 0))
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self.url = f"http://{address}:{self._server.getsockname()[1]}"
        self.is_open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                outside, _ = self._server.accept()
            except OSError:
                return
            try:
                if not self.is_open:
                    raise ConnectionError("shut")
                inside = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                outside.close()
                continue
            self._pairs.add((outside, inside))
            threading.Thread(target=self._pass, args=(outside, inside), daemon=True).start()

    @staticmethod
    def _pass(outside: socket.socket, inside: socket.socket) -> None:
        other = {outside: inside, inside: outside}
        try:
            while True:
                for ready in select.select(list(other), [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    other[ready].sendall(data)
        except (OSError, ValueError):
            pass
        finally:
            outside.close()
            inside.close()

    def shut(self) -> None:
        self.is_open = False
        for pair in self._pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self._pairs.clear()

    def close(self) -> None:
        self.shut()
        self._server.close()


@contextmanager
def network() -> Iterator[tuple[list[str], str]]:
    """A namespace of its own: how to run something in it, and the outer end's address. Nothing new gets in."""
    name = f"nrrelay{uuid.uuid4().hex[:5]}"
    number = int(name[-4:], 16) % 16000
    outer, inner = f"10.213.{number // 64}.{number % 64 * 4 + 1}", f"10.213.{number // 64}.{number % 64 * 4 + 2}"
    inside = ["nsenter", f"--net=/run/netns/{name}"]
    link = name[:13]
    run = partial(subprocess.run, check=True, capture_output=True)
    run(["ip", "netns", "add", name])
    try:
        run(["ip", "link", "add", link, "type", "veth", "peer", "name", "up0", "netns", name])
        run(["ip", "address", "add", f"{outer}/30", "dev", link])
        run(["ip", "link", "set", link, "up"])
        run([*inside, "ip", "address", "add", f"{inner}/30", "dev", "up0"])
        run([*inside, "ip", "link", "set", "up0", "up"])
        run([*inside, "ip", "link", "set", "lo", "up"])
        rules = "table inet shut { chain in { type filter hook input priority 0; policy accept; iifname up0 "
        rules += "ct state established,related accept; iifname up0 drop; }; }"
        run([*inside, "nft", rules])
        yield inside, outer
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False)


class Far:
    """The other host: ``manage.py up`` with an engine of its own, in the other network."""

    def __init__(self, home: Path, inside: list[str], *, console: str, key: str, redis: Path) -> None:
        self.home = home
        self.socket_path = home / "run" / "engine.sock"
        (home / "data").mkdir()
        (home / "data" / "console.key").write_text(key)
        environ = {
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            "NARU_DATA": str(home / "data"),
            "NARU_RUN": str(home / "run"),
            "NARU_CONSOLE": console,
            "NARU_CONSOLE_PLAIN": "1",
            "REDIS_URL": f"unix://{redis}",
        }
        argv = [*inside, sys.executable, "manage.py", "up"]
        self._log = (home / "log").open("wb")
        self.process = subprocess.Popen(argv, cwd=ROOT, env=environ, stdout=self._log, stderr=subprocess.STDOUT)

    def docker(self, *arguments: str, given: bytes | None = None) -> None:
        argv = ["docker", "-H", f"unix://{self.socket_path}", *arguments]
        subprocess.run(argv, check=True, capture_output=True, timeout=60, input=given)

    def kill_tunnel(self) -> None:
        listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
        own = {self.process.pid}
        for line in sorted(listed.splitlines()[1:], key=lambda line: int(line.split()[0])):
            pid, parent, words = line.split(None, 2)
            if int(parent) in own:
                own.add(int(pid))
                if "console.project.tunnel" in words:
                    os.kill(int(pid), signal.SIGKILL)
                    return
        pytest.fail("no tunnel runs")

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            self._log.close()
            places = ["--data-root", str(self.home / "data/engine"), "--run-root", str(self.home / "run")]
            purge = [sys.executable, "-m", "engine", "purge", *places]
            subprocess.run(purge, cwd=ROOT, check=True, capture_output=True, timeout=60)


@contextmanager
def far_host(instance: Instance, key: str) -> Iterator[tuple[Far, Door]]:
    with network() as (inside, outer), tempfile.TemporaryDirectory(prefix="nr-", dir="/tmp") as home:
        door = Door(outer, instance.port)
        far = Far(Path(home), inside, console=door.url, key=key, redis=instance.home / "run" / "redis.sock")
        try:
            yield far, door
        except BaseException as error:
            error.add_note((Path(home) / "log").read_text(errors="replace")[-800:])
            raise
        finally:
            far.close()
            door.close()


def shows_files(context: BrowserContext, container: str) -> bool:
    try:
        answer = context.request.get(f"{container}files/")
    except Error:
        # the web server is on its way
        return False
    return answer.ok and "bin" in answer.text()


def test_a_host_that_only_calls_out_is_added_and_read(
    instance: Instance, context: BrowserContext, busybox_tar: bytes
) -> None:
    page = context.new_page()
    accept(page, instance.first_link, "dana")
    sign_in(page, "dana")
    page.goto("/hosts/")
    page.get_by_role("link", name="Add a host").first.click()
    page.get_by_label("Name", exact=True).fill("b1")
    page.get_by_role("button", name="Add it").click()
    key = page.get_by_label("Key", exact=True).last.input_value()
    assert key.startswith("naru_")
    assert key not in page.locator("#in-container").inner_text()
    expect(page.get_by_text("awaited")).to_be_visible()

    with far_host(instance, key) as (far, door):
        # the page that showed the key tells that it has called, and what it is
        expect(page.get_by_text("has called")).to_be_visible(timeout=2 * SLOW_MS)
        expect(page.get_by_role("link", name="See what it has")).to_be_visible(timeout=2 * SLOW_MS)
        far.docker("import", "-", IMAGE, given=busybox_tar)
        script = "n=0; while :; do n=$((n+1)); echo line $n; sleep 1; done"
        far.docker("run", "-d", "--init", "--name", "web-1", "--network", "none", IMAGE, "sh", "-c", script)
        base = "/containers/b1/web-1/"
        wait_for(lambda: context.request.get(base).ok, limit_s=60, what="the console sees the container")

        page.goto(f"{base}logs/")
        expect(page.get_by_text(re.compile(r"line \d+")).last).to_be_visible(timeout=SLOW_MS)
        expect(page.get_by_text("line 1", exact=True)).to_be_visible()
        assert shows_files(context, base)
        assert context.request.get(f"{base}inspect/").ok
        samples = context.request.get(f"{base}stats/samples")
        assert samples.ok and json.loads(samples.text())
        page.goto(f"{base}terminal/")
        page.get_by_role("button", name="Open a shell").click()
        terminal = partial(shows, page, "naru-terminals")
        wait_for(lambda: terminal(r"^/ #"), limit_s=150, what="a prompt")
        page.keyboard.type("echo $((6 * 7))\n")
        wait_for(lambda: terminal(r"^42$"), limit_s=60, what="the answer")
        page.keyboard.type("exit 3\n")
        expect(page.get_by_text("exit code 3")).to_be_visible(timeout=SLOW_MS)

        page.goto("/stacks/new/")
        page.locator("select[name=host]").select_option("b1")
        page.get_by_label("Name", exact=True).fill("far")
        page.get_by_label("compose.yaml").fill(COMPOSE.replace("naru-test-image", IMAGE))
        page.get_by_role("button", name="Save").click()
        page.get_by_role("link", name="Plan").click()
        expect(page.get_by_text("main_far-web-1")).to_be_visible(timeout=SLOW_MS)

        # its agent's end dies, and is back by itself
        far.kill_tunnel()
        wait_for(lambda: shows_files(context, base), limit_s=60, what="it is back after its end was killed")
        # the way is shut: pages say so by themselves, and go on by themselves when it is open again
        page.goto("/hosts/b1/")
        began = time.monotonic()
        door.shut()
        expect(page.get_by_text("Its agent does not call.")).to_be_visible(timeout=SLOW_MS)
        took_s = time.monotonic() - began
        assert "does not call" in context.request.get(f"{base}files/").text()
        door.is_open = True
        expect(page.get_by_text("Its agent does not call.")).to_have_count(0, timeout=SLOW_MS)
        # promised are twenty seconds, and a busy machine has its own idea of them
        assert took_s < 30

        # it does not go while a stack is there
        page.goto("/hosts/b1/settings/")
        page.get_by_label("Its name, to be sure").fill("b1")
        page.get_by_role("button", name="Remove", exact=True).click()
        expect(page.get_by_text("stack far")).to_be_visible()
        page.get_by_label("Its name, to be sure").fill("b1")
        page.get_by_label("Also when stacks").check()
        page.get_by_role("button", name="Remove", exact=True).click()
        expect(page.get_by_text("“b1” is removed.")).to_be_visible()
    assert not context.request.get(base).ok or "b1-removed" in context.request.get("/containers/?gone=on").text()
