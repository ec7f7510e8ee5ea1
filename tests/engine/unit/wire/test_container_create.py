"""A create request: merged with its image as Docker merges, mapped, or refused by the member's name."""

import json
from typing import Any

import pytest

from engine.model.container import ContainerSpec, Profile
from engine.model.errors import Invalid, Unsupported
from engine.model.image import Healthcheck
from engine.model.ports import Port, PortBinding, Protocol
from engine.wire.container_create import decode_create
from engine.wire.text import check_arguments
from engine.wire.version import ApiVersion
from tests.engine.unit.wire.images import image


def created(body: dict[str, Any], **image_config: Any) -> tuple[ContainerSpec, list[str]]:
    return decode_create(json.dumps({"Image": "busybox"} | body).encode()).to_spec(image(**image_config))


def spec(body: dict[str, Any], **image_config: Any) -> ContainerSpec:
    return created(body, **image_config)[0]


@pytest.mark.parametrize(
    ("own", "of_image", "entrypoint", "cmd"),
    [
        ({}, {}, None, ("sh",)),
        ({"Cmd": ["ls"]}, {}, None, ("ls",)),
        ({"Cmd": []}, {}, None, ("sh",)),
        ({"Cmd": "ls"}, {}, None, ("ls",)),
        ({}, {"entrypoint": ("tini",)}, ("tini",), ("sh",)),
        ({"Cmd": ["ls"]}, {"entrypoint": ("tini",)}, ("tini",), ("ls",)),
        ({"Entrypoint": ["run"]}, {"entrypoint": ("tini",)}, ("run",), None),
        ({"Entrypoint": ["run"], "Cmd": ["a"]}, {}, ("run",), ("a",)),
        ({"Entrypoint": "run"}, {}, ("run",), None),
        ({"Entrypoint": []}, {"entrypoint": ("tini",)}, (), ("sh",)),
        ({"Entrypoint": [""], "Cmd": ["ls"]}, {"entrypoint": ("tini",)}, None, ("ls",)),
    ],
)
def test_entrypoint_and_command_merge_as_in_docker(
    own: dict[str, Any], of_image: dict[str, Any], entrypoint: tuple[str, ...] | None, cmd: tuple[str, ...] | None
) -> None:
    made = spec(own, **of_image)
    assert (made.entrypoint, made.cmd) == (entrypoint, cmd)


def test_nothing_to_run_is_refused() -> None:
    with pytest.raises(Invalid, match="no command specified"):
        spec({"Entrypoint": [""]})


def test_own_variables_come_first_and_replace_those_of_the_image() -> None:
    made = spec({"Env": ["B=own", "C=1", "C=2", "GONE"]}, env=("A=image", "B=image", "GONE=x"))
    assert made.env == ("B=own", "C=2", "GONE", "A=image")


def test_what_is_not_said_comes_from_the_image() -> None:
    made = spec(
        {"Labels": {"b": "own"}, "ExposedPorts": {"80/tcp": {}}},
        labels={"a": "image", "b": "image"},
        working_dir="/srv",
        user="web",
        stop_signal="QUIT",
        exposed_ports=frozenset({Port(53, Protocol.UDP)}),
        healthcheck=Healthcheck(("CMD", "x"), interval_ns=5_000_000),
    )
    assert made.labels == {"a": "image", "b": "own"}
    assert (made.working_dir, made.user, made.stop_signal) == ("/srv", "web", "QUIT")
    assert made.exposed_ports == {Port(80), Port(53, Protocol.UDP)}
    assert made.healthcheck == Healthcheck(("CMD", "x"), interval_ns=5_000_000)


def test_who_shares_its_ports_is_not_for_the_image_to_say() -> None:
    labels = {"naru.shared-ports": "web", "naru.drain": "1h", "a": "image"}
    assert spec({}, labels=labels).labels == {"a": "image"}
    assert spec({"Labels": labels}, labels=labels).labels == labels


def test_a_healthcheck_merges_member_by_member() -> None:
    own = {"Healthcheck": {"Retries": 2}}
    assert spec(own, healthcheck=Healthcheck(("CMD", "x"))).healthcheck == Healthcheck(("CMD", "x"), retries=2)


def test_a_start_interval_counts_for_clients_that_know_it() -> None:
    body = json.dumps({"Image": "a", "Healthcheck": {"StartInterval": 5_000_000}}).encode()
    versions = (ApiVersion(1, 43), ApiVersion(1, 44))
    made = [decode_create(body, version=version).to_spec(image())[0].healthcheck for version in versions]
    assert made == [Healthcheck(), Healthcheck(start_interval_ns=5_000_000)]


def test_the_shell_of_a_health_check_is_the_client_s_or_the_image_s() -> None:
    assert spec({}, shell=("ash", "-c")).shell == ("ash", "-c")
    assert spec({"Shell": ["bash", "-c"]}, shell=("ash", "-c")).shell == ("bash", "-c")
    assert spec({}).shell is None


@pytest.mark.parametrize("kind", ["CMD", "CMD-SHELL"])
def test_a_health_check_without_a_program_is_refused(kind: str) -> None:
    with pytest.raises(Invalid, match=r"Healthcheck\.Test: .* what to run"):
        spec({"Healthcheck": {"Test": [kind]}})


def test_published_ports_are_exposed_too() -> None:
    made = spec({"HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}, {}]}}})
    assert made.port_bindings == (PortBinding(Port(80), "127.0.0.1", 8080), PortBinding(Port(80), "", 0))
    assert made.exposed_ports == {Port(80)}


def test_host_config_is_mapped() -> None:
    made = spec(
        {
            "HostConfig": {
                "Memory": 64 << 20,
                "NanoCpus": 500_000_000,
                "CapAdd": ["CAP_NET_ADMIN", "sys_time"],
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges:true", "seccomp=unconfined", "profile=strict", "label=disable"],
                "ReadonlyRootfs": True,
                "Tmpfs": {"/run": "size=1m"},
                "Ulimits": [{"Name": "nofile", "Soft": 10, "Hard": 20}],
                "ExtraHosts": ["db:10.0.0.1", "gw:host-gateway"],
                "UsernsMode": "host",
                "NetworkMode": "none",
                "Sysctls": {"net.ipv4.ip_forward": "1"},
                "AutoRemove": True,
            }
        }
    )
    assert made.resources.memory_bytes == 64 << 20
    assert made.resources.nano_cpus == 500_000_000
    assert made.capabilities_add == ("CAP_NET_ADMIN", "sys_time")
    assert made.capabilities_drop == ("ALL",)
    assert (made.no_new_privileges, made.seccomp_unconfined, made.profile) == (True, True, Profile.STRICT)
    assert made.read_only_rootfs
    assert made.auto_remove
    assert made.userns_host
    assert made.network_mode == "none"
    assert made.tmpfs == {"/run": "size=1m"}
    assert made.resources.ulimits[0].hard == 20


# what docker CLI 28.2 sends for `docker run -i busybox echo hi`
CLI_HOST_CONFIG = json.loads(
    """{"Binds":null,"ContainerIDFile":"","LogConfig":{"Type":"","Config":{}},"NetworkMode":"default","PortBindings":{},
    "RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":true,"VolumeDriver":"","VolumesFrom":null,
    "ConsoleSize":[24,80],"CapAdd":null,"CapDrop":null,"CgroupnsMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],
    "ExtraHosts":null,"GroupAdd":null,"IpcMode":"","Cgroup":"","Links":null,"OomScoreAdj":0,"PidMode":"",
    "Privileged":false,"PublishAllPorts":false,"ReadonlyRootfs":false,"SecurityOpt":null,"UTSMode":"","UsernsMode":"",
    "ShmSize":0,"Isolation":"","CpuShares":0,"Memory":0,"NanoCpus":0,"CgroupParent":"","BlkioWeight":0,
    "BlkioWeightDevice":[],"BlkioDeviceReadBps":[],"BlkioDeviceWriteBps":[],"BlkioDeviceReadIOps":[],
    "BlkioDeviceWriteIOps":[],"CpuPeriod":0,"CpuQuota":0,"CpuRealtimePeriod":0,"CpuRealtimeRuntime":0,"CpusetCpus":"",
    "CpusetMems":"","Devices":[],"DeviceCgroupRules":null,"DeviceRequests":null,"MemoryReservation":0,"MemorySwap":0,
    "MemorySwappiness":-1,"OomKillDisable":false,"PidsLimit":0,"Ulimits":[],"CpuCount":0,"CpuPercent":0,
    "IOMaximumIOps":0,"IOMaximumBandwidth":0,"MaskedPaths":null,"ReadonlyPaths":null}"""
)


def test_the_defaults_of_the_docker_cli_ask_for_nothing() -> None:
    networking = {
        "EndpointsConfig": {"default": {"IPAMConfig": None, "Links": None, "GwPriority": 0, "MacAddress": ""}}
    }
    made, warnings = created(
        {"HostConfig": CLI_HOST_CONFIG, "NetworkingConfig": networking, "Volumes": {}, "OnBuild": None}
    )
    assert warnings == []
    assert made.network_mode == "bridge"
    assert made.shm_size_bytes == 64 << 20


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("Mounts", [{"Type": "image", "Target": "/x"}]),
        ("SecurityOpt", ["apparmor=mine"]),
        ("SecurityOpt", ["label=type:mine_t"]),
        ("DeviceRequests", [{"Count": -1, "Capabilities": [["gpu"]]}]),
        ("StorageOpt", {"size": "1g"}),
    ],
)
def test_what_cannot_be_done_is_refused_by_name_not_ignored(member: str, value: object) -> None:
    with pytest.raises(Unsupported, match=f"HostConfig.{member}"):
        created({"HostConfig": {member: value}})


@pytest.mark.parametrize(
    ("body", "member"),
    [
        (
            {"NetworkingConfig": {"EndpointsConfig": {"mine": {"DriverOpts": {"com.docker.network.x": "1"}}}}},
            "EndpointsConfig.'mine'.DriverOpts",
        ),
    ],
)
def test_a_request_for_what_is_not_there_is_refused_by_name(body: dict[str, Any], member: str) -> None:
    with pytest.raises(Unsupported, match=member):
        created(body)


@pytest.mark.parametrize(
    ("host_config", "words"),
    [
        ({"Memory": 1}, "6MB"),
        ({"Memory": -1}, "HostConfig.Memory"),
        ({"Memory": 2**63 - 1}, "HostConfig.Memory"),
        ({"MemorySwap": 1 << 30}, "always set the Memory limit"),
        ({"Memory": 1 << 30, "MemorySwap": 1 << 20}, "larger than memory limit"),
        ({"NanoCpus": 1, "CpuQuota": 5000}, "Conflicting"),
        ({"CpuPeriod": 10}, "cfs period"),
        ({"BlkioWeight": 5}, "blkio"),
        ({"PidsLimit": -2}, "PidsLimit"),
        ({"MemoryReservation": 1000}, "reservation allowed is 6MB"),
        ({"Memory": 8 << 20, "MemoryReservation": 9 << 20}, "less than memory reservation"),
        ({"MemorySwappiness": 101}, "0-100"),
        ({"CpuRealtimePeriod": 1000, "CpuRealtimeRuntime": 1001}, "real-time"),
        ({"CpuCount": 1}, "HostConfig.CpuCount"),
        ({"CpuPercent": 1}, "HostConfig.CpuPercent"),
        ({"IOMaximumIOps": 1}, "HostConfig.IOMaximumIOps"),
        ({"IOMaximumBandwidth": 1}, "HostConfig.IOMaximumBandwidth"),
        ({"BlkioWeightDevice": [{"Path": "/dev/a", "Weight": 5}]}, "HostConfig.BlkioWeightDevice: Range"),
        ({"BlkioDeviceReadBps": [{"Path": "a", "Rate": 5}]}, "HostConfig.BlkioDeviceReadBps: 'a' is not the absolute"),
        ({"BlkioDeviceWriteIOps": [{"Path": "/dev/a", "Rate": -5}]}, "HostConfig.BlkioDeviceWriteIOps: the rate"),
        ({"ShmSize": -1}, "SHM"),
        ({"PortBindings": {"80/tcp": [{"HostPort": "65536"}]}}, "PortBindings"),
        ({"PortBindings": {"80/tcp": [{"HostPort": "8010-8000"}]}}, "PortBindings"),
        ({"PortBindings": {"80/tcp": [{"HostPort": "8000-"}]}}, "PortBindings"),
        ({"PortBindings": {"80/tcp": [{"HostPort": "0-10"}]}}, "PortBindings"),
        ({"PortBindings": {"0/tcp": [{}]}}, "invalid port"),
        ({"Isolation": "hyperv"}, "Isolation"),
        ({"PortBindings": {"80/tcp": [{"HostIp": "nowhere"}]}}, "HostIp"),
        ({"Ulimits": [{"Name": "nofile", "Soft": 20, "Hard": 10}]}, "ulimit"),
    ],
)
def test_limits_out_of_range_are_refused(host_config: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        created({"HostConfig": host_config})


def test_unknown_members_are_told_about() -> None:
    _, warnings = created({"Imagine": 1, "HostConfig": {"Frobnicate": True}})
    assert warnings == ["Imagine is unknown and was ignored", "HostConfig.Frobnicate is unknown and was ignored"]


def test_volumes_of_the_image_join_those_of_the_request() -> None:
    made, warnings = created({"Volumes": {"/own/": {}}}, volumes=frozenset({"/data"}))
    assert made.volumes == frozenset({"/own", "/data"})
    assert not warnings
    with pytest.raises(Invalid, match="mount path must be absolute"):
        created({"Volumes": {"data": {}}})


def test_the_terminal_size_is_taken_when_it_makes_sense() -> None:
    def size(given: object) -> object:
        return decode_create(json.dumps({"Image": "a", "HostConfig": {"ConsoleSize": given}}).encode()).console_size

    assert size([24, 80]) == (24, 80)
    assert size([0, 0]) is None
    assert size([1]) is None


def test_a_program_may_be_given_any_character_but_zero() -> None:
    check_arguments("Cmd", ["printf", "\x1b[32m ok \x1b[0m\r\n"])
    with pytest.raises(Invalid, match=r"Cmd: control character U\+0000"):
        check_arguments("Cmd", ["a\0b"])
