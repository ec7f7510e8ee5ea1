"""Our own endpoints for looking around in a container's files: listings, changes with sizes, the image's files."""

import io
import tarfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.conformance.client import Answer
from tests.engine.conftest import IMAGE, RunningEngine, running_engine, wait_until
from tests.engine.host.containers.files import Files

pytestmark = pytest.mark.host

CONTENT = r"""
mkdir -p /d/sub; echo 12345 > /d/file; ln -s /etc/passwd /d/link; ln -s ../../../../../../etc /d/out; mkfifo /d/pipe
ln -s /d /to; chown 0:7 /d/file; chmod 4750 /d/file; touch "$(printf '/d/b\377d')" /d/sub/x; mkdir /many
for n in 1 2 3 4 5; do touch /many/$n; done
echo more >> /etc/passwd; rm /etc/group; head -c 5000 /dev/zero > /d/large
"""


@pytest.fixture(scope="module")
def engine(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with running_engine() as engine:
        engine.docker("import", "-", IMAGE, input=busybox_tar)
        engine.docker("volume", "create", "vol")
        engine.docker("run", "--name", "ended", "-v", "vol:/vol", "--network", "none", IMAGE, "sh", "-c", CONTENT)
        # a link that leads out is swapped for a directory and back as fast as a shell can
        swapping = "while :; do rm -rf /w; ln -s /../../../../../../etc /w; rm /w; mkdir /w; done"
        engine.docker("run", "-d", "--name", "swaps", "--network", "none", IMAGE, "sh", "-c", swapping)
        engine.docker(
            "run",
            "-d",
            "--name",
            "runs",
            "-v",
            "vol:/vol",
            "--network",
            "none",
            IMAGE,
            "sh",
            "-c",
            f"{CONTENT} echo up; touch /vol/v; sleep 1000",
        )
        wait_until(lambda: engine.out("logs", "runs") == "up")
        yield engine


@pytest.fixture(scope="module")
def files(engine: RunningEngine) -> Files:
    return Files(engine)


def listed(files: Files, name: str, path: str, more: str = "") -> Answer:
    return files.ask("GET", f"/naru/containers/{name}/files?path={quote(path)}{more}")


@pytest.mark.parametrize("name", ["ended", "runs"])
def test_a_directory_is_listed_with_what_its_files_are(files: Files, name: str) -> None:
    answer = listed(files, name, "/d").json
    found: dict[str, dict[str, Any]] = {file["name"]: file for file in answer["files"]}
    assert (answer["path"], answer["total"]) == ("/d", 7)
    assert list(found) == sorted(["b�d", "file", "large", "link", "out", "pipe", "sub"])
    assert found["b�d"]["raw"] == "b%FFd"
    one = found["file"]
    assert (one["size"], one["mode"], one["uid"], one["gid"]) == (6, 1 << 23 | 0o750, 0, 7)
    assert (found["link"]["linkTarget"], found["out"]["linkTarget"]) == ("/etc/passwd", "../../../../../../etc")
    assert found["sub"]["mode"] & 1 << 31
    assert found["pipe"]["mode"] & 1 << 25


def test_links_lead_nowhere_but_into_the_container(files: Files) -> None:
    names = [file["name"] for file in listed(files, "ended", "/d/out").json["files"]]
    assert "passwd" in names
    assert "shadow" not in names
    assert listed(files, "ended", "/to/sub/..").json["path"] == "/to"
    assert listed(files, "ended", "/d/link").status == 400


def test_a_link_that_changes_meanwhile_leads_nobody_astray(files: Files) -> None:
    for _ in range(60):
        answer = listed(files, "swaps", "/w")
        assert answer.status in (200, 404, 400)
        if answer.status == 200:
            assert "shadow" not in [file["name"] for file in answer.json["files"]]


def test_what_is_mounted_is_listed_too(files: Files) -> None:
    assert [file["name"] for file in listed(files, "runs", "/vol").json["files"]] == ["v"]


def test_a_long_listing_is_cut_and_says_how_long_it_is(files: Files) -> None:
    answer = listed(files, "ended", "/many", "&limit=2").json
    assert ([file["name"] for file in answer["files"]], answer["total"]) == (["1", "2"], 5)
    assert listed(files, "ended", "/many", "&limit=0").status == 400


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/d/file", 400), ("/d/file/x", 400), ("", 400)])
def test_what_cannot_be_listed_is_refused(files: Files, path: str, status: int) -> None:
    assert listed(files, "ended", path).status == status


def test_changes_say_how_large_things_are_and_were(files: Files) -> None:
    answer = files.ask("GET", "/naru/containers/ended/changes").json
    found = {change["path"]: (change["kind"], change["size"], change["was"]) for change in answer["changes"]}
    before = len(image_file(files, "/etc/passwd"))
    assert answer["total"] == len(found)
    assert found["/d/large"] == (1, 5000, None)
    assert found["/etc/passwd"] == (0, before + 5, before)
    assert found["/etc/group"][0] == 2
    assert found["/etc/group"][1] > 0
    assert found["/etc"] == (0, 0, None)


def image_file(files: Files, path: str) -> bytes:
    answer = files.ask("GET", f"/naru/containers/ended/image-archive?path={quote(path)}")
    assert answer.status == 200
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as tar:
        file = tar.extractfile(tar.next() or "")
        assert file
        return file.read()


def test_what_the_image_has_is_not_what_the_container_has(files: Files) -> None:
    assert b"more" not in image_file(files, "/etc/passwd")
    assert image_file(files, "/etc/group")
    assert files.ask("GET", "/naru/containers/ended/image-archive?path=/d/file").status == 404
