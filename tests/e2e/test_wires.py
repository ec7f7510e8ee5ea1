"""Networks and volumes with a real engine, and the palette: what is asked for in a browser is so on the host."""

import json

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Instance, accept, sign_in, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.host, pytest.mark.timeout(300)]
SLOW_MS = 60_000


@pytest.fixture
def page(instance: Instance, context: BrowserContext) -> Page:
    """Of an administrator, on an instance that has an image and a container with a file in a volume."""
    context.set_default_timeout(SLOW_MS)
    expect.set_options(timeout=SLOW_MS)
    page = context.new_page()
    accept(page, instance.first_link, "dana")
    # made, before one leaves for another page
    expect(page.get_by_role("button", name="Create account")).to_be_hidden()
    sign_in(page, "dana")
    page.get_by_role("button", name="Build “Hello, Naru”").click()
    ended(page)
    instance.docker("volume", "create", "main_data")
    write = "echo ahoy > /data/a.txt; exec sleep 1000"
    instance.docker("run", "-d", "--name", "web", "-v", "main_data:/data", "hello-naru", "sh", "-c", write)
    return page


def ended(page: Page) -> None:
    expect(page.get_by_text("succeeded", exact=True).first).to_be_visible()


def networks_of(instance: Instance, container: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(instance.docker("inspect", container))[0]["NetworkSettings"]["Networks"]
    return found


def test_a_volume_is_looked_into_kept_and_restored_and_a_network_joined(instance: Instance, page: Page) -> None:
    page.goto("/volumes/")
    page.get_by_role("link", name="main_data").click()
    page.get_by_role("link", name="Files").click()
    page.get_by_role("button", name="Look what is in it").click()
    expect(page.get_by_text("a.txt", exact=True)).to_be_visible()

    page.goto("/volumes/local/main_data/")
    page.get_by_label("Stop the containers").check()
    page.get_by_role("button", name="Back up now").click()
    ended(page)
    page.goto("/volumes/local/main_data/")
    page.get_by_role("link", name="Restore").click()
    page.get_by_label("Volume", exact=True).fill("main_copy")
    page.get_by_role("button", name="Restore").click()
    ended(page)
    assert instance.docker("run", "--rm", "-v", "main_copy:/d", "hello-naru", "cat", "/d/a.txt") == "ahoy\n"
    # it was stopped for the backup, and started again; nothing of ours is left
    assert instance.docker("ps", "-a", "--format", "{{.Names}} {{.State}}").split() == ["web", "running"]

    page.goto("/networks/new/")
    page.get_by_label("Name", exact=True).fill("main_front")
    page.get_by_label("Subnets").fill("10.99.0.0/24")
    page.get_by_role("button", name="Create").click()
    ended(page)
    page.goto("/networks/")
    page.get_by_role("link", name="main_front").click()
    page.get_by_label("Container", exact=True).fill("web")
    page.get_by_label("Aliases").fill("www")
    page.get_by_role("button", name="Connect", exact=True).click()
    ended(page)
    assert "main_front" in networks_of(instance, "web")
    page.goto("/networks/local/main_front/")
    expect(page.get_by_text("10.99.0.2")).to_be_visible()
    page.goto("/networks/topology/")
    expect(page.locator("svg .dot")).to_have_count(2)

    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("stop web")
    page.keyboard.press("Enter")
    page.locator("#confirm [data-confirm-yes]").click()
    wait_for(
        lambda: instance.docker("inspect", "--format", "{{.State.Status}}", "web") == "exited\n",
        limit_s=60,
        what="web is stopped",
    )
