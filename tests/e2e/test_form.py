"""A container from a pasted line, edited by way of a plan, with its old specification restored, and clones of it."""

import json
import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Instance, accept, sign_in, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.host, pytest.mark.timeout(180)]

LINE = (
    "docker run -d --name web --stop-timeout 0 -e GREETING=hello -v /data --memory 64m \\\n"
    "  --label team=blue hello-naru sleep 1000"
)


def succeeded(page: Page) -> None:
    expect(page.locator("#job-state").get_by_text("succeeded", exact=True)).to_be_visible(timeout=60_000)


def inspected(instance: Instance, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(instance.docker("inspect", name))[0]
    return found


def test_from_a_line_to_clones(instance: Instance, context: BrowserContext) -> None:
    page = context.new_page()
    accept(page, instance.first_link, "dana")
    sign_in(page, "dana")
    page.get_by_role("button", name=re.compile("Build .*Hello, Naru")).click()
    succeeded(page)

    page.goto("/containers/run/")
    page.get_by_text("Paste a command line").click()
    page.locator("[name=line]").fill(LINE)
    page.get_by_role("button", name="Fill in the form").click()
    expect(page.locator("[name=name]")).to_have_value("web")
    # the rows that stand for the textarea write into it
    page.get_by_label("Environment 1 value").fill("good morning")
    expect(page.locator("#preview")).to_contain_text("GREETING=good morning")
    page.get_by_role("button", name="Run", exact=True).click()
    succeeded(page)
    old = inspected(instance, "web")
    instance.docker("exec", "web", "sh", "-c", "echo kept > /data/note; echo lost > /note")

    page.goto("/containers/local/web/edit/")
    page.get_by_label("Environment 1 value").fill("good evening")
    page.get_by_role("button", name="Show the plan").click()
    expect(page.get_by_role("table")).to_contain_text("GREETING=…")
    page.get_by_role("button", name="Replace it").click()
    succeeded(page)
    new = inspected(instance, "web")
    assert new["Id"] != old["Id"]
    assert (
        instance.docker("exec", "web", "sh", "-c", "cat /data/note; ls /note; echo $GREETING") == "kept\ngood evening\n"
    )
    assert instance.docker("ps", "-aq").split() == [str(new["Id"])[:12]]

    page.goto("/containers/local/web/revisions/")
    expect(page.locator(".revision")).to_have_count(2)
    page.get_by_role("link", name="Restore").click()
    page.get_by_role("button", name="Replace it").click()
    succeeded(page)
    assert instance.docker("exec", "web", "sh", "-c", "cat /data/note; echo $GREETING") == "kept\ngood morning\n"

    page.goto("/containers/local/web/clone/")
    page.get_by_label("How many").fill("2")
    page.get_by_role("button", name="Clone", exact=True).click()
    succeeded(page)
    page.goto("/containers/")
    for name in ("web-1", "web-2"):
        page.get_by_role("checkbox", name=f"Pick {name}").check()
    page.get_by_role("button", name="Stop", exact=True).last.click()
    expect(page.get_by_text("It can be done to 2 of 2.")).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    succeeded(page)
    wait_for(lambda: instance.docker("ps", "-q").split().__len__() == 1, limit_s=20, what="only web runs")
    nothing_is_pulled_from_under_the_hand(instance, page)


def nothing_is_pulled_from_under_the_hand(instance: Instance, page: Page) -> None:
    page.goto("/containers/")
    rows = page.locator("#rows")
    rows.locator("th").nth(1).hover()
    page.mouse.down()
    # only now: what was rung before may have swapped them
    rows.evaluate("rows => { rows.dataset.old = 'yes' }")
    instance.docker("pause", "web")
    page.wait_for_timeout(3000)
    assert rows.get_attribute("data-old") == "yes"
    page.mouse.up()
    # what was rung meanwhile is fetched now
    expect(page.locator("#rows[data-old]")).to_have_count(0)
    expect(rows.get_by_text("paused")).to_be_visible()
