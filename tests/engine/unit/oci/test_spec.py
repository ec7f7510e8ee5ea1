"""What a container's record becomes: capabilities, mounts, limits, environment."""

import errno
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.host.capabilities import CAPABILITIES, UNLIMITED, Machine
from engine.model.container import Container, ContainerSpec, Profile
from engine.model.digest import Digest
from engine.model.errors import Invalid
from engine.model.resources import Resources, Ulimit
from engine.oci.confinement import confinement, has_user_namespace
from engine.oci.spec import Bind, runtime_config
from engine.oci.user import User

MACHINE = Machine(
    bounding=frozenset(CAPABILITIES) - {"CAP_SYS_RESOURCE"},
    rlimits_hard={"RLIMIT_NOFILE": 20000, "RLIMIT_CORE": UNLIMITED, "RLIMIT_NPROC": 500},
    oom_score_adj=0,
    cpus=2,
    memory_bytes=8 << 30,
    has_swap_limit=True,
)
SPEC = ContainerSpec(Digest.of(b""), "busybox", cmd=("sh",))


def config(*, machine: Machine = MACHINE, uid_base: int | None = 700000, **changes: Any) -> dict[str, Any]:
    container = Container(
        "c" * 64, "box", replace(SPEC, **changes), datetime(2026, 1, 1, tzinfo=UTC), uid_base=uid_base
    )
    return runtime_config(
        container,
        rootfs=Path("/run/rootfs"),
        hostname="box",
        user=User(),
        machine=machine,
        cgroup_path="/naru/c",
        mounts=[Bind(Path("/host/hosts"), "/etc/hosts")],
    )


def capabilities(**changes: Any) -> set[str]:
    return set(confinement(replace(SPEC, **changes), bounding=MACHINE.bounding).capabilities)


def test_compat_gives_dockers_fourteen_capabilities() -> None:
    assert len(capabilities(profile=Profile.COMPAT)) == 14


def test_default_drops_device_nodes_and_audit() -> None:
    gone = capabilities(profile=Profile.COMPAT) - capabilities()
    assert gone == {"CAP_MKNOD", "CAP_AUDIT_WRITE"}


def test_strict_gives_none() -> None:
    assert capabilities(profile=Profile.STRICT) == set()


def test_dropping_all_leaves_what_is_added() -> None:
    assert capabilities(capabilities_drop=("ALL",), capabilities_add=("net_admin",)) == {"CAP_NET_ADMIN"}


def test_adding_all_gives_all_but_what_is_dropped() -> None:
    given = capabilities(capabilities_add=("ALL",), capabilities_drop=("CAP_KILL",))
    assert given == set(MACHINE.bounding) - {"CAP_KILL"}


def test_nobody_gets_more_than_the_engine_has() -> None:
    assert "CAP_SYS_RESOURCE" not in capabilities(privileged=True)


def test_an_unknown_capability_names_its_field() -> None:
    with pytest.raises(Invalid, match='invalid CapAdd: unknown capability: "CAP_FLY"'):
        capabilities(capabilities_add=("FLY",))


@pytest.mark.parametrize("changes", [{"privileged": True}, {"network_mode": "host"}, {"userns_host": True}])
def test_what_needs_the_hosts_ids_has_no_user_namespace(changes: dict[str, Any]) -> None:
    assert has_user_namespace(SPEC)
    assert not has_user_namespace(replace(SPEC, **changes))


def test_setuid_programs_work_except_under_strict() -> None:
    assert config()["process"]["noNewPrivileges"] is False
    assert config(profile=Profile.STRICT)["process"]["noNewPrivileges"] is True
    assert not confinement(SPEC, bounding=()).root_nosuid
    assert confinement(replace(SPEC, profile=Profile.STRICT), bounding=()).root_nosuid


def test_strict_has_a_read_only_root_with_scratch() -> None:
    document = config(profile=Profile.STRICT)
    assert document["root"]["readonly"]
    assert {"/run", "/tmp"} <= {mount["destination"] for mount in document["mounts"]}


@pytest.mark.parametrize("profile", list(Profile))
def test_dev_is_always_mounted(profile: Profile) -> None:
    assert "/dev" in {mount["destination"] for mount in config(profile=profile, privileged=True)["mounts"]}


def test_the_user_namespace_maps_from_its_base() -> None:
    linux = config(uid_base=700000)["linux"]
    assert linux["uidMappings"] == [{"containerID": 0, "hostID": 700000, "size": 65536}]
    assert {"type": "user"} in linux["namespaces"]
    assert "uidMappings" not in config(uid_base=None)["linux"]


def test_the_hosts_network_is_no_namespace_and_no_sysctl() -> None:
    linux = config(network_mode="host", uid_base=None)["linux"]
    assert {"type": "network"} not in linux["namespaces"]
    assert linux["sysctl"] == {}


def test_ping_is_allowed_to_every_group_that_is_mapped() -> None:
    assert config()["linux"]["sysctl"]["net.ipv4.ping_group_range"] == "0 65535"
    assert config(uid_base=None)["linux"]["sysctl"]["net.ipv4.ping_group_range"] == "0 2147483647"


def test_a_memory_limit_brings_as_much_swap() -> None:
    memory = config(resources=Resources(memory_bytes=1 << 20))["linux"]["resources"]["memory"]
    assert memory == {"limit": 1 << 20, "swap": 2 << 20}


def test_swap_is_not_mentioned_where_it_is_not_accounted() -> None:
    machine = replace(MACHINE, has_swap_limit=False)
    memory = config(machine=machine, resources=Resources(memory_bytes=1 << 20))["linux"]["resources"]["memory"]
    assert memory == {"limit": 1 << 20}


def test_cpus_become_a_quota_per_period() -> None:
    cpu = config(resources=Resources(nano_cpus=1_500_000_000))["linux"]["resources"]["cpu"]
    assert cpu == {"period": 100_000, "quota": 150_000}


@pytest.mark.parametrize(("asked", "limit"), [(0, {"limit": 2048}), (64, {"limit": 64}), (-1, None)])
def test_processes_are_limited_unless_said_otherwise(asked: int, limit: dict[str, int] | None) -> None:
    assert config(resources=Resources(pids_limit=asked))["linux"]["resources"].get("pids") == limit


def test_no_quota_is_not_spelled_out() -> None:
    assert "cpu" not in config(resources=Resources(cpu_quota_us=-1))["linux"]["resources"]


def test_ulimits_stay_below_our_own() -> None:
    asked = Resources(ulimits=(Ulimit("nofile", 1_000_000, 1_000_000), Ulimit("nproc", -1, -1)))
    limits = {limit["type"]: limit for limit in config(resources=asked)["process"]["rlimits"]}
    assert limits["RLIMIT_NOFILE"] == {"type": "RLIMIT_NOFILE", "soft": 20000, "hard": 20000}
    assert limits["RLIMIT_NPROC"]["hard"] == 500


def test_an_unknown_ulimit_is_named() -> None:
    with pytest.raises(Invalid, match="invalid ulimit type: wings"):
        config(resources=Resources(ulimits=(Ulimit("wings", 2, 2),)))


def test_the_containers_environment_wins_over_dockers() -> None:
    environment = config(env=("PATH=/opt", "EMPTY=", "A=b=c"))["process"]["env"]
    assert environment == ["PATH=/opt", "HOSTNAME=box", "EMPTY=", "A=b=c", "HOME=/"]


def test_a_container_needs_a_command() -> None:
    with pytest.raises(Invalid, match="no command specified"):
        config(cmd=None)


@pytest.mark.parametrize(("given", "directory"), [("", "/"), ("srv", "/srv"), ("/a/../../b", "/b")])
def test_the_working_directory_is_absolute(given: str, directory: str) -> None:
    assert config(working_dir=given)["process"]["cwd"] == directory


def test_tmpfs_options_replace_their_opposites() -> None:
    mounts = {mount["destination"]: mount for mount in config(tmpfs={"/t": "exec,size=1m"})["mounts"]}
    assert mounts["/t"]["options"] == ["rw", "nosuid", "nodev", "exec", "size=1m"]


def test_a_tmpfs_option_that_is_none_is_refused() -> None:
    with pytest.raises(Invalid, match="invalid tmpfs option"):
        config(tmpfs={"/t": "size=1m,lowerdir=/etc"})


def test_the_readable_filter_is_always_there_unless_unconfined() -> None:
    assert config()["linux"]["seccomp"]["defaultErrnoRet"] == errno.ENOSYS
    assert "seccomp" not in config(seccomp_unconfined=True)["linux"]
    assert "seccomp" not in config(privileged=True)["linux"]


@pytest.mark.parametrize("profile", list(Profile))
def test_the_configuration_is_json(profile: Profile) -> None:
    assert json.loads(json.dumps(config(profile=profile)))["ociVersion"] == "1.0.2"
