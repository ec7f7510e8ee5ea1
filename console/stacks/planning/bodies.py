"""A project in the words of Docker's API: the bodies that make containers, networks and volumes."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from console.stacks.compose.model import Network, Project, Service, Volume
from console.stacks.compose.parts import FileReference, Healthcheck
from console.stacks.planning import labels
from console.stacks.planning.host_config import host_config
from console.stacks.planning.names import first_name, port_key

Body = dict[str, Any]
# what says how many, in which order and from where, and nothing about one container
NOT_OF_ONE = ("build", "pull_policy", "pull_refresh_after", "scale", "depends_on", "profiles", "attach")


@dataclass(frozen=True, slots=True)
class Contents:
    """SHA-256 of what is in secrets and configs, by "secrets/KEY" and "configs/KEY". What is not known stays out."""

    digests: Mapping[str, str] = field(default_factory=dict)

    def of(self, service: Service) -> dict[str, str]:
        keys = [f"secrets/{one.source}" for one in service.secrets] + [
            f"configs/{one.source}" for one in service.configs
        ]
        return {key: self.digests[key] for key in keys if key in self.digests}


@dataclass(frozen=True, slots=True)
class PlacedFile:
    """A secret or config in a container: the file at ``path`` gets what ``key`` ("secrets/db-password") holds."""

    path: str
    key: str
    uid: int = 0
    gid: int = 0
    mode: int = 0o444


def image_of(project: Project, name: str, service: Service) -> str:
    """What is built has a name of its own where the file gives none, as ``docker compose`` names it."""
    return service.image or f"{project.name}-{name}"


def config_hash(project: Project, name: str, service: Service, contents: Contents) -> str:
    """What one container of the service is made from; another hash means another container."""
    document = msgspec.to_builtins(service)
    for one in NOT_OF_ONE:
        document.pop(one)
    if service.deploy is not None:
        document["deploy"] = {key: document["deploy"][key] for key in ("labels", "resources", "restart_policy")}
    document["image"] = image_of(project, name, service)
    document["network names"] = [project.networks[key].name for key in service.networks if key in project.networks]
    used = [mount.source for mount in service.volumes if mount.source in project.volumes]
    document["volume names"] = [project.volumes[key].name for key in used]
    document["contents"] = contents.of(service)
    return hashlib.sha256(json.dumps(document, sort_keys=True, default=list).encode()).hexdigest()


def files_of(service: Service) -> list[PlacedFile]:
    return [
        *(_placed(one, "secrets", "/run/secrets/", 0o444) for one in service.secrets),
        *(_placed(one, "configs", "/", 0o444) for one in service.configs),
    ]


def _placed(one: FileReference, section: str, directory: str, mode: int) -> PlacedFile:
    target = one.target or one.source
    path = target if target.startswith("/") else directory + target
    uid, gid = (int(word) if word.isdecimal() else 0 for word in (one.uid, one.gid))
    return PlacedFile(path, f"{section}/{one.source}", uid, gid, mode if one.mode is None else one.mode)


# --- containers ---


def container_body(
    project: Project, name: str, number: int, *, hash_: str, more_labels: Mapping[str, str], image: str = ""
) -> Body:
    """Complete, but that values which refer to secrets are still references. ``image``: this one, by its id."""
    service = project.services[name]
    networks = sorted(service.networks, key=lambda key: -(service.networks[key].priority))
    body: Body = {
        "Image": image or image_of(project, name, service),
        "Env": [f"{key}={value}" for key, value in service.environment.items()],
        "Labels": {**_own(service.labels), **_compose_labels(project, name, number, hash_), **more_labels},
        "ExposedPorts": {key: {} for key in (*_exposed(service.expose), *(port_key(port) for port in service.ports))},
        "HostConfig": host_config(project, service),
        "NetworkingConfig": {"EndpointsConfig": _endpoints(project, name, networks[:1])},
    }
    given: Body = {
        "Cmd": service.command,
        "Entrypoint": service.entrypoint,
        "Hostname": service.hostname,
        "Domainname": service.domainname,
        "User": service.user,
        "WorkingDir": service.working_dir,
        "Tty": service.tty,
        "OpenStdin": service.stdin_open,
        "StopSignal": service.stop_signal,
        "MacAddress": service.mac_address,
        "Healthcheck": _health(service.healthcheck),
        "Volumes": {mount.target: {} for mount in service.volumes if mount.type == "volume" and not mount.source},
    }
    if service.stop_grace_period_ns is not None:
        given["StopTimeout"] = -(-service.stop_grace_period_ns // 10**9)
    body |= {key: list(value) if isinstance(value, tuple) else value for key, value in given.items() if _is_said(value)}
    return body


def later_networks(project: Project, name: str) -> dict[str, Body]:
    """Endpoints on networks after the first, by the network's name on the host: joined once the container exists."""
    service = project.services[name]
    keys = sorted(service.networks, key=lambda key: -(service.networks[key].priority))
    return _endpoints(project, name, keys[1:])


def _is_said(value: Any) -> bool:
    """An empty entrypoint is said: it takes the image's away."""
    return value == () or bool(value)


def _own(said: Mapping[str, str]) -> dict[str, str]:
    """What a file may not say of a container is not taken from an old release either."""
    return {name: value for name, value in said.items() if not name.startswith(labels.CONSOLES)}


def _compose_labels(project: Project, name: str, number: int, hash_: str) -> dict[str, str]:
    service = project.services[name]
    waits = [f"{key}:{one.condition}:{str(one.restart).lower()}" for key, one in service.depends_on.items()]
    deployed = service.deploy.labels if service.deploy is not None else {}
    return {
        **_own(deployed),
        labels.PROJECT: project.name,
        labels.SERVICE: name,
        labels.NUMBER: str(number),
        labels.ONE_OFF: "False",
        labels.CONFIG_HASH: hash_,
        labels.DEPENDS_ON: ",".join(waits),
        labels.DIRECTORY: project.directory,
    }


def _exposed(words: Iterable[str]) -> list[str]:
    found = []
    for word in words:
        ports, _slash, protocol = word.partition("/")
        first, _dash, last = ports.partition("-")
        found += [f"{port}/{protocol or 'tcp'}" for port in range(int(first), int(last or first) + 1)]
    return found


def _health(check: Healthcheck | None) -> Body | None:
    if check is None:
        return None
    if check.disable:
        return {"Test": ["NONE"]}
    said = {
        "Test": list(check.test),
        "Interval": check.interval_ns,
        "Timeout": check.timeout_ns,
        "StartPeriod": check.start_period_ns,
        "StartInterval": check.start_interval_ns,
        "Retries": check.retries,
    }
    return {key: value for key, value in said.items() if value}


def _endpoints(project: Project, name: str, keys: Iterable[str]) -> dict[str, Body]:
    service = project.services[name]
    found = {}
    for key in keys:
        said = service.networks[key]
        addresses = {"IPv4Address": said.ipv4_address, "IPv6Address": said.ipv6_address}
        ipam: Body = {word: value for word, value in addresses.items() if value}
        if said.link_local_ips:
            ipam["LinkLocalIPs"] = list(said.link_local_ips)
        links = [f"{first_name(project, other)}:{alias or other}" for other, _c, alias in map(_link, service.links)]
        endpoint: Body = {"Aliases": list(dict.fromkeys([name, *said.aliases]))}
        more = {
            "Links": [*links, *service.external_links],
            "IPAMConfig": ipam,
            "MacAddress": said.mac_address,
            "DriverOpts": said.driver_opts,
        }
        found[project.networks[key].name] = endpoint | {word: value for word, value in more.items() if value}
    return found


def _link(text: str) -> tuple[str, str, str]:
    return text.partition(":")


def network_body(project: Project, key: str, network: Network) -> Body:
    body: Body = {
        "Name": network.name,
        "CheckDuplicate": True,
        "Driver": network.driver or "bridge",
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Options": network.driver_opts,
        "Labels": {**network.labels, labels.PROJECT: project.name, labels.NETWORK: key},
    }
    if network.enable_ipv6 is not None:
        body["EnableIPv6"] = network.enable_ipv6
    if network.ipam.config or network.ipam.driver or network.ipam.options:
        config = [
            {
                word: value
                for word, value in (
                    ("Subnet", one.subnet),
                    ("IPRange", one.ip_range),
                    ("Gateway", one.gateway),
                    ("AuxiliaryAddresses", one.aux_addresses),
                )
                if value
            }
            for one in network.ipam.config
        ]
        body["IPAM"] = {"Driver": network.ipam.driver or "default", "Config": config, "Options": network.ipam.options}
    return body


def volume_body(project: Project, key: str, volume: Volume) -> Body:
    return {
        "Name": volume.name,
        "Driver": volume.driver or "local",
        "DriverOpts": volume.driver_opts,
        "Labels": {**volume.labels, labels.PROJECT: project.name, labels.VOLUME: key},
    }
