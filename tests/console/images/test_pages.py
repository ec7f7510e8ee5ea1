"""Pages of images and builds: few queries however many rows, and what hosts do not tell is said."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from console.hosts.disk import DiskUse, ImageUse
from console.hosts.gateway import Engine
from console.images import exporting, usage
from console.images.models import Image
from console.operations.errors import Missing, Unavailable
from console.operations.permissions import Role
from console.web.tables import PAGE_ROWS
from tests.factories.console import (
    make_container,
    make_grant,
    make_host,
    make_image,
    make_job,
    make_user,
    make_workspace,
)
from tests.factories.console import sign_in_browser as browser

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    usage._remembered.clear()
    yield
    usage._remembered.clear()


def told(monkeypatch: pytest.MonkeyPatch, *images: Image, shared_bytes: int = 700_000) -> None:
    """The host's engine tells of these images."""
    uses = tuple(
        ImageUse(one.engine_id, tuple(one.references), one.size_bytes, shared_bytes, 0, timezone.now())
        for one in images
    )

    async def answer(addresses: Sequence[str], _patience_s: float) -> dict[str, DiskUse]:
        return {address: DiskUse(0, uses) for address in addresses}

    monkeypatch.setattr(usage, "_ask_all", answer)


def text_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_long_list_takes_few_queries(
    monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    hosts = [make_host(f"h{number}") for number in range(4)]
    images = [make_image(f"a:{number}", host=hosts[number % 4]) for number in range(60)]
    for image in images[:30]:
        make_container(host=image.host, image_engine_id=image.engine_id)
    told(monkeypatch, *images)
    client = browser(Client(), make_user(Role.ADMIN))
    # the first page of a session writes the session down
    client.get("/")
    # two of them are the session and its person
    with django_assert_max_num_queries(13):
        text = text_of(client, "/images/")
    assert text.count("700 kB") == PAGE_ROWS


def test_a_host_that_does_not_tell_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    make_image("a:1", host=make_host("silent-one"))
    assert "was not told by: silent-one" in text_of(browser(Client(), make_user(Role.ADMIN)), "/images/")


def test_an_engine_is_not_asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def answer(addresses: Sequence[str], _patience_s: float) -> dict[str, None]:
        asked.extend(addresses)
        return dict.fromkeys(addresses)

    monkeypatch.setattr(usage, "_ask_all", answer)
    host = make_host("local")
    assert usage.uses_of([host]) == usage.uses_of([host]) == {"local": None}
    assert len(asked) == 1
    usage.forget(host.address)
    usage.uses_of([host])
    assert len(asked) == 2


def test_containers_that_one_cannot_see_are_not_named() -> None:
    image = make_image("a:1", workspace=make_workspace("shop"))
    make_container("hidden-one", image_engine_id=image.engine_id, workspace=make_workspace("depot"))
    user = make_user(None)
    make_grant(user, Role.VIEWER, workspace=make_workspace("shop"))
    text = text_of(browser(Client(), user), "/images/")
    assert "one you cannot see" in text
    assert "hidden-one" not in text


@pytest.mark.parametrize(("show", "seen"), [("", {"a:1", "untagged"}), ("tagged", {"a:1"}), ("dangling", {"untagged"})])
def test_a_list_shows_those_with_a_tag_or_without(show: str, seen: set[str]) -> None:
    make_image("a:1")
    make_image()
    text = text_of(browser(Client(), make_user(Role.ADMIN)), f"/images/?show={show}")
    assert {name for name in ("a:1", "untagged") if f">{name}<" in text} == seen


def test_a_failed_build_is_shown_at_its_line() -> None:
    args = {"tag": "a:1", "dockerfile": "FROM scratch\nCOPPY a /\n"}
    progress = {"step": 1, "steps": 2, "what": "FROM scratch", "times": [[1, "FROM scratch", 1500, 0]]}
    job = make_job(args=args, state="failed", error="dockerfile parse error line 2: COPPY", progress=progress)
    client = browser(Client(), make_user(Role.ADMIN))
    page = text_of(client, f"/builds/{job.number}/")
    assert '<li class="marked"><code>COPPY a /</code></li>' in page
    assert "1.5 s" in page
    assert 'data-error-line="2"' in text_of(client, f"/builds/new/?from={job.number}")


# --- downloads ---


class Archive:
    """Plays an engine that gives out an archive of two pieces."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, found: bool = True) -> None:
        async def find(_address: str, engine_id: str) -> str | None:
            return engine_id if found else None

        @asynccontextmanager
        async def saved(_engine: Engine, names: Sequence[str]) -> AsyncIterator[AsyncIterator[bytes]]:
            async def pieces() -> AsyncIterator[bytes]:
                yield ",".join(names).encode()
                yield b"!"

            yield pieces()

        monkeypatch.setattr(exporting, "_find", find)
        monkeypatch.setattr(exporting, "saved", saved)


async def read(download: exporting.Download) -> bytes:
    return b"".join([chunk async for chunk in download])


def test_few_images_are_downloaded_at_once_and_a_place_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    Archive(monkeypatch)
    image = make_image("a:1", "a:2")
    places = [exporting.download(image) for _ in range(exporting.MOST_AT_ONCE)]
    with pytest.raises(Unavailable):
        exporting.download(image)
    # one that nobody began to read, and one that was read to its end
    places[0].close()
    places[0].close()
    assert asyncio.run(read(places[1])) == b"a:1,a:2!"
    for download in [exporting.download(image) for _ in range(exporting.MOST_AT_ONCE)]:
        download.close()


def test_what_is_gone_is_said_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    Archive(monkeypatch, found=False)
    with pytest.raises(Missing):
        exporting.download(make_image("a:1"))


@pytest.mark.parametrize(
    ("references", "name"),
    [(["registry.example:5000/Shop/web:1"], "registry-example-5000-shop-web-1.tar"), (['"; x=".exe'], "x---exe.tar")],
)
def test_a_download_has_a_plain_name(references: list[str], name: str) -> None:
    assert exporting.file_name(make_image(*references)) == name


def test_a_download_comes_as_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Archive(monkeypatch)
    image = make_image("a:1")
    answer: Any = browser(Client(), make_user(Role.ADMIN)).get(f"/images/local/{image.short_id}/download")
    assert (answer["Content-Type"], answer["Content-Disposition"]) == (
        "application/x-tar",
        'attachment; filename="a-1.tar"',
    )
    answer.close()
    assert asyncio.run(read(exporting.download(image))) == b"a:1!"
