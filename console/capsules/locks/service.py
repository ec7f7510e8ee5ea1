"""One container in words that are the same on every engine.

Left out: what an engine makes up (ids, addresses, host names, times), what is as it would be anyway, and how paths
begin that lie below the stack's directory. Field names are those of Docker's API reference.
"""

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from console.capsules.locks.hashing import digest_of, value_hash
from console.capsules.locks.seen import Document, Hints
from console.stacks.planning import labels

Facts = dict[str, Any]
SHM_BYTES = 64 << 20
# taken as they are, where something is said
LIMITS = {
    "Memory": "memory_bytes",
    "MemoryReservation": "memory_reservation_bytes",
    "NanoCpus": "nano_cpus",
    "CpuShares": "cpu_shares",
    "CpuQuota": "cpu_quota_us",
    "CpuPeriod": "cpu_period_us",
    "CpuRealtimeRuntime": "cpu_realtime_runtime_us",
    "CpuRealtimePeriod": "cpu_realtime_period_us",
    "CpusetCpus": "cpuset",
    "BlkioWeight": "blkio_weight",
    "OomKillDisable": "oom_kill_disable",
    "OomScoreAdj": "oom_score_adj",
    "StorageOpt": "storage",
}
SECURITY = {"Privileged": "privileged", "ReadonlyRootfs": "read_only", "Sysctls": "sysctls"}
SORTED = {"SecurityOpt": "security_opt", "GroupAdd": "groups", "DeviceCgroupRules": "device_rules"}
SETTINGS = {
    "User": "user",
    "WorkingDir": "working_dir",
    "Domainname": "domain_name",
    "StopSignal": "stop_signal",
    "Tty": "tty",
    "OpenStdin": "stdin_open",
    "MacAddress": "mac_address",
}
NAMES = {"Dns": "dns", "DnsOptions": "dns_options", "DnsSearch": "dns_search"}
CHECK = {
    "Interval": "interval_ns",
    "Timeout": "timeout_ns",
    "StartPeriod": "start_period_ns",
    "StartInterval": "start_interval_ns",
    "Retries": "retries",
}
# a container of its own for each, where nothing else is said
OWN = frozenset({"", "private", "shareable", "default"})


@dataclass(frozen=True, slots=True)
class Around:
    """What names of the host mean in the stack's own files. Engine ids and names of containers → services."""

    networks: Mapping[str, str]
    volumes: Mapping[str, str]
    services: Mapping[str, str]
    platforms: Mapping[str, str]


def facts_of(document: Document, around: Around, *, salt: str, hints: Hints) -> Facts:
    """Without the files that hints name (``placed_files``)."""
    config, host = _map(document.get("Config")), _map(document.get("HostConfig"))
    image = str(document.get("Image", ""))
    return said(
        {
            "image": image if image.startswith("sha256:") else f"sha256:{image}",
            "platform": around.platforms.get(image.removeprefix("sha256:"), ""),
            "entrypoint": _words(config.get("Entrypoint")),
            "command": _words(config.get("Cmd")),
            "env": env_of(document, salt=salt, hints=hints),
            "labels": _labels(config),
            "host_name": _host_name(document, config, host),
            **{word: config.get(name) for name, word in SETTINGS.items()},
            "stop_timeout_s": config.get("StopTimeout"),
            "exposed": sorted(_map(config.get("ExposedPorts"))),
            "ports": _ports(_map(host.get("PortBindings"))),
            "health": _health(_map(config.get("Healthcheck"))),
            "restart": _restart(_map(host.get("RestartPolicy"))),
            "mounts": _mounts(document, host, around),
            "limits": _limits(host),
            "security": _security(host, around),
            "network_mode": _network_mode(host, around),
            "networks": _networks(document, around),
            **{word: _words(host.get(name)) for name, word in NAMES.items()},
            "extra_hosts": sorted(_words(host.get("ExtraHosts"))),
            "logging": _logging(_map(host.get("LogConfig")), salt=salt),
        }
    )


def env_of(document: Document, *, salt: str, hints: Hints) -> Facts:
    """Names, each with the hash of its value, or with the secret that it has."""
    pairs = dict(values_of(document))
    return {
        name: {"secret": hints.env[name]} if name in hints.env else value_hash(salt, "env", name, value)
        for name, value in pairs.items()
    }


def values_of(document: Document) -> Iterable[tuple[str, str]]:
    for entry in _list(_map(document.get("Config")).get("Env")):
        name, _sign, value = str(entry).partition("=")
        yield name, value


def placed_files(contents: Mapping[str, bytes | None], hints: Hints) -> Facts:
    """``contents`` by path. Of a config its digest; of a secret that there is one."""
    digests = {path: digest_of(content) for path in hints.configs if (content := contents.get(path)) is not None}
    secrets = {path: name for path, name in hints.secrets.items() if contents.get(path) is not None}
    return said({"configs": digests, "secrets": secrets})


def said(facts: Mapping[str, Any]) -> Facts:
    return {name: value for name, value in facts.items() if value not in (None, "", 0, [], {}) and value is not False}


# --- parts ---


def _labels(config: Document) -> dict[str, str]:
    found = {str(name): str(value) for name, value in _map(config.get("Labels")).items()}
    return {name: value for name, value in found.items() if not labels.is_own(name)}


def _host_name(document: Document, config: Document, host: Document) -> str:
    """Empty where it is the host's, another container's, or the beginning of its own id."""
    name = str(config.get("Hostname") or "")
    shares = str(host.get("NetworkMode") or "").partition(":")[0] in ("host", "container") or host.get("UTSMode")
    if shares:
        return ""
    return "" if str(document.get("Id", "")).startswith(name) else name


def _ports(bindings: Document) -> list[str]:
    """``[address:][host port]:port/protocol``, addresses that mean all of them left out."""
    found = set()
    for key, entries in bindings.items():
        for entry in map(_map, _list(entries)):
            address = str(entry.get("HostIp") or "")
            shown = f"{address}:" if address not in ("", "0.0.0.0", "::") else ""  # noqa: S104 - compared, not bound
            port = str(entry.get("HostPort") or "")
            found.add(f"{shown}{port if port != '0' else ''}:{key}")
    return sorted(found)


def _health(check: Document) -> Facts:
    return said({"test": _words(check.get("Test")), **{word: check.get(name) for name, word in CHECK.items()}})


def _restart(policy: Document) -> str:
    name, most = str(policy.get("Name") or "no"), policy.get("MaximumRetryCount") or 0
    return f"{name}:{most}" if name == "on-failure" and most else "" if name == "no" else name


def _limits(host: Document) -> Facts:
    memory, swap = host.get("Memory") or 0, host.get("MemorySwap") or 0
    swappiness, pids = host.get("MemorySwappiness"), host.get("PidsLimit") or 0
    shm = host.get("ShmSize") or 0
    found = {
        **{word: host.get(name) for name, word in LIMITS.items()},
        # with a limit alone, engines allow as much swap again
        "memory_swap_bytes": swap if swap != 2 * memory else 0,
        "memory_swappiness": swappiness if isinstance(swappiness, int) and swappiness >= 0 else None,
        "pids": pids if pids > 0 else 0,
        "shm_bytes": shm if shm != SHM_BYTES else 0,
        "ulimits": sorted(
            f"{one.get('Name')}={one.get('Soft')}:{one.get('Hard')}" for one in map(_map, _list(host.get("Ulimits")))
        ),
    }
    facts = said(found)
    # no swapping at all is something that was said
    return facts | ({"memory_swappiness": 0} if swappiness == 0 and "memory_bytes" in facts else {})


def _security(host: Document, around: Around) -> Facts:
    devices = [
        f"{one.get('PathOnHost')}:{one.get('PathInContainer')}:{one.get('CgroupPermissions') or 'rwm'}"
        for one in map(_map, _list(host.get("Devices")))
    ]
    requests = [said(dict(_map(one))) for one in _list(host.get("DeviceRequests"))]
    return said(
        {
            **{word: host.get(name) for name, word in SECURITY.items()},
            **{word: sorted(_words(host.get(name))) for name, word in SORTED.items()},
            "cap_add": _capabilities(host.get("CapAdd")),
            "cap_drop": _capabilities(host.get("CapDrop")),
            "init": bool(host.get("Init")),
            "devices": sorted(devices),
            "device_requests": requests,
            "ipc": _shared(host.get("IpcMode"), around),
            "pid": _shared(host.get("PidMode"), around),
            "uts": _shared(host.get("UTSMode"), around),
            "user_namespace": _shared(host.get("UsernsMode"), around),
        }
    )


def _capabilities(value: object) -> list[str]:
    return sorted(word.upper().removeprefix("CAP_") for word in _words(value))


def _shared(mode: object, around: Around) -> str:
    text = str(mode or "")
    kind, _colon, name = text.partition(":")
    if kind == "container" and name in around.services:
        return f"service:{around.services[name]}"
    return "" if text in OWN else text


def _network_mode(host: Document, around: Around) -> str:
    """Only where it is no network of its own."""
    mode = str(host.get("NetworkMode") or "")
    return _shared(mode, around) if mode in ("host", "none") or mode.startswith("container:") else ""


def _networks(document: Document, around: Around) -> Facts:
    joined = _map(_map(document.get("NetworkSettings")).get("Networks"))
    # what engines add to those that were asked for
    added = {str(document.get("Id", ""))[:12], str(document.get("Name", "")).lstrip("/")}
    added.add(str(_map(document.get("Config")).get("Hostname", "")))
    found = {}
    for network, endpoint in joined.items():
        if network in ("host", "none"):
            continue
        one = _map(endpoint)
        asked = _map(one.get("IPAMConfig"))
        aliases = {alias for alias in _words(one.get("Aliases")) if alias not in added}
        found[around.networks.get(network, network)] = said(
            {
                "aliases": sorted(aliases),
                "address": asked.get("IPv4Address"),
                "address6": asked.get("IPv6Address"),
                "link_local": sorted(_words(asked.get("LinkLocalIPs"))),
            }
        )
    return found


def _logging(given: Document, *, salt: str) -> Facts:
    options = {name: value_hash(salt, "option", name, str(value)) for name, value in _map(given.get("Config")).items()}
    driver = str(given.get("Type") or "")
    return said({"driver": driver if driver != "json-file" else "", "options": options})


# --- mounts ---


def _mounts(document: Document, host: Document, around: Around) -> Facts:
    directory = str(_map(_map(document.get("Config")).get("Labels")).get(labels.DIRECTORY, ""))
    asked = {str(one.get("Target", "")): one for one in map(_map, _list(host.get("Mounts")))}
    found = {}
    for mount in map(_map, _list(document.get("Mounts"))):
        target = str(mount.get("Destination", ""))
        found[target] = _mount(mount, asked.get(target, {}), around, directory)
    for target, options in _map(host.get("Tmpfs")).items():
        found[str(target)] = said({"type": "tmpfs", "options": ",".join(sorted(filter(None, str(options).split(","))))})
    for target, one in asked.items():
        if one.get("Type") == "tmpfs":
            tmpfs = _map(one.get("TmpfsOptions"))
            found[target] = said({"type": "tmpfs", "size_bytes": tmpfs.get("SizeBytes"), "mode": tmpfs.get("Mode")})
    return found


def _mount(mount: Document, asked: Document, around: Around, directory: str) -> Facts:
    kind = str(mount.get("Type", ""))
    facts: Facts = {"type": kind, "read_only": mount.get("RW") is False}
    if kind == "volume":
        name = str(mount.get("Name", ""))
        facts["source"] = "" if _is_made_up(name) else around.volumes.get(name, name)
        facts["subpath"] = _map(asked.get("VolumeOptions")).get("Subpath")
    elif kind == "bind":
        facts["source"] = below(directory, str(mount.get("Source", "")))
        propagation = str(mount.get("Propagation") or "")
        facts["propagation"] = propagation if propagation not in ("", "rprivate") else ""
    return said(facts)


def below(directory: str, path: str) -> str:
    """From the stack's directory on, "./conf", where it lies below it."""
    root = directory.rstrip("/")
    if root and (path == root or path.startswith(f"{root}/")):
        return posixpath.normpath(f"./{path[len(root) :]}") if path == root else f".{path[len(root) :]}"
    return path


def _is_made_up(name: str) -> bool:
    return len(name) == 64 and not set(name) - set("0123456789abcdef")


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _words(value: object) -> list[str]:
    return [value] if isinstance(value, str) and value else [str(word) for word in _list(value)]
