"""What a host has of a project, as its engine tells it.

What is kept is what a plan depends on, so that two looks at a world that did not move are equal: no health, no times.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec

from console.stacks.planning import labels

Document = Mapping[str, Any]
ALIVE = frozenset({"running", "paused", "restarting"})


@dataclass(frozen=True, slots=True)
class SeenContainer:
    """``made`` is what it was made with, as inspection has it: Config, HostConfig and the networks it is on."""

    engine_id: str
    name: str
    service: str
    number: int
    config_hash: str
    image: str
    image_engine_id: str
    state: str
    exit_code: int | None = None
    is_ours: bool = False
    # mount points of volumes without a name of their own, which go with the container
    anonymous_volumes: tuple[str, ...] = ()
    # whose ports it shares
    sharing_group: str = ""
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def is_alive(self) -> bool:
        return self.state in ALIVE

    @property
    def is_half_made(self) -> bool:
        """Never started: whoever made it was cut short."""
        return self.is_ours and self.state == "created"


@dataclass(frozen=True, slots=True)
class SeenNetwork:
    name: str
    engine_id: str
    driver: str
    internal: bool
    has_ipv6: bool
    subnets: tuple[str, ...]
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class SeenVolume:
    name: str
    driver: str
    options: dict[str, str]
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class World:
    """Containers are the project's, by service and number; networks and volumes those it names or has made; images
    are the ids (64 hex digits) of those that its services name and the host has. ``shares_ports``: several containers
    can have one published port.
    """

    containers: tuple[SeenContainer, ...] = ()
    networks: dict[str, SeenNetwork] = field(default_factory=dict)
    volumes: dict[str, SeenVolume] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    shares_ports: bool = False

    @property
    def running_images(self) -> dict[str, str]:
        """The id of the image that a service's first container has, by service."""
        return {one.service: one.image_engine_id for one in reversed(self.containers) if one.image_engine_id}

    @property
    def digest(self) -> str:
        text = json.dumps(msgspec.to_builtins(self), sort_keys=True, default=list)
        return hashlib.sha256(text.encode()).hexdigest()

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        return msgspec.convert(document, cls)

    @classmethod
    def of(
        cls,
        project: str,
        *,
        containers: Iterable[Document],
        networks: Iterable[Document],
        volumes: Iterable[Document],
        images: Mapping[str, str],
        named: frozenset[str] = frozenset(),
        shares_ports: bool = False,
    ) -> Self:
        """Out of what inspection answers. ``named``: names on the host that the project's file speaks of."""
        seen = [seen_container(one) for one in containers if _is_part(one, project)]
        return cls(
            tuple(sorted(seen, key=lambda one: (one.service, one.number, one.engine_id))),
            {one.name: one for one in map(_seen_network, networks) if _belongs(one, project, named)},
            {one.name: one for one in map(_seen_volume, volumes) if _belongs(one, project, named)},
            dict(sorted(images.items())),
            shares_ports,
        )


def _is_part(document: Document, project: str) -> bool:
    found = _labels(document["Config"])
    return found.get(labels.PROJECT) == project and labels.SERVICE in found and not labels.is_one_off(found)


def _belongs(one: SeenNetwork | SeenVolume, project: str, named: frozenset[str]) -> bool:
    return one.name in named or one.labels.get(labels.PROJECT) == project


def seen_container(document: Document) -> SeenContainer:
    config, state = document["Config"], document.get("State") or {}
    found = _labels(config)
    status = str(state.get("Status", ""))
    return SeenContainer(
        engine_id=str(document["Id"]),
        name=str(document.get("Name", "")).lstrip("/"),
        service=found.get(labels.SERVICE, ""),
        number=labels.number_of(found),
        config_hash=found.get(labels.CONFIG_HASH, ""),
        image=str(config.get("Image", "")),
        image_engine_id=str(document.get("Image", "")).removeprefix("sha256:"),
        state=status,
        exit_code=int(state.get("ExitCode", 0)) if status in ("exited", "dead") else None,
        is_ours=labels.RELEASE in found,
        anonymous_volumes=tuple(sorted(anonymous_volumes(document).values())),
        sharing_group=found.get(labels.SHARED_PORTS, ""),
        made=_made(document),
    )


def anonymous_volumes(document: Document) -> dict[str, str]:
    """Volumes whose names an engine made up (64 hex digits) → where they are mounted."""
    return {
        str(one["Name"]): str(one.get("Destination", ""))
        for one in document.get("Mounts") or []
        if one.get("Type") == "volume" and _is_digest(str(one.get("Name", "")))
    }


def _is_digest(text: str) -> bool:
    return len(text) == 64 and not set(text) - set("0123456789abcdef")


def _made(document: Document) -> dict[str, Any]:
    config, host = dict(document["Config"]), dict(document.get("HostConfig") or {})
    # what an engine makes up when a container starts
    for name in ("Hostname",) if str(config.get("Hostname", "")) == str(document["Id"])[:12] else ():
        config.pop(name)
    joined = (document.get("NetworkSettings") or {}).get("Networks") or {}
    networks = {name: sorted((one or {}).get("Aliases") or []) for name, one in sorted(joined.items())}
    kept = {key: config[key] for key in sorted(config) if config[key] not in (None, "", [], {})}
    return {"Config": kept, "HostConfig": {key: host[key] for key in sorted(host)}, "Networks": networks}


def _seen_network(document: Document) -> SeenNetwork:
    config = (document.get("IPAM") or {}).get("Config") or []
    return SeenNetwork(
        name=str(document["Name"]),
        engine_id=str(document["Id"]),
        driver=str(document.get("Driver", "")),
        internal=bool(document.get("Internal")),
        has_ipv6=bool(document.get("EnableIPv6")),
        subnets=tuple(sorted(str(one.get("Subnet", "")) for one in config)),
        labels=_labels(document),
    )


def _seen_volume(document: Document) -> SeenVolume:
    options = {str(key): str(value) for key, value in (document.get("Options") or {}).items()}
    return SeenVolume(str(document["Name"]), str(document.get("Driver", "")), options, _labels(document))


def _labels(document: Document) -> dict[str, str]:
    return {str(key): str(value) for key, value in (document.get("Labels") or {}).items()}
