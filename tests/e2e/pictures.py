"""Pictures of the console's pages for the documentation: ``python -m tests.e2e.pictures [FOLDER]``.

An instance with a small shop on a real engine is made for them. Each page is taken wide and light in English, and
narrow and dark in Korean, as ``NAME.jpg`` and ``NAME-ko.jpg``, at half their size; ``docs/pages.md`` shows them.
"""

import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import django
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.conftest import CHROMIUM, CHROMIUM_FLAGS, ROOT, Instance, accept, sign_in, wait_for
from tests.e2e.test_three_tiers import TEXT, Api, give_images, killed
from tests.fakes.ports import free_port

FOLDER: Final = ROOT / "docs/images/pages"
VARIANTS: Final = (("", "en", "light", 1440, 900), ("-ko", "ko", "dark", 390, 844))
SCALE: Final = 0.5
QUALITY: Final = 55
# a page of more than so many widths is cut off
LONGEST_PX: Final = {1440: 1400, 390: 1700}
WEB = "main_shop-web-1"
PAGES: Final = {
    "overview": "/",
    "containers": "/containers/",
    "container": f"/containers/local/{WEB}/",
    "container-logs": f"/containers/local/{WEB}/logs/",
    "container-stats": f"/containers/local/{WEB}/stats/",
    "container-health": f"/containers/local/{WEB}/health/",
    "container-files": f"/containers/local/{WEB}/files/?path=/www",
    "container-drift": f"/containers/local/{WEB}/files/changes/",
    "container-config": f"/containers/local/{WEB}/config/",
    "container-network": f"/containers/local/{WEB}/network/",
    "container-storage": "/containers/local/main_shop-db-1/storage/",
    "container-history": f"/containers/local/{WEB}/history/",
    "container-inspect": f"/containers/local/{WEB}/inspect/",
    "container-edit": f"/containers/local/{WEB}/edit/",
    "run": "/containers/run/",
    "stacks": "/stacks/",
    "stack": "/stacks/{stack}/",
    "stack-plan": "/stacks/{stack}/plan/",
    "stack-scale": "/stacks/{stack}/scale/",
    "stack-service": "/stacks/{stack}/services/web/",
    "stack-restoring": "/stacks/{stack}/restoring/",
    "stack-environment": "/stacks/{stack}/environment/",
    "stack-capsules": "/stacks/capsules/",
    "stack-templates": "/stacks/templates/",
    "images": "/images/",
    "builds": "/builds/",
    "build-new": "/builds/new/",
    "hub": "/hub/",
    "prune": "/prune/local/",
    "networks": "/networks/",
    "topology": "/networks/topology/",
    "network": "/networks/local/main_shop_default/",
    "volumes": "/volumes/",
    "volume": "/volumes/local/main_shop_data/",
    "logs": "/logs/?show=on&label=com.docker.compose.project%3Dmain_shop",
    "changes": "/changes/",
    "jobs": "/jobs/",
    "job": "/jobs/{job}/",
    "schedules": "/schedules/",
    "sessions": "/sessions/",
    "hosts": "/hosts/",
    "host": "/hosts/local/",
    "alerts": "/alerts/",
    "notifications": "/notifications/",
    "secrets": "/secrets/",
    "audit": "/audit/",
    "people": "/people/",
    "teams": "/teams/",
    "roles": "/roles/",
    "grants": "/grants/",
    "workspaces": "/workspaces/",
    "policy": "/workspaces/main/policy/",
    "account": "/account/",
    "settings": "/account/settings/",
    "sign-in": "/sign-in/",
}


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    set_up()
    with tempfile.TemporaryDirectory(prefix="nr-", dir="/tmp") as home:
        instance = Instance(Path(home))
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
                facts = furnished(instance, browser)
                for variant in VARIANTS:
                    take_all(instance, browser, folder, facts, *variant)
        finally:
            instance.close()


def set_up() -> None:
    """The template of the instance's database is made here; parts of the instance have settings of their own."""
    own = {"DJANGO_SETTINGS_MODULE": "console.project.settings", "NARU_SETUP": "1"}
    os.environ.update(own)
    django.setup()
    for name in own:
        del os.environ[name]


def furnished(instance: Instance, browser: Browser) -> dict[str, Any]:
    """A stack of three tiers that has lived a little, and people, rules and schedules around it."""
    page = browser.new_context(base_url=instance.url).new_page()
    accept(page, instance.first_link, "ada")
    api = Api(instance)
    give_images(instance)
    files = {"compose.yaml": TEXT.format(image="tiers:1", port=free_port())}
    stack = api.ask("stacks", "POST", {"host": "local", "name": "shop", "files": files})["id"]
    job = api.deploy(stack)["number"]
    api.ask(f"stacks/{stack}/lock", "POST", {})
    instance.docker("exec", WEB, "touch", "/www/by-hand")
    killed(instance, "main_shop-web-3")
    code = f"from tests.e2e.furnishing import furnish_plainly; furnish_plainly({stack})"
    facts: dict[str, Any] = json.loads(instance.manage("shell", "-c", code).splitlines()[-1])
    wait_for(lambda: len(api.ask(f"stacks/{stack}")["services"]) == 3, limit_s=60, what="the host has told")
    return {"stack": stack, "job": job, **facts}


def take_all(
    instance: Instance,
    browser: Browser,
    folder: Path,
    facts: dict[str, Any],
    suffix: str,
    language: str,
    theme: str,
    width: int,
    height: int,
) -> None:
    how: dict[str, Any] = {"viewport": {"width": width, "height": height}, "device_scale_factor": SCALE}
    context = browser.new_context(base_url=instance.url, reduced_motion="reduce", **how)
    chosen = {"naru_theme": theme, "django_language": language}
    page = context.new_page()
    sign_in(page, "ada")
    context.add_cookies([{"name": name, "value": value, "url": instance.url} for name, value in chosen.items()])
    for name, address in PAGES.items():
        if name == "sign-in":
            context.clear_cookies(name=re.compile("naru-"))
        answer = page.goto(address.format(**facts))
        assert answer is not None
        assert answer.ok, f"{address}: {answer.status}"
        take(page, folder / f"{name}{suffix}.jpg", width)
    context.close()


def take(page: Page, path: Path, width: int) -> None:
    page.wait_for_timeout(900)
    found = page.evaluate("() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert found[0] <= width, f"{page.url} scrolls sideways"
    height = min(found[1], LONGEST_PX[width])
    clip: Any = {"x": 0, "y": 0, "width": width, "height": height}
    page.screenshot(path=path, type="jpeg", quality=QUALITY, full_page=True, clip=clip)


def names_in(text: str) -> set[str]:
    """Of the pictures that a page of the documentation shows."""
    return set(re.findall(r"images/pages/([a-z-]+)\.jpg", text))


if __name__ == "__main__":
    main()
