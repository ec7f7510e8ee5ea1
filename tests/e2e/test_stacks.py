"""A stack by its pages: pasted, mended, planned, deployed, changed and rolled back."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Instance, accept, sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.host, pytest.mark.timeout(300)]

COMPOSE = """\
services:
  web:
    image: hello-naru
    command: sleep 1000
    stop_grace_period: 0s
    scale: 2
  db: {image: hello-naru, command: sleep 1000, stop_grace_period: 0s, volumes: ["data:/data"]}
volumes:
  data:
"""
WAIT_MS = 60_000


def deployed(page: Page) -> None:
    """From a plan to the end of its job."""
    page.get_by_role("button", name="Deploy").click()
    expect(page.get_by_text("succeeded", exact=True).first).to_be_visible(timeout=WAIT_MS)


def test_a_stack_is_pasted_planned_deployed_and_rolled_back(instance: Instance, context: BrowserContext) -> None:
    page = context.new_page()
    accept(page, instance.first_link, "dana")
    sign_in(page, "dana")
    page.get_by_role("button", name=re.compile("Build .*Hello, Naru")).click()
    expect(page.get_by_text("succeeded", exact=True).first).to_be_visible(timeout=WAIT_MS)

    page.goto("/stacks/new/")
    page.get_by_label("Name", exact=True).fill("shop")
    page.get_by_label("compose.yaml").fill(COMPOSE.replace("command:", "comand:", 1))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Line 4, column 5", exact=False)).to_be_visible()
    page.get_by_label("compose.yaml").fill(COMPOSE)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="shop")).to_be_visible()

    stack = page.url
    page.get_by_role("link", name="Plan").click()
    expect(page.get_by_text("main_shop-web-2")).to_be_visible()
    deployed(page)
    names = instance.docker("ps", "--format", "{{.Names}}").split()
    assert sorted(names) == ["main_shop-db-1", "main_shop-web-1", "main_shop-web-2"]
    page.goto(stack)
    expect(page.get_by_text("2 of 2")).to_be_visible(timeout=WAIT_MS)

    page.get_by_role("link", name="Change", exact=True).click()
    page.get_by_label("compose.yaml").fill(COMPOSE.replace("scale: 2", "scale: 1").replace("1000", "2000", 1))
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Plan").click()
    expect(page.get_by_text("command sleep 1000 → sleep 2000")).to_be_visible()
    deployed(page)

    page.goto(stack)
    page.get_by_role("link", name="Roll back").click()
    expect(page.get_by_role("heading", name="Going back to release 1")).to_be_visible()
    deployed(page)
    assert "main_shop-web-2" in instance.docker("ps", "--format", "{{.Names}}")

    # one service, and more of it
    page.goto(stack)
    page.get_by_role("link", name="web", exact=True).click()
    expect(page.get_by_role("heading", name="web", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="main_shop-web-2: running")).to_be_visible(timeout=WAIT_MS)
    service = page.url
    page.get_by_role("button", name="One more").click()
    page.get_by_role("button", name="Plan").click()
    expect(page.get_by_text("main_shop-web-3")).to_be_visible()
    page.get_by_role("button", name="Scale").click()
    expect(page.get_by_text("succeeded", exact=True).first).to_be_visible(timeout=WAIT_MS)
    page.goto(service)
    expect(page.get_by_text("3 of 3")).to_be_visible(timeout=WAIT_MS)
