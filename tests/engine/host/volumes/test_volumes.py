"""Volumes: what containers find in them, who they outlive, and what the engine refuses to do with them."""

import contextlib
import json
import os
import stat
import subprocess
import tarfile
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.conformance.client import Client
from tests.engine.conftest import IMAGE, RunningEngine, wait_until
from tests.engine.host.containers.shared_engine import engine_with_image, refusal, said

pytestmark = pytest.mark.host
DATA = "volumes/data:1"


@pytest.fixture(scope="module")
def engine(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with engine_with_image(busybox_tar) as engine:
        engine.docker("import", "--change", 'CMD ["true"]', "-", IMAGE, input=busybox_tar)
        changes = ["--change", 'CMD ["true"]', "--change", "VOLUME /data"]
        engine.docker("import", *changes, "-", DATA, input=with_data(busybox_tar))
        yield engine


def with_data(busybox_tar: bytes) -> bytes:
    """The image's /data: its own mode and owner, a file with a capability, links, one of them leading out."""
    archive = BytesIO(busybox_tar)
    with tarfile.open(fileobj=archive, mode="a") as tar:

        def add(name: str, kind: bytes, *, mode: int = 0o644, owner: int = 0, text: bytes = b"", to: str = "") -> None:
            entry = tarfile.TarInfo(f"data{name}")
            entry.type, entry.mode, entry.uid, entry.gid, entry.mtime = kind, mode, owner, owner, 1_000_000
            entry.size, entry.linkname = len(text), to
            tar.addfile(entry, BytesIO(text))

        add("", tarfile.DIRTYPE, mode=0o1770, owner=33)
        add("/sub", tarfile.DIRTYPE, mode=0o700, owner=7)
        add("/sub/file", tarfile.REGTYPE, mode=0o4750, owner=1000, text=b"of the image\n")
        add("/hard", tarfile.LNKTYPE, to="data/sub/file")
        add("/out", tarfile.SYMTYPE, to="/etc/passwd", owner=5)
        add("/fifo", tarfile.FIFOTYPE, mode=0o622)
    return archive.getvalue()


def volumes(engine: RunningEngine, *filters: str) -> list[str]:
    arguments = [word for text in filters for word in ("--filter", text)]
    return engine.out("volume", "ls", "-q", *arguments).split()


def names(engine: RunningEngine, container: str) -> dict[str, str]:
    """Target → volume."""
    points = json.loads(engine.out("inspect", "-f", "{{json .Mounts}}", container))
    return {point["Destination"]: point["Name"] for point in points if point["Type"] == "volume"}


def events(engine: RunningEngine, name: str) -> list[dict[str, Any]]:
    filters = quote(json.dumps({"type": ["volume"]}))
    lines = Client(engine.socket).ask("GET", f"/events?since=1&until={time.time()}&filters={filters}").lines
    return [event for event in lines if event["Actor"]["ID"] == name]


@contextlib.contextmanager
def running(engine: RunningEngine, name: str, *arguments: str) -> Iterator[str]:
    engine.docker("run", "-d", "--name", name, *arguments, IMAGE, "sleep", "1000")
    yield name
    engine.docker("rm", "-fv", name)


# -- what is in them


def test_a_volume_outlives_its_containers_and_keeps_owners_as_they_are_inside(engine: RunningEngine) -> None:
    said(engine, "-v", "kept:/m", IMAGE, "sh", "-c", "echo one > /m/file && chown 1000:1001 /m/file && mkdir /m/dir")
    assert said(engine, "-v", "kept:/other", IMAGE, "stat", "-c", "%u:%g", "/other/file", "/other/dir") == (
        "1000:1001\n0:0"
    )
    assert said(engine, "--userns", "host", "-v", "kept:/m", IMAGE, "stat", "-c", "%u:%g", "/m/file") == "1000:1001"
    mountpoint = Path(engine.out("volume", "inspect", "-f", "{{.Mountpoint}}", "kept"))
    assert mountpoint == engine.data_root / "volumes/kept/_data"
    assert (mountpoint / "file").stat().st_uid == 1000
    assert stat.S_IMODE(mountpoint.parent.stat().st_mode) == 0o711


def test_two_containers_see_the_same_volume_and_one_that_may_not_write_does_not(engine: RunningEngine) -> None:
    with running(engine, "writer", "-v", "shared:/m"):
        engine.docker("exec", "writer", "sh", "-c", "echo now > /m/file")
        assert said(engine, "-v", "shared:/m:ro", IMAGE, "cat", "/m/file") == "now"
        assert "Read-only file system" in refusal(engine, "run", "--rm", "-v", "shared:/m:ro", IMAGE, "touch", "/m/x")


def test_an_empty_volume_gets_what_the_image_has_there_as_it_is(engine: RunningEngine) -> None:
    engine.docker("create", "--name", "first", "-v", "filled:/data", DATA)
    data = engine.data_root / "volumes/filled/_data"
    root, file = data.stat(), (data / "sub/file").stat()
    assert (root.st_uid, stat.S_IMODE(root.st_mode)) == (33, 0o1770)
    assert ((data / "sub").stat().st_uid, stat.S_IMODE((data / "sub").stat().st_mode)) == (7, 0o700)
    assert (file.st_uid, stat.S_IMODE(file.st_mode), int(file.st_mtime)) == (1000, 0o4750, 1_000_000)
    assert (data / "hard").stat().st_ino == file.st_ino
    assert (data / "out").readlink() == Path("/etc/passwd")
    assert stat.S_ISFIFO((data / "fifo").stat().st_mode)
    assert sorted(path.name for path in data.parent.iterdir()) == ["_data"]
    assert said(engine, "--volumes-from", "first", DATA, "cat", "/data/hard") == "of the image"
    engine.docker("rm", "first")


def test_a_volume_with_something_in_it_or_with_nocopy_gets_nothing(engine: RunningEngine) -> None:
    said(engine, "-v", "own:/m", IMAGE, "touch", "/m/mine")
    assert said(engine, "-v", "own:/data", DATA, "ls", "/data") == "mine"
    assert said(engine, "-v", "empty:/data:nocopy", DATA, "ls", "/data") == ""
    assert said(engine, "--mount", "type=volume,src=empty,dst=/data,volume-nocopy", DATA, "ls", "/data") == ""
    assert said(engine, "-v", "empty:/data:ro", DATA, "cat", "/data/sub/file") == "of the image"


def test_extended_attributes_arrive_and_programs_may_be_set_user_id(engine: RunningEngine) -> None:
    engine.docker("create", "--name", "marking", IMAGE)
    marked = engine.data_root / "containers" / engine.out("inspect", "-f", "{{.Id}}", "marking") / "upper/marked"
    (marked / "sub").mkdir(parents=True)
    os.setxattr(marked, "user.mark", b"top")
    os.setxattr(marked / "sub", "user.mark", b"below")
    engine.docker("commit", "marking", "marked:1")
    engine.docker("rm", "marking")
    options = said(engine, "-v", "marked:/marked", "marked:1", "grep", " /marked ", "/proc/mounts").split()[3]
    assert "nosuid" not in options.split(",")
    data = engine.data_root / "volumes/marked/_data"
    assert (os.getxattr(data, "user.mark"), os.getxattr(data / "sub", "user.mark")) == (b"top", b"below")


def test_a_part_of_a_volume_can_be_shown_and_no_link_leads_out_of_it(engine: RunningEngine) -> None:
    script = "mkdir -p /m/a/b && touch /m/a/b/file && ln -s a/b /m/inside && ln -s /etc /m/out && ln -s ../../.. /m/up"
    said(engine, "-v", "parts:/m", IMAGE, "sh", "-c", script)
    for part in ("a/b", "inside"):
        option = f"type=volume,src=parts,dst=/m,volume-subpath={part}"
        assert said(engine, "--mount", option, IMAGE, "ls", "/m") == "file"
    for part, why in (("out", "leads out of the volume"), ("up", "leads out"), ("nope", "no such file")):
        option = f"type=volume,src=parts,dst=/m,volume-subpath={part}"
        assert why in refusal(engine, "run", "--rm", "--mount", option, IMAGE, "ls", "/m")


# -- whose they are


def test_volumes_without_a_name_go_with_their_container_if_asked(engine: RunningEngine) -> None:
    engine.docker("create", "--name", "removed", "-v", "/own", "-v", "named:/named", DATA)
    made = names(engine, "removed")
    assert made.keys() == {"/own", "/named", "/data"}
    assert {len(name) for name in made.values()} == {64, len("named")}
    labels = json.loads(engine.out("volume", "inspect", "-f", "{{json .Labels}}", made["/own"]))
    assert labels == {"com.docker.volume.anonymous": ""}
    engine.docker("rm", "-v", "removed")
    assert not {made["/own"], made["/data"]} & set(volumes(engine))
    assert "named" in volumes(engine)


def test_volumes_without_a_name_stay_when_their_container_is_just_removed(engine: RunningEngine) -> None:
    engine.docker("create", "--name", "left", "-v", "/own", IMAGE)
    (name,) = names(engine, "left").values()
    engine.docker("rm", "left")
    assert name in volumes(engine, "dangling=true")
    engine.docker("volume", "rm", name)


def test_what_removes_itself_takes_its_volumes_along(engine: RunningEngine) -> None:
    before = volumes(engine)
    said(engine, "-v", "/own", DATA, "true")
    assert "cannot" not in engine.docker("run", "--rm", "-v", "/own", DATA, "/nope", check=False).stdout.decode()
    assert volumes(engine) == before


def test_a_volume_lent_to_another_container_stays_until_that_goes_too(engine: RunningEngine) -> None:
    engine.docker("create", "--name", "lender", "-v", "/own", IMAGE)
    (name,) = names(engine, "lender").values()
    engine.docker("create", "--name", "borrower", "--volumes-from", "lender:ro", IMAGE)
    assert json.loads(engine.out("inspect", "-f", "{{json .HostConfig.VolumesFrom}}", "borrower")) == ["lender:ro"]
    assert json.loads(engine.out("inspect", "-f", "{{json .Mounts}}", "borrower"))[0]["RW"] is False
    engine.docker("rm", "-v", "lender")
    assert name in volumes(engine)
    engine.docker("rm", "-v", "borrower")
    assert name not in volumes(engine)


def test_a_volume_in_use_cannot_be_removed(engine: RunningEngine) -> None:
    user = engine.out("create", "-v", "busy:/m", IMAGE)
    assert f"remove busy: volume is in use - [{user}]" in refusal(engine, "volume", "rm", "busy")
    assert "in use" in refusal(engine, "volume", "rm", "-f", "busy")
    assert engine.out("ps", "-aq", "--no-trunc", "--filter", "volume=busy") == user
    engine.docker("rm", user)
    engine.docker("volume", "rm", "busy")
    assert "no such volume" in refusal(engine, "volume", "rm", "busy")
    engine.docker("volume", "rm", "-f", "busy")
    assert not (engine.data_root / "volumes/busy").exists()


def test_a_volume_is_free_when_the_container_that_removes_itself_is_told_to_be_over(engine: RunningEngine) -> None:
    for round_ in range(5):
        said(engine, "-v", f"free{round_}:/m", IMAGE, "true")
        engine.docker("volume", "rm", f"free{round_}")


def test_a_container_that_cannot_be_made_leaves_no_volume_without_a_name(engine: RunningEngine) -> None:
    before = volumes(engine)
    assert "cannot mount volume over existing file" in refusal(
        engine, "create", "-v", "/a", "-v", "/bin/busybox", IMAGE
    )
    assert "No such container: nope" in refusal(engine, "create", "-v", "/a", "--volumes-from", "nope", IMAGE)
    assert 'plugin "nope" not found' in refusal(engine, "volume", "create", "-d", "nope", "one")
    assert "already in use" in refusal(engine, *same_name(engine))
    assert volumes(engine) == before
    engine.docker("rm", "taken")


def same_name(engine: RunningEngine) -> list[str]:
    engine.docker("create", "--name", "taken", IMAGE)
    return ["create", "--name", "taken", "-v", "/a", IMAGE]


# -- volumes that something is mounted for


def test_memory_is_shared_while_somebody_uses_it_and_gone_afterwards(engine: RunningEngine) -> None:
    engine.docker("volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=1m,uid=9", "mem")
    with running(engine, "holder", "-v", "mem:/m"):
        engine.docker("exec", "holder", "sh", "-c", "echo here > /m/file")
        script = "cat /m/file; stat -c %u /m; df -k /m | tail -1 | awk '{print $2}'"
        assert said(engine, "-v", "mem:/m", IMAGE, "sh", "-c", script).split() == ["here", "9", "1024"]
        engine.kill()
        engine.start()
        assert said(engine, "-v", "mem:/m", IMAGE, "cat", "/m/file") == "here"
        assert mounted(engine) == ["mem"]
    assert mounted(engine) == []
    assert said(engine, "-v", "mem:/m", IMAGE, "ls", "/m") == ""


def mounted(engine: RunningEngine) -> list[str]:
    """Volumes that are mounted in the engine's own mount namespace."""
    assert engine.process is not None
    lines = Path(f"/proc/{engine.process.pid}/mountinfo").read_text().splitlines()
    points = [line.split()[4] for line in lines]
    return [Path(point).name for point in points if Path(point).parent == engine.run_root / "volumes"]


def test_a_directory_of_the_host_can_be_a_volume(engine: RunningEngine, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    options = ["--opt", "type=none", "--opt", f"device={tmp_path}", "--opt", "o=bind"]
    engine.docker("volume", "create", *options, "hosts")
    said(engine, "--user", "1000", "-v", "hosts:/m", IMAGE, "touch", "/m/by-user")
    assert (tmp_path / "by-user").stat().st_uid == 1000
    wait_until(lambda: mounted(engine) == [])
    assert "other options" in refusal(engine, "volume", "create", "--opt", "type=tmpfs", "--opt", "device=x", "hosts")
    engine.docker("volume", "create", "hosts")
    engine.docker("volume", "rm", "hosts")
    assert (tmp_path / "by-user").exists()


def test_what_cannot_be_mounted_keeps_the_container_down_and_nothing_mounted(engine: RunningEngine) -> None:
    for name, options in (("nodir", "device=/nonexistent,o=bind,type=none"), ("nofs", "type=nofs,device=x")):
        words = [word for option in options.split(",") for word in ("--opt", option)]
        engine.docker("volume", "create", *words, name)
        told = refusal(engine, "run", "--rm", "-v", f"{name}:/m:nocopy", IMAGE, "true")
        assert "failed to mount local volume" in told
        engine.docker("volume", "rm", name)
    assert mounted(engine) == []


# -- API


def test_lists_are_filtered(engine: RunningEngine) -> None:
    engine.docker("volume", "create", "--label", "of=test", "--label", "plain", "listed")
    assert volumes(engine, "label=of=test") == ["listed"]
    assert volumes(engine, "label=of=other") == []
    assert volumes(engine, "name=^liste") == ["listed"]
    assert "listed" in volumes(engine, "driver=local", "dangling=true")
    assert volumes(engine, "driver=other") == []
    assert "listed" not in volumes(engine, "dangling=false")
    engine.docker("volume", "rm", "listed")


def test_pruning_takes_named_volumes_only_if_asked(engine: RunningEngine) -> None:
    engine.docker("volume", "create", "--label", "prune", "pruned")
    anonymous = engine.out("volume", "create", "--label", "prune")
    with running(engine, "pruner", "-v", "used:/m"):
        (engine.data_root / "volumes/pruned/_data/file").write_bytes(b"x" * 1000)
        assert anonymous in engine.out("volume", "prune", "-f", "--filter", "label=prune")
        assert "pruned" in volumes(engine)
        told = engine.out("volume", "prune", "-f", "--all", "--filter", "label=prune")
        assert "pruned" in told
        assert "1kB" in told
        engine.docker("volume", "create", "--label", "prune", "pruned")
        filters = quote(json.dumps({"label": ["prune"]}))
        answer = Client(engine.socket).ask("POST", f"/volumes/prune?filters={filters}", version="v1.41")
        assert answer.json["VolumesDeleted"] == ["pruned"]
        assert "used" in volumes(engine)


def test_disk_usage_counts_bytes_and_users(engine: RunningEngine) -> None:
    said(engine, "-v", "measured:/m", IMAGE, "sh", "-c", "head -c 5000 /dev/zero > /m/file")
    engine.docker("create", "--name", "measurer", "-v", "measured:/m", IMAGE)
    answer = Client(engine.socket).ask("GET", "/system/df", version="v1.47").json
    usage = {volume["Name"]: volume["UsageData"] for volume in answer["Volumes"]}
    assert usage["measured"] == {"Size": 5000, "RefCount": 1}
    assert answer["Containers"]
    assert answer["Images"]
    engine.docker("rm", "measurer")


def test_events_tell_the_life_of_a_volume(engine: RunningEngine) -> None:
    engine.docker("run", "--name", "told", "-v", "told:/m:ro", IMAGE, "true")
    container = engine.out("inspect", "-f", "{{.Id}}", "told")
    engine.docker("rm", "told")
    engine.docker("volume", "rm", "told")
    found = events(engine, "told")
    assert [event["Action"] for event in found] == ["create", "mount", "unmount", "destroy"]
    assert found[1]["Actor"]["Attributes"] == {
        "container": container,
        "destination": "/m",
        "driver": "local",
        "propagation": "",
        "read/write": "false",
    }


def test_a_build_step_makes_no_volume(engine: RunningEngine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {DATA}\nRUN cat /data/sub/file && touch /data/new\n")
    before = volumes(engine)
    environment = {**engine.environment, "DOCKER_BUILDKIT": "0"}
    done = subprocess.run(["docker", "build", "-q", str(tmp_path)], env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert volumes(engine) == before


def test_a_commit_leaves_volumes_behind_and_keeps_their_places(engine: RunningEngine) -> None:
    engine.docker("run", "--name", "committed", "-v", "/own", IMAGE, "touch", "/own/file")
    engine.docker("commit", "committed", "committed:1")
    engine.docker("rm", "-v", "committed")
    assert json.loads(engine.out("image", "inspect", "-f", "{{json .Config.Volumes}}", "committed:1")) == {"/own": {}}
    assert said(engine, "--tmpfs", "/own", "committed:1", "ls", "/own") == ""
    assert said(engine, "committed:1", "ls", "/own") == ""


@pytest.mark.parametrize(("words", "are_left"), [(["-f"], True), (["-f", "-v"], False)], ids=["kept", "with them"])
def test_removing_by_force_takes_volumes_along_only_when_told_to(
    engine: RunningEngine, words: list[str], are_left: bool
) -> None:
    box = engine.out("run", "-d", "--rm", "-v", "/kept", IMAGE, "sleep", "1000")
    (volume,) = json.loads(engine.out("inspect", "--format", "{{json .Mounts}}", box))
    engine.docker("rm", *words, box)
    assert (engine.docker("volume", "rm", volume["Name"], check=False).returncode == 0) is are_left
    until = ["--since", "1", "--until", f"{time.time():.9f}"]
    shown = engine.out("events", *until, "--filter", f"container={box}", "--format", "{{.Action}}")
    assert [line for line in shown.splitlines() if line in ("kill", "die", "destroy")] == ["kill", "die", "destroy"]
