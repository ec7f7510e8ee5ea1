"""What a container was made to be, as its engine tells it: what pages show, and what two containers differ in. Pure.

A shape is a JSON document that is kept and travels, so it is bounded, and of environment variables it has the names
alone. Field names of the engine follow Docker's API reference (``GET /containers/{id}/json``).
"""

import re
from collections.abc import Mapping
from typing import Any

Shape = dict[str, Any]

MOST_ENTRIES = 100
LONGEST_TEXT = 1000
# Docker counts times of health checks in these
NS_PER_S = 10**9
# what an engine gives anew each time that a container starts: no difference to tell of
GIVEN_ADDRESSES = frozenset({"address", "prefix", "gateway", "address6", "prefix6", "mac"})
SHORT_ID = re.compile(r"[0-9a-f]{12}")


def shape_of(document: Mapping[str, Any]) -> Shape:
    config, host = _map(document.get("Config")), _map(document.get("HostConfig"))
    return {
        "entrypoint": _words(config.get("Entrypoint")),
        "command": _words(config.get("Cmd")),
        "env": sorted(name for name, _value in env_of(document))[:MOST_ENTRIES],
        "user": _text(config.get("User")),
        "working_dir": _text(config.get("WorkingDir")),
        "hostname": _text(config.get("Hostname")),
        "restart": _restart(_map(host.get("RestartPolicy"))),
        "stop_signal": _text(config.get("StopSignal")),
        "stop_timeout_s": config.get("StopTimeout"),
        "limits": _limits(host),
        "security": _security(host),
        "check": _check(_map(config.get("Healthcheck"))),
        "networks": _networks(_map(_map(document.get("NetworkSettings")).get("Networks"))),
        "network_mode": _text(host.get("NetworkMode")),
        "exposed": sorted(map(_text, _map(config.get("ExposedPorts"))))[:MOST_ENTRIES],
        "dns": _words(host.get("Dns")),
        "dns_search": _words(host.get("DnsSearch")),
        "dns_options": _words(host.get("DnsOptions")),
        "extra_hosts": _words(host.get("ExtraHosts")),
        "mounts": _mounts(document.get("Mounts")),
        "tmpfs": {_text(at): _text(options) for at, options in list(_map(host.get("Tmpfs")).items())[:MOST_ENTRIES]},
        "log_driver": _text(_map(host.get("LogConfig")).get("Type")),
        "runtime": _text(host.get("Runtime")),
        "init": bool(host.get("Init")),
        "auto_remove": bool(host.get("AutoRemove")),
    }


def env_of(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values, in the engine's order. The one place where values are read."""
    entries = _list(_map(document.get("Config")).get("Env"))
    pairs = [str(entry).partition("=") for entry in entries]
    return [(name, value) for name, _equals, value in pairs]


def settings_of(shape: Shape) -> Shape:
    """What somebody chose of it: without what the engine gives anew at each start."""
    networks = [{k: v for k, v in one.items() if k not in GIVEN_ADDRESSES} for one in shape.get("networks", ())]
    for one in networks:
        # its own short id is an alias that engines add
        one["aliases"] = [alias for alias in one.get("aliases", ()) if not SHORT_ID.fullmatch(alias)]
    return {**shape, "networks": networks}


def _limits(host: Mapping[str, Any]) -> dict[str, Any]:
    limits = {
        "memory": _number(host.get("Memory")),
        "memory_swap": _number(host.get("MemorySwap")),
        "memory_reservation": _number(host.get("MemoryReservation")),
        "cpus": _number(host.get("NanoCpus")) / NS_PER_S,
        "cpu_shares": _number(host.get("CpuShares")),
        "cpu_quota": _number(host.get("CpuQuota")),
        "cpuset": _text(host.get("CpusetCpus")),
        "pids": max(_number(host.get("PidsLimit")), 0),
        "ulimits": [
            _text(f"{one.get('Name')}={one.get('Soft')}:{one.get('Hard')}")
            for one in map(_map, _list(host.get("Ulimits")))
        ],
    }
    return {name: value for name, value in limits.items() if value}


def _security(host: Mapping[str, Any]) -> dict[str, Any]:
    devices = [f"{one.get('PathOnHost')}:{one.get('PathInContainer')}" for one in map(_map, _list(host.get("Devices")))]
    found = {
        "privileged": bool(host.get("Privileged")),
        "read_only": bool(host.get("ReadonlyRootfs")),
        "cap_add": _words(host.get("CapAdd")),
        "cap_drop": _words(host.get("CapDrop")),
        "security_opt": _words(host.get("SecurityOpt")),
        "userns": _text(host.get("UsernsMode")),
        "pid": _text(host.get("PidMode")),
        "ipc": _text(host.get("IpcMode")),
        "uts": _text(host.get("UTSMode")),
        "groups": _words(host.get("GroupAdd")),
        "devices": [_text(device) for device in devices][:MOST_ENTRIES],
    }
    return {name: value for name, value in found.items() if value}


def _check(check: Mapping[str, Any]) -> dict[str, Any]:
    """Empty where nothing is checked."""
    test = _words(check.get("Test"))
    if not test or test[0] == "NONE":
        return {}
    times = {"interval_s": "Interval", "timeout_s": "Timeout", "start_period_s": "StartPeriod"}
    return {
        "test": test,
        **{name: _number(check.get(theirs)) / NS_PER_S for name, theirs in times.items()},
        "retries": _number(check.get("Retries")),
    }


def _networks(networks: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for name, facts in sorted(networks.items())[:MOST_ENTRIES]:
        one = _map(facts)
        found.append(
            {
                "name": _text(name),
                "network_id": _text(one.get("NetworkID")),
                "address": _text(one.get("IPAddress")),
                "prefix": _number(one.get("IPPrefixLen")),
                "gateway": _text(one.get("Gateway")),
                "address6": _text(one.get("GlobalIPv6Address")),
                "prefix6": _number(one.get("GlobalIPv6PrefixLen")),
                "mac": _text(one.get("MacAddress")),
                "aliases": _words(one.get("Aliases")),
            }
        )
    return found


def _mounts(mounts: object) -> list[dict[str, Any]]:
    found = [
        {
            "kind": _text(one.get("Type")),
            "name": _text(one.get("Name")),
            "source": _text(one.get("Source")),
            "target": _text(one.get("Destination")),
            "driver": _text(one.get("Driver")),
            "mode": _text(one.get("Mode")),
            "is_writable": bool(one.get("RW")),
        }
        for one in map(_map, _list(mounts)[:MOST_ENTRIES])
    ]
    return sorted(found, key=lambda mount: str(mount["target"]))


def _restart(policy: Mapping[str, Any]) -> str:
    name, most = _text(policy.get("Name")), _number(policy.get("MaximumRetryCount"))
    return f"{name}:{most}" if name == "on-failure" and most else name or "no"


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _words(value: object) -> list[str]:
    entries = [value] if isinstance(value, str) and value else _list(value)
    return [_text(entry) for entry in entries[:MOST_ENTRIES]]


def _text(value: object) -> str:
    """What every database takes."""
    if value is None:
        return ""
    return str(value)[:LONGEST_TEXT].replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
