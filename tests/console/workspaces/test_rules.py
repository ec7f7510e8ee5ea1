"""What a workspace may ask of hosts, judged over the whole specification of a container."""

from typing import Any

import pytest

from console.operations.errors import Invalid
from console.workspaces.asked import Asked, asked_by_container
from console.workspaces.rules import Rules, Used, judge

USED = Used(containers=2, memory_bytes=2 << 30, cpus=1.5, own=frozenset({"db"}))


def broken(host: dict[str, Any], rules: Rules | None = None, **config: Any) -> set[str]:
    """The rules that ``HostConfig`` breaks; "" for what no rule can allow."""
    asked = asked_by_container({"Image": "a", "HostConfig": host, **config})
    return {one.rule for one in judge(rules or Rules(), asked, workspace="shop", host="local", used=USED)}


PLAIN: dict[str, Any] = {
    "AutoRemove": True,
    "CapAdd": ["NET_BIND_SERVICE", "cap_chown"],
    "CapDrop": ["ALL"],
    "IpcMode": "private",
    "LogConfig": {"Type": "json-file", "Config": {}},
    "Memory": 1 << 30,
    "NanoCpus": 500_000_000,
    "NetworkMode": "default",
    "PidMode": "container:db",
    "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}], "81/tcp": None},
    "Privileged": False,
    "RestartPolicy": {"Name": "always"},
    "SecurityOpt": ["no-new-privileges:true"],
    "Sysctls": {"net.core.somaxconn": "1024"},
    "Tmpfs": {"/tmp": ""},
    "Binds": ["shop_data:/data", "/just/a/path/inside"],
    "Mounts": [{"Type": "volume", "Source": "shop_data"}, {"Type": "tmpfs", "Target": "/x"}],
}


def test_an_everyday_container_breaks_no_rule() -> None:
    assert broken(PLAIN) == set()


# field of HostConfig → the rule that says no by default
FORBIDDEN: list[tuple[dict[str, Any], str]] = [
    ({"Privileged": True}, "privileged"),
    ({"Privileged": "yes"}, "privileged"),
    *[
        ({field: "host"}, "host_namespaces")
        for field in ("PidMode", "IpcMode", "UTSMode", "NetworkMode", "UsernsMode", "CgroupnsMode")
    ],
    ({"PidMode": "HOST"}, ""),
    ({"PidMode": "ns:/proc/1/ns/pid"}, ""),
    ({"NetworkMode": "ns:/proc/1/ns/net"}, "networks"),
    ({"PidMode": "container:theirs"}, ""),
    ({"NetworkMode": "container:theirs"}, ""),
    ({"VolumesFrom": ["theirs:ro"]}, ""),
    ({"Links": ["theirs:db"]}, ""),
    ({"NetworkMode": "depot_net"}, "networks"),
    ({"Binds": ["/etc:/host"]}, "bind_prefixes"),
    ({"Binds": ["depot_data:/data"]}, "volumes"),
    ({"Mounts": [{"Type": "bind", "Source": "/etc"}]}, "bind_prefixes"),
    ({"Mounts": [{"Type": "bind", "Source": "relative"}]}, "bind_prefixes"),
    ({"Mounts": [{"Type": "image", "Source": "x"}]}, "bind_prefixes"),
    ({"Mounts": [{"Type": "volume", "Source": "depot_data"}]}, "volumes"),
    (
        {
            "Mounts": [
                {
                    "Type": "volume",
                    "Source": "shop_x",
                    "VolumeOptions": {"DriverConfig": {"Options": {"o": "bind", "device": "/etc"}}},
                }
            ]
        },
        "bind_prefixes",
    ),
    (
        {"Mounts": [{"Type": "volume", "Source": "shop_x", "VolumeOptions": {"DriverConfig": {"Name": "nfs"}}}]},
        "bind_prefixes",
    ),
    ({"VolumeDriver": "nfs"}, ""),
    ({"CapAdd": ["SYS_ADMIN"]}, "capabilities"),
    ({"CapAdd": ["cap_sys_admin"]}, "capabilities"),
    ({"CapAdd": ["ALL"]}, "capabilities"),
    ({"Devices": [{"PathOnHost": "/dev/sda"}]}, "devices"),
    ({"Devices": [{}]}, "devices"),
    ({"DeviceRequests": [{"Count": -1}]}, "devices"),
    ({"DeviceCgroupRules": ["a *:* rwm"]}, ""),
    ({"PortBindings": {"80/tcp": [{"HostPort": "80"}]}}, "addresses"),
    ({"PortBindings": {"80/tcp": [{"HostIp": "0.0.0.0"}]}}, "addresses"),
    ({"PortBindings": {"80/tcp": [{"HostIp": "::"}]}}, "addresses"),
    ({"PortBindings": {"80/tcp": [{"HostIp": "::ffff:10.0.0.1"}]}}, "addresses"),
    ({"PortBindings": {"80/tcp": [{"HostIp": "no address"}]}}, "addresses"),
    ({"PublishAllPorts": True}, "addresses"),
    ({"SecurityOpt": ["seccomp=unconfined"]}, ""),
    ({"SecurityOpt": ["no-new-privileges:false"]}, ""),
    ({"MaskedPaths": []}, ""),
    ({"ReadonlyPaths": []}, ""),
    ({"Sysctls": {"kernel.core_pattern": "|/x"}}, ""),
    ({"LogConfig": {"Type": "syslog"}}, ""),
    ({"OomScoreAdj": -1000}, ""),
    ({"OomKillDisable": True}, ""),
    ({"CgroupParent": "/"}, ""),
    ({"Runtime": "other"}, ""),
    # Docker reads names of members in any case
    ({"privileged": True}, "privileged"),
    ({"PRIVILEGED": True}, "privileged"),
    ({"bind\u017f": ["/etc:/x"]}, "bind_prefixes"),
    ({"mounts": [{"TYPE": "bind", "source": "/etc", "target": "/x"}]}, "bind_prefixes"),
    ({"portbindings": {"80/tcp": [{"hostip": "0.0.0.0"}]}}, "addresses"),
    ({"portBindings": {"80/tcp": [{"HOSTPORT": "80"}]}}, "addresses"),
    ({"capAdd": ["SYS_ADMIN"]}, "capabilities"),
    ({"devices": [{"pathOnHost": "/dev/sda"}]}, "devices"),
    ({"pidmode": "host"}, "host_namespaces"),
    ({"maskedpaths": []}, ""),
    ({"Annotations": {"a": "b"}}, ""),
    ({"LearntLater": True}, ""),
]


@pytest.mark.parametrize(("host", "rule"), FORBIDDEN, ids=lambda value: str(value)[:60])
def test_nothing_of_the_host_is_given_away_by_default(host: dict[str, Any], rule: str) -> None:
    assert broken(host) == {rule}


@pytest.mark.parametrize(
    "host",
    [
        {"Privileged": False, "privileged": True},
        {"Binds": [], "binds": ["/etc:/x"]},
        {"Mounts": [{"Type": "volume", "type": "bind", "Source": "/etc"}]},
    ],
)
def test_what_is_said_twice_is_not_chosen_from(host: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="given twice"):
        broken(host)


def test_words_of_people_are_not_taken_for_names_of_members() -> None:
    labels = {"privileged": "yes", "Privileged": "no"}
    assert (
        broken({"Sysctls": {"net.core.somaxconn": "1"}, "Tmpfs": {"/binds": "", "/Binds": ""}}, Labels=labels) == set()
    )


def test_networks_joined_at_birth_are_judged_too() -> None:
    assert broken({}, NetworkingConfig={"EndpointsConfig": {"depot_net": {}, "shop_net": {}}}) == {"networks"}
    assert broken({}, LearntLater=True) == {""}


ALLOWING = [
    ({"Privileged": True}, {"privileged": True}),
    ({"PidMode": "host"}, {"host_namespaces": ("pid",)}),
    ({"Binds": ["/srv/shop/a:/a", "/srv/shop:/b"]}, {"bind_prefixes": ("/srv/shop",)}),
    ({"Binds": ["/:/a"]}, {"bind_prefixes": ("/",)}),
    ({"CapAdd": ["CAP_NET_ADMIN"]}, {"capabilities": ("NET_ADMIN",)}),
    ({"Devices": [{"PathOnHost": "/dev/dri/card0"}]}, {"devices": ("/dev/dri",)}),
    ({"DeviceRequests": [{"Driver": "gpu"}]}, {"devices": ("gpu",)}),
    ({"PortBindings": {"80/tcp": [{"HostIp": "10.1.2.3"}]}}, {"addresses": ("10.0.0.0/8",)}),
    ({"PortBindings": {"80/tcp": [{"HostIp": ""}]}}, {"addresses": ("0.0.0.0/0",)}),
    ({"Binds": ["common_x:/a"]}, {"volumes": ("common_",)}),
    ({"NetworkMode": "edge"}, {"networks": ("edge",)}),
]


@pytest.mark.parametrize(("host", "rules"), ALLOWING, ids=lambda value: str(value)[:60])
def test_each_rule_allows_what_it_names(host: dict[str, Any], rules: dict[str, Any]) -> None:
    assert broken(host) != set()
    assert broken(host, Rules(**rules)) == set()


@pytest.mark.parametrize("path", ["/srv/shopping", "/srv/shop/../../etc", "//etc", "/srv", "/srv/shop\0/x"])
def test_a_prefix_is_one_of_whole_names_without_detours(path: str) -> None:
    mount = {"Mounts": [{"Type": "bind", "Source": path}]}
    assert broken(mount, Rules(bind_prefixes=("/srv/shop",))) == {"bind_prefixes"}


def test_a_part_of_all_addresses_is_not_all_of_them() -> None:
    every = {"PortBindings": {"80/tcp": [{"HostIp": "0.0.0.0"}]}}
    assert broken(every, Rules(addresses=("10.0.0.0/8", "::/0"))) == {"addresses"}


def test_hosts_and_registries() -> None:
    asked = Asked(registries=("docker.io",))
    rules = Rules(hosts=("b1",), registries=("ghcr.io",))
    found = judge(rules, asked, workspace="shop", host="local", used=USED)
    assert {one.rule for one in found} == {"hosts", "registries"}
    assert judge(Rules(), asked, workspace="shop", host="local", used=USED) == []


@pytest.mark.parametrize(
    ("host", "rules", "rule"),
    [
        ({}, Rules(most_containers=2), "most_containers"),
        ({}, Rules(memory_bytes=4 << 30), "memory_bytes"),
        ({"Memory": (2 << 30) + 1}, Rules(memory_bytes=4 << 30), "memory_bytes"),
        ({}, Rules(cpus=2), "cpus"),
        ({"NanoCpus": 600_000_000}, Rules(cpus=2), "cpus"),
        ({"CpuQuota": 60_000}, Rules(cpus=2), "cpus"),
    ],
)
def test_totals_count_what_is_there(host: dict[str, Any], rules: Rules, rule: str) -> None:
    assert broken(host, rules) == {rule}


def test_what_fits_into_the_totals_may_be() -> None:
    rules = Rules(most_containers=3, memory_bytes=4 << 30, cpus=2)
    assert broken({"Memory": 2 << 30, "NanoCpus": 500_000_000}, rules) == set()


@pytest.mark.parametrize(
    "host",
    [
        {"Binds": "x"},
        {"Binds": [1]},
        {"CapAdd": {"a": 1}},
        {"PortBindings": {"80/tcp": "x"}},
        {"PortBindings": {"80/tcp": ["x"]}},
        {"Mounts": ["x"]},
        {"Memory": "1g"},
        {"Memory": True},
        {"NetworkMode": ["host"]},
    ],
)
def test_a_wrong_shape_is_refused_and_not_guessed_at(host: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        broken(host)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"bind_prefixes": ("srv",)}, "bind_prefixes"),
        ({"bind_prefixes": ("/srv/../etc",)}, "bind_prefixes"),
        ({"addresses": ("10.0.0.1/8",)}, "addresses"),
        ({"addresses": ("all",)}, "addresses"),
        ({"capabilities": ("sys_admin",)}, "capabilities"),
        ({"host_namespaces": ("mount",)}, "host_namespaces"),
        ({"registries": ("https://x/",)}, "registries"),
        ({"networks": ("",)}, "networks"),
        ({"memory_bytes": -1}, "memory_bytes"),
        ({"cpus": float("nan")}, "cpus"),
        ({"hosts": tuple(f"h{n}" for n in range(101))}, "hosts"),
    ],
)
def test_ill_formed_rules_are_blamed_on_their_field(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as invalid:
        Rules(**wrong).checked()
    assert invalid.value.field == field


def test_rules_survive_their_json() -> None:
    rules = Rules(hosts=("a",), privileged=True, cpus=1.5)
    assert Rules.from_json({**rules.as_json(), "learnt_later": 1}) == rules
    assert Rules.from_json({}) == Rules()
