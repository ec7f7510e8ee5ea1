"""Every page of a console in which every text is hostile: nothing of it runs, and who cannot see uses it all the same.

Pages are those of ``tests/console/pages/test_every_page.py``, on a real engine, and a few of things that only an engine
has. One walk looks at both. Pages are light and dark in turn; NARU_AXE=all has axe look at each of them in both.
"""

import html
import io
import json
import os
import re
import shlex
import sqlite3
import subprocess
import tarfile
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, expect

from tests.console.pages.test_every_page import PAGES
from tests.e2e.conftest import ROOT, Instance, accept, sign_in, wait_for
from tests.e2e.payloads import LINES, TEXTS
from tests.e2e.test_terminal import shows
from tests.engine.conftest import busybox_tar

__all__ = ["busybox_tar"]
pytestmark = [pytest.mark.e2e, pytest.mark.host, pytest.mark.timeout(600)]

AXE = ROOT / "node_modules/axe-core/axe.min.js"
BAD = ("serious", "critical")
THEMES = ("light", "dark")
IN_BOTH = os.environ.get("NARU_AXE") == "all"
# what a frozen test world has and this one has not
ELSEWHERE = ("/grants/why/?who", "/hub/main/quay/repositories", "/hub/main/quay/tags", "/hub/main/quay/image")
MORE = (
    "/containers/local/web-1/files/?path=/hostile",
    "/containers/local/web-1/files/changes/",
    "/containers/local/gone/logs/",
    "/logs/?show=on&gone=on&since=all",
    "/logs/search/?c=local/web-1&query=pwn",
    "/stacks/",
    "/stacks/new/",
    "/stacks/{stack}/",
    "/stacks/{stack}/edit/",
    "/stacks/{stack}/plan/",
    "/palette/?q=pwn",
)
PARTS = ("/palette/", "/jobs/tray/", "/jobs/{job}/proof/", "/notifications/?part", "/schedules/times/")
FOUND = """() => ({
    ran: window.pwned !== undefined,
    made: document.querySelectorAll("#pwn").length,
    handlers: [...document.querySelectorAll("*")].filter((one) => [...one.attributes].some(
        (attribute) => /^(on|hx-on)/.test(attribute.name)
            || (/(href|src|action|data)$/.test(attribute.name) && /^\\s*javascript:/i.test(attribute.value)))).length,
    title: document.title,
})"""
AXE_RUN = """async (isWhole) => {
    const chosen = { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21aa"] };
    const where = (!isWhole && document.querySelector("main")) || document;
    const found = await axe.run(where, { runOnly: chosen, resultTypes: ["violations"] });
    const theme = document.documentElement.dataset.bsTheme;
    const told = (node) => `${node.target.join(" ")} ${node.any[0] ? node.any[0].message : ""}`;
    return found.violations.map(
        (one) => ({ id: `${one.id} (${theme})`, impact: one.impact, where: one.nodes.slice(0, 3).map(told) }));
}"""


@dataclass
class Walk:
    """What was found, each with its page."""

    harm: list[str] = field(default_factory=list)
    barriers: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def walk(instance: Instance, browser: Browser, busybox_tar: bytes) -> Walk:
    """Every page once, as an administrator in a browser."""
    # what is still moving has not its colours yet
    how: dict[str, Any] = {"locale": "en-GB", "reduced_motion": "reduce", "viewport": {"width": 1440, "height": 900}}
    context = browser.new_context(base_url=instance.url, **how)
    page, found = context.new_page(), Walk()
    # colours on their way from one to another are not what is to be judged
    page.emulate_media(reduced_motion="reduce")
    accept(page, instance.first_link, "dana")
    sign_in(page, "dana")
    _furnish_engine(instance, busybox_tar)
    code = "from tests.e2e.furnishing import furnish; furnish()"
    facts: dict[str, Any] = json.loads(instance.manage("shell", "-c", code).splitlines()[-1])
    watch(page, found, instance.url)
    for number, address in enumerate(addresses()):
        for theme in THEMES if IN_BOTH else (THEMES[number % 2],):
            context.add_cookies([{"name": "naru_theme", "value": theme, "url": instance.url}])
            look(page, found, address.format(**facts))
    terminal_title(page, found)
    context.close()
    return found


def addresses() -> list[str]:
    pages = [one for one in (*PAGES, *MORE) if not one.startswith((*ELSEWHERE, *PARTS))]
    return list(dict.fromkeys([*pages, "/sign-in/", "/nothing-here/"]))


def watch(page: Page, found: Walk, home: str) -> None:
    """Whatever runs, asks somebody else, or is refused by the content policy."""

    def dialog(shown: Dialog) -> None:
        found.harm.append(f"{page.url}: a dialog, {shown.message!r}")
        shown.dismiss()

    def request(asked: Request) -> None:
        if _is_other(asked.url, home):
            found.harm.append(f"{page.url} asks {asked.url}")

    def said(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            found.harm.append(f"{page.url}: {message.text}")

    page.on("dialog", dialog)
    page.on("request", request)
    page.on("console", said)


def _is_other(url: str, home: str) -> bool:
    return not url.startswith((home, "data:", "blob:", home.replace("http", "ws", 1)))


def look(page: Page, found: Walk, address: str) -> None:
    answer = page.goto(address, wait_until="load")
    assert answer is not None
    if answer.status >= 500 or (answer.status >= 400 and address != "/nothing-here/"):
        found.harm.append(f"{address}: {answer.status}")
    told = re.search(r"<title>(.*?)</title>", answer.text(), re.DOTALL)
    expect(page.locator(".htmx-request")).to_have_count(0)
    page.evaluate(AXE.read_text())
    # what is around each page is looked at once
    for one in page.evaluate(AXE_RUN, address == "/"):
        if one["impact"] in BAD:
            found.barriers.append(f"{address} {one['id']}: {'; '.join(one['where'])[:300]}")
    seen = page.evaluate(FOUND)
    if seen["ran"] or seen["made"] or seen["handlers"]:
        found.harm.append(f"{address}: {seen}")
    if told is None or " ".join(html.unescape(told[1]).split()) != " ".join(seen["title"].split()):
        found.harm.append(f"{address}: its title is {seen['title']!r}, and was {told and told[1]!r}")
    if address.endswith("/containers/local/gone/logs/"):
        expect(page.locator("naru-log")).to_contain_text(TEXTS[0])


def terminal_title(page: Page, found: Walk) -> None:
    page.goto("/containers/local/web-1/terminal/")
    before = page.title()
    page.get_by_role("button", name="Open a shell").click()
    wait_for(lambda: shows(page, "naru-terminals", "/ #"), limit_s=60, what="a prompt")
    page.keyboard.type("cat /hostile/lines; echo $((6 * 7))\n")
    wait_for(lambda: shows(page, "naru-terminals", "^42$"), limit_s=60, what="all was printed")
    if page.title() != before or page.evaluate(FOUND)["ran"]:
        found.harm.append(f"a terminal's output: {page.title()!r}")


def _furnish_engine(instance: Instance, tar: bytes) -> None:
    argv = ["docker", "-H", f"unix://{instance.socket_path}", "import", "-", "app:latest"]
    subprocess.run(argv, input=with_hostile_files(tar), check=True, capture_output=True, timeout=60)
    labels = [
        word
        for number, text in enumerate(TEXTS)
        for word in ("--label", f"k{number}={text}", "-e", f"E{number}={text}")
    ]
    wires = [word for number, text in enumerate(TEXTS[:20]) for word in ("--label", f"k{number}={text}")]
    instance.docker("network", "create", *wires, "main_front")
    instance.docker("volume", "create", *wires, "main_data")
    script = 'cat /hostile/lines; touch "/hostile/$1"; exec sleep 1000'
    common = ["--network", "main_front", "-v", "main_data:/data", *labels, "app:latest"]
    check = ["--health-cmd", f"echo {shlex.quote(TEXTS[0])}"]
    instance.docker("run", "-d", "--name", "web-1", *check, *common, "sh", "-c", script, *TEXTS)
    instance.docker("run", "--name", "gone", *common, "cat", "/hostile/lines")
    wait_for(lambda: _knows(instance, "web-1", "gone"), limit_s=60, what="the agent told of the containers")
    instance.docker("rm", "gone")
    wait_for(lambda: not _knows(instance, "gone"), limit_s=60, what="the agent told that one is gone")


def _knows(instance: Instance, *names: str) -> bool:
    where = f"gone_at IS NULL AND name IN ({', '.join('?' * len(names))})"
    with closing(sqlite3.connect(instance.home / "data/console.sqlite3")) as database:
        [found] = database.execute(f"SELECT count(*) FROM containers_container WHERE {where}", names).fetchone()
    return bool(found == len(names))


def with_hostile_files(tar: bytes) -> bytes:
    """The root file system with a directory of files that are named so, and one that says all of it."""
    whole = io.BytesIO(tar)
    with tarfile.open(fileobj=whole, mode="a") as archive:
        said = "".join(f"{line}\n" for line in LINES).encode()
        for name in ("lines", *(text.replace("/", "\u2215")[:80] for text in LINES)):
            entry = tarfile.TarInfo(f"hostile/{name}")
            entry.size = len(said) if name == "lines" else 0
            archive.addfile(entry, io.BytesIO(said if name == "lines" else b""))
    return whole.getvalue()


def test_nothing_that_anybody_has_named_runs_or_asks_elsewhere(walk: Walk) -> None:
    assert not walk.harm, "\n".join(walk.harm)


def test_nothing_serious_is_in_the_way_of_those_who_cannot_see(walk: Walk) -> None:
    assert not walk.barriers, "\n".join(walk.barriers)
