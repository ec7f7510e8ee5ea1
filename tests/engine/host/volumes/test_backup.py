"""Backups of volumes: whole, still, and back only as a new volume."""

import hashlib
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from tests.conformance.client import Answer, Client
from tests.engine.conftest import IMAGE, RunningEngine
from tests.engine.host.containers.files import member, tar_of
from tests.engine.host.containers.shared_engine import engine_with_image, said

pytestmark = pytest.mark.host
SCRIPT = """
mkdir -p /m/sub && echo one > /m/sub/file && chown 1000:1001 /m/sub/file && chmod 4750 /m/sub/file
ln /m/sub/file /m/hard && ln -s /etc/passwd /m/out && chmod 1770 /m && chown 33 /m && head -c 3000000 /dev/zero > /m/big
"""


@pytest.fixture(scope="module")
def engine(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with engine_with_image(busybox_tar) as engine:
        said(engine, "-v", "data:/m", IMAGE, "sh", "-c", SCRIPT)
        yield engine


@pytest.fixture(scope="module")
def backup(engine: RunningEngine) -> bytes:
    answer = export(engine, "data")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/zstd")
    return answer.body


def export(engine: RunningEngine, name: str, query: str = "") -> Answer:
    return Client(engine.socket).ask("GET", f"/naru/volumes/{name}/export{query}")


def bring_back(engine: RunningEngine, name: str, body: bytes) -> Answer:
    return Client(engine.socket).ask("POST", f"/naru/volumes/import?name={name}", body, content_type="application/zstd")


def looks(engine: RunningEngine, name: str) -> str:
    script = "cd /m && stat -c '%n %u:%g %a %h %Y %s' . sub sub/file hard out big && readlink out && cat hard"
    return said(engine, "-v", f"{name}:/m:ro", IMAGE, "sh", "-c", script)


def test_a_volume_comes_back_as_it_was(engine: RunningEngine, backup: bytes) -> None:
    answer = bring_back(engine, "again", backup)
    assert (answer.status, answer.json["Name"]) == (201, "again")
    assert looks(engine, "again") == looks(engine, "data")
    assert looks(engine, "data").splitlines()[0].startswith(". 33:0 1770")


def test_ordinary_tools_can_unpack_a_backup(backup: bytes, tmp_path: Path) -> None:
    packed = zstandard.ZstdDecompressor().stream_reader(backup, read_across_frames=True).read()
    subprocess.run(["tar", "-xf", "-", "-C", str(tmp_path)], input=packed, check=True)
    assert (tmp_path / "_data/sub/file").read_text() == "one\n"


@pytest.mark.parametrize("damage", ["cut", "trailer", "content", "empty", "tar"])
def test_what_is_not_whole_makes_no_volume(engine: RunningEngine, backup: bytes, damage: str) -> None:
    middle = len(backup) // 2
    damaged = {
        "cut": backup[:-1],
        "trailer": backup[:-48],
        "content": backup[:middle] + bytes([backup[middle] ^ 1]) + backup[middle + 1 :],
        "empty": b"",
        "tar": b"\0" * 10240,
    }
    assert bring_back(engine, "damaged", damaged[damage]).status == 400
    assert "damaged" not in engine.out("volume", "ls", "-q").split()
    assert not [path for path in (engine.data_root / "volumes").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("entry", ["beside", "link"])
def test_an_archive_of_something_else_makes_no_volume(engine: RunningEngine, entry: str) -> None:
    """With a good checksum, as anybody can write one."""
    tar = tar_of(member("_data", kind=tarfile.SYMTYPE, linkname="/etc") if entry == "link" else member("beside", b"x"))
    packed = zstandard.ZstdCompressor().compress(tar)
    frame = bytes.fromhex("502a4d1828000000") + b"sha256: " + hashlib.sha256(packed).digest()
    answer = bring_back(engine, "other", packed + frame)
    assert answer.status == 400
    assert "no backup of a volume" in answer.json["message"]
    assert "other" not in engine.out("volume", "ls", "-q").split()


def test_a_backup_never_goes_over_what_is_there(engine: RunningEngine, backup: bytes) -> None:
    assert bring_back(engine, "data", backup).status == 409
    assert bring_back(engine, "", backup).status == 400
    assert bring_back(engine, "a/b", backup).status == 400
    assert export(engine, "absent").status == 404


def test_nobody_writes_while_a_backup_is_taken(engine: RunningEngine) -> None:
    said(engine, "-v", "busy:/m", IMAGE, "touch", "/m/file")
    engine.docker("run", "-d", "--name", "writer", "-v", "busy:/m", IMAGE, "sleep", "1000")
    refused = export(engine, "busy")
    assert refused.status == 409
    assert "written to by running containers: writer" in refused.json["message"]
    assert export(engine, "busy", "?pause=1").status == 200
    assert engine.out("inspect", "-f", "{{.State.Status}}", "writer") == "running"
    engine.docker("pause", "writer")
    assert export(engine, "busy").status == 200
    assert engine.out("inspect", "-f", "{{.State.Status}}", "writer") == "paused"
    engine.docker("rm", "-f", "writer")
    engine.docker("run", "-d", "--name", "reader", "-v", "busy:/m:ro", IMAGE, "sleep", "1000")
    assert export(engine, "busy").status == 200
    engine.docker("rm", "-f", "reader")
