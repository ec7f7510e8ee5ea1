"""Devices of the host in containers, and privileged ones."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.client import Client
from tests.engine.conftest import IMAGE, RunningEngine
from tests.engine.host.containers.shared_engine import engine_with_image, refusal, said

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def engine(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with engine_with_image(busybox_tar) as engine:
        yield engine


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """With two devices and what is none: n/zero (1:5), n/deep/full (1:7), n/link, n/text."""
    nodes = tmp_path / "n"
    (nodes / "deep").mkdir(parents=True)
    for path, minor in ((nodes / "zero", 5), (nodes / "deep" / "full", 7)):
        os.mknod(path, stat.S_IFCHR | 0o640, os.makedev(1, minor))
        os.chown(path, 0, 55)
    (nodes / "link").symlink_to("zero")
    (nodes / "text").touch()
    return nodes


@pytest.mark.parametrize("userns", ["private", "host"])
def test_a_device_keeps_its_owners_and_works(engine: RunningEngine, directory: Path, userns: str) -> None:
    script = "stat -c '%F %t:%T %a %u:%g' /dev/mine; head -c 3 /dev/mine | wc -c"
    arguments = ["--userns", userns] if userns == "host" else []
    lines = said(engine, *arguments, "--device", f"{directory}/zero:/dev/mine", IMAGE, "sh", "-c", script).splitlines()
    assert lines == ["character special file 1:5 640 0:55", "3"]


def test_a_directory_of_devices_is_all_devices_below_it(engine: RunningEngine, directory: Path) -> None:
    found = said(engine, "--device", f"{directory}:/dev/all", IMAGE, "find", "/dev/all", "-type", "c").split()
    assert sorted(found) == ["/dev/all/deep/full", "/dev/all/zero"]


def test_a_device_can_be_used_as_far_as_was_said(engine: RunningEngine) -> None:
    opened = "exec 3<>/dev/net/tun && echo opened"
    assert "opened" in said(engine, "--device", "/dev/net/tun", IMAGE, "sh", "-c", opened)
    done = engine.docker(
        "run", "--rm", "--device", "/dev/net/tun:/dev/net/tun:r", IMAGE, "sh", "-c", opened, check=False
    )
    assert b"Operation not permitted" in done.stderr


def test_a_rule_allows_nodes_that_are_made_inside(engine: RunningEngine) -> None:
    # in /dev: the root of a container is nodev
    program = [IMAGE, "sh", "-c", "mknod /dev/tun c 10 200 && exec 3<>/dev/tun && echo opened"]
    arguments = ["--userns", "host", "--cap-add", "MKNOD"]
    assert said(engine, *arguments, "--device-cgroup-rule", "c 10:200 rwm", *program) == "opened"
    assert "Operation not permitted" in refusal(engine, "run", "--rm", *arguments, *program)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--device", "/dev/nothing-like-it"], "no such file or directory"),
        (["--device", "/etc/passwd"], "not a device node"),
        (["--device-cgroup-rule", "c 1:3"], "invalid device cgroup format|invalid device cgroup rule format"),
        (["--gpus", "all"], "HostConfig.DeviceRequests"),
    ],
)
def test_what_is_no_device_is_refused_at_create(engine: RunningEngine, arguments: list[str], words: str) -> None:
    told = refusal(engine, "create", *arguments, IMAGE, "true")
    assert any(part in told for part in words.split("|")), told


def test_a_privileged_container_sees_the_hosts_devices_and_may_write_to_sys(engine: RunningEngine) -> None:
    script = "ls /dev; grep ' /sys ' /proc/mounts; grep CapEff /proc/self/status; head -c 1 /dev/net/tun 2>&1; true"
    answer = said(engine, "--privileged", IMAGE, "sh", "-c", script)
    names = {
        path.name for path in Path("/dev").iterdir() if not path.is_symlink() and stat.S_ISBLK(path.stat().st_mode)
    }
    assert names <= set(answer.split())
    assert "sysfs /sys sysfs rw" in answer
    assert "Operation not permitted" not in answer
    ours = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapBnd"))
    assert ours.split()[1] in answer


def test_a_host_device_is_not_changed_by_the_container_that_has_it(engine: RunningEngine, directory: Path) -> None:
    before = (directory / "zero").stat()
    said(
        engine, "--device", f"{directory}/zero:/dev/mine", IMAGE, "sh", "-c", "chmod 0600 /dev/mine; chown 7 /dev/mine"
    )
    after = (directory / "zero").stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_groups_are_added_to_the_process_and_to_execs(engine: RunningEngine) -> None:
    arguments = ["--name", "grouped", "--group-add", "55", "--group-add", "root", "--user", "1000:1000"]
    engine.docker("run", "-d", *arguments, IMAGE, "sleep", "1000")
    status = engine.out("exec", "grouped", "grep", "Groups", "/proc/1/status", "/proc/self/status")
    assert [line.split(":", 2)[2].split() for line in status.splitlines()] == [["0", "55", "1000"]] * 2
    assert "Unable to find group nobodys" in refusal(engine, "run", "--rm", "--group-add", "nobodys", IMAGE, "true")


def test_a_higher_oom_score_is_given_and_a_lower_one_told(engine: RunningEngine) -> None:
    assert said(engine, "--oom-score-adj", "500", IMAGE, "cat", "/proc/self/oom_score_adj") == "500"
    body = json.dumps({"Image": IMAGE, "Cmd": ["true"], "HostConfig": {"OomScoreAdj": -1000}}).encode()
    answer = Client(engine.socket).ask("POST", "/containers/create?name=lowered", body)
    assert answer.status == 201
    assert "OomScoreAdj: -1000 is less than this engine may give" in answer.json["Warnings"][0]
