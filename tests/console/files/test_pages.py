"""Pages of a container's files: what they show, and what of it is on record."""

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from console.audit.models import AuditEntry
from console.containers.models import Container
from console.hosts.files import Change, Changes, Directory, File
from console.operations.errors import Unavailable
from console.operations.permissions import Role
from tests.console.files.conftest import FakeFiles
from tests.factories.console import make_user, sign_in_browser

pytestmark = pytest.mark.django_db
Get = Callable[..., Any]


def address(name: str, path: str = "") -> str:
    return reverse(f"files:{name}", args=["local", "web-1"]) + (f"?path={path}" if path else "")


@pytest.fixture
def browser(container: Container) -> Client:
    return sign_in_browser(Client(), make_user(Role.DEVELOPER))


def async_browser() -> AsyncClient:
    """Downloads stream as they do in the server."""
    browser = AsyncClient()
    browser.cookies = sign_in_browser(Client(), make_user(Role.DEVELOPER)).cookies
    return browser


def acts() -> list[tuple[str, str]]:
    found = AuditEntry.objects.filter(action="container.files").order_by("seq")
    return [(entry.details["act"], entry.details["path"]) for entry in found]


def test_a_directory_is_shown(browser: Client, fake_files: FakeFiles) -> None:
    page = browser.get(address("browse", "/etc")).content.decode()
    assert "app.conf" in page
    assert "8 B" in page
    assert acts() == []


def test_a_file_is_led_to_its_page_and_a_directory_to_its_own(browser: Client, fake_files: FakeFiles) -> None:
    assert browser.get(address("browse", "/etc/app.conf"))["Location"] == address("view", "/etc/app.conf")
    assert browser.get(address("view", "/etc"))["Location"] == address("browse", "/etc")


def test_what_a_file_holds_is_harmless_and_reading_it_on_record(browser: Client, fake_files: FakeFiles) -> None:
    page = browser.get(address("view", "/etc/hostile")).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;⟨U+001B⟩[31m⟨U+202E⟩" in page
    assert acts() == [("preview", "/etc/hostile")]
    assert "script" not in str(AuditEntry.objects.latest("seq").details)


def test_hostile_names_stay_text(browser: Client, fake_files: FakeFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    name = '"><img src=x onerror=1>\udcff'

    async def listed(*_given: object) -> Directory:
        return Directory("/", (File(name, "file", 0o644, 1, None), File("l", "link", 0o777, 1, None, target=name)), 2)

    monkeypatch.setattr("console.files.reading.directory", listed)
    page = browser.get(address("browse")).content.decode()
    assert "<img src=x" not in page
    assert "%FF" in page


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [("browse", "/nothing", 404), ("view", "/nothing", 404), ("compare", "/nothing", 404), ("browse", "etc", 400)],
)
def test_what_is_not_there_is_said_so(
    browser: Client, fake_files: FakeFiles, name: str, path: str, status: int
) -> None:
    assert browser.get(address(name, path)).status_code == status


@pytest.mark.parametrize("name", ["browse", "view", "changes", "compare"])
def test_an_engine_that_is_away_leaves_the_page_standing(browser: Client, fake_files: FakeFiles, name: str) -> None:
    fake_files.error = Unavailable("the engine did not answer in time")
    answer = browser.get(address(name, "/etc/app.conf"))
    assert answer.status_code == 503
    assert "could not be asked" in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_download_is_on_record_before_and_after(container: Container, fake_files: FakeFiles) -> None:
    browser = async_browser()

    async def downloaded() -> tuple[Any, bytes]:
        answer: Any = await browser.get(address("download", "/etc/app.conf"))
        return answer, b"".join([chunk async for chunk in answer])

    answer, content = async_to_sync(downloaded)()
    assert content == b"one\ntwo\n"
    assert answer["Content-Disposition"] == "attachment; filename=\"app.conf\"; filename*=UTF-8''app.conf"
    assert (answer["Content-Length"], answer["Content-Type"]) == ("8", "application/octet-stream")
    assert acts() == [("download", "/etc/app.conf"), ("downloaded", "/etc/app.conf")]
    details = AuditEntry.objects.latest("seq").details
    assert (details["size_bytes"], details["sha256"], details["whole"]) == (8, "ab" * 32, True)


@pytest.mark.django_db(transaction=True)
def test_a_download_that_is_cut_off_is_on_record_as_that(container: Container, fake_files: FakeFiles) -> None:
    browser = async_browser()

    async def begun() -> None:
        answer: Any = await browser.get(address("download", "/etc/app.conf"))
        chunks = aiter(answer)
        assert await anext(chunks) == b"one"
        await chunks.aclose()

    async_to_sync(begun)()
    details = AuditEntry.objects.latest("seq").details
    assert (details["act"], details["size_bytes"], details["whole"]) == ("downloaded", 3, False)


def test_changes_are_shown_without_noise(browser: Client, fake_files: FakeFiles) -> None:
    page = browser.get(address("changes")).content.decode()
    assert "app.conf" in page
    assert "1 left out as noise" in page
    everything = browser.get(address("changes") + "?noise=on").content.decode()
    assert "tmp/" in everything


def test_many_changes_cost_few_queries(
    browser: Client, fake_files: FakeFiles, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    found = tuple(Change(f"/srv/{n % 40}/{n}", "added", "file", 1) for n in range(3000))
    fake_files.changes = Changes(found, 3000)
    browser.get(address("changes"))
    with django_assert_max_num_queries(12):
        page = browser.get(address("changes")).content.decode()
    assert "3000" in page
    assert "1000 more are counted and not shown" in page


def test_noise_is_changed_on_the_page(browser: Client, fake_files: FakeFiles) -> None:
    browser.post(address("noise"), {"patterns": "/etc\n"})
    page = browser.get(address("changes")).content.decode()
    assert "tmp/" in page
    answer = browser.post(address("noise"), {"patterns": "no-slash"})
    assert answer.status_code == 400
    assert "begins with" in answer.content.decode()


def test_a_difference_is_shown_and_on_record(browser: Client, fake_files: FakeFiles) -> None:
    page = browser.get(address("compare", "/etc/app.conf")).content.decode()
    assert "@@ -1,2 +1,2 @@" in page
    assert fake_files.compared_with == "cd" * 32
    assert acts() == [("compare", "/etc/app.conf")]


def test_a_program_that_wants_json_is_told_the_job(browser: Client, fake_files: FakeFiles) -> None:
    given = {"path": "/etc", "directory": "new"}
    answer = browser.post(address("new_directory"), given, headers={"accept": "application/json"})
    assert answer.status_code == 202
    assert answer.json()["link"].startswith("/jobs/")


def test_freezing_becomes_a_job(browser: Client, fake_files: FakeFiles) -> None:
    answer = browser.post(address("freeze"), {"tag": "shop/web:1", "pause": "on", "changes": "ENV A=b\n"})
    assert answer["Location"].startswith("/jobs/")
    wrong = browser.post(address("freeze"), {"tag": "shop/web:1", "changes": "RUN x"})
    assert wrong.status_code == 400
