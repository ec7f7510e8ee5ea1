"""Containers that share namespaces with the host or with one another."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import IMAGE, RunningEngine, wait_until
from tests.engine.host.containers.shared_engine import engine_with_image, refusal, said

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def engine(busybox_tar: bytes) -> Iterator[RunningEngine]:
    with engine_with_image(busybox_tar) as engine:
        yield engine


@pytest.fixture(scope="module")
def donor(engine: RunningEngine) -> str:
    """A running container whose namespaces others may share."""
    arguments = ["--name", "donor", "--hostname", "giver", "--ipc", "shareable", "--shm-size", "1m"]
    engine.docker("run", "-d", *arguments, IMAGE, "sleep", "1000")
    return "donor"


def pid(engine: RunningEngine, name: str) -> int:
    return int(engine.out("inspect", "--format", "{{.State.Pid}}", name))


def namespace(process: int | str, kind: str) -> str:
    return os.readlink(f"/proc/{process}/ns/{kind}")


def owners(engine: RunningEngine, name: str) -> str:
    return Path(f"/proc/{pid(engine, name)}/uid_map").read_text()


@pytest.mark.parametrize(
    ("option", "kind"), [("--pid", "pid"), ("--ipc", "ipc"), ("--uts", "uts"), ("--cgroupns", "cgroup")]
)
def test_the_hosts_namespace_is_the_hosts(engine: RunningEngine, option: str, kind: str) -> None:
    assert said(engine, option, "host", IMAGE, "readlink", f"/proc/self/ns/{kind}") == namespace("self", kind)
    assert said(engine, IMAGE, "readlink", f"/proc/self/ns/{kind}") != namespace("self", kind)


@pytest.mark.parametrize(
    ("arguments", "is_own"),
    [
        (["--pid", "host"], False),
        (["--ipc", "host"], False),
        (["--network", "host"], False),
        (["--userns", "host"], False),
        (["--uts", "host"], True),
        (["--cgroupns", "host"], True),
    ],
)
def test_a_user_namespace_is_given_up_only_where_it_must(
    engine: RunningEngine, arguments: list[str], is_own: bool
) -> None:
    first = said(engine, *arguments, IMAGE, "cat", "/proc/self/uid_map").split()
    assert (first[1] != "0") is is_own


def test_with_the_hosts_names_a_container_is_called_as_the_host(engine: RunningEngine) -> None:
    host = os.uname().nodename
    assert said(engine, "--uts", "host", IMAGE, "hostname") == host
    assert said(engine, "--network", "host", IMAGE, "hostname") == host
    assert said(engine, "--network", "host", IMAGE, "cat", "/etc/hosts") == Path("/etc/hosts").read_text().strip()


def test_a_shared_network_is_the_others_with_its_names_and_users(engine: RunningEngine, donor: str) -> None:
    engine.docker("run", "-d", "--name", "guest", "--network", f"container:{donor}", IMAGE, "sleep", "1000")
    for kind in ("net", "user"):
        assert namespace(pid(engine, "guest"), kind) == namespace(pid(engine, donor), kind)
    for kind in ("pid", "ipc", "uts", "mnt"):
        assert namespace(pid(engine, "guest"), kind) != namespace(pid(engine, donor), kind)
    assert engine.out("exec", "guest", "hostname") == "giver"
    assert engine.out("exec", "guest", "cat", "/etc/hosts") == engine.out("exec", donor, "cat", "/etc/hosts")
    donor_id = engine.out("inspect", "--format", "{{.Id}}", donor)
    shown = json.loads(engine.out("inspect", "guest"))[0]
    assert shown["HostConfig"]["NetworkMode"] == f"container:{donor_id}"
    assert shown["NetworkSettings"]["Networks"] == {}
    assert donor_id in shown["HostsPath"]


def test_one_who_shares_can_be_shared_with(engine: RunningEngine, donor: str) -> None:
    engine.docker("run", "-d", "--name", "second", "--network", f"container:{donor}", IMAGE, "sleep", "1000")
    third = said(engine, "--network", "container:second", IMAGE, "readlink", "/proc/self/ns/net")
    assert third == namespace(pid(engine, donor), "net")


def test_a_user_range_is_not_given_again_while_a_guest_outlives_its_host(engine: RunningEngine) -> None:
    engine.docker("run", "-d", "--name", "mortal", IMAGE, "sleep", "1000")
    engine.docker("run", "-d", "--name", "survivor", "--network", "container:mortal", IMAGE, "sleep", "1000")
    taken = owners(engine, "survivor")
    engine.docker("rm", "-f", "mortal")
    engine.docker("run", "-d", "--name", "stranger", IMAGE, "sleep", "1000")
    assert owners(engine, "stranger") != taken
    engine.docker("rm", "-f", "survivor", "stranger")
    wait_until(lambda: not engine.docker("ps", "-aq", "--filter", "name=survivor").stdout)


def test_shared_processes_are_seen(engine: RunningEngine, donor: str) -> None:
    listed = said(engine, "--pid", f"container:{donor}", IMAGE, "ps", "-o", "pid,args")
    assert "1 sleep 1000" in listed
    assert "sleep 1000" not in said(engine, IMAGE, "ps", "-o", "pid,args")


def test_shared_memory_is_one_memory_of_the_donors_size(engine: RunningEngine, donor: str) -> None:
    script = "echo hello > /dev/shm/note; df -m /dev/shm | tail -1"
    assert said(engine, "--ipc", f"container:{donor}", IMAGE, "sh", "-c", script).split()[1] == "1"
    assert engine.out("exec", donor, "cat", "/dev/shm/note") == "hello"


def test_without_shared_memory_there_is_none(engine: RunningEngine) -> None:
    assert "/dev/shm" not in said(engine, "--ipc", "none", IMAGE, "cat", "/proc/mounts")


def test_a_container_with_the_hosts_ids_can_join_one_without(engine: RunningEngine, donor: str) -> None:
    shared = ["--pid", f"container:{donor}", "--network", f"container:{donor}", "--ipc", f"container:{donor}"]
    script = "readlink /proc/self/ns/net; readlink /proc/self/ns/user"
    answer = said(engine, *shared, "--privileged", IMAGE, "sh", "-c", script)
    assert answer.splitlines() == [namespace(pid(engine, donor), "net"), namespace("self", "user")]


def test_processes_left_behind_among_the_hosts_end_with_their_container(engine: RunningEngine) -> None:
    script = "sleep 1000 & exec sleep 1001"
    engine.docker("run", "-d", "--name", "crowd", "--pid", "host", IMAGE, "sh", "-c", script)
    first = pid(engine, "crowd")
    children = Path(f"/proc/{first}/task/{first}/children")
    wait_until(lambda: children.read_text().split(), what="the script has begun its child")
    (child,) = children.read_text().split()
    engine.docker("kill", "crowd")
    wait_until(lambda: not Path(f"/proc/{child}").exists(), what="the child is gone")
    engine.docker("rm", "crowd")
    assert not [path for path in engine.cgroups() if "crowd" in path]


def test_who_cannot_be_joined_is_told(engine: RunningEngine, donor: str) -> None:
    engine.docker("create", "--name", "idle", IMAGE, "true")
    engine.docker("run", "-d", "--name", "alone", IMAGE, "sleep", "1000")
    assert "No such container: nobody" in refusal(engine, "run", "--network", "container:nobody", IMAGE, "true")
    for option, called in (("--network", "network"), ("--pid", "PID"), ("--ipc", "IPC")):
        words = refusal(engine, "run", "--rm", option, "container:idle", IMAGE, "true")
        assert f"cannot join {called} of a non running container" in words
    assert "IpcMode:shareable" in refusal(engine, "run", "--rm", "--ipc", "container:alone", IMAGE, "true")
    both = ["--network", "container:alone", "--pid", f"container:{donor}"]
    assert "different user namespaces" in refusal(engine, "run", "--rm", *both, IMAGE, "true")


def test_guests_are_found_again_by_the_next_engine(engine: RunningEngine) -> None:
    engine.docker("run", "-d", "--name", "host1", IMAGE, "sleep", "1000")
    arguments = ["--network", "container:host1", "--cgroup-parent", "kept/deep"]
    engine.docker("run", "-d", "--name", "guest1", *arguments, IMAGE, "sleep", "1000")
    engine.kill()
    engine.start()
    assert engine.out("exec", "guest1", "hostname") == engine.out("exec", "host1", "hostname")
    assert "sleep 1000" in engine.out("top", "guest1")
    engine.docker("rm", "-f", "guest1")
    wait_until(
        lambda: not [path for path in engine.cgroups() if path.endswith("kept")], limit_s=30, what="its group is gone"
    )


@pytest.mark.parametrize("parent", ["inner/deep", "/{}-outer/deep"])
def test_a_container_can_be_put_into_another_group_which_goes_with_it(engine: RunningEngine, parent: str) -> None:
    parent = parent.format(engine.cgroup_parent)
    groups = said(engine, "--cgroupns", "host", "--cgroup-parent", parent, IMAGE, "cat", "/proc/self/cgroup")
    expected = parent if parent.startswith("/") else f"/{engine.cgroup_parent}/{parent}"
    paths = [line.split(":", 2)[2] for line in groups.splitlines()]
    assert any(path.startswith(f"{expected}/") for path in paths)
    top = expected.removesuffix("/deep")
    wait_until(lambda: not list(Path("/sys/fs/cgroup").glob(f"*{top}")), what=f"{top} is gone")


def test_a_group_that_was_there_before_stays(engine: RunningEngine) -> None:
    tree = next(
        path for path in (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup")) if (path / "cgroup.procs").exists()
    )
    group = tree / f"{engine.cgroup_parent}-mine"
    group.mkdir()
    try:
        engine.docker("run", "--name", "lodger", "--cgroup-parent", f"/{group.name}", IMAGE, "true")
        engine.docker("rm", "lodger")
        assert group.is_dir()
        assert not [path for path in group.iterdir() if path.is_dir()]
    finally:
        group.rmdir()


def test_names_and_kernel_settings_are_the_containers_own(engine: RunningEngine) -> None:
    script = "hostname; cat /proc/sys/kernel/domainname /proc/sys/kernel/msgmax /proc/sys/net/core/somaxconn"
    arguments = ["--hostname", "box", "--domainname", "example.org", "--sysctl", "kernel.msgmax=1234"]
    said_lines = said(engine, *arguments, "--sysctl", "net.core.somaxconn=77", IMAGE, "sh", "-c", script).splitlines()
    assert said_lines == ["box", "example.org", "1234", "77"]
    assert Path("/proc/sys/kernel/domainname").read_text().strip() != "example.org"


def test_an_address_of_its_own_choice_is_on_the_link(engine: RunningEngine) -> None:
    address = "02:42:11:22:33:44"
    engine.docker("run", "-d", "--name", "marked", "--mac-address", address, IMAGE, "sleep", "1000")
    assert engine.out("exec", "marked", "cat", "/sys/class/net/eth0/address") == address
    assert engine.out("inspect", "--format", "{{.NetworkSettings.MacAddress}}", "marked") == address
    gateway = engine.out("inspect", "--format", "{{.NetworkSettings.Gateway}}", "marked")
    # traffic passes: the rules against foreign addresses know this one
    assert engine.docker("exec", "marked", "arping", "-c", "1", "-w", "3", gateway, check=False).returncode in (0, 1)
