"""Paths of the host in containers: whose files are whose, what may be written, and what is refused."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.client import Client
from tests.engine.conftest import IMAGE, RunningEngine, wait_until
from tests.engine.host.containers.shared_engine import engine_with_image, refusal, said

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def engine(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with engine_with_image(busybox_tar) as engine:
        yield engine


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Of the host: file (uid 1000, 0600), and sub."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "file").write_text("of the host\n")
    (tmp_path / "file").chmod(0o600)
    os.chown(tmp_path / "file", 1000, 1000)
    tmp_path.chmod(0o777)
    return tmp_path


@pytest.fixture
def mounted(source: Path) -> Iterator[Path]:
    """A tmpfs with peers, at ``source``/sub."""
    point = source / "sub"
    subprocess.run(["mount", "-t", "tmpfs", "none", str(point)], check=True)
    subprocess.run(["mount", "--make-shared", str(point)], check=True)
    (point / "below").touch()
    yield point
    subprocess.run(["umount", "--recursive", str(point)], check=True)


@pytest.mark.parametrize("arguments", [[], ["--userns", "host"]])
def test_files_have_the_owners_inside_that_they_have_on_disk(
    engine: RunningEngine, source: Path, arguments: list[str]
) -> None:
    script = "stat -c %u:%g /m/file; touch /m/by-root"
    assert said(engine, *arguments, "-v", f"{source}:/m", IMAGE, "sh", "-c", script) == "1000:1000"
    said(engine, *arguments, "--user", "1000:1000", "-v", f"{source}:/m", IMAGE, "sh", "-c", "cat /m/file > /m/by-user")
    assert [(source / name).stat().st_uid for name in ("by-root", "by-user")] == [0, 1000]
    assert (source / "by-user").read_text() == "of the host\n"


def test_one_file_can_be_shown_also_over_the_engines_own(engine: RunningEngine, source: Path) -> None:
    assert said(engine, "-v", f"{source}/file:/etc/hosts", IMAGE, "cat", "/etc/hosts") == "of the host"
    assert said(engine, "-v", f"{source}/file:/not/there/yet", IMAGE, "cat", "/not/there/yet") == "of the host"


@pytest.mark.parametrize("arguments", [[], ["--userns", "host"]])
def test_read_only_holds_also_for_what_is_mounted_below(
    engine: RunningEngine, source: Path, mounted: Path, arguments: list[str]
) -> None:
    script = "touch /m/x; touch /m/sub/x; ls /m/sub"
    done = engine.docker("run", "--rm", *arguments, "-v", f"{source}:/m:ro", IMAGE, "sh", "-c", script)
    assert done.stderr.count(b"Read-only file system") == 2
    assert done.stdout == b"below\n"


def test_mounts_below_can_stay_writable_or_be_left_out(engine: RunningEngine, source: Path, mounted: Path) -> None:
    script = "touch /m/x 2>/dev/null || echo root is read-only; touch /m/sub/x && ls /m/sub"
    option = f"type=bind,src={source},dst=/m,readonly,bind-recursive=writable"
    assert said(engine, "--mount", option, IMAGE, "sh", "-c", script).split("\n") == ["root is read-only", "below", "x"]
    option = f"type=bind,src={source},dst=/m,bind-recursive=disabled"
    assert said(engine, "--mount", option, IMAGE, "ls", "/m/sub") == ""


def test_what_the_host_mounts_after_the_engines_start_is_there(
    engine: RunningEngine, source: Path, mounted: Path
) -> None:
    assert said(engine, "-v", f"{mounted}:/m", IMAGE, "ls", "/m") == "below"
    assert said(engine, "-v", f"{source}:/m", IMAGE, "ls", "/m/sub") == "below"


def test_the_whole_host_can_be_shown(engine: RunningEngine) -> None:
    names = said(
        engine, "-v", "/:/host:ro", IMAGE, "sh", "-c", "ls -A /host; ls /host/proc/1/comm; ls -d /host/dev/shm"
    )
    assert {path.name for path in Path("/").iterdir()} <= set(names.split())
    assert "/host/proc/1/comm" in names


def test_later_mounts_reach_a_slave_and_no_private_mount(engine: RunningEngine, mounted: Path) -> None:
    (mounted / "later").mkdir()
    engine.docker("run", "-d", "--name", "slave", "-v", f"{mounted}:/m:rslave", IMAGE, "sleep", "1000")
    engine.docker("run", "-d", "--name", "private", "-v", f"{mounted}:/m", IMAGE, "sleep", "1000")
    subprocess.run(["mount", "-t", "tmpfs", "none", f"{mounted}/later"], check=True)
    (mounted / "later" / "arrived").touch()
    assert engine.out("exec", "slave", "ls", "/m/later") == "arrived"
    assert engine.out("exec", "private", "ls", "/m/later") == ""
    engine.docker("rm", "-f", "slave", "private")


def test_mounts_of_a_container_reach_the_host_through_a_shared_mount(engine: RunningEngine, mounted: Path) -> None:
    script = "mkdir /m/inner && mount -t tmpfs none /m/inner && touch /m/inner/made; sleep 1000"
    arguments = ["--userns", "host", "--cap-add", "SYS_ADMIN", "-v", f"{mounted}:/m:rshared"]
    engine.docker("run", "-d", "--name", "sharing", *arguments, IMAGE, "sh", "-c", script)
    wait_until(lambda: (mounted / "inner" / "made").exists())
    engine.docker("rm", "-f", "sharing")


def test_a_propagation_that_cannot_be_is_refused_at_create(engine: RunningEngine, source: Path, mounted: Path) -> None:
    for word, kind in (("rslave", "a shared or slave mount"), ("rshared", "a shared mount")):
        told = refusal(engine, "create", "--userns", "host", "-v", f"/proc:/m:{word}", IMAGE, "true")
        assert f"path /proc is mounted on /proc but it is not {kind}" in told
    assert "needs UsernsMode host" in refusal(engine, "create", "-v", f"{mounted}:/m:rshared", IMAGE, "true")


def test_a_missing_source_is_made_for_binds_and_refused_for_mounts(engine: RunningEngine, source: Path) -> None:
    said(engine, "-v", f"{source}/new/deep:/m", IMAGE, "true")
    assert (source / "new" / "deep").is_dir()
    told = refusal(engine, "create", "--mount", f"type=bind,src={source}/absent,dst=/m", IMAGE, "true")
    assert f"bind source path does not exist: {source}/absent" in told
    mount = {"Type": "bind", "Source": f"{source}/made", "Target": "/m", "BindOptions": {"CreateMountpoint": True}}
    run(engine, "maker", {"Mounts": [mount]})
    assert (source / "made").is_dir()


def run(engine: RunningEngine, name: str, host_config: dict[str, Any]) -> dict[str, Any]:
    """What inspect says of one that was run."""
    client = Client(engine.socket)
    body = {"Image": IMAGE, "Cmd": ["true"], "HostConfig": host_config}
    answer = client.ask("POST", f"/containers/create?name={name}", body)
    assert answer.status == 201, answer.body
    engine.docker("start", "-a", name)
    return dict(client.ask("GET", f"/containers/{name}/json").json)


def test_inspect_list_and_filter_know_the_mounts(engine: RunningEngine, source: Path) -> None:
    bind = f"{source}:/data:ro"
    shown = run(engine, "known", {"Binds": [bind]})
    point = {"Type": "bind", "Source": str(source), "Destination": "/data", "Mode": "ro", "RW": False}
    assert shown["Mounts"] == [point | {"Propagation": "rprivate"}]
    assert shown["HostConfig"]["Binds"] == [bind]
    assert engine.out("ps", "-a", "--filter", f"volume={source}", "--format", "{{.Names}}") == "known"
    assert engine.out("ps", "-a", "--no-trunc", "--filter", "volume=/data", "--format", "{{.Mounts}}") == str(source)


def test_a_file_system_that_cannot_map_owners_is_told_and_shown(engine: RunningEngine) -> None:
    done = engine.docker("run", "--rm", "-v", "/proc:/m", IMAGE, "stat", "-c", "%u", "/m/version")
    assert done.stdout == b"65534\n"
    assert b"The file system of /proc cannot map owners" in done.stderr


def test_a_link_that_is_exchanged_after_create_leads_where_it_leads_at_start(
    engine: RunningEngine, source: Path
) -> None:
    """And what was opened then stays: the container sees one of the two, whole."""
    link = source / "link"
    link.symlink_to(source / "sub")
    engine.docker("create", "--name", "linked", "-v", f"{link}:/m", IMAGE, "sleep", "1000")
    link.unlink()
    link.symlink_to(source)
    engine.docker("start", "linked")
    link.unlink()
    link.symlink_to("/")
    assert "file" in engine.out("exec", "linked", "ls", "/m").split()
    engine.docker("rm", "-f", "linked")


@pytest.mark.parametrize("path", ["/proc/self/root", "/proc/self/fd/3", "/proc/self/cwd"])
def test_a_path_through_another_processs_files_is_refused(engine: RunningEngine, path: str) -> None:
    told = refusal(engine, "create", "-v", f"{path}:/m", IMAGE, "true")
    assert f"source {path}: it leads" in told
    assert "another process's files" in told


def test_nothing_of_a_bind_is_left_when_its_container_ends(engine: RunningEngine, source: Path, mounted: Path) -> None:
    arguments = ["-v", f"{source}:/m", "--device", "/dev/net/tun", "--ipc", "shareable"]
    engine.docker("run", "-d", "--name", "leaver", *arguments, IMAGE, "sleep", "1000")
    container_id = engine.out("inspect", "--format", "{{.Id}}", "leaver")
    assert [path for path in engine.mounts() if f"{container_id}/mounts/0" in path]
    engine.docker("rm", "-f", "leaver")
    wait_until(lambda: not [path for path in engine.leftovers() if container_id in path])
    assert sorted(path.name for path in source.iterdir()) == ["file", "sub"]
    assert (mounted / "below").exists()


def test_a_container_with_binds_survives_the_engine_and_goes_with_it(engine: RunningEngine, source: Path) -> None:
    engine.docker("run", "-d", "--name", "keeper", "-v", f"{source}:/m", IMAGE, "sleep", "1000")
    engine.kill()
    engine.start()
    assert engine.out("exec", "keeper", "cat", "/m/file") == "of the host"
    engine.docker("restart", "--time", "0", "keeper")
    assert engine.out("exec", "keeper", "stat", "-c", "%u", "/m/file") == "1000"
    engine.docker("rm", "-f", "keeper")
    assert (source / "file").exists()


def test_a_tmpfs_mount_is_as_large_and_as_open_as_said(engine: RunningEngine) -> None:
    script = "stat -c %a:%u /t; df -k /t | tail -1"
    words = said(engine, "--mount", "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700", IMAGE, "sh", "-c", script).split()
    assert (words[0], words[2]) == ("700:0", "1024")
    shown = json.loads(
        engine.out("inspect", run(engine, "scratch", {"Mounts": [{"Type": "tmpfs", "Target": "/t"}]})["Id"])
    )
    assert shown[0]["Mounts"][0]["Type"] == "tmpfs"
