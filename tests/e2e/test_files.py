"""A container's files, what it changed, and logs of two together, through a browser and real engines.

``NARU_LOG_LINES`` is how many lines each of two logs has (default 3,000): 100,000 show that nothing of it is lost.
"""

import io
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Instance, accept, sign_in, wait_for

SLOW_MS = 60_000
LINES = int(os.environ.get("NARU_LOG_LINES", "3000"))
pytestmark = [pytest.mark.e2e, pytest.mark.host, pytest.mark.timeout(600 + LINES // 50)]

PERSON = "dana"
CHANGES = "sed -i 's/value 7$/value seven/' /etc/app.conf; rm /etc/old.conf; mkdir /srv; echo up; exec sleep 1000"
COUNT = "seq {lines} | sed 's/^/{word} /'; exec sleep 1000"


def image() -> bytes:
    """A root file system of busybox."""
    files = {f"etc/{name}.conf": text.encode() for name, text in (("app", options()), ("old", "gone\n"))}
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        program = Path("/bin/busybox").read_bytes()
        for name, content, mode in (("bin/busybox", program, 0o755), *((n, c, 0o644) for n, c in files.items())):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
        for applet in ("sh", "sed", "rm", "mkdir", "seq", "sleep", "mv", "cat"):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    return tar.getvalue()


def options() -> str:
    return "".join(f"option_{n} = value {n}\n" for n in range(20))


@pytest.fixture(scope="module")
def furnished(instance: Instance) -> Instance:
    """With an administrator, and three containers of one image."""
    argv = ["docker", "-H", f"unix://{instance.socket_path}", "import", "-", "shop/web:1"]
    link = instance.first_link
    wait_for(instance.socket_path.exists, limit_s=60, what="no engine")
    subprocess.run(argv, input=image(), check=True, capture_output=True, timeout=60)
    for name, script in (
        ("web", CHANGES),
        ("first", COUNT.format(lines=LINES, word="first")),
        ("second", COUNT.format(lines=LINES, word="second")),
    ):
        instance.docker("run", "-d", "--init", "--network", "none", "--name", name, "shop/web:1", "sh", "-c", script)
    instance.invitation = link  # type: ignore[attr-defined]
    return instance


@pytest.fixture
def page(furnished: Instance, context: BrowserContext) -> Page:
    page = context.new_page()
    link: Any = getattr(furnished, "invitation", "")
    if link:
        accept(page, link, PERSON)
        furnished.invitation = ""  # type: ignore[attr-defined]
        expect(page.get_by_role("heading", name="Overview")).to_be_visible(timeout=SLOW_MS)
    else:
        sign_in(page, PERSON)
    return page


def at(page: Page, path: str) -> None:
    """The page of ``path``, once the container is known to the console."""

    def is_there() -> bool:
        answer = page.goto(path)
        return answer is not None and answer.status == 200

    wait_for(is_there, limit_s=60, what=path)


def test_files_are_put_in_compared_frozen_and_reset(page: Page, tmp_path: Path) -> None:
    at(page, "/containers/local/web/files/?path=/srv")
    (tmp_path / "새 파일.txt").write_text("나루\n")
    page.locator("#upload-files").set_input_files(tmp_path / "새 파일.txt")
    page.get_by_role("button", name="Upload").click()
    # the listing hears of the job's end
    page.get_by_role("link", name="새 파일.txt").click(timeout=SLOW_MS)
    expect(page.locator("pre.file-text")).to_have_text("나루\n")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download", exact=True).click()
    assert Path(download.value.path()).read_text() == "나루\n"

    page.get_by_role("link", name="Changes since the image").click()
    expect(page.locator(".drift-totals")).to_contain_text("1 modified")
    page.get_by_role("link", name="app.conf").click()
    expect(page.locator(".diff mark")).to_have_text(["7", "seven"])

    page.get_by_role("link", name="Freeze as image").click()
    page.get_by_label("Tag", exact=True).fill("shop/web:frozen")
    page.get_by_role("button", name="Freeze").click()
    expect(page.get_by_text("succeeded", exact=True).first).to_be_visible(timeout=SLOW_MS)

    at(page, "/containers/local/web/files/reset/")
    page.get_by_label("Its name").fill("web")
    page.get_by_role("button", name="Reset").click()
    expect(page.get_by_text("succeeded", exact=True).first).to_be_visible(timeout=SLOW_MS)
    at(page, "/containers/local/web/files/?path=/srv")
    expect(page.get_by_role("link", name="새 파일.txt")).to_have_count(0)


def test_two_logs_are_one_in_the_order_of_time_and_whole(page: Page) -> None:
    at(page, "/logs/?c=local/first&c=local/second&since=all")

    def lines() -> int:
        held: int = page.locator("naru-log").evaluate("log => (log.all ?? []).filter((line) => line.raw).length")
        return held

    wait_for(lambda: lines() >= 2 * LINES, limit_s=120 + LINES / 200, what="lines are missing")
    held: list[list[Any]] = page.locator("naru-log").evaluate(
        # without the marks of starts and ends among them
        "log => log.all.filter((line) => line.raw).map((line) => [line.at, line.raw])"
    )
    assert [text for _at, text in held if text.startswith("first")] == [f"first {n + 1}" for n in range(LINES)]
    assert [text for _at, text in held if text.startswith("second")] == [f"second {n + 1}" for n in range(LINES)]
    times = [written for written, _text in held]
    assert times == sorted(times)
    seen = page.locator("[data-log-view]").evaluate(SCROLL)
    assert seen == page.locator("naru-log").evaluate("log => log.all.length")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").click()
    assert sum(" was started" not in line for line in Path(download.value.path()).read_text().splitlines()) == 2 * LINES

    page.get_by_role("link", name="Search").click()
    page.get_by_label("Look for").fill(f"d {LINES}$")
    page.get_by_label("Pattern").check()
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator(".log-hits mark")).to_have_text([f"d {LINES}"], timeout=SLOW_MS)


# how many different lines are drawn on the way from the top to the bottom, where it must arrive. Headless Chromium may
# stop to give frames on a busy machine, which a test must not wait for without end.
SCROLL = """async (view) => {
  const until = performance.now() + 400_000;
  const frame = () => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)));
  const pause = (ms) => new Promise((go) => setTimeout(go, ms, "late"));
  const drawn = async () => {
    if ((await Promise.race([frame(), pause(500)])) !== "late") return;
    view.dispatchEvent(new Event("scroll"));
    await pause(300);
  };
  const seen = new Set();
  view.scrollTop = 0;
  await drawn();
  for (;;) {
    for (const line of view.querySelectorAll(".log-text")) seen.add(line.textContent);
    const before = view.scrollTop;
    view.scrollTop = before + view.clientHeight;
    await drawn();
    const left = view.scrollHeight - view.scrollTop - view.clientHeight;
    if (view.scrollTop === before) return left < 1 ? seen.size : `${left} pixels above the bottom`;
    if (performance.now() > until) return `still at ${before} of ${view.scrollHeight}, ${document.visibilityState}`;
  }
}"""
