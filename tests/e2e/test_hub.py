"""An image on its way: to a registry that wants a password, back from it by digest, into quarantine and out again."""

import io
import os
import re
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Instance, accept
from tests.engine.host.registry.servers import PASSWORD, USER, Server, docker_registry

pytestmark = [pytest.mark.e2e, pytest.mark.host, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with docker_registry(tmp_path_factory.mktemp("registry") / "r", passwords=True) as server:
        yield server


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    """One whose administrator lets the console ask loopback addresses."""
    os.environ["NARU_OUTBOUND_ALLOW"] = "127.0.0.0/8,::1/128"
    with tempfile.TemporaryDirectory(prefix="nr-", dir="/tmp") as home:
        running = Instance(Path(home))
        try:
            yield running
        finally:
            running.close()
            del os.environ["NARU_OUTBOUND_ALLOW"]


def save_files(path: Path) -> None:
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo("hello")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"hello"))


def wait_for_job(page: Page) -> None:
    """The page of a job that has just been asked for."""
    expect(page.locator("#job-state")).to_contain_text("succeeded", timeout=20_000)


def follow_toast(page: Page) -> None:
    page.locator("#toasts a").last.click()
    wait_for_job(page)


def test_an_image_goes_to_a_registry_and_comes_back(
    context: BrowserContext, instance: Instance, registry: Server, tmp_path: Path
) -> None:
    page = context.new_page()
    accept(page, instance.first_link, "kim")
    save_files(tmp_path / "files.tar")
    for name in ("shop/web:1", "shop/other:1"):
        instance.docker("import", str(tmp_path / "files.tar"), name)

    page.goto("/secrets/")
    page.get_by_label("Name").fill("quay-token")
    page.get_by_label("Value").fill(PASSWORD)
    page.get_by_role("button", name="Keep it").click()
    page.goto("/hub/new/")
    page.get_by_label("Name", exact=True).fill("quay")
    page.get_by_label("Address").fill(registry.address)
    page.get_by_label("User").fill(USER)
    page.get_by_label("Password or token").fill("secret:quay-token")
    page.get_by_text("How it is reached").click()
    page.get_by_label("Speaks plain http").check()
    page.get_by_role("button", name="Add").click()
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#registry-facts")).to_contain_text("answers", timeout=20_000)

    page.goto("/images/")
    page.get_by_role("link", name="shop/web:1").click()
    page.get_by_label("Push as").fill(f"{registry.address}/shop/web:1")
    page.get_by_role("button", name="Push").click()
    follow_toast(page)

    page.goto("/hub/main/quay/")
    page.get_by_role("link", name="shop/web").click()
    page.get_by_role("button", name="1", exact=True).click()
    page.get_by_role("link", name="Pull by digest").click()
    expect(page.get_by_label("Image", exact=True)).to_have_value(re.compile(r"@sha256:[0-9a-f]{64}$"))
    page.get_by_role("button", name="Pull").click()
    wait_for_job(page)
    assert PASSWORD not in page.content()

    page.goto("/prune/local/?days=0")
    page.get_by_role("button", name="Prune", exact=True).click()
    page.locator("#confirm").get_by_role("button", name="Prune").click()
    wait_for_job(page)
    assert "shop/web" not in instance.docker("images")
    page.goto("/prune/")
    page.locator("tr", has_text="shop/web").get_by_role("button", name="Put back").click()
    follow_toast(page)
    assert "shop/web" in instance.docker("images")
