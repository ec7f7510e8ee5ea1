"""Pages of volumes and backups: what is in a volume is for who may read it; what ends data asks first."""

import asyncio
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from console.jobs.models import Job
from console.operations.permissions import Role
from tests.factories.console import make_container, make_grant, make_host, make_user, make_workspace, sign_in_browser
from tests.factories.wires import make_backup, make_listing, make_volume, user

pytestmark = pytest.mark.django_db
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def browser(client: Client) -> Client:
    make_host("local")
    return sign_in_browser(client, make_user(Role.ADMIN))


def text_of(browser: Client, address: str, *, status: int = 200) -> str:
    answer = browser.get(address)
    assert answer.status_code == status
    return str(answer.content.decode())


async def whole(answer: Any) -> bytes:
    return b"".join([piece async for piece in answer.streaming_content])


def test_a_page_names_users_backups_and_for_who_may_the_place(browser: Client, client: Client) -> None:
    make_volume("main_data", users=[user(make_container("db"), destination="/var/db")])
    make_backup("main_data", note="before")
    text = text_of(browser, "/volumes/local/main_data/")
    assert all(word in text for word in ("db", "/var/db", "before", "/var/lib/naru/volumes/main_data/_data"))
    viewer = sign_in_browser(Client(), make_user(Role.VIEWER))
    assert "/var/lib/naru/volumes" not in text_of(viewer, "/volumes/local/main_data/")
    assert "volume.backup" in text_of(viewer, "/volumes/local/main_data/files/", status=403)


def test_files_are_browsed_by_directory_and_never_run(browser: Client) -> None:
    make_listing(make_volume("main_data"), "deep/", f"deep/{HOSTILE.replace('/', '')}", "a.txt")
    assert "a.txt" in text_of(browser, "/volumes/local/main_data/files/")
    below = text_of(browser, "/volumes/local/main_data/files/?path=deep")
    assert "<script>alert" not in below
    assert "&lt;script&gt;" in below
    assert "a.txt" not in below


def test_looking_is_a_job(browser: Client) -> None:
    make_volume("main_data")
    answer = browser.post("/volumes/local/main_data/files/")
    assert answer.status_code == 302
    assert Job.objects.get().kind == "volume.list"


def test_removing_shows_what_goes_and_takes_the_typed_name(browser: Client) -> None:
    make_volume("main_data")
    assert "no backup of it" in text_of(browser, "/volumes/local/main_data/remove/")
    assert browser.post("/volumes/local/main_data/remove/", {"typed": "main"}).status_code == 400
    assert browser.post("/volumes/local/main_data/remove/", {"typed": "main_data"}).status_code == 302
    assert Job.objects.get().kind == "volume.remove"


def test_a_backup_is_downloaded_by_who_may_read_it(browser: Client) -> None:
    shop = make_workspace("shop")
    backup = make_backup("shop_data", b"four", workspace=shop)
    answer = browser.get(f"/backups/{backup.pk}/download/")
    assert asyncio.run(whole(answer)) == b"four"
    assert answer["Content-Length"] == "4"
    assert 'filename="shop_data-' in answer["Content-Disposition"]
    viewer = make_user(None)
    make_grant(viewer, Role.VIEWER, workspace=shop)
    text_of(sign_in_browser(Client(), viewer), f"/backups/{backup.pk}/download/", status=403)


def test_restoring_makes_a_new_volume_or_shows_first_what_is_written_over(browser: Client) -> None:
    backup = make_backup("main_data")
    make_volume("main_data", users=[user(make_container("db"))])
    place = f"/backups/{backup.pk}/restore/"
    shown = browser.post(place, {"host": "local", "name": "main_data"})
    assert shown.status_code == 200
    assert "written over" in shown.content.decode()
    assert "db" in shown.content.decode()
    assert not Job.objects.exists()
    over = {"host": "local", "name": "main_data", "typed": "main_data", "stops": "on"}
    assert browser.post(place, over).status_code == 302
    assert browser.post(place, {"host": "local", "name": "main_new"}).status_code == 302
    assert [job.args["over"] for job in Job.objects.order_by("pk")] == [True, False]


def test_many_rows_cost_few_queries(browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    db = make_container("db")
    for number in range(60):
        make_volume(f"main_{number}", users=[user(db)] if number % 2 else [])
        make_backup("main_1")
    text_of(browser, "/volumes/")
    pages = {"/volumes/": 12, "/backups/": 12, "/volumes/prune/": 18, "/volumes/local/main_1/": 24}
    for address, most in pages.items():
        with django_assert_max_num_queries(most):
            text_of(browser, address)
