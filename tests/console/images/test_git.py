"""A repository as a build's context, by git itself: one commit, its plain files, and nothing of what it could do."""

import asyncio
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from console.images import git as git_module
from console.images.git import Repository, Source
from console.operations.errors import ConsoleError, Invalid
from console.outbound.client import Refused
from tests.engine.host.build.web import Web, serving

FILES = {"Dockerfile": "FROM scratch\n", "app/Dockerfile": "FROM base\n", "app/main": "x", "link": "->/etc/passwd"}


@pytest.fixture
def web(tmp_path: Path, settings: Settings) -> Iterator[Web]:
    settings.NARU_OUTBOUND_ALLOW = "127.0.0.0/8,::1/128"
    with serving(tmp_path / "repositories") as running:
        yield running


def fetched(folder: Path, source: Source) -> tuple[Repository, dict[str, tarfile.TarInfo]]:
    folder.mkdir()
    repository, file = Repository(folder, source), io.BytesIO()

    async def fetch() -> None:
        await repository.fetch()
        await repository.archive(file)

    asyncio.run(fetch())
    file.seek(0)
    with tarfile.open(fileobj=file) as tar:
        return repository, {entry.name: entry for entry in tar}


def test_one_commit_comes_as_a_tar(web: Web, tmp_path: Path) -> None:
    first, second = web.repository("shop.git", [FILES, {"new": "y"}])
    url = f"{web.url}/git/shop.git"
    repository, entries = fetched(tmp_path / "a", Source(url))
    assert (repository.commit, "new" in entries) == (second, True)
    repository, entries = fetched(tmp_path / "b", Source(url, ref="v1"))
    assert (repository.commit, "new" in entries) == (first, False)
    repository, _entries = fetched(tmp_path / "c", Source(url, ref=first))
    assert repository.commit == first
    # a link is carried as a link: nobody followed it
    assert entries["link"].issym()


def test_a_folder_of_it_may_be_the_context(web: Web, tmp_path: Path) -> None:
    web.repository("shop.git", [FILES])
    repository, entries = fetched(tmp_path / "a", Source(f"{web.url}/git/shop.git", directory="app"))
    assert set(entries) == {"Dockerfile", "main"}
    assert asyncio.run(repository.dockerfile("Dockerfile")) == "FROM base\n"
    with pytest.raises(Invalid) as caught:
        asyncio.run(repository.dockerfile("nothing"))
    assert caught.value.field == "dockerfile_path"


def test_a_dockerfile_that_is_a_link_is_none(web: Web, tmp_path: Path) -> None:
    web.repository("shop.git", [{"Dockerfile": "->/etc/passwd"}])
    repository, _entries = fetched(tmp_path / "a", Source(f"{web.url}/git/shop.git"))
    with pytest.raises(Invalid):
        asyncio.run(repository.dockerfile("Dockerfile"))


def test_addresses_inside_are_not_asked(web: Web, tmp_path: Path, settings: Settings) -> None:
    settings.NARU_OUTBOUND_ALLOW = ""
    web.repository("shop.git", [FILES])
    with pytest.raises(Refused):
        fetched(tmp_path / "a", Source(f"{web.url}/git/shop.git"))
    assert web.asked == []


def test_a_redirect_is_not_followed(web: Web, tmp_path: Path) -> None:
    web.repository("shop.git", [FILES])
    web.answers["/other.git/info/refs"] = (302, {"Location": f"{web.url}/git/shop.git/info/refs"}, b"")
    with pytest.raises(Invalid):
        fetched(tmp_path / "a", Source(f"{web.url}/other.git"))
    assert not any(path.startswith("/git/") for path in web.asked)


def test_what_is_no_repository_is_told_in_git_s_words(web: Web, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="git:"):
        fetched(tmp_path / "a", Source(f"{web.url}/nothing.git"))


def test_attributes_and_hooks_of_it_do_nothing(web: Web, tmp_path: Path) -> None:
    files = {**FILES, ".gitattributes": "app/main export-ignore\nlog export-subst\n", "log": "$Format:%H$"}
    web.repository("shop.git", [files])
    _repository, entries = fetched(tmp_path / "a", Source(f"{web.url}/git/shop.git"))
    assert "app/main" in entries
    assert entries["log"].size == len("$Format:%H$")


def test_who_signs_in_is_told_to_the_server_and_to_no_command_line(web: Web, tmp_path: Path) -> None:
    web.repository("shop.git", [FILES])
    source = Source(f"{web.url}/git/shop.git", username="kim", password="canary-of-git")
    repository = Repository(tmp_path, source)
    settings = repository._credentials()
    environment = git_module._environment(settings, home=tmp_path)
    assert environment["GIT_CONFIG_KEY_0"] == "http.extraHeader"
    assert "canary-of-git" not in repr(repository) + str(environment)
    _repository, entries = fetched(tmp_path / "a", source)
    assert "Dockerfile" in entries


def test_a_git_that_cannot_be_told_an_address_is_not_used(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_module, "_LEAST_VERSION", (99, 0))
    with pytest.raises(ConsoleError, match="older"):
        fetched(tmp_path / "a", Source(f"{web.url}/git/shop.git"))
    assert web.asked == []
