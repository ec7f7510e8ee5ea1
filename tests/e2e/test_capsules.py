"""A stack's fingerprint, and the stack in one file, by their pages: taken, compared, downloaded, uploaded, restored."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Instance, accept, sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.host, pytest.mark.timeout(300)]

COMPOSE = """\
services:
  db:
    image: hello-naru
    command: sleep 1000
    stop_grace_period: 0s
    volumes: ["data:/data"]
    environment: {A: one}
volumes:
  data:
"""
WAIT_MS = 60_000


def succeeded(page: Page) -> None:
    expect(page.get_by_text("succeeded", exact=True).first).to_be_visible(timeout=WAIT_MS)


def test_a_stack_is_taken_along_and_restored(instance: Instance, context: BrowserContext, tmp_path: Path) -> None:
    page = context.new_page()
    accept(page, instance.first_link, "dana")
    sign_in(page, "dana")
    page.get_by_role("button", name=re.compile("Build .*Hello, Naru")).click()
    succeeded(page)
    page.goto("/stacks/new/")
    page.get_by_label("Name", exact=True).fill("shop")
    page.get_by_label("compose.yaml").fill(COMPOSE)
    page.get_by_role("button", name="Save").click()
    stack = page.url
    page.get_by_role("link", name="Plan").click()
    page.get_by_role("button", name="Deploy").click()
    succeeded(page)
    instance.docker("exec", "main_shop-db-1", "sh", "-c", "echo kept > /data/file")

    page.goto(stack)
    page.get_by_role("link", name="Environment").click()
    page.get_by_role("button", name="Take fingerprint").click()
    expect(page.get_by_text(re.compile("^sha256:[0-9a-f]{64}$"))).to_be_visible()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("Identical: what runs here")).to_be_visible()
    with page.expect_download() as lock:
        page.get_by_role("link", name="env.lock").click()
    lock.value.save_as(tmp_path / "env.lock")

    page.get_by_role("link", name="Take along").click()
    page.get_by_role("button", name="Make capsule").click()
    succeeded(page)
    page.goto("/stacks/capsules/")
    with page.expect_download() as capsule:
        page.get_by_role("link", name="Download").click()
    capsule.value.save_as(tmp_path / "shop.capsule.tar")

    page.goto("/stacks/")
    page.get_by_role("link", name="Restore from a capsule").click()
    page.get_by_label("Capsule", exact=True).set_input_files(tmp_path / "shop.capsule.tar")
    page.get_by_role("button", name="Upload").click()
    page.get_by_label("Name", exact=True).fill("again")
    page.get_by_role("button", name="Plan").click()
    expect(page.get_by_text("main_again_data").first).to_be_visible()
    page.get_by_role("button", name="Restore").click()
    succeeded(page)
    assert instance.docker("exec", "main_again-db-1", "cat", "/data/file") == "kept\n"
    said = instance.manage("env_verify", str(tmp_path / "env.lock"), "local/again")
    assert said.startswith("identical  sha256:")
    page.goto("/stacks/")
    page.get_by_role("link", name="again").click()
    page.get_by_role("link", name="Environment").click()
    expect(page.get_by_text("Identical: what runs here")).to_be_visible()
