"""The main road, walked once through a browser: first start, build, run, watch, stop, look who did it."""

import re
import time
from functools import partial

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Instance, accept, sign_in, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.host, pytest.mark.timeout(300)]

LINES = 2_000
COUNT = f"i=1; while [ $i -le {LINES} ]; do echo line $i; i=$((i+1)); usleep 4000; done; exec sleep 1000"
DOCKERFILE = """\
FROM hello-naru
RUN for i in 1 2 3; do echo building $i; sleep 0.8; done
CMD ["sleep", "1000"]
"""
SLOW_DOCKERFILE = """\
FROM hello-naru
RUN echo begun {worker}; sleep 8
"""


def lines_shown(page: Page) -> list[str]:
    """Everything the log viewer holds, also what is scrolled out of sight."""
    shown: list[str] = page.locator("naru-log").evaluate("log => log.text ? log.text() : []")
    return shown


def count_shown(page: Page) -> int:
    """Of the same; asked often, and thousands of lines take long to get here."""
    count: int = page.locator("naru-log").evaluate("log => log.text ? log.text().length : 0")
    return count


def holds(page: Page, line: str) -> bool:
    return line in lines_shown(page)


@pytest.fixture(scope="module")
def administrator(instance: Instance) -> str:
    """The name of the one who opened the first link."""
    return "dana"


def test_the_first_link_makes_the_administrator_once(
    instance: Instance, context: BrowserContext, administrator: str
) -> None:
    link = instance.first_link
    page = context.new_page()
    accept(page, link, administrator)
    sign_in(page, administrator)
    response = context.new_page().goto(link)
    assert response
    assert response.status == 404


def test_the_starter_is_one_click_away(instance: Instance, context: BrowserContext, administrator: str) -> None:
    page = context.new_page()
    sign_in(page, administrator)
    page.get_by_role("button", name=re.compile("Build .*Hello, Naru")).click()
    expect(page.get_by_text("succeeded", exact=True).first).to_be_visible(timeout=60_000)
    assert "hello-naru" in instance.docker("images")


def test_a_build_shows_its_output_as_it_comes(instance: Instance, context: BrowserContext, administrator: str) -> None:
    page = context.new_page()
    sign_in(page, administrator)
    page.goto("/builds/new/")
    page.get_by_label("Dockerfile", exact=True).fill(DOCKERFILE)
    page.get_by_label("Tag", exact=True).fill("counter:1")
    page.get_by_role("button", name="Build").click()
    seen = []
    for line in ("building 1", "building 2", "building 3"):
        wait_for(partial(holds, page, line), limit_s=30, what=line)
        seen.append(time.monotonic())
    assert seen[2] - seen[0] > 0.3, "the lines came all at once"
    expect(page.get_by_text("succeeded", exact=True).first).to_be_visible(timeout=30_000)


def test_a_log_arrives_whole_across_a_lost_websocket(
    instance: Instance, context: BrowserContext, administrator: str
) -> None:
    page = context.new_page()
    sign_in(page, administrator)
    page.goto("/containers/run/")
    page.locator("[name=image]").fill("counter:1")
    page.locator("[name=name]").fill("counting")
    page.locator("[name=command]").fill(f'/bin/sh -c "{COUNT}"')
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("succeeded", exact=True).first).to_be_visible(timeout=30_000)
    page.goto("/containers/local/counting/logs/")
    wait_for(lambda: count_shown(page) > 300, limit_s=30, what="300 lines")
    page.locator("naru-log").evaluate("log => log.disconnect()")
    wait_for(lambda: count_shown(page) >= LINES, limit_s=90, what=f"{LINES} lines")
    assert lines_shown(page) == [f"line {n}" for n in range(1, LINES + 1)]


def test_the_engine_s_death_loses_no_line(instance: Instance, context: BrowserContext, administrator: str) -> None:
    instance.docker("run", "-d", "--name", "survivor", "counter:1", "sh", "-c", COUNT)
    page = context.new_page()
    sign_in(page, administrator)
    page.goto("/containers/local/survivor/logs/")
    wait_for(lambda: count_shown(page) > 100, limit_s=30, what="100 lines")
    before = instance.docker("inspect", "-f", "{{.State.Pid}}", "survivor")
    instance.kill("engine serve")
    wait_for(lambda: count_shown(page) >= LINES, limit_s=90, what=f"{LINES} lines")
    assert lines_shown(page) == [f"line {n}" for n in range(1, LINES + 1)]
    # on a busy machine all lines were there before it died
    wait_for(instance.engine_answers, limit_s=60, what="the next engine")
    assert instance.docker("inspect", "-f", "{{.State.Pid}}", "survivor") == before
    page.goto("/containers/")
    expect(page.get_by_role("row", name=re.compile("survivor")).get_by_text("running")).to_be_visible()


def test_stop_is_in_the_job_list_and_in_the_audit_log(
    instance: Instance, context: BrowserContext, administrator: str
) -> None:
    page = context.new_page()
    sign_in(page, administrator)
    page.goto("/containers/local/counting/")
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Stop", exact=True).click()
    wait_for(
        lambda: instance.docker("inspect", "-f", "{{.State.Status}}", "counting").strip() == "exited",
        limit_s=30,
        what="the container to stop",
    )
    page.goto("/jobs/")
    expect(page.get_by_role("row", name=re.compile("counting")).filter(has_text="dana").first).to_be_visible()
    page.goto("/audit/")
    stopped = page.get_by_role("row").filter(has_text="container.stop").filter(has_text="counting")
    expect(stopped.first).to_contain_text("dana")


@pytest.mark.parametrize("worker", ["-A console.project.agent", "-A console.project.celery worker"])
def test_a_killed_worker_never_leaves_a_build_running(
    instance: Instance, context: BrowserContext, administrator: str, worker: str
) -> None:
    page = context.new_page()
    sign_in(page, administrator)
    page.goto("/builds/new/")
    page.get_by_label("Dockerfile", exact=True).fill(SLOW_DOCKERFILE.format(worker=worker))
    page.get_by_label("Tag", exact=True).fill("slow:1")
    page.get_by_role("button", name="Build").click()
    wait_for(partial(holds, page, f"begun {worker}"), limit_s=30, what="the build to begin")
    instance.kill(worker)
    # a second attempt says so in the same output; a failed one says why; without the console's worker it just goes on
    wait_for(
        lambda: (
            lines_shown(page).count(f"begun {worker}") == 2
            or page.get_by_text(re.compile("^(failed|succeeded)$")).count() > 0
        ),
        limit_s=30,
        what="the build to be tried again, failed or finished",
    )


@pytest.mark.parametrize(("role", "status"), [("operator", 302), ("viewer", 403)])
def test_an_operator_may_stop_and_a_viewer_may_not(
    instance: Instance, context: BrowserContext, administrator: str, role: str, status: int
) -> None:
    name = f"{role}-kim"
    instance.docker("run", "-d", "--name", f"for-{role}", "counter:1")
    page = context.new_page()
    accept(page, instance.manage("invite", "--role", role).split()[-1], name)
    sign_in(page, name)
    wait_for(
        lambda: page.goto(f"/containers/local/for-{role}/").status == 200,  # type: ignore[union-attr]
        limit_s=15,
        what="the container on the page",
    )
    token = next(cookie["value"] for cookie in context.cookies() if "csrf" in cookie["name"])
    answer = context.request.post(
        f"/containers/local/for-{role}/stop/", headers={"X-CSRFToken": token, "Referer": instance.url}, max_redirects=0
    )
    assert answer.status == status
    page.close()

    admin = context.browser.new_context(base_url=instance.url)  # type: ignore[union-attr]
    seen = admin.new_page()
    sign_in(seen, administrator)
    seen.goto("/audit/")
    row = seen.get_by_role("row").filter(has_text=f"for-{role}").filter(has_text=name).first
    expect(row).to_contain_text("allowed" if role == "operator" else "refused")
    admin.close()


@pytest.mark.parametrize(
    ("dockerfile", "tag", "complaint"),
    [
        ("FROM hello-naru\nRUN true\nFLY away", "bad:1", "line 3"),
        ("FROM hello-naru\nCOPY nowhere /", "bad:1", "nowhere"),
        ("FROM hello-naru", "Bad:1", "lower case"),
    ],
)
def test_bad_build_input_is_told_clearly(
    instance: Instance, context: BrowserContext, administrator: str, dockerfile: str, tag: str, complaint: str
) -> None:
    page = context.new_page()
    sign_in(page, administrator)
    page.goto("/builds/new/")
    page.get_by_label("Dockerfile", exact=True).fill(dockerfile)
    page.get_by_label("Tag", exact=True).fill(tag)
    page.get_by_role("button", name="Build").click()
    expect(page.get_by_text(re.compile(re.escape(complaint))).first).to_be_visible(timeout=30_000)
    assert "bad" not in instance.docker("images")
