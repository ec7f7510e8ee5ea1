"""Back from Docker's JSON, as ``GET /containers/{id}/json`` shows a container."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.containers.ports import PublishedPort
from console.containers.specs.docker import CONFIG, COVER_MS, HEALTH, HOST, Body
from console.containers.specs.spec import ContainerSpec, Join, Mount, MountKind
from console.containers.specs.texts import read_volume
from console.operations.errors import Invalid

SPECIAL = frozenset(
    {
        *("Binds", "Mounts", "Tmpfs", "PortBindings", "NetworkMode", "NanoCpus", "RestartPolicy", "Ulimits", "Devices"),
        "LogConfig",
    }
)
# what an engine says of itself, or that is about the client that asked
UNSAID = frozenset({"ConsoleSize", "ContainerIDFile", "Runtime", "MaskedPaths", "ReadonlyPaths", "Isolation"})
DEFAULT_NETWORKS = ("", "default", "bridge")
SHM_BYTES = 64 << 20
# of the engine's own doing, where nobody asked for anything
DEFAULTS: Mapping[str, tuple[Any, ...]] = {
    "ipc_mode": ("private",),
    "cgroupns": ("private",),
    "shm_bytes": (SHM_BYTES,),
    "pids_limit": (-1,),
    "memory_swappiness": (-1,),
    "stop_signal": ("SIGTERM",),
}
OURS = "naru."
NAMELESS = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Reading:
    """``lost``: members that are set and that no specification of ours can say."""

    spec: ContainerSpec
    lost: tuple[str, ...] = ()


def of_docker(document: Body, image: Body | None = None) -> Reading:
    """Of a container as it is inspected; ``image`` is what its image is inspected to be: what a container has only by
    its image is not asked for. Bookkeeping of the console's (labels) is left out.
    """
    config, host = document.get("Config") or {}, document.get("HostConfig") or {}
    base = (image or {}).get("Config") or {}
    found = {name: _read(config.get(member)) for name, member in CONFIG.items()}
    found |= {name: _read(host.get(member)) for name, member in HOST.items()}
    _leave_out_defaults(found, document, base)
    lost: list[str] = []
    found |= {
        "image": str(config.get("Image", "")),
        "env": _env(config, base),
        "cpus": (host.get("NanoCpus") or 0) / 1e9,
        "networks": _networks(document, lost),
        "restart": _restart(host),
        "ulimits": tuple(_ulimit_text(one) for one in host.get("Ulimits") or ()),
        "devices": tuple(_device_text(one) for one in host.get("Devices") or ()),
        "mounts": tuple(_mounts(config, host, base, lost)),
        **_program(config, base),
        **_ports(config, host, base, lost),
        **_log(host),
        **_health_fields(config, base, lost),
    }
    known = {*HOST.values(), *SPECIAL, *UNSAID}
    lost += [
        f"HostConfig.{name}" for name, value in host.items() if name not in known and value not in (None, -1) and value
    ]
    return Reading(ContainerSpec(**found), tuple(dict.fromkeys(lost)))


def _read(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _leave_out_defaults(found: dict[str, Any], document: Body, base: Body) -> None:
    """What was set by nobody is what the field is when nothing is asked for."""
    plain = ContainerSpec("")
    for name, value in found.items():
        base_value = base.get(CONFIG[name]) if name in CONFIG else None
        is_default = value is None or value in DEFAULTS.get(name, ()) or (bool(value) and value == base_value)
        if is_default:
            found[name] = getattr(plain, name)
    found["labels"] = _labels(document, base)
    if found["hostname"] == str(document.get("Id", "-"))[:12] or found["uts_mode"] == "host":
        found["hostname"] = ""
    if found["memory_swap_bytes"] == 2 * found["memory_bytes"]:
        found["memory_swap_bytes"] = 0
    if found["mac_address"] and (document.get("NetworkSettings") or {}).get("Networks") is None:
        found["mac_address"] = ""
    for name in ("cap_add", "cap_drop"):
        found[name] = tuple(str(cap).upper().removeprefix("CAP_") for cap in found[name])
    found["links"] = tuple(_link(text) for text in found["links"])


def _labels(document: Body, base: Body) -> dict[str, str]:
    inherited = base.get("Labels") or {}
    labels = (document.get("Config") or {}).get("Labels") or {}
    return {name: value for name, value in labels.items() if inherited.get(name) != value and not name.startswith(OURS)}


def _link(text: str) -> str:
    """``/db:/web/storage`` to ``db:storage``."""
    whose, _colon, path = text.partition(":")
    return f"{whose.lstrip('/')}:{path.rpartition('/')[2]}" if path else text


def _env(config: Body, base: Body) -> dict[str, str]:
    inherited = set(base.get("Env") or ())
    pairs = (entry.partition("=") for entry in config.get("Env") or () if entry not in inherited)
    return {name: value for name, _equals, value in pairs}


def _program(config: Body, base: Body) -> dict[str, Any]:
    """Its words are the same; one that was given as several words is an entrypoint of one and a longer command."""
    entrypoint, command = config.get("Entrypoint") or [], config.get("Cmd") or []
    if entrypoint == (base.get("Entrypoint") or []):
        return {"command": () if command == (base.get("Cmd") or []) else tuple(command)}
    if entrypoint in ([], [""]):
        return {"entrypoint": "", "command": tuple(command)}
    return {"entrypoint": entrypoint[0], "command": (*entrypoint[1:], *command)}


def _ports(config: Body, host: Body, base: Body, lost: list[str]) -> dict[str, Any]:
    ports = []
    for key, bindings in (host.get("PortBindings") or {}).items():
        number, _slash, protocol = key.partition("/")
        for binding in bindings or [{}]:
            text = str(binding.get("HostPort") or "")
            if (text and not text.isdecimal()) or protocol not in ("", "tcp", "udp"):
                lost.append(f"HostConfig.PortBindings {key}: {text}")
            if protocol in ("", "tcp", "udp"):
                host_port = int(text) if text.isdecimal() else 0
                ports.append(PublishedPort(str(binding.get("HostIp") or ""), host_port, int(number), protocol or "tcp"))
    published = {f"{port.container_port}/{port.protocol}" for port in ports}
    exposed = (config.get("ExposedPorts") or {}).keys() - (base.get("ExposedPorts") or {}).keys() - published
    ports.sort(key=lambda port: (port.container_port, port.protocol, port.host_address, port.host_port))
    return {"ports": tuple(ports), "expose": tuple(sorted(exposed))}


def _restart(host: Body) -> str:
    policy = host.get("RestartPolicy") or {}
    name, most = str(policy.get("Name") or ""), policy.get("MaximumRetryCount") or 0
    return "" if name in ("", "no") else f"{name}:{most}" if most else name


def _ulimit_text(one: Body) -> str:
    hard, soft = one.get("Hard"), one.get("Soft")
    return f"{one.get('Name')}={soft}" + ("" if hard == soft else f":{hard}")


def _device_text(one: Body) -> str:
    source, target = str(one.get("PathOnHost")), str(one.get("PathInContainer") or one.get("PathOnHost"))
    rights = str(one.get("CgroupPermissions") or "rwm")
    parts = [source] + ([target] if target != source or rights != "rwm" else [])
    return ":".join(parts + ([rights] if rights != "rwm" else []))


def _log(host: Body) -> dict[str, Any]:
    config = host.get("LogConfig") or {}
    driver, options = str(config.get("Type") or ""), config.get("Config") or {}
    return {"log_driver": "" if driver == "json-file" and not options else driver, "log_options": dict(options)}


def _health_fields(config: Body, base: Body, lost: list[str]) -> dict[str, Any]:
    health = config.get("Healthcheck") or {}
    if not health or health == base.get("Healthcheck"):
        return {}
    test: Sequence[str] = health.get("Test") or ()
    if list(test) == ["NONE"]:
        return {"no_healthcheck": True}
    found: dict[str, Any] = {name: round((health.get(member) or 0) / COVER_MS) for name, member in HEALTH.items()}
    if test and list(test) != ((base.get("Healthcheck") or {}).get("Test") or []):
        if test[0] != "CMD-SHELL":
            lost.append("Config.Healthcheck.Test")
        found["health_command"] = test[1] if test[0] == "CMD-SHELL" else " ".join(test[1:])
    return found | {"health_retries": health.get("Retries") or 0}


def _mounts(config: Body, host: Body, base: Body, lost: list[str]) -> Iterator[Mount]:
    for text in host.get("Binds") or ():
        try:
            yield read_volume(text)
        except Invalid:
            lost.append(f"HostConfig.Binds {text}")
    own = (config.get("Volumes") or {}).keys()
    for target in own - (base.get("Volumes") or {}).keys():
        yield Mount(MountKind.VOLUME, target)
    for target, words in (host.get("Tmpfs") or {}).items():
        rest = [word for word in words.split(",") if word not in ("", "rw", "ro")]
        yield Mount(MountKind.TMPFS, target, read_only="ro" in words.split(","), options=",".join(rest))
    for given in host.get("Mounts") or ():
        if given.get("Target") in own and NAMELESS.fullmatch(str(given.get("Source"))):
            # one that an earlier container had made without a name, and this one was given
            continue
        if given.get("Type") in [*MountKind]:
            yield _strict(given, lost)
        else:
            lost.append(f"HostConfig.Mounts {given.get('Target')}")


def _strict(given: Body, lost: list[str]) -> Mount:
    bind, volume, tmpfs = (given.get(f"{name}Options") or {} for name in ("Bind", "Volume", "Tmpfs"))
    options = [bind["Propagation"]] if bind.get("Propagation") else []
    options += ["nocopy"] if volume.get("NoCopy") else []
    options += [f"size={tmpfs['SizeBytes']}"] if tmpfs.get("SizeBytes") else []
    options += [f"mode={tmpfs['Mode']:o}"] if tmpfs.get("Mode") else []
    more = {**bind, **volume, **tmpfs}.items()
    if any(value and name not in ("Propagation", "NoCopy", "SizeBytes", "Mode") for name, value in more):
        lost.append(f"HostConfig.Mounts {given.get('Target')}")
    kind, source = MountKind(given["Type"]), str(given.get("Source") or "")
    return Mount(
        kind, str(given.get("Target")), source, bool(given.get("ReadOnly")), strict=True, options=",".join(options)
    )


def _networks(document: Body, lost: list[str]) -> tuple[Join, ...]:
    mode = str((document.get("HostConfig") or {}).get("NetworkMode") or "")
    if mode in ("host", "none") or mode.startswith("container:"):
        return (Join(mode),)
    there = (document.get("NetworkSettings") or {}).get("Networks") or {}
    joins = {name: _join(name, endpoint or {}, document, lost) for name, endpoint in there.items()}
    first = next((name for name, one in there.items() if mode in (name, (one or {}).get("NetworkID"))), mode)
    if mode in DEFAULT_NETWORKS:
        first = "bridge"
    names = dict.fromkeys((first, *joins))
    found = tuple(joins.get(name, Join(name)) for name in names)
    return () if found == (Join("bridge"),) else found


def _join(name: str, endpoint: Body, document: Body, lost: list[str]) -> Join:
    given = endpoint.get("IPAMConfig") or {}
    own = {str(document.get("Id", ""))[:12], str(document.get("Name", "")).lstrip("/")}
    aliases = tuple(alias for alias in endpoint.get("Aliases") or () if alias not in own)
    if endpoint.get("DriverOpts") or endpoint.get("Links"):
        lost.append(f"NetworkSettings.Networks {name}")
    return Join(name, aliases, str(given.get("IPv4Address") or ""), str(given.get("IPv6Address") or ""))
