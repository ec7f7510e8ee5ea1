"""Networks and volumes of an engine: what there is, who uses them, and how they change.

Field names follow Docker's API reference (``GET /networks``, ``GET /volumes``, ``GET /containers/{id}/json``). Who
is on a network and who has a volume is read from the containers' own documents, which engines complete for
stopped ones too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from console.hosts.facts import Fact
from console.hosts.gateway import Engine
from console.operations.errors import Missing

Document = Mapping[str, Any]
SLOW_S = 120.0
# the label of what a job made, on containers as well
JOB_LABEL = "naru.job"


@dataclass(frozen=True, slots=True)
class NetworkFact(Fact):
    """``subnets``: ``{"subnet", "gateway", "ip_range"}``. ``members``: ``{"container" (64 hex digits), "name", "ipv4",
    "ipv6", "mac", "aliases"}``; one that does not run has no addresses.
    """

    engine_id: str
    name: str
    driver: str
    scope: str
    is_internal: bool
    is_attachable: bool
    has_ipv6: bool
    subnets: list[dict[str, str]]
    options: dict[str, str]
    labels: dict[str, str]
    members: list[dict[str, Any]]
    created_at: str


@dataclass(frozen=True, slots=True)
class VolumeFact(Fact):
    """``users``: ``{"container", "name", "destination", "is_writable", "job"}``, job being that which made it."""

    name: str
    driver: str
    scope: str
    mountpoint: str
    options: dict[str, str]
    labels: dict[str, str]
    users: list[dict[str, Any]]
    created_at: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How a container joins a network. What is empty is chosen by the engine."""

    aliases: Sequence[str] = ()
    ipv4: str = ""
    ipv6: str = ""

    def as_docker(self) -> dict[str, Any]:
        addresses = {"IPv4Address": self.ipv4, "IPv6Address": self.ipv6}
        given = {name: address for name, address in addresses.items() if address}
        return {"Aliases": list(self.aliases), **({"IPAMConfig": given} if given else {})}


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """What a new network should be. ``subnets`` as in NetworkFact, with "" for what the engine chooses."""

    name: str
    driver: str = "bridge"
    is_internal: bool = False
    is_attachable: bool = False
    has_ipv6: bool = False
    subnets: Sequence[Mapping[str, str]] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def as_docker(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "Name": self.name,
            "Driver": self.driver,
            "CheckDuplicate": True,
            "Internal": self.is_internal,
            "Attachable": self.is_attachable,
            "EnableIPv6": self.has_ipv6,
            "Options": dict(self.options),
            "Labels": dict(self.labels),
        }
        if self.subnets:
            body["IPAM"] = {"Driver": "default", "Config": [_ipam(one) for one in self.subnets]}
        return body


@dataclass(frozen=True, slots=True)
class VolumeSpec:
    name: str
    driver: str = "local"
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def as_docker(self) -> dict[str, Any]:
        options, labels = dict(self.options), dict(self.labels)
        return {"Name": self.name, "Driver": self.driver, "DriverOpts": options, "Labels": labels}


# --- what there is ---


async def networks(engine: Engine, containers: Iterable[Document]) -> list[NetworkFact]:
    """``containers`` are the engine's documents of all containers."""
    members: dict[str, list[dict[str, Any]]] = {}
    for container in containers:
        joined = (container.get("NetworkSettings") or {}).get("Networks") or {}
        for name, endpoint in joined.items():
            key = str((endpoint or {}).get("NetworkID") or name)
            members.setdefault(key, []).append(_member(container, endpoint or {}))
    listed = await engine.json("networks") or []
    return [network_fact(one, members) for one in listed]


async def volumes(engine: Engine, containers: Iterable[Document]) -> list[VolumeFact]:
    users: dict[str, list[dict[str, Any]]] = {}
    for container in containers:
        for mount in container.get("Mounts") or []:
            if mount.get("Type") == "volume" and mount.get("Name"):
                users.setdefault(str(mount["Name"]), []).append(_user(container, mount))
    listed = (await engine.json("volumes") or {}).get("Volumes") or []
    return [volume_fact(one, users) for one in listed]


async def get_volume(engine: Engine, name: str) -> VolumeFact:
    """Without its users. Missing when there is none of that name."""
    return volume_fact(await engine.json(f"volumes/{name}"), {})


async def running_users(engine: Engine, name: str) -> list[str]:
    """Ids of the containers that run and have the volume."""
    listed = await engine.json("containers/json") or []
    return [
        str(entry["Id"])
        for entry in listed
        if any(mount.get("Type") == "volume" and mount.get("Name") == name for mount in entry.get("Mounts") or [])
    ]


async def volume_sizes(engine: Engine) -> dict[str, int]:
    """Bytes by name, of those that the engine can measure. It reads all the files for it."""
    found = await engine.json("system/df", timeout_s=SLOW_S) or {}
    sizes = {str(one["Name"]): (one.get("UsageData") or {}).get("Size") for one in found.get("Volumes") or []}
    return {name: int(size) for name, size in sizes.items() if size is not None and int(size) >= 0}


def network_fact(document: Document, members: Mapping[str, list[dict[str, Any]]]) -> NetworkFact:
    engine_id, name = str(document["Id"]), str(document.get("Name") or "")
    # a container that never ran knows its networks by name alone
    found = [*members.get(engine_id, ()), *(members.get(name, ()) if name != engine_id else ())]
    return NetworkFact(
        engine_id=engine_id,
        name=name,
        driver=str(document.get("Driver") or ""),
        scope=str(document.get("Scope") or ""),
        is_internal=bool(document.get("Internal")),
        is_attachable=bool(document.get("Attachable")),
        has_ipv6=bool(document.get("EnableIPv6")),
        subnets=[_subnet(one) for one in (document.get("IPAM") or {}).get("Config") or []],
        options=_texts(document.get("Options")),
        labels=_texts(document.get("Labels")),
        members=sorted(found, key=lambda member: (member["name"], member["container"])),
        created_at=_time(document.get("Created")),
    )


def volume_fact(document: Document, users: Mapping[str, list[dict[str, Any]]]) -> VolumeFact:
    name = str(document["Name"])
    return VolumeFact(
        name=name,
        driver=str(document.get("Driver") or ""),
        scope=str(document.get("Scope") or ""),
        mountpoint=str(document.get("Mountpoint") or ""),
        options=_texts(document.get("Options")),
        labels=_texts(document.get("Labels")),
        users=sorted(users.get(name, ()), key=lambda user: (user["name"], user["destination"])),
        created_at=_time(document.get("CreatedAt")),
    )


# --- how they change ---


async def create_network(engine: Engine, spec: NetworkSpec) -> str:
    """The new network's id."""
    return str((await engine.json("networks/create", "POST", body=spec.as_docker()))["Id"])


async def find_network(engine: Engine, name: str) -> NetworkFact | None:
    """By name or id."""
    try:
        return network_fact(await engine.json(f"networks/{name}"), {})
    except Missing:
        return None


async def remove_network(engine: Engine, engine_id: str) -> None:
    await engine.json(f"networks/{engine_id}", "DELETE")


async def connect_container(engine: Engine, network: str, container: str, endpoint: Endpoint) -> None:
    body = {"Container": container, "EndpointConfig": endpoint.as_docker()}
    await engine.json(f"networks/{network}/connect", "POST", body=body)


async def disconnect_container(engine: Engine, network: str, container: str, *, force: bool) -> None:
    await engine.json(f"networks/{network}/disconnect", "POST", body={"Container": container, "Force": force})


async def networks_of(engine: Engine, container: str) -> set[str]:
    """Ids and names of the networks that the container is on."""
    document = await engine.json(f"containers/{container}/json")
    joined = (document.get("NetworkSettings") or {}).get("Networks") or {}
    return {*joined, *(str((endpoint or {}).get("NetworkID") or "") for endpoint in joined.values())}


async def create_volume(engine: Engine, spec: VolumeSpec) -> None:
    """Fine if there is one of that name with that driver already: engines give that back."""
    await engine.json("volumes/create", "POST", body=spec.as_docker())


async def remove_volume(engine: Engine, name: str) -> None:
    await engine.json(f"volumes/{name}", "DELETE", timeout_s=SLOW_S)


# --- shapes ---


def _member(container: Document, endpoint: Document) -> dict[str, Any]:
    engine_id = str(container["Id"])
    # engines add the id's beginning to the names by which a container is known on a network
    aliases = [str(alias) for alias in endpoint.get("Aliases") or [] if alias != engine_id[:12]]
    return {
        "container": engine_id,
        "name": _name(container),
        "ipv4": str(endpoint.get("IPAddress") or ""),
        "ipv6": str(endpoint.get("GlobalIPv6Address") or ""),
        "mac": str(endpoint.get("MacAddress") or ""),
        "aliases": sorted(set(aliases)),
    }


def _user(container: Document, mount: Document) -> dict[str, Any]:
    labels = (container.get("Config") or {}).get("Labels") or {}
    return {
        "container": str(container["Id"]),
        "name": _name(container),
        "destination": str(mount.get("Destination") or ""),
        "is_writable": bool(mount.get("RW", True)),
        "job": str(labels.get(JOB_LABEL) or ""),
    }


def _name(container: Document) -> str:
    return str(container.get("Name") or "").lstrip("/")


def _subnet(config: Document) -> dict[str, str]:
    return {
        "subnet": str(config.get("Subnet") or ""),
        "gateway": str(config.get("Gateway") or ""),
        "ip_range": str(config.get("IPRange") or ""),
    }


def _ipam(subnet: Mapping[str, str]) -> dict[str, str]:
    named = {"Subnet": subnet.get("subnet"), "Gateway": subnet.get("gateway"), "IPRange": subnet.get("ip_range")}
    return {name: value for name, value in named.items() if value}


def _texts(given: Document | None) -> dict[str, str]:
    return {str(name): str(value) for name, value in (given or {}).items()}


def _time(text: str | None) -> str:
    """Networks of an engine's first start may have no time worth the name."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return datetime.fromtimestamp(0, UTC).isoformat()
