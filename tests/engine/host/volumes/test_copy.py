"""``docker cp`` where volumes and paths of the host are mounted: it is those that it reads and writes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import IMAGE, RunningEngine, wait_until
from tests.engine.host.containers.files import Files, member, tar_of
from tests.engine.host.containers.shared_engine import engine_with_image, said

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def engine(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with engine_with_image(busybox_tar) as engine:
        yield engine


@pytest.fixture
def files(engine: RunningEngine) -> Files:
    return Files(engine)


@pytest.fixture(params=["created", "running", "stopped", "host-users"])
def container(request: pytest.FixtureRequest, engine: RunningEngine) -> Iterator[str]:
    """With the volume ``copied`` at /new/place, which the image has not."""
    engine.docker("volume", "create", "copied")
    more = ["--userns", "host"] if request.param == "host-users" else []
    engine.docker("create", "--name", "copying", *more, "-v", "copied:/new/place", IMAGE, "sleep", "1000")
    if request.param != "created":
        engine.docker("start", "copying")
    if request.param == "stopped":
        engine.docker("kill", "copying")
    yield "copying"
    engine.docker("rm", "-f", "copying")
    wait_until(lambda: not engine.mounts())
    engine.docker("volume", "rm", "copied")


def test_files_go_into_the_volume_and_come_from_it(engine: RunningEngine, files: Files, container: str) -> None:
    tar = tar_of(member("sub/", mode=0o750, uid=7), member("sub/file", b"in\n", mode=0o640, uid=1000, gid=1001))
    answer = files.put(container, "/new/place", tar)
    assert answer.status == 200, answer.body
    written = engine.data_root / "volumes/copied/_data/sub/file"
    assert (written.read_bytes(), written.stat().st_uid, written.stat().st_gid) == (b"in\n", 1000, 1001)
    assert files.content(container, "/new/place/sub/file") == b"in\n"
    found = files.members(container, "/new/place")
    assert (found["place/sub/file"].uid, found["place/sub"].uid) == (1000, 7)
    assert said(engine, "-v", "copied:/m", IMAGE, "cat", "/m/sub/file") == "in"
    assert "/new/place/sub" not in engine.out("diff", container)


def test_a_volume_is_left_alone_by_what_is_copied_beside_it(
    engine: RunningEngine, files: Files, container: str
) -> None:
    assert files.put(container, "/", tar_of(member("new/beside", b"x"))).status == 200
    assert list((engine.data_root / "volumes/copied/_data").iterdir()) == []
    assert files.put(container, "/", tar_of(member("new/place", b"x"))).status == 400
    assert (engine.data_root / "volumes/copied/_data").is_dir()


def test_links_in_a_volume_lead_nowhere_but_into_the_container(
    engine: RunningEngine, files: Files, container: str, tmp_path: Path
) -> None:
    data = engine.data_root / "volumes/copied/_data"
    (data / "out").symlink_to(tmp_path)
    (data / "up").symlink_to("../../../../../../../../etc")
    assert files.put(container, "/new/place/out", tar_of(member("x", b"x"))).status == 404
    assert files.get(container, "/new/place/out/").status == 404
    assert list(tmp_path.iterdir()) == []
    assert files.put(container, "/new/place/up", tar_of(member("of-the-copy", b"x"))).status == 200
    assert not Path("/etc/of-the-copy").exists()
    assert files.content(container, "/etc/of-the-copy") == b"x"


def test_what_may_not_be_written_is_refused_and_can_be_read(engine: RunningEngine, files: Files) -> None:
    said(engine, "-v", "sealed:/m", IMAGE, "sh", "-c", "echo kept > /m/file")
    for more in ([], ["--read-only"]):
        engine.docker("run", "-d", "--name", "ro", *more, "-v", "sealed:/m:ro", "-v", "open:/o", IMAGE, "sleep", "1000")
        refused = files.put("ro", "/m", tar_of(member("x", b"x")))
        assert (refused.status, refused.json["message"]) == (403, "mounted volume is marked read-only")
        assert files.content("ro", "/m/file") == b"kept\n"
        assert files.put("ro", "/o", tar_of(member("x", b"x"))).status == 200
        assert files.put("ro", "/tmp", tar_of(member("x", b"x"))).status == (403 if more else 200)
        engine.docker("rm", "-f", "ro")
    assert [path.name for path in (engine.data_root / "volumes/sealed/_data").iterdir()] == ["file"]
    assert (engine.data_root / "volumes/open/_data/x").read_bytes() == b"x"


@pytest.mark.parametrize("is_running", [False, True])
def test_paths_of_the_host_are_read_and_written_too(
    engine: RunningEngine, files: Files, tmp_path: Path, is_running: bool
) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "file").write_text("of the host\n")
    binds = ["-v", f"{tmp_path}/dir:/b", "-v", f"{tmp_path}/file:/etc/one"]
    engine.docker("create", "--name", "binding", *binds, IMAGE, "sleep", "1000")
    if is_running:
        engine.docker("start", "binding")
    assert files.put("binding", "/b", tar_of(member("new", b"new", uid=5))).status == 200
    assert (tmp_path / "dir/new").stat().st_uid == 5
    assert files.content("binding", "/etc/one") == b"of the host\n"
    answer = files.put("binding", "/etc", tar_of(member("one", b"changed\n")))
    assert (answer.status, (tmp_path / "file").read_text()) == (400, "of the host\n")
    engine.docker("rm", "-f", "binding")
    assert sorted(os.listdir(tmp_path)) == ["dir", "file"]
    assert sorted(os.listdir(tmp_path / "dir")) == ["new"]


def test_a_volume_with_options_is_mounted_for_a_copy_and_unmounted_after_it(
    engine: RunningEngine, files: Files, tmp_path: Path
) -> None:
    options = ["--opt", "type=none", "--opt", f"device={tmp_path}", "--opt", "o=bind"]
    engine.docker("volume", "create", *options, "optional")
    engine.docker("create", "--name", "optioned", "-v", "optional:/m", IMAGE, "true")
    assert files.put("optioned", "/m", tar_of(member("x", b"x"))).status == 200
    assert (tmp_path / "x").read_bytes() == b"x"
    assert files.content("optioned", "/m/x") == b"x"
    wait_until(lambda: not list((engine.run_root / "volumes").iterdir()))
    engine.docker("rm", "optioned")
    assert (tmp_path / "x").exists()
