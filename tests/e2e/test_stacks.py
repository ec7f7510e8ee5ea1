"""A stack by its pages: pasted, mended, planned, deployed, changed and rolled back."""

import os
import re
import signal
import time

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Instance, accept, sign_in, wait_for

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


KEPT = """\
services:
  web:
    image: hello-naru
    command: sh -c 'sleep 1000'
    stop_grace_period: 0s
    healthcheck: {test: "! test -e /sick", interval: 300ms, timeout: 5s, retries: 1}
    deploy: {replicas: 3}
"""


def test_what_dies_or_falls_ill_comes_back_fresh_and_what_is_stopped_stays(
    instance: Instance, context: BrowserContext
) -> None:
    page = context.new_page()
    sign_in(page, "dana")
    page.goto("/stacks/new/")
    page.get_by_label("Name", exact=True).fill("kept")
    page.get_by_label("compose.yaml").fill(KEPT)
    page.get_by_role("button", name="Save").click()
    stack = page.url
    page.get_by_role("link", name="Plan").click()
    deployed(page)
    names = {number: f"main_kept-web-{number}" for number in (1, 2, 3)}
    before = ids(instance, *names.values())

    page.goto(stack)
    expect(page.get_by_text("3 of 3")).to_be_visible(timeout=WAIT_MS)
    instance.docker("stop", "-t", "0", names[1])
    instance.docker("exec", names[2], "touch", "/sick")
    os.kill(int(instance.docker("inspect", "--format", "{{.State.Pid}}", names[3])), signal.SIGKILL)
    began = time.monotonic()
    wait_for(lambda: is_fresh(instance, names[3], before), limit_s=30, what="the dead one is back")
    print(f"back after {time.monotonic() - began:.2f} s")  # noqa: T201 - a figure for whoever asks with -s
    wait_for(lambda: is_fresh(instance, names[2], before), limit_s=60, what="the one that fell ill is another")
    assert ids(instance, names[1]) == {names[1]: before[names[1]]}

    page.goto(f"{stack}restoring/")
    expect(page.get_by_text("left alone: somebody wants it so")).to_be_visible(timeout=WAIT_MS)
    expect(page.get_by_text("has ended with 137").first).to_be_visible()
    expect(page.get_by_text("fails its health check").first).to_be_visible()
    page.get_by_role("button", name="Restore now").click()
    page.get_by_role("dialog").get_by_role("button", name="Restore now").click()
    page.wait_for_url("**/jobs/**")
    expect(page.get_by_text("succeeded", exact=True).first).to_be_visible(timeout=WAIT_MS)
    assert is_fresh(instance, names[1], before)


def ids(instance: Instance, *names: str) -> dict[str, str]:
    return {name: instance.docker("inspect", "--format", "{{.Id}}", name).strip() for name in names}


def is_fresh(instance: Instance, name: str, before: dict[str, str]) -> bool:
    told = instance.docker("ps", "--filter", f"name={name}$", "--format", "{{.ID}} {{.State}}", "--no-trunc").split()
    return bool(told) and told[0] != before[name] and told[1] == "running"
