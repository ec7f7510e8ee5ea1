"""A terminal in a browser: typed into, lost, loaded anew, ended, and played again by what was recorded."""

import re
import subprocess
from functools import partial

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.e2e.conftest import Instance, accept, sign_in, wait_for
from tests.engine.conftest import IMAGE, busybox_tar

__all__ = ["busybox_tar"]
pytestmark = [pytest.mark.e2e, pytest.mark.host, pytest.mark.timeout(300)]


def shows(page: Page, element: str, pattern: str) -> bool:
    # whose module may be on its way
    text: str = page.locator(element).evaluate("shown => shown.text ? shown.text() : ''")
    return re.search(pattern, text, re.MULTILINE) is not None


def test_a_terminal_is_used_lost_found_again_and_played(
    instance: Instance, context: BrowserContext, busybox_tar: bytes
) -> None:
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    accept(page, instance.first_link, "dana")
    sign_in(page, "dana")
    socket = f"unix://{instance.socket_path}"
    subprocess.run(["docker", "-H", socket, "import", "-", IMAGE], input=busybox_tar, check=True, capture_output=True)
    instance.docker("run", "-d", "--name", "web-1", "--network", "none", IMAGE, "sleep", "100000")
    address = "/containers/local/web-1/terminal/"
    wait_for(lambda: context.request.get(address).ok, limit_s=30, what="the console sees the container")
    complaints.clear()

    # on a slow line the page is there, and clicked, before its largest part is
    held: list[Route] = []
    largest = re.compile(r"/terminals(\.\w+)?\.js")
    page.route(largest, lambda route: held.append(route))
    with page.expect_request(largest):
        page.goto(address)
    page.get_by_role("button", name="Open a shell").click()
    held[0].continue_()
    page.evaluate("() => customElements.whenDefined('naru-terminals').then(() => true)")
    page.unroute(largest)
    terminal = partial(shows, page, "naru-terminals")
    wait_for(lambda: terminal(r"^/ #"), limit_s=60, what="a prompt")
    page.keyboard.type("echo $((6 * 7)); printf '\\033[38;2;250;100;0mtrue colour\\033[0m\\n'\n")
    wait_for(lambda: terminal(r"^42$"), limit_s=60, what="the answer")
    page.locator("naru-terminals").evaluate("shown => shown.current.wire.drop()")
    page.keyboard.type("echo while it was $((1 + 1)) away\n")
    wait_for(lambda: terminal(r"^while it was 2 away$"), limit_s=60, what="what was typed while the socket was away")
    page.reload()
    wait_for(lambda: terminal(r"^42$") and terminal(r"^while it was 2 away$"), limit_s=60, what="the screen again")
    page.keyboard.press("Control+Shift+F")
    expect(page.get_by_role("tab", name=re.compile("shell"))).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("exit 3\n")
    expect(page.get_by_text("exit code 3")).to_be_visible(timeout=60_000)
    # the content policy has nothing to complain of
    assert complaints == []

    page.goto("/sessions/")
    page.get_by_role("link", name="web-1").first.click()
    expect(page.get_by_text("SHA-256")).to_be_visible(timeout=60_000)
    page.reload()
    page.get_by_role("button", name="Play").click()
    page.get_by_label("Speed").select_option("16")
    wait_for(lambda: shows(page, "naru-player", r"^while it was 2 away$"), limit_s=60, what="the recording's end")
    page.goto("/audit/")
    expect(page.get_by_role("link", name="terminal.replay").first).to_be_visible()
