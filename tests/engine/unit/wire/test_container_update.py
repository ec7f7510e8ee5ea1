"""The body of an update: what it says, and what of a container it changes."""

import json
from dataclasses import replace
from typing import Any

import pytest

from engine.model.container import ContainerSpec, RestartPolicy, RestartRule
from engine.model.digest import Digest
from engine.model.errors import Conflict, Invalid, Unsupported
from engine.model.resources import DeviceLimit, Resources
from engine.wire.container_update import Update, decode_update
from engine.wire.version import CURRENT, ApiVersion

SPEC = ContainerSpec(Digest.of(b""), "busybox")

# what docker CLI 28 sends for `docker update --memory 64m`
_CLI = (
    b'{"CpuShares":0,"Memory":67108864,"NanoCpus":0,"CgroupParent":"","BlkioWeight":0,"BlkioWeightDevice":null,'
    b'"BlkioDeviceReadBps":null,"BlkioDeviceWriteBps":null,"BlkioDeviceReadIOps":null,"BlkioDeviceWriteIOps":null,'
    b'"CpuPeriod":0,"CpuQuota":0,"CpuRealtimePeriod":0,"CpuRealtimeRuntime":0,"CpusetCpus":"","CpusetMems":"",'
    b'"Devices":null,"DeviceCgroupRules":null,"DeviceRequests":null,"MemoryReservation":0,"MemorySwap":0,'
    b'"MemorySwappiness":null,"OomKillDisable":null,"PidsLimit":null,"Ulimits":null,"CpuCount":0,"CpuPercent":0,'
    b'"IOMaximumIOps":0,"IOMaximumBandwidth":0,"RestartPolicy":{"Name":"","MaximumRetryCount":0}}'
)


def update(version: ApiVersion = CURRENT, **body: Any) -> Update:
    return decode_update(json.dumps(body).encode(), version=version)


def applied(present: Resources, **body: Any) -> Resources:
    return update(**body).applied_to(replace(SPEC, resources=present)).resources


def test_what_the_docker_cli_sends_changes_what_was_said_and_nothing_else() -> None:
    asked = decode_update(_CLI, version=CURRENT)
    assert asked.warnings == ()
    before = replace(SPEC, resources=Resources(cpu_shares=7, pids_limit=9, memory_swappiness=3, oom_kill_disable=True))
    after = asked.applied_to(before)
    assert after == replace(
        before, resources=replace(before.resources, memory_bytes=64 << 20, memory_swap_bytes=128 << 20)
    )


def test_an_empty_body_changes_nothing() -> None:
    assert applied(Resources(memory_bytes=9 << 20, memory_swap_bytes=-1)) == Resources(
        memory_bytes=9 << 20, memory_swap_bytes=-1
    )


@pytest.mark.parametrize(("given", "kept"), [(None, 9), (0, -1), (-1, -1), (12, 12)])
def test_processes_are_unlimited_by_zero_and_by_minus_one(given: int | None, kept: int) -> None:
    assert applied(Resources(pids_limit=9), PidsLimit=given).pids_limit == kept


def test_old_clients_do_not_mean_their_limit_on_processes() -> None:
    asked = update(ApiVersion(1, 39), PidsLimit=0)
    assert asked.applied_to(replace(SPEC, resources=Resources(pids_limit=9))).resources.pids_limit == 9


def test_a_limit_on_a_disk_is_set_beside_others_and_lifted_by_zero() -> None:
    present = Resources(blkio_read_bps=(DeviceLimit("/dev/a", 1), DeviceLimit("/dev/b", 2)))
    asked = update(BlkioDeviceReadBps=[{"Path": "/dev/a", "Rate": 0}, {"Path": "/dev/c", "Rate": 3}])
    spec = asked.applied_to(replace(SPEC, resources=present))
    assert spec.resources.blkio_read_bps == (DeviceLimit("/dev/b", 2), DeviceLimit("/dev/c", 3))
    assert DeviceLimit("/dev/a", 0) in asked.to_apply(spec).blkio_read_bps


def test_false_and_zero_are_values_where_nothing_is_null() -> None:
    present = Resources(oom_kill_disable=True, memory_swappiness=60)
    assert applied(present, OomKillDisable=False, MemorySwappiness=0) == Resources(memory_swappiness=0)


@pytest.mark.parametrize(
    ("present", "body", "words"),
    [
        (Resources(memory_bytes=8 << 20, memory_swap_bytes=16 << 20), {"Memory": 32 << 20}, "update the memoryswap"),
        (Resources(), {"MemorySwap": 32 << 20}, "always set the Memory limit"),
        (Resources(memory_reservation_bytes=64 << 20), {"Memory": 32 << 20}, "memory reservation limit"),
        (Resources(nano_cpus=1), {"CpuQuota": 5000}, "CPU Quota cannot be updated as NanoCPUs"),
        (Resources(cpu_quota_us=5000), {"NanoCpus": 1}, "Nano CPUs cannot be updated as CPU Quota"),
    ],
)
def test_old_and_new_must_not_contradict_each_other(present: Resources, body: dict[str, Any], words: str) -> None:
    with pytest.raises(Conflict, match=words):
        applied(present, **body)


def test_unlimited_swap_is_above_every_limit() -> None:
    unlimited = Resources(memory_bytes=8 << 20, memory_swap_bytes=-1)
    assert applied(unlimited, Memory=32 << 20) == replace(unlimited, memory_bytes=32 << 20)


def test_a_lifted_quota_makes_room_for_processors() -> None:
    lifted = applied(Resources(cpu_quota_us=5000), CpuQuota=-1)
    assert applied(lifted, NanoCpus=10**9).nano_cpus == 10**9


def test_a_restart_policy_is_changed_only_when_it_is_named() -> None:
    present = replace(SPEC, restart=RestartPolicy(RestartRule.ALWAYS))
    assert update().applied_to(present).restart.rule is RestartRule.ALWAYS
    asked = update(RestartPolicy={"Name": "on-failure", "MaximumRetryCount": 2})
    assert asked.applied_to(present).restart == RestartPolicy(RestartRule.ON_FAILURE, 2)
    with pytest.raises(Conflict, match="AutoRemove"):
        asked.applied_to(replace(SPEC, auto_remove=True))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"Memory": 1}, "6MB"),
        ({"Memory": 8 << 20, "MemorySwap": 7 << 20}, "larger than memory limit"),
        ({"CpuShares": -1}, "^CpuShares"),
        ({"Memory": "1g"}, "Memory: expected"),
        ({"CpuCount": 2}, "^CpuCount"),
        ({"CpusetCpus": "0\x00"}, "CpusetCpus: control character"),
    ],
)
def test_what_is_wrong_in_itself_is_refused_by_name(body: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        update(**body)


@pytest.mark.parametrize("member", ["Devices", "DeviceRequests", "DeviceCgroupRules", "CgroupParent"])
def test_what_cannot_change_is_refused_by_name(member: str) -> None:
    with pytest.raises(Unsupported, match=member):
        decode_update(json.dumps({member: ["x"]}).encode(), version=CURRENT)
