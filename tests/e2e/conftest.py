"""A whole running instance, as ``make run`` starts it, and a browser to look at it."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TypeVar

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.database import give_copy
from tests.engine import warm
from tests.fakes.ports import free_port

PASSWORD = "ferry-landing-at-dawn-1"
T = TypeVar("T")
# a machine with much else to do takes its time
expect.set_options(timeout=60_000)
ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
# without these Chromium looks for its maker's servers at every start
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def wait_for(question: Callable[[], T], *, limit_s: float, what: str) -> T:
    """Ask until the answer is truthy; fail with ``what`` after ``limit_s``."""
    deadline = time.monotonic() + limit_s
    while not (answer := question()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {limit_s} s")
        time.sleep(0.1)
    return answer


def sign_in(page: Page, name: str) -> None:
    page.goto("/sign-in/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def accept(page: Page, link: str, name: str) -> None:
    page.goto(link)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()


class Instance:
    """``manage.py up`` with its own data, run directory and port."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.socket_path = home / "run" / "engine.sock"
        self.log = ""
        give_copy(home / "data" / "console.sqlite3")
        self._environ = {
            **os.environ,
            "NARU_DATA": str(home / "data"),
            "NARU_RUN": str(home / "run"),
            "NARU_HTTP": f"127.0.0.1:{self.port}",
        }
        # reading a machine's certificates takes each part a tenth of a second, and none talks to a host that has one
        for name in ("DATABASE_URL", "REDIS_URL", "SSL_CERT_FILE"):
            self._environ.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.log += line

    @property
    def first_link(self) -> str:
        """The one-time link that makes the administrator."""
        pattern = re.compile(rf"{re.escape(self.url)}/invitations/\S+")
        found = wait_for(lambda: self._said(pattern), limit_s=180, what="a link in the output")
        assert found
        return found.group()

    def _said(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        assert self.process.poll() is None, f"it ended:\n{self.log[-3000:]}"
        return pattern.search(self.log)

    def pids(self, words: str) -> list[int]:
        """Processes of this instance whose command line holds ``words``."""
        own = {self.process.pid}
        found = []
        for status in sorted(Path("/proc").glob("[0-9]*/stat"), key=lambda path: int(path.parent.name)):
            try:
                pid, rest = int(status.parent.name), status.read_text().rpartition(")")[2].split()
                command = (status.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if int(rest[1]) in own:
                own.add(pid)
                if words in command:
                    found.append(pid)
        return found

    def kill(self, words: str) -> int:
        """``kill -9`` the one part whose command line holds ``words``; returns its pid."""
        pids = wait_for(lambda: self.pids(words), limit_s=20, what=f"no process with {words!r}")
        os.kill(pids[0], signal.SIGKILL)
        return pids[0]

    def docker(self, *arguments: str) -> str:
        """The stock docker CLI on this instance's engine."""
        argv = ["docker", "-H", f"unix://{self.socket_path}", *arguments]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout

    def engine_answers(self) -> bool:
        argv = ["docker", "-H", f"unix://{self.socket_path}", "version"]
        return subprocess.run(argv, check=False, capture_output=True, timeout=60).returncode == 0

    def manage(self, *arguments: str) -> str:
        argv = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(argv, cwd=ROOT, env=self._environ, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            self._reader.join(10)
            if self.process.stdout:
                self.process.stdout.close()
            places = ["--data-root", str(self.home / "data/engine"), "--run-root", str(self.home / "run")]
            warm.run([*warm.PROGRAM, "purge", *places]).check_returncode()


# so many instances with a browser at the same time: more would wait for one another until they are given up
AT_ONCE = 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """How long a test took to get its turn says nothing about it."""
    for item in items:
        mark = item.get_closest_marker("timeout")
        if mark is not None and item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(mark.args[0], func_only=True), append=False)


@pytest.fixture(scope="session")
def turns() -> Path:
    folder = Path(tempfile.gettempdir()) / "naru-e2e-turns"
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Waits for one of ``AT_ONCE`` places among all processes that run tests."""
    with ExitStack() as files:
        places = [files.enter_context((folder / f"{number}.lock").open("w")) for number in range(AT_ONCE)]
        while not any(_is_taken(place) for place in places):
            time.sleep(0.5)
        yield


def _is_taken(place: IO[str]) -> bool:
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@pytest.fixture(scope="module")
def instance(turns: Path) -> Iterator[Instance]:
    # a short path: unix socket names are limited to 108 bytes
    with turn(turns), tempfile.TemporaryDirectory(prefix="nr-", dir="/tmp") as home:
        running = Instance(Path(home))
        try:
            yield running
        finally:
            running.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # not for the whole session: while it lives its event loop counts as running, and no other test could start one
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser, instance: Instance) -> Iterator[BrowserContext]:
    # what moves is painted many times a second, and nothing here looks at it
    fresh = browser.new_context(
        base_url=instance.url, locale="en-GB", viewport={"width": 1440, "height": 900}, reduced_motion="reduce"
    )
    yield fresh
    fresh.close()
