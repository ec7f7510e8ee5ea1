"""What containers share, bring and are shown, as the runtime is told."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.host.capabilities import CAPABILITIES
from engine.model.container import Container
from engine.model.device import DeviceRule
from engine.model.mount import Mount, MountKind, Propagation
from engine.model.namespaces import Namespaces
from engine.oci.confinement import has_user_namespace
from engine.oci.devices import DeviceNode
from engine.oci.spec import Bind, Shared, domain_name, oom_score, runtime_config
from engine.oci.user import User, resolve_user
from tests.engine.unit.oci.test_spec import MACHINE, SPEC

FUSE = DeviceNode("/dev/fuse", "c", 10, 229, mode=0o666, uid=0, gid=0, access="rw")


def config(*, uid_base: int | None = 700000, **changes: Any) -> dict[str, Any]:
    renamed = {"binds": "mounts", "init_program": "init", "shared": "shared", "devices": "devices"}
    given = {argument: changes.pop(name) for name, argument in renamed.items() if name in changes}
    spec = replace(SPEC, **changes)
    container = Container("c" * 64, "box", spec, datetime(2026, 1, 1, tzinfo=UTC), uid_base=uid_base)
    return runtime_config(
        container,
        rootfs=Path("/run/rootfs"),
        hostname="box",
        user=User(),
        machine=MACHINE,
        cgroup_path="/naru/c",
        **given,
    )


def kinds(document: dict[str, Any]) -> dict[str, str]:
    return {namespace["type"]: namespace.get("path", "") for namespace in document["linux"]["namespaces"]}


def mounted(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {mount["destination"]: mount for mount in document["mounts"]}


def test_the_hosts_namespaces_are_none_of_the_containers() -> None:
    shared = Namespaces(pid="host", ipc="host", uts="host", cgroup="host")
    document = config(uid_base=None, network_mode="host", namespaces=shared)
    assert kinds(document) == {"mount": ""}
    assert "hostname" not in document


def test_anothers_namespaces_are_joined_by_path_with_its_users() -> None:
    paths = {"pid": "/p", "network": "/n", "user": "/u"}
    document = config(
        network_mode="container:x",
        namespaces=Namespaces(pid="container:x"),
        shared=Shared(paths),
        sysctls={"kernel.msgmax": "1"},
    )
    assert kinds(document) == {
        "pid": "/p",
        "network": "/n",
        "user": "/u",
        "ipc": "",
        "uts": "",
        "mount": "",
        "cgroup": "",
    }
    assert "uidMappings" not in document["linux"]
    assert document["linux"]["sysctl"] == {"kernel.msgmax": "1"}  # ours would be the other's


@pytest.mark.parametrize("shared", [Namespaces(pid="host"), Namespaces(ipc="host")])
def test_no_user_namespace_where_it_would_have_no_say(shared: Namespaces) -> None:
    assert not has_user_namespace(replace(SPEC, namespaces=shared))
    assert has_user_namespace(replace(SPEC, namespaces=Namespaces(uts="host", cgroup="host", pid="container:x")))


def test_shared_memory_is_absent_shared_or_the_containers_own() -> None:
    assert "/dev/shm" not in mounted(config(namespaces=Namespaces(ipc="none")))
    assert mounted(config(shared=Shared(shm=Path("/there"))))["/dev/shm"]["source"] == "/there"
    assert mounted(config())["/dev/shm"]["type"] == "tmpfs"


def test_what_is_asked_for_replaces_what_every_container_has_there() -> None:
    document = config(binds=[Bind(Path("/a"), "/etc/hosts"), Bind(Path("/b"), "/etc/hosts"), Bind(Path("/d"), "/dev")])
    assert mounted(document)["/etc/hosts"]["source"] == "/b"
    assert not [path for path in mounted(document) if path.startswith("/dev/")]


def test_mounts_come_after_what_they_lie_below() -> None:
    document = config(binds=[Bind(Path("/a"), "/x/y/z"), Bind(Path("/b"), "/x")], tmpfs={"/x/y": ""})
    places = [mount["destination"] for mount in document["mounts"]]
    assert [path for path in places if path.startswith("/x")] == ["/x", "/x/y", "/x/y/z"]


def test_a_tmpfs_mount_says_size_and_mode_and_everybody_may_write_by_default() -> None:
    asked = Mount(
        MountKind.TMPFS, "/t", tmpfs_size_bytes=4096, tmpfs_mode=0o700, tmpfs_options=("exec",), read_only=True
    )
    options = mounted(config(mounts=(asked,)))["/t"]["options"]
    assert {"ro", "exec", "nosuid", "nodev", "size=4096", "mode=700"} == set(options)
    assert "mode=1777" in mounted(config(mounts=(Mount(MountKind.TMPFS, "/t"),)))["/t"]["options"]


@pytest.mark.parametrize(
    ("propagation", "root"),
    [
        (None, "private"),
        (Propagation.RPRIVATE, "private"),
        (Propagation.SLAVE, "rslave"),
        (Propagation.RSHARED, "shared"),
    ],
)
def test_the_root_is_as_open_as_its_most_open_mount(propagation: Propagation | None, root: str) -> None:
    document = config(mounts=(Mount(MountKind.BIND, "/t", "/s", propagation=propagation),))
    assert document["linux"]["rootfsPropagation"] == root


def test_devices_are_allowed_and_made_unless_there_is_a_user_namespace() -> None:
    document = config(uid_base=None, devices=[FUSE])
    rule = {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"}
    assert rule in document["linux"]["resources"]["devices"]
    assert [device["path"] for device in document["linux"]["devices"]] == ["/dev/fuse"]
    inside = config(devices=[FUSE])
    assert rule in inside["linux"]["resources"]["devices"]
    assert "devices" not in inside["linux"]


def test_open_numbers_of_a_device_rule_are_left_out() -> None:
    rules = config(device_rules=(DeviceRule("b", None, 3, "r"),))["linux"]["resources"]["devices"]
    assert rules[-1] == {"allow": True, "type": "b", "minor": 3, "access": "r"}


@pytest.mark.parametrize(
    ("asked", "own", "given"), [(500, 0, 500), (-500, 0, 0), (0, 100, 100), (0, -900, 0), (-5, -9, -5)]
)
def test_an_oom_score_is_never_below_our_own(asked: int, own: int, given: int) -> None:
    assert oom_score(replace(SPEC, oom_score_adj=asked), machine=replace(MACHINE, oom_score_adj=own)) == given


def test_with_the_capability_for_it_an_oom_score_may_be_lower() -> None:
    machine = replace(MACHINE, bounding=frozenset(CAPABILITIES))
    assert oom_score(replace(SPEC, oom_score_adj=-500, userns_host=True), machine=machine) == -500
    assert oom_score(replace(SPEC, oom_score_adj=-500), machine=machine) == 0


def test_annotations_reach_the_runtime() -> None:
    assert config(annotations={"a": "b"})["annotations"] == {"a": "b"}


def test_given_paths_count_before_those_of_the_profile() -> None:
    linux = config(masked_paths=(), read_only_paths=("/proc/fs",))["linux"]
    assert (linux["maskedPaths"], linux["readonlyPaths"]) == ([], ["/proc/fs"])
    privileged = config(privileged=True, uid_base=None, masked_paths=("/proc/kcore",))
    assert privileged["linux"]["maskedPaths"] == ["/proc/kcore"]


def test_a_profile_of_its_own_is_the_filter_even_when_privileged() -> None:
    linux = config(seccomp_profile='{"defaultAction": "SCMP_ACT_LOG"}', privileged=True, uid_base=None)["linux"]
    assert linux["seccomp"]["defaultAction"] == "SCMP_ACT_LOG"


def test_the_domain_name_is_said_once_and_never_of_the_host() -> None:
    named = replace(SPEC, domainname="a.example", sysctls={"kernel/domainname": "b.example"})
    assert domain_name(named) == "b.example"
    assert domain_name(replace(named, sysctls={})) == "a.example"
    assert domain_name(replace(named, namespaces=Namespaces(uts="host"))) == ""
    assert "kernel.domainname" not in config(sysctls=dict(named.sysctls))["linux"]["sysctl"]


def test_an_init_runs_the_command_when_it_is_asked_for() -> None:
    program = Path("/usr/bin/tini-static")
    assert config(init_program=program)["process"]["args"] == ["sh"]
    document = config(init_program=program, init=True)
    assert document["process"]["args"] == ["/dev/init", "--", "sh"]
    assert document["mounts"][-1]["source"] == str(program)


def test_groups_are_added_by_name_and_number(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("ann:x:1000:1000::/:/bin/sh\n")
    (tmp_path / "etc/group").write_text("ann:x:1000:\nextra:x:2000:ann\naudio:x:29:\n")
    user = resolve_user("ann", rootfs=tmp_path, groups=("audio", "55", "2000"))
    assert user.additional_gids == (1000, 2000, 29, 55)
    assert resolve_user("ann:audio", rootfs=tmp_path, groups=("55",)).additional_gids == (29, 55)
