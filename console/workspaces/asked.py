"""What a container or a build asks of its host, read out of the complete specification. Pure.

The body is that of ``POST /containers/create``. Names of members are read as Docker reads them, whatever their case;
one that is given twice is Invalid. What is not known here and is not empty is kept in ``other``, which no
rule allows: a field that an engine learns later is refused until it is judged.
"""

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from console.operations.errors import Invalid

Body = Mapping[str, Any]


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - recognised, not bound
CONFIG_HARMLESS = names(
    "ArgsEscaped AttachStderr AttachStdin AttachStdout Cmd Domainname Entrypoint Env ExposedPorts Healthcheck "
    "HostConfig Hostname Image Labels MacAddress NetworkDisabled NetworkingConfig OnBuild OpenStdin Shell "
    "StdinOnce StopSignal StopTimeout Tty User Volumes WorkingDir"
)
HOST_HARMLESS = names(
    "AutoRemove BlkioDeviceReadBps BlkioDeviceReadIOps BlkioDeviceWriteBps BlkioDeviceWriteIOps BlkioWeight "
    "BlkioWeightDevice CapDrop ConsoleSize ContainerIDFile CpuCount CpuPercent CpuPeriod CpuQuota CpuShares "
    "CpusetCpus CpusetMems Dns DnsOptions DnsSearch ExtraHosts GroupAdd Init Isolation KernelMemory "
    "KernelMemoryTCP Memory MemoryReservation MemorySwap MemorySwappiness NanoCpus PidsLimit ReadonlyRootfs "
    "RestartPolicy ShmSize StorageOpt Tmpfs Ulimits"
)
# judged by a rule of their own, below
HOST_JUDGED = names(
    "Binds CapAdd CgroupnsMode DeviceRequests Devices IpcMode Links LogConfig Mounts NetworkMode OomKillDisable "
    "OomScoreAdj PidMode PortBindings Privileged PublishAllPorts SecurityOpt Sysctls UTSMode UsernsMode "
    "VolumeDriver VolumesFrom"
)
INSIDE = names(
    "BindOptions CgroupPermissions Config Driver DriverConfig EndpointsConfig HostIp HostPort MaximumRetryCount Name "
    "NoCopy Options PathInContainer PathOnHost Propagation ReadOnly SizeBytes Source Target TmpfsOptions Type "
    "VolumeOptions"
)
# those whose keys are people's own words, and of these, and others, what lies below is theirs too
KEYED = names("EndpointsConfig PortBindings")
VERBATIM = names("ExposedPorts Labels Options StorageOpt Sysctls Tmpfs Volumes")
NAMESPACES = {
    "PidMode": "pid",
    "IpcMode": "ipc",
    "UTSMode": "uts",
    "NetworkMode": "network",
    "UsernsMode": "user",
    "CgroupnsMode": "cgroup",
}
# modes that share nothing; whatever else an engine may know is refused
PRIVATE = frozenset({"", "private", "shareable", "none"})
# null is the engine's own list, but an empty list takes the walls away
WALLS = ("MaskedPaths", "ReadonlyPaths")
MEMBERS = {name.casefold(): name for name in (*CONFIG_HARMLESS, *HOST_HARMLESS, *HOST_JUDGED, *INSIDE, *WALLS)}
OWN_NETWORKS = frozenset({"", "default", "bridge", "none", "host"})
LOG_DRIVERS = frozenset({"", "json-file", "local", "none"})
NO_NEW_PRIVILEGES = frozenset({"no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"})


@dataclass(frozen=True, slots=True)
class Asked:
    """Sizes 0: no limit asked for. ``other`` names fields of the specification that no rule can allow."""

    privileged: bool = False
    host_namespaces: frozenset[str] = frozenset()
    # containers whose namespaces, volumes or names it wants to share
    joins: tuple[str, ...] = ()
    # absolute paths of the host, without "..", links not followed
    binds: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    capabilities: frozenset[str] = frozenset()
    devices: tuple[str, ...] = ()
    # IP addresses on which ports are published; 0.0.0.0 is all of them
    addresses: tuple[str, ...] = ()
    registries: tuple[str, ...] = ()
    # address ranges of a network to be made
    subnets: tuple[str, ...] = ()
    memory_bytes: int = 0
    cpus: float = 0.0
    containers: int = 0
    other: tuple[str, ...] = ()


def asked_by_container(body: Body, *, registries: Iterable[str] = ()) -> Asked:
    """``registries`` are those that would have to be asked for the image. Invalid when a field has a wrong shape."""
    body = _as_docker_reads(body)
    host = _mapping(body, "HostConfig")
    namespaces, joins = _namespaces(host)
    binds, volumes = _mounts(host)
    return Asked(
        privileged=bool(host.get("Privileged")),
        host_namespaces=namespaces,
        joins=(*joins, *(text.split(":")[0] for name in ("VolumesFrom", "Links") for text in _words(host, name))),
        binds=binds,
        volumes=volumes,
        networks=_networks(body, host),
        capabilities=frozenset(name.upper().removeprefix("CAP_") for name in _words(host, "CapAdd")),
        devices=_devices(host),
        addresses=_addresses(host),
        registries=tuple(registries),
        memory_bytes=_number(host, "Memory"),
        cpus=_cpus(host),
        containers=1,
        other=(*_unknown(body, host), *_loosened(host)),
    )


def _as_docker_reads(value: Any, *, is_ours: bool = False) -> Any:
    """With every member's name in its one spelling. ``is_ours``: the keys are somebody's own words."""
    if isinstance(value, list):
        return [_as_docker_reads(entry) for entry in value]
    if not isinstance(value, Mapping):
        return value
    found: dict[str, Any] = {}
    for given, entry in value.items():
        name = str(given) if is_ours else MEMBERS.get(str(given).casefold(), str(given))
        if name in found:
            raise Invalid(_("The field %(field)s is given twice.") % {"field": name}, field=name)
        found[name] = entry if name in VERBATIM and not is_ours else _as_docker_reads(entry, is_ours=name in KEYED)
    return found


def _namespaces(host: Body) -> tuple[frozenset[str], list[str]]:
    shared, joins = set(), []
    for field, name in NAMESPACES.items():
        mode, _colon, whose = _word(host, field).partition(":")
        if mode == "host":
            shared.add(name)
        elif mode == "container":
            joins.append(whose)
    return frozenset(shared), joins


def _is_known_mode(host: Body, field: str) -> bool:
    mode = _word(host, field)
    return mode in PRIVATE or mode == "host" or mode.startswith("container:")


def _mounts(host: Body) -> tuple[tuple[str, ...], tuple[str, ...]]:
    binds: list[str] = []
    volumes: list[str] = []
    for text in _words(host, "Binds"):
        source, colon, _rest = text.partition(":")
        if colon:
            (binds if source.startswith("/") else volumes).append(source)
    for mount in _mappings(host, "Mounts"):
        source, kind = _word(mount, "Source"), _word(mount, "Type")
        driver = _mapping(_mapping(mount, "VolumeOptions"), "DriverConfig")
        if kind == "bind":
            binds.append(source)
        elif kind == "volume" and _mapping(driver, "Options"):
            # `o=bind,device=/etc` makes a volume of any directory of the host
            binds.append(_word(_mapping(driver, "Options"), "device") or "/")
        elif kind == "volume" and _word(driver, "Name") not in ("", "local"):
            binds.append("/")
        elif kind == "volume" and source:
            volumes.append(source)
        elif kind not in ("volume", "tmpfs"):
            binds.append("/")
    return tuple(_plain(path) for path in binds), tuple(volumes)


def _plain(path: str) -> str:
    """One spelling for one path. What is no absolute path is taken for the root: nothing covers it by accident."""
    plain = posixpath.normpath(path) if path.startswith("/") and "\0" not in path else "/"
    # POSIX keeps two slashes at the beginning apart from one; Linux does not
    return "/" + plain.lstrip("/")


def _networks(body: Body, host: Body) -> tuple[str, ...]:
    mode = _word(host, "NetworkMode")
    joined = [mode] if not mode.startswith("container:") else []
    joined += _mapping(_mapping(body, "NetworkingConfig"), "EndpointsConfig")
    return tuple(name for name in dict.fromkeys(joined) if name not in OWN_NETWORKS)


def _devices(host: Body) -> tuple[str, ...]:
    paths = [_plain(_word(device, "PathOnHost")) for device in _mappings(host, "Devices")]
    return (*paths, *(_word(request, "Driver") or "gpu" for request in _mappings(host, "DeviceRequests")))


def _addresses(host: Body) -> tuple[str, ...]:
    found = [ANY_ADDRESS] if host.get("PublishAllPorts") else []
    for bindings in _mapping(host, "PortBindings").values():
        if not isinstance(bindings or [], list):
            raise _misshapen("HostConfig.PortBindings")
        found += [_word(binding, "HostIp") or ANY_ADDRESS for binding in bindings or [] if _is_mapping(binding)]
    return tuple(dict.fromkeys(found))


def _cpus(host: Body) -> float:
    nano, quota, period = (_number(host, name) for name in ("NanoCpus", "CpuQuota", "CpuPeriod"))
    return nano / 1e9 if nano else max(quota, 0) / (period or 100_000)


def _unknown(body: Body, host: Body) -> list[str]:
    unknown = [name for name, value in body.items() if value and name not in CONFIG_HARMLESS]
    known = HOST_HARMLESS | HOST_JUDGED
    return unknown + [
        f"HostConfig.{name}" for name, value in host.items() if value and name not in known and name not in WALLS
    ]


def _loosened(host: Body) -> list[str]:
    """What takes away from the container's own walls or from its neighbours."""
    found = [f"HostConfig.{name}" for name in WALLS if host.get(name) is not None]
    found += [f"HostConfig.{name}" for name in NAMESPACES if name != "NetworkMode" and not _is_known_mode(host, name)]
    if any(option not in NO_NEW_PRIVILEGES for option in _words(host, "SecurityOpt")):
        found.append("HostConfig.SecurityOpt")
    if any(not name.startswith("net.") for name in _mapping(host, "Sysctls")):
        found.append("HostConfig.Sysctls")
    if _word(_mapping(host, "LogConfig"), "Type") not in LOG_DRIVERS:
        found.append("HostConfig.LogConfig")
    if _word(host, "VolumeDriver") not in ("", "local"):
        found.append("HostConfig.VolumeDriver")
    if host.get("OomKillDisable"):
        found.append("HostConfig.OomKillDisable")
    if _number(host, "OomScoreAdj") < 0:
        found.append("HostConfig.OomScoreAdj")
    return found


# --- shapes ---


def _misshapen(field: str) -> Invalid:
    return Invalid(_("The field %(field)s has a wrong shape.") % {"field": field}, field=field)


def _is_mapping(value: object) -> bool:
    if not isinstance(value, Mapping):
        raise _misshapen("HostConfig.PortBindings")
    return True


def _mapping(body: Body, field: str) -> Body:
    value = body.get(field) or {}
    if not isinstance(value, Mapping):
        raise _misshapen(field)
    return value


def _mappings(body: Body, field: str) -> list[Body]:
    value = body.get(field) or []
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise _misshapen(field)
    return value


def _words(body: Body, field: str) -> list[str]:
    value = body.get(field) or []
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise _misshapen(field)
    return value


def _word(body: Body, field: str) -> str:
    value = body.get(field) or ""
    if not isinstance(value, str):
        raise _misshapen(field)
    return value


def _number(body: Body, field: str) -> int:
    value = body.get(field) or 0
    if isinstance(value, bool) or not isinstance(value, int):
        raise _misshapen(field)
    return value
