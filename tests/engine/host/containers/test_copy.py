"""Files in and out of containers: ``docker cp`` and the archive routes, for containers in every state."""

import bz2
import gzip
import io
import lzma
import os
import socket
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import zstandard

from tests.engine.conftest import IMAGE, RunningEngine, running_engine, wait_until
from tests.engine.host.containers.files import Files, member, tar_of
from tests.engine.host.images.archives import file_capability
from tests.engine.unpacking import workers_of

pytestmark = pytest.mark.host

STATES = ("running", "paused", "created", "exited", "plain")


@pytest.fixture(scope="module")
def engine(busybox_tar: bytes) -> Iterator[RunningEngine]:
    """With a container in each state; "plain" runs as the host's root would, without a user namespace."""
    with running_engine() as engine:
        engine.docker("import", "-", IMAGE, input=busybox_tar)
        none = ("--network", "none")
        engine.docker("run", "-d", "--name", "running", *none, IMAGE, "sleep", "1000")
        engine.docker("run", "-d", "--name", "paused", *none, IMAGE, "sleep", "1000")
        engine.docker("pause", "paused")
        engine.docker("create", "--name", "created", *none, IMAGE, "sleep", "1000")
        engine.docker("run", "--name", "exited", *none, IMAGE, "true")
        engine.docker("run", "-d", "--name", "plain", "--userns", "host", *none, IMAGE, "sleep", "1000")
        yield engine


@pytest.fixture(scope="module")
def files(engine: RunningEngine) -> Files:
    return Files(engine)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory with one of each kind."""
    source = tmp_path / "src"
    (source / "sub").mkdir(parents=True)
    (source / "file").write_text("content")
    (source / "sub/same").hardlink_to(source / "file")
    (source / "link").symlink_to("file")
    (source / b"odd \xff\n name".decode("utf-8", "surrogateescape")).write_text("odd")
    os.mkfifo(source / "pipe")
    os.chown(source / "file", 1000, 60000)
    (source / "file").chmod(0o4751)
    os.utime(source / "file", (1_600_000_000, 1_600_000_000))
    return source


def listed(root: Path) -> dict[str, tuple[int, int, int, str]]:
    """Mode, owners and target of all below ``root``."""
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        target = os.readlink(path) if path.is_symlink() else ""
        found[str(path.relative_to(root))] = (status.st_mode, status.st_uid, status.st_gid, target)
    return found


@pytest.mark.parametrize("name", STATES)
def test_a_tree_comes_back_as_it_went_in(engine: RunningEngine, source: Path, tmp_path: Path, name: str) -> None:
    engine.docker("cp", str(source), f"{name}:/tmp")
    out = engine.docker("cp", f"{name}:/tmp/src/.", "-").stdout
    (tmp_path / "back").mkdir()
    unpack = ["tar", "-xp", "--numeric-owner", "-C", str(tmp_path / "back")]
    subprocess.run(unpack, input=out, check=True)
    assert listed(tmp_path / "back") == listed(source)
    assert (tmp_path / "back/file").stat().st_mtime == 1_600_000_000
    assert (tmp_path / "back/file").stat().st_nlink == 2
    # once more, over what is there now
    engine.docker("cp", str(source), f"{name}:/tmp")


@pytest.mark.parametrize("name", ["running", "plain"])
def test_a_running_container_sees_what_came_in_with_its_own_owners(
    engine: RunningEngine, source: Path, name: str
) -> None:
    engine.docker("cp", str(source), f"{name}:/seen")
    assert engine.out("exec", name, "stat", "-c", "%u:%g %a", "/seen/file", "/seen", "/seen/sub").splitlines() == [
        "1000:60000 4751",
        "0:0 755",
        "0:0 755",
    ]
    assert engine.out("exec", name, "sh", "-c", "cat /seen/sub/same; echo x >> /seen/file && rm -r /seen") == "content"


def test_what_came_in_while_it_was_stopped_is_there_after_the_start(engine: RunningEngine, source: Path) -> None:
    engine.docker("create", "--name", "later", IMAGE, "sh", "-c", "cat /in/file; stat -c %u /in/file /in")
    engine.docker("cp", str(source), "later:/in")
    assert engine.docker("start", "-a", "later").stdout == b"content1000\n0\n"
    engine.docker("rm", "later")


def test_a_bind_s_source_is_made_for_files_that_come_before_the_first_start(
    engine: RunningEngine, source: Path, tmp_path: Path
) -> None:
    missing = tmp_path / "not/there"
    engine.docker("create", "--name", "bound", "-v", f"{missing}:/data", IMAGE, "cat", "/etc/extra", "/data/file")
    engine.docker("cp", str(source / "file"), "bound:/etc/extra")
    engine.docker("cp", str(source / "file"), "bound:/data/file")
    assert (missing / "file").read_text() == "content"
    assert engine.out("start", "-a", "bound") == "contentcontent"


def test_a_mount_whose_source_must_be_there_is_named_when_it_is_not(engine: RunningEngine, tmp_path: Path) -> None:
    place = tmp_path / "going"
    place.mkdir()
    mount = f"type=bind,source={place},target=/data"
    engine.docker("create", "--name", "strict", "--mount", mount, IMAGE, "true")
    place.rmdir()
    said = engine.docker("cp", "/etc/hostname", "strict:/etc/extra", check=False).stderr
    assert b"cannot show" in said
    assert str(place).encode() in said


def test_single_files_find_their_names(engine: RunningEngine, source: Path, tmp_path: Path) -> None:
    engine.docker("cp", str(source / "file"), "running:/etc")
    engine.docker("cp", str(source / "file"), "running:/etc/other")
    assert engine.out("exec", "running", "cat", "/etc/file", "/etc/other") == "contentcontent"
    engine.docker("cp", "running:/etc/file", str(tmp_path / "renamed"))
    assert (tmp_path / "renamed").read_text() == "content"
    engine.docker("cp", "running:/etc/file", str(tmp_path))
    assert (tmp_path / "file").read_text() == "content"


def test_links_are_copied_or_followed(engine: RunningEngine, source: Path, tmp_path: Path) -> None:
    engine.docker("cp", str(source), "running:/links")
    engine.docker("cp", "running:/links/link", str(tmp_path / "link"))
    assert os.readlink(tmp_path / "link") == "file"
    engine.docker("cp", "-L", "running:/links/link", str(tmp_path / "followed"))
    assert (tmp_path / "followed").read_text() == "content"
    engine.docker("cp", "-L", str(source / "link"), "running:/links/plain")
    assert engine.out("exec", "running", "stat", "-c", "%F", "/links/plain") == "regular file"


def test_streams_go_through_standard_input_and_output(engine: RunningEngine) -> None:
    engine.docker("cp", "-", "running:/tmp", input=tar_of(member("piped", b"1")))
    out = engine.docker("cp", "running:/tmp/piped", "-").stdout
    with tarfile.open(fileobj=io.BytesIO(out)) as tar:
        assert [info.name for info in tar] == ["piped"]


def test_archive_mode_gives_all_to_the_container_s_user(engine: RunningEngine, source: Path) -> None:
    engine.docker("run", "-d", "--name", "user", "-u", "1234:4321", "--network", "none", IMAGE, "sleep", "1000")
    engine.docker("cp", "-a", str(source / "file"), "user:/tmp/own")
    engine.docker("cp", str(source / "file"), "user:/tmp/kept")
    owners = engine.out("exec", "user", "stat", "-c", "%u:%g", "/tmp/own", "/tmp/kept")
    assert owners.splitlines() == ["1234:4321", "1000:60000"]
    engine.docker("rm", "-f", "user")


@pytest.mark.parametrize("name", ["running", "created", "plain"])
def test_a_device_comes_in_as_a_device(engine: RunningEngine, files: Files, name: str) -> None:
    kinds: dict[str, Any] = {"devmajor": 1, "devminor": 3, "uid": 7, "gid": 8, "mode": 0o622}
    archive = tar_of(member("null", kind=tarfile.CHRTYPE, **kinds), member("loop", kind=tarfile.BLKTYPE, **kinds))
    assert files.put(name, "/tmp", archive).status == 200
    for path, kind in (("/tmp/null", tarfile.CHRTYPE), ("/tmp/loop", tarfile.BLKTYPE)):
        (info,) = files.members(name, path).values()
        assert (info.type, info.devmajor, info.devminor) == (kind, 1, 3)
        assert (info.uid, info.gid, info.mode, info.mtime) == (7, 8, 0o622, 1_700_000_000)


@pytest.mark.parametrize("name", ["running", "created", "plain"])
def test_attributes_go_in_and_come_out_and_those_that_overlayfs_obeys_do_not(
    engine: RunningEngine, files: Files, name: str
) -> None:
    capability = file_capability()
    sent = {"user.note": "hi", "trusted.overlay.opaque": "y", "user.overlay.opaque": "y"}
    records = {f"SCHILY.xattr.{key}": value for key, value in sent.items()}
    records["SCHILY.xattr.security.capability"] = capability.decode("latin-1")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT, encoding="latin-1") as tar:
        info, _ = member("attributes", pax_headers=records)
        tar.addfile(info)
    assert files.put(name, "/tmp", archive.getvalue()).status == 200
    upper = next(engine.data_root.glob(f"containers/{engine.out('inspect', '-f', '{{.Id}}', name)}/upper"))
    on_disk = {key: os.getxattr(upper / "tmp/attributes", key) for key in os.listxattr(upper / "tmp/attributes")}
    assert on_disk == {"user.note": b"hi", "security.capability": capability}
    (found,) = files.members(name, "/tmp/attributes").values()
    told = {key: value.encode("utf-8", "surrogateescape") for key, value in found.pax_headers.items()}
    assert told["SCHILY.xattr.user.note"] == b"hi"
    assert told["SCHILY.xattr.security.capability"] == capability


@pytest.mark.parametrize(
    ("path", "name", "entries"),
    [
        ("/d/sub", "sub", ["sub", "sub/f"]),
        ("/d/sub/", "sub", ["sub", "sub/f"]),
        ("/d/sub/.", ".", [".", "./f"]),
        ("/d/to", "to", ["to"]),
        ("/d/to/", "to", ["to", "to/f"]),
        ("/d/../../../d/sub", "sub", ["sub", "sub/f"]),
    ],
)
def test_the_ending_of_a_path_decides_what_is_meant(files: Files, path: str, name: str, entries: list[str]) -> None:
    files.put("created", "/", tar_of(member("d/sub/f", b"1"), member("d/to", kind=tarfile.SYMTYPE, linkname="/d/sub")))
    assert files.stat("created", path)["name"] == name
    assert sorted(files.members("created", path)) == entries


def test_a_link_s_target_is_told_as_far_as_it_can_be_followed(files: Files) -> None:
    links = {"dangling": "../no/where", "relative": "../etc", "chain": "relative/passwd", "out": "../../../../etc"}
    archive = tar_of(*(member(f"l/{name}", kind=tarfile.SYMTYPE, linkname=to) for name, to in links.items()))
    files.put("created", "/", archive)
    told = {name: files.stat("created", f"/l/{name}")["linkTarget"] for name in links}
    assert told == {"dangling": "/no/where", "relative": "/etc", "chain": "/etc/passwd", "out": "/etc"}
    assert files.stat("created", "/l/chain")["mode"] & 1 << 27


@pytest.mark.parametrize(
    ("name", "path", "status", "words"),
    [
        ("running", "/nope", 404, "Could not find the file /nope in container running"),
        ("nobody", "/", 404, "No such container: nobody"),
        ("running", "/bin/busybox/", 400, "not a directory"),
        ("running", "/bin/busybox/x", 400, "not a directory"),
        ("running", "", 400, "path: cannot be empty"),
        ("running", "/tmp/loop1/x", 400, "too many levels of symbolic links"),
    ],
)
def test_what_cannot_be_read_is_told_so(files: Files, name: str, path: str, status: int, words: str) -> None:
    files.put("running", "/tmp", tar_of(member("loop1", kind=tarfile.SYMTYPE, linkname="loop1")))
    answer = files.get(name, path)
    assert (answer.status, words in answer.json["message"]) == (status, True), answer.body
    assert files.ask("HEAD", f"/containers/{name}/archive?path={quote(path)}").status == status


@pytest.mark.parametrize("name", ["running", "created"])
def test_what_cannot_be_written_is_told_so_and_not_done(files: Files, name: str) -> None:
    files.put(name, "/", tar_of(member("k/dir/f", b"1"), member("k/file", b"1")))
    keep = "&noOverwriteDirNonDir=true"
    over_directory = files.put(name, "/k", tar_of(member("dir", b"x")), keep)
    over_file = files.put(name, "/k", tar_of(member("file/", kind=tarfile.DIRTYPE)), keep)
    assert (over_directory.status, over_directory.json["message"]) == (
        400,
        'cannot overwrite directory "/k/dir" with non-directory "/k"',
    )
    assert (over_file.status, over_file.json["message"]) == (
        400,
        'cannot overwrite non-directory "/k/file" with directory "/k"',
    )
    assert sorted(files.members(name, "/k")) == ["k", "k/dir", "k/dir/f", "k/file"]
    missing = files.put(name, "/nope", tar_of(member("f")))
    assert (missing.status, missing.json["message"]) == (404, f"Could not find the file /nope in container {name}")
    no_directory = files.put(name, "/k/file", tar_of(member("f")))
    assert (no_directory.status, no_directory.json["message"]) == (400, "extraction point is not a directory")
    # without being told to keep kinds, one replaces the other
    assert files.put(name, "/k", tar_of(member("dir", b"x"), member("file/", kind=tarfile.DIRTYPE))).status == 200
    assert sorted(files.members(name, "/k")) == ["k", "k/dir", "k/file"]


def test_the_files_that_the_engine_writes_are_shown_and_cannot_be_replaced(engine: RunningEngine, files: Files) -> None:
    for name in ("running", "exited"):
        assert b"localhost" in files.content(name, "/etc/hosts")
        (info,) = files.members(name, "/etc/hosts").values()
        assert (info.uid, info.gid) == (0, 0)
        refused = files.put(name, "/etc", tar_of(member("hosts", b"x")))
        assert (refused.status, "resource busy" in refused.json["message"]) == (400, True)
        assert b"localhost" in files.content(name, "/etc/hosts")


def test_a_read_only_root_takes_nothing(engine: RunningEngine, files: Files) -> None:
    engine.docker("run", "-d", "--name", "sealed", "--read-only", "--network", "none", IMAGE, "sleep", "1000")
    refused = files.put("sealed", "/tmp", tar_of(member("f")))
    assert (refused.status, refused.json["message"]) == (403, "container rootfs is marked read-only")
    assert files.put("sealed", "/nope", tar_of(member("f"))).status == 404
    assert files.stat("sealed", "/tmp")["name"] == "tmp"
    engine.docker("rm", "-f", "sealed")


@pytest.mark.parametrize(
    "pack", [gzip.compress, bz2.compress, lzma.compress, lambda data: zstandard.ZstdCompressor().compress(data)]
)
@pytest.mark.parametrize("name", ["running", "created"])
def test_a_compressed_archive_is_unpacked_by_the_engine_itself(files: Files, name: str, pack: Any) -> None:
    """The image's own xz and unpigz are never asked: here they would leave a mark."""
    trap = member("bin/xz", b"#!/bin/sh\ntouch /trapped\n", mode=0o755)
    files.put(name, "/", tar_of(trap, member("bin/unpigz", trap[1], mode=0o755)))
    assert files.put(name, "/tmp", pack(tar_of(member("packed", b"yes")))).status == 200
    assert files.content(name, "/tmp/packed") == b"yes"
    assert files.get(name, "/trapped").status == 404


def test_what_is_no_archive_is_refused(files: Files) -> None:
    for body in (b"garbage" * 200, tar_of(member("f", b"x" * 5000))[:3000]):
        assert files.put("running", "/tmp", body).status == 400
    escaping = files.put("running", "/tmp", tar_of(member("../../escaped")))
    assert (escaping.status, "leads out of the archive" in escaping.json["message"]) == (400, True)


def test_a_name_may_be_any_bytes(engine: RunningEngine, files: Files) -> None:
    odd = b"odd \xff\n name".decode("utf-8", "surrogateescape")
    assert files.put("running", "/tmp", tar_of(member(odd, b"odd"))).status == 200
    assert files.content("running", f"/tmp/{odd}") == b"odd"


def test_neither_proc_nor_a_tmpfs_is_shown(engine: RunningEngine, files: Files) -> None:
    assert sorted(files.members("running", "/proc")) == ["proc"]
    assert sorted(files.members("running", "/dev")) == ["dev"]


def test_a_directory_with_a_socket_comes_out_without_it(engine: RunningEngine, files: Files) -> None:
    upper = next(engine.data_root.glob(f"containers/{engine.out('inspect', '-f', '{{.Id}}', 'created')}/upper"))
    (upper / "sockets").mkdir()
    directory = os.open(upper / "sockets", os.O_RDONLY | os.O_DIRECTORY)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(f"/proc/self/fd/{directory}/s")  # the path itself is too long for an address
    os.close(directory)
    assert sorted(files.members("created", "/sockets")) == ["sockets"]
    assert stat.S_ISSOCK((upper / "sockets/s").lstat().st_mode)


def test_a_large_file_streams_in_constant_memory(engine: RunningEngine, tmp_path: Path) -> None:
    def peak_kb() -> int:
        assert engine.process is not None
        status = Path(f"/proc/{engine.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0])

    engine.docker("cp", "running:/bin", "-")
    before = peak_kb()
    with (tmp_path / "large").open("wb") as file:
        file.truncate(300 << 20)
    engine.docker("cp", str(tmp_path / "large"), "running:/tmp/large")
    environment = {**engine.environment, "OUT": str(tmp_path / "back")}
    script = 'docker cp running:/tmp/large - | tar -xOf - | cmp - "$1"'
    subprocess.run(["/bin/bash", "-ec", script, "bash", str(tmp_path / "large")], env=environment, check=True)
    assert peak_kb() - before < 40_000
    engine.docker("exec", "running", "rm", "/tmp/large")


def leftovers(engine: RunningEngine) -> list[str]:
    """Views, which are mounted and have a bundle of their own, and unpacking processes."""
    assert engine.process is not None
    known = set(engine.out("ps", "-aq", "--no-trunc").splitlines())
    views = [path.name for path in (engine.run_root / "containers").iterdir() if path.name not in known]
    mounts = [point for point in engine.mounts() if not any(one in point for one in known)]
    return [*views, *mounts, *map(str, workers_of(engine.process.pid))]


def connected(engine: RunningEngine, head: str, body: bytes = b"") -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(20)
    connection.connect(str(engine.socket))
    connection.sendall(f"{head} HTTP/1.1\r\nHost: docker\r\n".encode() + body)
    return connection


@pytest.mark.parametrize("running", [True, False])
def test_a_client_that_goes_away_leaves_nothing(engine: RunningEngine, running: bool) -> None:
    engine.docker("create", "--name", "left", "--network", "none", IMAGE, "sleep", "1000")
    if running:
        engine.docker("start", "left")
    archive = tar_of(member("f", bytes(5 << 20)))
    # half an archive in
    sending = connected(
        engine,
        "PUT /containers/left/archive?path=/tmp",
        b"Content-Length: %d\r\n\r\n" % len(archive) + archive[: 1 << 20],
    )
    wait_until(lambda: leftovers(engine), what="it is being unpacked")
    sending.close()
    # a few bytes out
    reading = connected(engine, "GET /containers/left/archive?path=/bin", b"\r\n")
    assert reading.recv(1000).startswith(b"HTTP/1.1 200")
    reading.close()
    wait_until(lambda: not leftovers(engine), what=f"nothing is left: {leftovers(engine)}")
    engine.docker("rm", "-f", "left")


def test_a_container_that_ends_ends_what_is_copied_into_it(engine: RunningEngine) -> None:
    engine.docker("run", "-d", "--name", "ending", "--network", "none", IMAGE, "sleep", "1000")
    archive = tar_of(member("f", bytes(5 << 20)))
    head = b"Content-Length: %d\r\n\r\n" % len(archive)
    sending = connected(engine, "PUT /containers/ending/archive?path=/tmp", head + archive[: 1 << 20])
    wait_until(lambda: leftovers(engine))
    engine.docker("rm", "-f", "ending")
    assert b"ended while files were copied into it" in sending.recv(10000)
    sending.close()
    wait_until(lambda: not leftovers(engine))


def test_a_stalled_reader_does_not_stall_the_engine(engine: RunningEngine) -> None:
    """Twenty of them: more than the engine has threads for its small work."""
    engine.docker("exec", "running", "dd", "if=/dev/zero", "of=/tmp/zeros", "bs=1M", "count=8")
    stalled = [connected(engine, "GET /containers/running/archive?path=/tmp/zeros", b"\r\n") for _ in range(20)]
    for one in stalled:
        assert one.recv(100)
    assert engine.docker("run", "--rm", "--network", "none", IMAGE, "echo", "well", timeout_s=20).stdout == b"well\n"
    for one in stalled:
        one.close()
    wait_until(lambda: not leftovers(engine))
