"""A container that crashes, through a browser: why it ended, what it said last, and where in its log it began again."""

import re
import tarfile

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Instance, accept, sign_in, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.host, pytest.mark.timeout(300)]

CRASH = "echo about to fail >&2; exit 3"
PAGES = "/containers/local/crasher"


def _archive(instance: Instance) -> str:
    """An archive with a shell in it, which needs no library."""
    archive = instance.home / "tiny.tar"
    with tarfile.open(archive, "w") as file:
        file.add("/bin/busybox", arcname="sh")
    return str(archive)


def shown(page: Page, address: str, words: str) -> bool:
    page.goto(address)
    return page.get_by_text(words).count() > 0


def crash_twice(instance: Instance) -> None:
    instance.docker("run", "-d", "--name", "crasher", "-e", "API_KEY=in-the-clear", "tiny:1", "/sh", "-c", CRASH)
    instance.docker("wait", "crasher")
    instance.docker("start", "crasher")
    instance.docker("wait", "crasher")


def test_a_crash_is_told_kept_and_marked(instance: Instance, context: BrowserContext) -> None:
    page = context.new_page()
    accept(page, instance.first_link, "dana")
    sign_in(page, "dana")
    instance.docker("import", "--change", "ENV A=b", _archive(instance), "tiny:1")
    # the agent is there once it has told of something
    instance.docker("create", "--name", "early", "tiny:1", "/sh")
    wait_for(lambda: shown(page, "/containers/", "early"), limit_s=60, what="the agent")
    crash_twice(instance)
    wait_for(lambda: shown(page, f"{PAGES}/", "exit code 3"), limit_s=30, what="the end of the container")
    page.get_by_role("link", name="History").click()
    wait_for(
        lambda: shown(page, f"{PAGES}/history/", "ended with exit code 3") and page.locator("#crashes li").count() == 2,
        limit_s=30,
        what="the crashes",
    )
    page.locator("#crashes a").first.click()
    expect(page.get_by_text("about to fail").first).to_be_visible()
    page.goto(f"{PAGES}/logs/")
    marker = page.locator(".log-marker", has_text="restarted with exit code 3")
    expect(marker).to_be_visible()
    order = page.locator(".log-line .log-text").all_inner_texts()
    said = [index for index, text in enumerate(order) if text == "about to fail"]
    again = next(index for index, text in enumerate(order) if text.startswith("restarted"))
    assert said[0] < again < said[1]


def test_what_it_is_made_to_be_can_be_searched_and_folded(instance: Instance, context: BrowserContext) -> None:
    page = context.new_page()
    sign_in(page, "dana")
    page.goto(f"{PAGES}/config/")
    expect(page.get_by_text("in-the-clear")).to_be_visible()
    page.get_by_role("link", name="Inspect").click()
    page.get_by_label("Find in the document").fill("API_KEY")
    expect(page.locator(".tree-row.is-hit")).to_have_count(1)
    expect(page.locator(".tree-row.is-hit")).to_be_visible()
    page.get_by_role("button", name="Fold", exact=True).click()
    expect(page.locator(".tree-row.is-hit")).to_be_hidden()


def test_a_replacement_s_differences_are_told_as_they_happen(instance: Instance, context: BrowserContext) -> None:
    page = context.new_page()
    sign_in(page, "dana")
    page.goto("/changes/")
    expect(page.locator("#connection[data-state=live]")).to_be_attached()
    instance.docker("rm", "crasher")
    instance.docker("run", "-d", "--name", "crasher", "-e", "OTHER=1", "tiny:1", "/sh", "-c", "exit 0")
    # without a reload
    entry = page.locator(".entry", has_text=re.compile("took the place of"))
    expect(entry).to_be_visible(timeout=30_000)
    expect(entry).to_contain_text("+ OTHER")
    expect(entry).to_contain_text("− API_KEY")
