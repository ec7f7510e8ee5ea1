"""What is used, seen in a browser: charts that go on by themselves, also over a lost websocket, and hosts."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Instance, accept, sign_in, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.host, pytest.mark.timeout(300)]
BUSY = "while :; do i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done; usleep 300000; done"


def last_at(page: Page) -> float:
    """When the newest sample is of that the charts show; 0 before there is one."""
    told: float = page.locator("naru-stats").evaluate("stats => Number(stats.dataset.lastAt || 0)")
    return told


def is_there(page: Page, address: str) -> bool:
    answer = page.goto(address)
    return answer is not None and answer.ok


def test_charts_go_on_by_themselves_and_over_a_lost_websocket(instance: Instance, context: BrowserContext) -> None:
    page = context.new_page()
    accept(page, instance.first_link, "dana")
    sign_in(page, "dana")
    page.get_by_role("button", name="Build “Hello, Naru”").click()
    expect(page.get_by_text("succeeded", exact=True).first).to_be_visible(timeout=60_000)
    instance.docker("run", "-d", "--name", "busy", "--memory", "64m", "--cpus", "0.5", "hello-naru", "sh", "-c", BUSY)
    wait_for(lambda: is_there(page, "/containers/local/busy/stats/"), limit_s=30, what="its page")
    first = wait_for(lambda: last_at(page), limit_s=30, what="a sample")
    then = wait_for(lambda: at if (at := last_at(page)) >= first + 2 else 0, limit_s=30, what="samples that follow")
    page.locator("naru-stats").evaluate("stats => stats.disconnect()")
    wait_for(lambda: last_at(page) >= then + 3, limit_s=40, what="samples after the websocket was lost")
    assert page.locator("canvas").count() == 5
    expect(page.get_by_role("img", name="Memory")).to_have_attribute("aria-label", re.compile("limit 67.1 MB"))
    # the agent's own pass has been there meanwhile
    page.goto("/hosts/")
    expect(page.get_by_role("row", name="local").get_by_text("GB").first).to_be_visible(timeout=40_000)
