"""A stack from a repository by its pages: fetched, deployed by itself, and again after a push that rings the hook."""

import hashlib
import hmac
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.conftest import Instance, accept, sign_in, wait_for
from tests.engine.host.build.web import Web, run_git, serving

pytestmark = [pytest.mark.e2e, pytest.mark.host, pytest.mark.timeout(300)]
WAIT_MS = 60_000
COMPOSE = "services: {web: {image: hello-naru, command: sleep 1000, stop_grace_period: 0s, scale: 1}}\n"


@pytest.fixture(scope="module", autouse=True)
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """Before the instance is started, which is to be let to it."""
    with pytest.MonkeyPatch.context() as patch, serving(tmp_path_factory.mktemp("repositories")) as running:
        patch.setenv("NARU_OUTBOUND_ALLOW", "127.0.0.0/8,::1/128")
        running.repository("shop.git", [{"deploy/compose.yaml": COMPOSE}])
        yield running


def push(path: Path, text: str, subject: str) -> None:
    (path / "deploy/compose.yaml").write_text(text)
    run_git(path, "commit", "-qam", subject)


def ring(address: str, secret: str) -> int:
    body = b'{"ref": "refs/heads/main"}'
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(address, body, headers)) as answer:
        return int(answer.status)


def test_what_is_pushed_is_deployed_by_itself(web: Web, instance: Instance, context: BrowserContext) -> None:
    page = context.new_page()
    accept(page, instance.first_link, "dana")
    sign_in(page, "dana")
    page.get_by_role("button", name=re.compile("Build .*Hello, Naru")).click()
    expect(page.get_by_text("succeeded", exact=True).first).to_be_visible(timeout=WAIT_MS)

    page.goto("/stacks/git/")
    page.get_by_label("Name", exact=True).fill("shop")
    page.get_by_label("Repository").fill(f"{web.url}/git/shop.git")
    page.get_by_label("Compose files").fill("deploy/compose.yaml")
    page.get_by_label("Look every").fill("0")
    page.get_by_label("A new commit").select_option("deploy")
    page.get_by_role("button", name="Save and fetch").click()
    expect(page.get_by_text("1 of 1")).to_be_visible(timeout=WAIT_MS)
    stack = page.url

    page.get_by_role("link", name="Repository", exact=True).click()
    page.get_by_role("button", name="Make a hook").click()
    address, secret = page.get_by_label("Address").input_value(), page.get_by_label("Secret").input_value()
    push(web.repositories / "shop.git", COMPOSE.replace("scale: 1", "scale: 2"), "Two <b>of</b> them")
    assert ring(address, secret) == 202
    page.goto(stack)
    expect(page.get_by_text("2 of 2")).to_be_visible(timeout=WAIT_MS)
    expect(page.get_by_text("Two <b>of</b> them").first).to_be_visible()
    names = instance.docker("ps", "--format", "{{.Names}}").split()
    assert sorted(names) == ["main_shop-web-1", "main_shop-web-2"]
    log = wait_for(lambda: instance.log, limit_s=1, what="nothing was said")
    assert secret not in log
