"""Members of ``HostConfig`` by subject: what they ask for, how inspect repeats them, and what of them is refused."""

import json
from dataclasses import replace
from typing import Any

import pytest

from engine.model.container import ContainerSpec
from engine.model.device import DeviceRule
from engine.model.errors import Denied, Invalid
from engine.model.mount import Mount, MountKind, Propagation
from engine.wire.container_config import encode_container_config
from engine.wire.container_create import decode_create
from engine.wire.container_filters import container_condition
from engine.wire.host_config_echo import encode_host_config
from engine.wire.mounts_echo import encode_mount_points
from engine.wire.query import Filters
from tests.engine.unit.wire.images import container, image


def spec(host_config: dict[str, Any], **members: Any) -> ContainerSpec:
    body = {"Image": "busybox", "HostConfig": host_config} | members
    return decode_create(json.dumps(body).encode()).to_spec(image())[0]


def echo(host_config: dict[str, Any]) -> dict[str, Any]:
    return encode_host_config(spec(host_config), runtime="crun")


@pytest.mark.parametrize(
    "members",
    [
        {"PidMode": "host", "IpcMode": "none", "UTSMode": "host", "CgroupnsMode": "host", "UsernsMode": "host"},
        {"PidMode": "container:other", "IpcMode": "container:other", "NetworkMode": "container:other"},
        {"IpcMode": "shareable", "CgroupnsMode": "private"},
        {"Devices": [{"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "rw"}]},
        {"Devices": [{"PathOnHost": "/dev/a", "PathInContainer": "", "CgroupPermissions": ""}]},
        {"DeviceCgroupRules": ["c 1:3 mr", "b *:* rwm", "a *:* r", "c 10:* w"]},
        {"GroupAdd": ["audio", "55"], "OomScoreAdj": -500, "CgroupParent": "/mine", "Init": False},
        {"Init": True, "Sysctls": {"net.ipv4.ip_forward": "1", "kernel.msgmax": "1", "fs.mqueue.msg_max": "2"}},
        {"CapAdd": ["CAP_NET_ADMIN", "sys_time"], "CapDrop": ["all"], "Privileged": False},
        {"SecurityOpt": ["no-new-privileges:true", "seccomp=unconfined", "apparmor=unconfined", "label:disable"]},
        {"SecurityOpt": ['seccomp={"defaultAction": "SCMP_ACT_ALLOW"}', "systempaths=unconfined"]},
        {"Annotations": {"com.example.note": "two\nlines"}},
        {"Binds": ["/src:/a", "/src/../src:/b:ro", "/src:/c:rw,Z,rslave"]},
        {"Mounts": [{"Type": "bind", "Source": "/src", "Target": "/a"}]},
        {
            "Mounts": [
                {
                    "Type": "bind",
                    "Source": "/src",
                    "Target": "/a",
                    "ReadOnly": True,
                    "Consistency": "cached",
                    "BindOptions": {
                        "Propagation": "rslave",
                        "NonRecursive": True,
                        "CreateMountpoint": True,
                        "ReadOnlyNonRecursive": True,
                    },
                }
            ]
        },
        {
            "Mounts": [
                {
                    "Type": "tmpfs",
                    "Target": "/t",
                    "TmpfsOptions": {"SizeBytes": 4096, "Mode": 448, "Options": [["exec"], ["nr_inodes", "5"]]},
                }
            ]
        },
    ],
)
def test_inspect_repeats_what_was_asked_for(members: dict[str, Any]) -> None:
    shown = echo(members)
    assert {name: shown[name] for name in members} == members


def test_what_was_not_said_reads_as_dockers_defaults() -> None:
    shown = echo({})
    assert {name: shown[name] for name in ("PidMode", "UTSMode", "UsernsMode", "CgroupParent")} == dict.fromkeys(
        ("PidMode", "UTSMode", "UsernsMode", "CgroupParent"), ""
    )
    assert (shown["IpcMode"], shown["CgroupnsMode"], shown["OomScoreAdj"]) == ("private", "private", 0)
    assert shown["Binds"] is shown["GroupAdd"] is shown["SecurityOpt"] is None
    assert "Init" not in shown
    assert "Mounts" not in shown


@pytest.mark.parametrize("members", [{"Privileged": True}, {"PidMode": "host"}, {"IpcMode": "host"}])
def test_labels_are_off_where_docker_turns_them_off(members: dict[str, Any]) -> None:
    assert echo(members)["SecurityOpt"] == ["label=disable"]
    assert echo(members | {"SecurityOpt": ["label=disable"]})["SecurityOpt"] == ["label=disable"]


def test_empty_lists_of_paths_hide_nothing_and_absent_ones_leave_it_to_the_profile() -> None:
    assert spec({"MaskedPaths": [], "ReadonlyPaths": []}).masked_paths == ()
    assert spec({"SecurityOpt": ["systempaths=unconfined"]}).read_only_paths == ()
    assert spec({}).masked_paths is None
    assert spec({"MaskedPaths": ["/proc/kcore"]}).masked_paths == ("/proc/kcore",)


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("/s:/t", Mount(MountKind.BIND, "/t", "/s")),
        ("//s/./x/:/t/../u/", Mount(MountKind.BIND, "/u", "/s/x")),
        ("/s:/t:ro", Mount(MountKind.BIND, "/t", "/s", read_only=True)),
        ("/s:/t:z,rshared,ro", Mount(MountKind.BIND, "/t", "/s", read_only=True, propagation=Propagation.RSHARED)),
        ("/s:/t:private", Mount(MountKind.BIND, "/t", "/s", propagation=Propagation.PRIVATE)),
    ],
)
def test_binds_are_read_as_docker_reads_them(text: str, mount: Mount) -> None:
    (made,) = spec({"Binds": [text]}).mounts
    assert (made.target, made.source, made.read_only, made.propagation) == (
        mount.target,
        mount.source,
        mount.read_only,
        mount.propagation,
    )
    assert made.creates_source
    assert made.is_recursive


def test_mount_points_tell_source_mode_and_propagation() -> None:
    points = encode_mount_points(
        spec({"Binds": ["/s:/a:ro,Z"], "Mounts": [{"Type": "tmpfs", "Target": "/t", "ReadOnly": True}]}),
        volume_path=str,
    )
    common = {"RW": False}
    assert points == [
        {"Type": "bind", "Source": "/s", "Destination": "/a", "Mode": "ro,Z", "Propagation": "rprivate"} | common,
        {"Type": "tmpfs", "Source": "", "Destination": "/t", "Mode": "", "Propagation": ""} | common,
    ]


def test_mount_points_of_volumes_tell_their_names() -> None:
    asked = spec({"Binds": ["data:/a", "data:/b:ro,nocopy"], "Mounts": [{"Type": "volume", "Target": "/c"}]}).mounts
    mounts = tuple(replace(mount, volume=mount.source or "0a0b") for mount in asked)
    points = encode_mount_points(replace(spec({}), mounts=mounts), volume_path=lambda name: f"/v/{name}")
    assert points[0] == {
        "Type": "volume",
        "Name": "data",
        "Source": "/v/data",
        "Destination": "/a",
        "Driver": "local",
        "Mode": "z",
        "RW": True,
        "Propagation": "",
    }
    assert [(point["Name"], point["Mode"], point["RW"]) for point in points[1:]] == [
        ("data", "ro,nocopy", False),
        ("0a0b", "z", True),
    ]
    assert [mount.copies_from_image for mount in mounts] == [True, False, True]


@pytest.mark.parametrize(("path", "is_found"), [("/s", True), ("/a", True), ("/b", False), ("s", False)])
def test_containers_are_found_by_the_paths_of_their_mounts(path: str, is_found: bool) -> None:
    class NoLookup:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    wanted = container_condition(Filters({"volume": (path,)}), NoLookup())
    assert wanted(container({"mounts": spec({"Binds": ["/s:/a"]}).mounts})) is is_found


def test_a_device_rule_may_leave_numbers_open() -> None:
    rules = spec({"DeviceCgroupRules": ["c 10:* rw"]}).device_rules
    assert rules == (DeviceRule("c", 10, None, "rw"),)


def test_the_configuration_repeats_what_only_clients_use() -> None:
    members = {"OnBuild": ["RUN x"], "Shell": ["/bin/ash"], "MacAddress": "02-42-00-AA-bb-01", "NetworkDisabled": True}
    shown = encode_container_config(spec({}, **members), hostname="h")
    assert (shown.on_build, shown.shell, shown.network_disabled) == (["RUN x"], ["/bin/ash"], True)
    assert shown.mac_address == "02:42:00:aa:bb:01"


def test_an_address_may_be_given_with_the_network() -> None:
    networking = {"EndpointsConfig": {"bridge": {"MacAddress": "02:42:00:aa:bb:02"}}}
    assert spec({}, NetworkingConfig=networking).mac_address == "02:42:00:aa:bb:02"


_JOINED = {"NetworkMode": "container:other"}


@pytest.mark.parametrize(
    ("host_config", "members", "words"),
    [
        (_JOINED, {"Hostname": "h"}, "hostname and the network mode"),
        ({"UTSMode": "host"}, {"Hostname": "h"}, "hostname and the UTS mode"),
        ({"UTSMode": "host"}, {"Domainname": "d"}, "domainname and the UTS mode"),
        (_JOINED | {"Dns": ["1.1.1.1"]}, {}, "dns and the network mode"),
        (_JOINED | {"ExtraHosts": ["a:1.1.1.1"]}, {}, "custom host-to-IP mapping and the network mode"),
        (_JOINED, {"MacAddress": "02:42:00:11:22:33"}, "mac-address and the network mode"),
        ({"NetworkMode": "host"}, {"MacAddress": "02:42:00:11:22:33"}, "mac-address and the network mode"),
        (_JOINED | {"PublishAllPorts": True}, {}, "port publishing and the container type network mode"),
        (_JOINED | {"PortBindings": {"80/tcp": [{}]}}, {}, "port publishing and the container type network mode"),
        (_JOINED, {"ExposedPorts": {"80/tcp": {}}}, "port exposing and the container type network mode"),
    ],
)
def test_what_excludes_each_other_is_refused_in_dockers_words(
    host_config: dict[str, Any], members: dict[str, Any], words: str
) -> None:
    with pytest.raises(Invalid, match=f"conflicting options: {words}"):
        spec(host_config, **members)


@pytest.mark.parametrize(
    ("host_config", "words"),
    [
        ({"PidMode": "bad"}, "PidMode: invalid PID mode"),
        ({"PidMode": "container:"}, "PidMode: invalid PID mode"),
        ({"IpcMode": "bad"}, "IpcMode: invalid IPC mode"),
        ({"UTSMode": "container:x"}, "UTSMode: invalid UTS mode"),
        ({"CgroupnsMode": "bad"}, "CgroupnsMode: invalid cgroup namespace mode"),
        ({"UsernsMode": "container:x"}, "UsernsMode: invalid userns mode"),
        ({"NetworkMode": "container:"}, "invalid container format container:<name|id>"),
        ({"Devices": [{"PathOnHost": "dev/null"}]}, "PathOnHost: 'dev/null' is not an absolute path"),
        ({"Devices": [{"PathInContainer": "/x"}]}, "PathOnHost: a path is needed"),
        ({"Devices": [{"PathOnHost": "/dev/null", "CgroupPermissions": "rx"}]}, "invalid device mode"),
        ({"DeviceCgroupRules": ["c 1:3"]}, "invalid device cgroup rule format"),
        ({"DeviceCgroupRules": ["c 1:3 rwm\n"]}, "invalid device cgroup rule format"),
        ({"OomScoreAdj": 1001}, r"range for oom score adj is \[-1000, 1000\]"),
        ({"CgroupParent": "/a/../.."}, "not a plain path of control groups"),
        ({"GroupAdd": ["a\nb"]}, "GroupAdd: control character"),
        ({"Sysctls": {"kernel.panic": "1"}}, '"kernel.panic" is not in a separate kernel namespace'),
        ({"Sysctls": {"kernel/panic": "1"}}, '"kernel.panic" is not in a separate kernel namespace'),
        ({"Sysctls": {"kernel.hostname": "x"}}, "conflicts with Hostname"),
        ({"Sysctls": {"net.core.somaxconn": "1"}, "NetworkMode": "host"}, "not allowed in host network namespace"),
        ({"Sysctls": {"kernel.msgmax": "1"}, "IpcMode": "host"}, "not allowed in the hosts ipc namespace"),
        ({"SecurityOpt": ["no-new-privileges=maybe"]}, "true or false is wanted"),
        ({"MaskedPaths": ["proc"]}, "not an absolute path"),
        ({"ReadonlyPaths": ["/proc/../etc"]}, "not an absolute path"),
        ({"Annotations": {"": "x"}}, "the empty string is not permitted as an annotation key"),
        ({"Binds": ["/s:/t:bad"]}, "invalid mode"),
        ({"Binds": ["/s:/t:ro,rw"]}, "invalid mode"),
        ({"Binds": ["/s:/t:nocopy"]}, "field VolumeOptions must not be specified"),
        ({"Binds": ["/s:/t:ro:rw"]}, "invalid volume specification"),
        ({"Binds": ["/t:ro"]}, "invalid volume specification"),
        ({"Binds": ["data:/t:rslave"]}, "field BindOptions must not be specified"),
        ({"Binds": ["x:/t"]}, "volume name is too short"),
        ({"Binds": ["a b:/t"]}, "invalid characters for a local volume name"),
        ({"Binds": ["one:/t", "two:/t"]}, "Duplicate mount point: /t"),
        ({"VolumesFrom": [""]}, "cannot be an empty string"),
        ({"VolumesFrom": ["one:nocopy"]}, "invalid mode: nocopy"),
        ({"VolumesFrom": ["one:rslave"]}, "invalid mode: rslave"),
        ({"Mounts": [{"Type": "volume", "Source": "/s", "Target": "/t"}]}, "invalid characters for a local volume"),
        ({"Mounts": [{"Type": "volume", "Source": "vv", "Target": "/t", "BindOptions": {}}]}, "field BindOptions must"),
        (
            {"Mounts": [{"Type": "volume", "Target": "/t", "VolumeOptions": {"Subpath": "a"}}]},
            "must not set Subpath when using anonymous volumes",
        ),
        (
            {"Mounts": [{"Type": "volume", "Source": "vv", "Target": "/t", "VolumeOptions": {"Subpath": "a/../b"}}]},
            "subpath must be a relative path within the volume",
        ),
        ({"Binds": [""]}, "invalid volume specification"),
        ({"Binds": ["/s::/t"]}, "invalid volume specification"),
        ({"Binds": ["/s:t"]}, "mount path must be absolute"),
        ({"Binds": ["/s:/"]}, "destination can't be '/'"),
        ({"Binds": ["./s:/t"]}, "If you intended to pass a host directory, use absolute path"),
        ({"Binds": ["/s:/t\x1b"]}, "Binds: control character"),
        ({"Binds": ["/s:/t", "/u:/t/"]}, "Duplicate mount point: /t"),
        ({"Binds": ["/s:/t"], "Tmpfs": {"/t/": ""}}, "Duplicate mount point: /t"),
        ({"Mounts": [{"Type": "bind", "Source": "/s"}]}, "field Target must not be empty"),
        ({"Mounts": [{"Type": "bind", "Target": "/t"}]}, "field Source must not be empty"),
        ({"Mounts": [{"Type": "bind", "Source": "s", "Target": "/t"}]}, "mount path must be absolute"),
        ({"Mounts": [{"Type": "bind", "Source": "/s", "Target": "/"}]}, "destination can't be '/'"),
        ({"Mounts": [{"Type": "npipe", "Source": "/s", "Target": "/t"}]}, "mount type unknown"),
        ({"Mounts": [{"Type": "tmpfs", "Source": "/s", "Target": "/t"}]}, "field Source must not be specified"),
        ({"Mounts": [{"Type": "tmpfs", "Target": "/t", "BindOptions": {}}]}, "field BindOptions must not be"),
        ({"Mounts": [{"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": -1}}]}, "tmpfs size"),
        ({"Mounts": [{"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"Mode": 9999999}}]}, "tmpfs mode"),
        (
            {"Mounts": [{"Type": "bind", "Source": "/s", "Target": "/t", "BindOptions": {"Propagation": "up"}}]},
            "invalid propagation mode",
        ),
        (
            {
                "Mounts": [
                    {"Type": "bind", "Source": "/s", "Target": "/t", "BindOptions": {"ReadOnlyNonRecursive": True}}
                ]
            },
            "need ReadOnly",
        ),
    ],
)
def test_a_bad_member_is_refused_by_name(host_config: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        spec(host_config)


@pytest.mark.parametrize(
    "name",
    [
        "run.oci.handler",
        "RUN.OCI.hooks.stdout",
        "org.systemd.property.ExecStart",
        "org.criu.config",
        "module.wasm.image/variant",
    ]
    + ["io.katacontainers.config", "io.containerd.cri.runtime-handler", "io.example.runtime.path", "dev.gvisor.spec"],
)
def test_annotations_that_give_orders_to_runtimes_are_refused(name: str) -> None:
    with pytest.raises(Denied, match="Annotations"):
        spec({"Annotations": {name: "x"}})


@pytest.mark.parametrize("text", ["zz", "02:42:00:11:22", "03:42:00:11:22:33", "02:42:00:11:22:33:44:55"])
def test_what_is_no_address_of_a_link_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="MacAddress: invalid mac address"):
        spec({}, MacAddress=text)
