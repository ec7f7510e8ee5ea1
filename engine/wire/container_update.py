"""``POST /containers/{id}/update``: new limits over those a container has (daemon/update.go, container_unix.go).

In the body 0, "" and null mean "as it is". So a limit is lifted by the value that says so: ``CpuQuota`` -1,
``MemorySwap`` -1, ``PidsLimit`` 0 or -1, a device's rate or weight 0; the others can be changed and not lifted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from engine.model.container import ContainerSpec, RestartPolicy, RestartRule
from engine.model.errors import Conflict, Invalid
from engine.model.resources import DeviceLimit, Resources
from engine.wire.host_config import EMPTY, refuse_members
from engine.wire.json_body import decode, parse_object, unknown_members
from engine.wire.resources import ResourcesJson, asked_resources, check_limits, resource_warnings, with_default_swap
from engine.wire.restart_policy import RestartPolicyJson, decode_restart_policy
from engine.wire.text import check_text
from engine.wire.version import PIDS_LIMIT_UPDATED_FROM, ApiVersion

_REFUSED: Final[Mapping[str, tuple[object, ...]]] = {
    "CgroupParent": EMPTY,
    "DeviceCgroupRules": EMPTY,
    "DeviceRequests": EMPTY,
    "Devices": EMPTY,
}
_UNLIMITED: Final = -1
_OF_DEVICES: Final = (
    "blkio_weight_devices",
    "blkio_read_bps",
    "blkio_write_bps",
    "blkio_read_iops",
    "blkio_write_iops",
)


class UpdateRequest(ResourcesJson, rename="pascal", kw_only=True):
    restart_policy: RestartPolicyJson | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """A decoded request. ``resources`` holds what it says and nothing else; ``restart`` None changes nothing.

    Before it is applied, ``resources`` may be replaced by what of them the machine can keep.
    """

    resources: Resources
    sets_oom_kill: bool
    restart: RestartPolicy | None
    warnings: tuple[str, ...]

    def applied_to(self, spec: ContainerSpec) -> ContainerSpec:
        """``spec`` as it is to be. Raises Conflict in Docker's words where old and new contradict each other."""
        _check_against(spec, self)
        resources = _merged(spec.resources, self.resources)
        if self.sets_oom_kill:
            resources = replace(resources, oom_kill_disable=self.resources.oom_kill_disable)
        resources = with_default_swap(resources)
        try:
            check_limits(resources)
        except Invalid as error:  # each may be right alone
            raise Conflict(str(error)) from error
        return replace(spec, resources=resources, restart=self.restart or spec.restart)

    def to_apply(self, spec: ContainerSpec) -> Resources:
        """What a runtime must be told for ``spec``, which this made: also which devices are not limited any more."""
        limits: dict[str, Any] = {}
        for name in _OF_DEVICES:
            lifted = tuple(limit for limit in getattr(self.resources, name) if not limit.amount)
            limits[name] = (*getattr(spec.resources, name), *lifted)
        return replace(spec.resources, **limits)


def decode_update(body: bytes, *, version: ApiVersion) -> Update:
    """Raises Invalid, TooLarge or Unsupported, naming the member."""
    raw = parse_object(body)
    if version < PIDS_LIMIT_UPDATED_FROM:
        raw.pop("PidsLimit", None)
    refuse_members(raw, _REFUSED, path="")
    given = decode(raw, UpdateRequest)
    for name, text in (("CpusetCpus", given.cpuset_cpus), ("CpusetMems", given.cpuset_mems)):
        check_text(name, text, longest=255)
    policy = given.restart_policy
    resources = asked_resources(given, path="")
    if given.pids_limit is not None and given.pids_limit <= 0:
        resources = replace(resources, pids_limit=_UNLIMITED)
    # the limit that this swap belongs to may be the container's own: seen when both are known
    check_limits(resources if resources.memory_bytes else replace(resources, memory_swap_bytes=0))
    unknown = unknown_members(raw, UpdateRequest, known=tuple(_REFUSED))
    return Update(
        resources,
        sets_oom_kill=given.oom_kill_disable is not None,
        restart=decode_restart_policy(policy) if policy is not None and policy.name else None,
        warnings=(*(f"{name} is unknown and was ignored" for name in unknown[:20]), *resource_warnings(given)),
    )


def _check_against(spec: ContainerSpec, update: Update) -> None:
    """What Docker refuses of a change although it would accept the result's parts (container/container_unix.go)."""
    present, asked = spec.resources, update.resources
    refusals = (
        (
            asked.nano_cpus and present.cpu_period_us,
            "Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set",
        ),
        (
            asked.nano_cpus and present.cpu_quota_us > 0,
            "Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set",
        ),
        (
            asked.cpu_period_us and present.nano_cpus,
            "Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set",
        ),
        (
            asked.cpu_quota_us > 0 and present.nano_cpus,
            "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set",
        ),
        (
            not asked.memory_swap_bytes and 0 < present.memory_swap_bytes < asked.memory_bytes,
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
        ),
        (
            spec.auto_remove and update.restart is not None and update.restart.rule is not RestartRule.NO,
            "Restart policy cannot be updated because AutoRemove is enabled for the container",
        ),
    )
    for refused, why in refusals:
        if refused:
            raise Conflict(why)


def _merged(present: Resources, asked: Resources) -> Resources:
    changes: dict[str, Any] = {}
    for field in fields(Resources):
        value = getattr(asked, field.name)
        if field.name in _OF_DEVICES:
            changes[field.name] = _merged_devices(getattr(present, field.name), value)
        elif value or (field.name == "memory_swappiness" and value is not None):
            changes[field.name] = value
    return replace(present, **changes)


def _merged_devices(present: tuple[DeviceLimit, ...], asked: tuple[DeviceLimit, ...]) -> tuple[DeviceLimit, ...]:
    amounts = {limit.path: limit.amount for limit in (*present, *asked)}
    return tuple(DeviceLimit(path, amount) for path, amount in amounts.items() if amount)
