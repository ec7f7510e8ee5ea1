"""Devices in ``HostConfig``: ``Devices`` and ``DeviceCgroupRules``."""

import posixpath
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.model.container import ContainerSpec
from engine.model.device import DeviceRequest, DeviceRule
from engine.model.errors import Invalid, Unsupported
from engine.wire.json_body import decode
from engine.wire.text import MOST_ITEMS, check_text, shown

_RULE: Final = re.compile(r"([acb]) ([0-9]{1,9}|\*):([0-9]{1,9}|\*) ([rwm]{1,3})")
_ACCESS: Final = re.compile(r"[rwm]{0,3}")


class DeviceJson(msgspec.Struct, rename="pascal"):
    path_on_host: str = ""
    path_in_container: str = ""
    cgroup_permissions: str = ""


class DevicesJson(msgspec.Struct, rename="pascal", kw_only=True):
    devices: list[DeviceJson] = []
    device_cgroup_rules: list[str] = []
    device_requests: list[dict[str, Any]] = []


def decode_devices(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The ContainerSpec fields. Raises Invalid, and Unsupported for devices by driver or capability (``--gpus``)."""
    given = decode(raw, DevicesJson)
    if given.device_requests:
        wanted = ", ".join(
            str(request.get("Driver") or request.get("Capabilities")) for request in given.device_requests
        )
        raise Unsupported(
            f"HostConfig.DeviceRequests: could not select a device driver for {shown(wanted)}: this engine has none; "
            "name the device files with Devices (--device)"
        )
    if len(given.devices) > MOST_ITEMS or len(given.device_cgroup_rules) > MOST_ITEMS:
        raise Invalid(f"HostConfig.Devices: more than {MOST_ITEMS} entries")
    return {
        "devices": tuple(_device(device) for device in given.devices),
        "device_rules": tuple(parse_rule(text) for text in given.device_cgroup_rules),
    }


def encode_devices(spec: ContainerSpec) -> dict[str, Any]:
    return {
        "Devices": [
            {"PathOnHost": one.path_on_host, "PathInContainer": one.path_in_container, "CgroupPermissions": one.access}
            for one in spec.devices
        ],
        "DeviceCgroupRules": [str(rule) for rule in spec.device_rules] or None,
    }


def _device(given: DeviceJson) -> DeviceRequest:
    for member, path in (("PathOnHost", given.path_on_host), ("PathInContainer", given.path_in_container)):
        check_text(f"HostConfig.Devices.{member}", path, longest=4096)
        if path and not posixpath.isabs(path):
            raise Invalid(f"HostConfig.Devices.{member}: {shown(path)} is not an absolute path")
    if not given.path_on_host:
        raise Invalid("HostConfig.Devices.PathOnHost: a path is needed")
    if not _ACCESS.fullmatch(given.cgroup_permissions):
        raise Invalid(f"HostConfig.Devices.CgroupPermissions: invalid device mode: {shown(given.cgroup_permissions)}")
    return DeviceRequest(given.path_on_host, given.path_in_container, given.cgroup_permissions)


def parse_rule(text: str) -> DeviceRule:
    """Linux' device cgroup syntax: ``c 1:3 mr``, ``b *:* r``, ``a *:* rwm``."""
    found = _RULE.fullmatch(text)
    if found is None:
        raise Invalid(f"HostConfig.DeviceCgroupRules: invalid device cgroup rule format: {shown(text)}")
    kind, major, minor, access = found.groups()
    return DeviceRule(kind, None if major == "*" else int(major), None if minor == "*" else int(minor), access)
