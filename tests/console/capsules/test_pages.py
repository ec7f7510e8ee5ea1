"""The pages of environments and capsules, and the commands that do the same."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from console.capsules import observing
from console.capsules.models import StackCapsule
from console.operations.permissions import Role
from console.stacks import looking
from console.stacks.models import Stack
from console.stacks.planning.world import SeenVolume, World
from tests.factories.capsules import environment_of, make_deployed_stack, make_stack_capsule
from tests.factories.console import make_host, make_secret, make_user, make_workspace, sign_in_browser
from tests.fakes.capsules import FakeCapsule, fake_capsule

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "look_from_here", lambda *_given: World())
    monkeypatch.setattr(observing, "observe_from_here", lambda *_given, **_named: environment_of())


@pytest.fixture
def browser(db: None) -> Client:
    make_host("local")
    return sign_in_browser(Client(), make_user(Role.ADMIN))


@pytest.fixture
def stack(browser: Client) -> Stack:
    return make_deployed_stack()


def text_of(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status
    return str(answer.content.decode())


def test_a_fingerprint_is_shown_and_taken_away(browser: Client, stack: Stack) -> None:
    page = reverse("capsules:environment", args=[stack.pk])
    assert stack.locks.get().fingerprint in text_of(browser.get(page))
    file = browser.get(reverse("capsules:lock", args=[stack.pk]))
    assert text_of(file) == stack.locks.get().lock.text()
    assert file["Content-Disposition"] == 'attachment; filename="shop.env.lock"'
    other = make_deployed_stack("other")
    other.locks.all()
    assert "There is no fingerprint" not in text_of(browser.get(page))


def test_an_uploaded_lock_is_compared_and_no_hash_is_shown(browser: Client, stack: Stack) -> None:
    def change(fake: FakeCapsule) -> None:
        web = fake.lock.environment["services"]["web"]
        web["env"] = {"A": "hmac-sha256:00", "B": "hmac-sha256:01"}
        web["command"] = [HOSTILE]

    lock = fake_capsule(change=change).lock.text().encode()
    page = reverse("capsules:verify", args=[stack.pk])
    found = text_of(browser.post(page, {"lock": SimpleUploadedFile("env.lock", lock)}))
    assert "env.A" in found
    assert "hmac-sha256" not in found
    assert HOSTILE not in found
    assert "data-live" not in found.split('id="facts"')[1].split(">")[0]
    assert "no JSON document" in text_of(browser.post(page, {"lock": SimpleUploadedFile("env.lock", b"x")}), 400)
    assert "Identical" in text_of(browser.post(page))


def test_another_stack_is_compared(browser: Client, stack: Stack) -> None:
    other = make_deployed_stack("other")
    answer = browser.post(reverse("capsules:verify", args=[stack.pk]), {"stack": other.pk})
    assert "Identical" in text_of(answer)
    assert browser.post(reverse("capsules:verify", args=[stack.pk]), {"stack": stack.pk}).status_code == 400


def test_many_capsules_are_listed_with_few_queries(
    browser: Client, stack: Stack, django_assert_max_num_queries: Any
) -> None:
    for _number in range(30):
        make_stack_capsule(stack=stack, host=stack.host)
    text_of(browser.get(reverse("capsules:list")))
    with django_assert_max_num_queries(12):
        found = text_of(browser.get(reverse("capsules:list")))
    assert found.count("/download/") == 30


def test_what_capsules_say_is_never_run(browser: Client) -> None:
    def change(fake: FakeCapsule) -> None:
        fake.document["stack"] |= {"name": HOSTILE, "left": [HOSTILE]}

    capsule = make_stack_capsule(fake_capsule(change=change))
    make_secret("db-password", workspace=make_workspace())
    for page in (
        reverse("capsules:list"),
        reverse("capsules:upload"),
        reverse("capsules:restore", args=[capsule.number]) + "?host=local&name=again",
    ):
        found = text_of(browser.get(page))
        assert HOSTILE not in found
        assert "alert(1)" in found


def test_an_upload_leads_to_what_restoring_it_would_mean(browser: Client) -> None:
    page = reverse("capsules:upload")
    answer = browser.post(page, {"capsule": SimpleUploadedFile("x", b"nonsense"), "workspace": "main"})
    assert "no whole tar archive" in text_of(answer, 400)
    upload = SimpleUploadedFile("shop.capsule.tar", fake_capsule().content())
    answer = browser.post(page, {"capsule": upload, "workspace": "main"})
    assert (answer.status_code, StackCapsule.objects.count()) == (302, 1)
    found = text_of(browser.get(answer["Location"]))
    for word in ("main_shop_data", "shop/web:latest", "path ./conf (web)", "db-password"):
        assert word in found
    place = answer["Location"].partition("?")[0]
    answer = browser.post(place, {"host": "local", "name": "shop", "volumes": "on"})
    assert "db-password" in text_of(answer, 400)
    # what was typed does not end in an address
    answer = browser.post(place, {"host": "local", "name": "other", "secret-0": "long enough", "plan": "yes"})
    assert answer["Location"] == f"{place}?host=local&name=other"
    given = {"host": "local", "name": "shop", "volumes": "on", "secret-0": "long enough"}
    answer = browser.post(reverse("capsules:restore", args=[StackCapsule.objects.get().number]), given)
    assert answer.status_code == 302
    assert Stack.objects.get().newest.job.kind == "capsule.restore"  # type: ignore[union-attr]


def test_what_is_in_the_way_is_asked_about(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make_secret("db-password", workspace=make_workspace())
    capsule = make_stack_capsule()
    there = World(
        images={"shop/web": "0" * 64}, volumes={"main_again_data": SeenVolume("main_again_data", "local", {}, {})}
    )
    monkeypatch.setattr(looking, "look_from_here", lambda *_given: there)
    page = reverse("capsules:restore", args=[capsule.number])
    found = text_of(browser.get(page, {"host": "local", "name": "again", "volumes": "on"}))
    assert 'name="over"' in found
    assert 'name="moves_names"' in found
    given = {"host": "local", "name": "again", "volumes": "on", "moves_names": "on"}
    assert browser.post(page, given).status_code == 409
    assert browser.post(page, {**given, "over": "on"}).status_code == 302


def test_a_capsule_is_downloaded_as_it_was_made(browser: Client, stack: Stack) -> None:
    capsule = make_stack_capsule(stack=stack)
    answer: Any = browser.get(reverse("capsules:download", args=[capsule.number]))

    async def content() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])

    assert asyncio.run(content()) == fake_capsule().content()
    assert answer["X-Content-SHA256"] == capsule.sha256


def test_the_commands_do_the_same(stack: Stack, tmp_path: Path) -> None:
    out = io.StringIO()
    call_command("env_lock", "local/shop", stdout=out, stderr=io.StringIO())
    lock = tmp_path / "env.lock"
    lock.write_text(out.getvalue())
    out = io.StringIO()
    call_command("env_verify", str(lock), "shop", stdout=out)
    assert out.getvalue() == f"identical  {stack.locks.first().fingerprint}\n"  # type: ignore[union-attr]

    def change(fake: FakeCapsule) -> None:
        fake.lock.environment["services"]["web"]["command"] = ["other"]

    lock.write_text(fake_capsule(change=change).lock.text())
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("env_verify", str(lock), str(stack.pk), stdout=out)
    assert "service web: command missing: other → —" in out.getvalue()
    for name in ("nothing", "elsewhere/shop", "99"):
        with pytest.raises(CommandError, match="there is no stack"):
            call_command("env_verify", str(lock), name)
    lock.write_text("nonsense")
    with pytest.raises(CommandError, match="no JSON"):
        call_command("env_verify", str(lock), "shop")
