"""A project in the words of Docker's API: the bodies that make containers, networks and volumes."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from console.stacks.compose.model import Network, Project, Service, Volume
from console.stacks.compose.parts import DeviceRequest, FileReference, Healthcheck, Mount, Port
from console.stacks.planning import labels

Body = dict[str, Any]
# what says how many, in which order and from where, and nothing about one container
NOT_OF_ONE = ("build", "pull_policy", "pull_refresh_after", "scale", "depends_on", "profiles", "attach")
NO_RESTART = frozenset({"", "no"})


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


def container_name(project: Project, name: str, service: Service, number: int) -> str:
    return service.container_name or f"{project.name}-{name}-{number}"


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
        "ExposedPorts": {key: {} for key in (*_exposed(service.expose), *(_port_key(port) for port in service.ports))},
        "HostConfig": _host_config(project, service),
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


def _port_key(port: Port) -> str:
    return f"{port.target}/{port.protocol}"


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
        links = [f"{_first(project, other)}:{alias or other}" for other, _c, alias in map(_link, service.links)]
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


def _host_config(project: Project, service: Service) -> Body:
    binds, mounts = _mounts(project, service)
    host: Body = {
        "Binds": binds,
        "Mounts": mounts,
        "PortBindings": _bindings(service.ports),
        "NetworkMode": _network_mode(project, service),
        "RestartPolicy": restart_policy(service),
        "VolumesFrom": [_volumes_from(project, one) for one in service.volumes_from],
        "Tmpfs": {path: options for path, _colon, options in (one.partition(":") for one in service.tmpfs)},
        **_isolation(project, service),
        **_limits(service),
        **_names(service),
    }
    found = {key: value for key, value in host.items() if value}
    # where no, or nothing, is not what it would be anyway
    said = {"Init": service.init, "MemorySwappiness": service.mem_swappiness}
    return found | {key: value for key, value in said.items() if value is not None}


def _network_mode(project: Project, service: Service) -> str:
    if service.network_mode:
        return _shared(project, service.network_mode)
    first = max(service.networks, key=lambda key: service.networks[key].priority, default="")
    return project.networks[first].name if first else "none"


def _bindings(ports: Iterable[Port]) -> dict[str, list[Body]]:
    found: dict[str, list[Body]] = {}
    for port in ports:
        found.setdefault(_port_key(port), []).append({"HostIp": port.host_ip, "HostPort": port.published})
    return found


def restart_policy(service: Service) -> Body:
    """As an engine is given it."""
    policy = service.deploy.restart_policy if service.deploy is not None else None
    if service.restart not in NO_RESTART or policy is None:
        name, _colon, count = service.restart.partition(":")
        return {"Name": name or "no", **({"MaximumRetryCount": int(count)} if count else {})}
    name = {"none": "no", "any": "always"}.get(policy.condition, policy.condition)
    return {"Name": name, **({"MaximumRetryCount": policy.max_attempts} if name == "on-failure" else {})}


def _mounts(project: Project, service: Service) -> tuple[list[str], list[Body]]:
    """What a line says goes as a line, which also makes a missing directory; the rest in full."""
    binds: list[str] = []
    mounts: list[Body] = []
    for mount in service.volumes:
        if mount.type == "volume" and not mount.source:
            continue
        line = _line(project, mount)
        if line:
            binds.append(line)
        else:
            mounts.append(_mount(project, mount))
    return binds, mounts


def _line(project: Project, mount: Mount) -> str:
    is_bind = mount.type == "bind" and mount.bind.create_host_path and not mount.bind.recursive
    is_volume = mount.type == "volume" and not mount.volume.subpath and not mount.volume.labels
    if not (is_bind or is_volume) or ":" in mount.source + mount.target:
        return ""
    source = mount.source if is_bind else project.volumes[mount.source].name
    options = ["ro" if mount.read_only else "rw"]
    options += [mount.bind.propagation] if mount.bind.propagation else []
    options += [mount.bind.selinux] if mount.bind.selinux else []
    options += ["nocopy"] if mount.volume.nocopy else []
    return f"{source}:{mount.target}:{','.join(options)}"


def _mount(project: Project, mount: Mount) -> Body:
    source = project.volumes[mount.source].name if mount.source in project.volumes else mount.source
    found: Body = {"Type": mount.type, "Target": mount.target, "Source": source, "ReadOnly": mount.read_only}
    volume = {"NoCopy": mount.volume.nocopy, "Labels": mount.volume.labels, "Subpath": mount.volume.subpath}
    tmpfs = {"SizeBytes": mount.tmpfs.size_bytes, "Mode": mount.tmpfs.mode}
    bind: Body = {"Propagation": mount.bind.propagation}
    if mount.bind.recursive:
        bind["NonRecursive"] = mount.bind.recursive == "disabled"
    for key, options in (("VolumeOptions", volume), ("TmpfsOptions", tmpfs), ("BindOptions", bind)):
        said = {word: value for word, value in options.items() if value}
        if said:
            found[key] = said
    return found


def _shared(project: Project, mode: str) -> str:
    """What is shared with a service is shared with its first container."""
    name = mode.removeprefix("service:")
    return f"container:{_first(project, name)}" if name != mode and name in project.services else mode


def _volumes_from(project: Project, text: str) -> str:
    name, _colon, rest = text.partition(":")
    if name == "container":
        return rest
    return f"{_first(project, name)}:{rest}" if rest else _first(project, name)


def _first(project: Project, name: str) -> str:
    return container_name(project, name, project.services[name], 1)


def _isolation(project: Project, service: Service) -> Body:
    return {
        "Privileged": service.privileged,
        "ReadonlyRootfs": service.read_only,
        "CapAdd": list(service.cap_add),
        "CapDrop": list(service.cap_drop),
        "SecurityOpt": list(service.security_opt),
        "Sysctls": service.sysctls,
        "IpcMode": _shared(project, service.ipc),
        "PidMode": _shared(project, service.pid),
        "UTSMode": service.uts,
        "UsernsMode": service.userns_mode,
        "CgroupnsMode": service.cgroup,
        "CgroupParent": service.cgroup_parent,
        "Isolation": service.isolation,
        "Runtime": service.runtime,
        "GroupAdd": list(service.group_add),
        "Init": service.init,
        "Annotations": service.annotations,
        "DeviceCgroupRules": list(service.device_cgroup_rules),
        "Devices": [
            {"PathOnHost": one.source, "PathInContainer": one.target, "CgroupPermissions": one.permissions}
            for one in service.devices
        ],
        "DeviceRequests": [_device_request(one) for one in (*service.gpus, *_reserved(service))],
    }


def _reserved(service: Service) -> tuple[DeviceRequest, ...]:
    return service.deploy.resources.reservations.devices if service.deploy is not None else ()


def _device_request(one: DeviceRequest) -> Body:
    count = one.count or (0 if one.device_ids else -1)
    capabilities = [list(one.capabilities or ("gpu",))]
    found = {"Driver": one.driver, "DeviceIDs": list(one.device_ids), "Options": one.options}
    return {"Count": count, "Capabilities": capabilities, **{key: value for key, value in found.items() if value}}


def _limits(service: Service) -> Body:
    deployed = service.deploy.resources if service.deploy is not None else None
    cpus = service.cpus or (deployed.limits.cpus if deployed else 0)
    block = service.blkio_config
    found: Body = {
        "Memory": service.mem_limit_bytes or (deployed.limits.memory_bytes if deployed else 0),
        "MemoryReservation": service.mem_reservation_bytes or (deployed.reservations.memory_bytes if deployed else 0),
        "MemorySwap": service.memswap_limit_bytes,
        "MemorySwappiness": service.mem_swappiness,
        "OomKillDisable": service.oom_kill_disable,
        "OomScoreAdj": service.oom_score_adj,
        "PidsLimit": service.pids_limit or (deployed.limits.pids if deployed else 0),
        "NanoCpus": round(cpus * 1e9),
        "CpuShares": service.cpu_shares,
        "CpuQuota": service.cpu_quota_us,
        "CpuPeriod": service.cpu_period_us,
        "CpuRealtimeRuntime": service.cpu_rt_runtime_us,
        "CpuRealtimePeriod": service.cpu_rt_period_us,
        "CpusetCpus": service.cpuset,
        "CpuCount": service.cpu_count,
        "CpuPercent": round(service.cpu_percent),
        "ShmSize": service.shm_size_bytes,
        "StorageOpt": service.storage_opt,
        "Ulimits": [{"Name": key, "Soft": one.soft, "Hard": one.hard} for key, one in service.ulimits.items()],
    }
    if block is not None:
        found["BlkioWeight"] = block.weight
        found["BlkioWeightDevice"] = [{"Path": one.path, "Weight": one.weight} for one in block.weight_device]
        for key, rates in (
            ("BlkioDeviceReadBps", block.device_read_bps),
            ("BlkioDeviceReadIOps", block.device_read_iops),
            ("BlkioDeviceWriteBps", block.device_write_bps),
            ("BlkioDeviceWriteIOps", block.device_write_iops),
        ):
            found[key] = [{"Path": one.path, "Rate": one.rate} for one in rates]
    return found


def _names(service: Service) -> Body:
    logging = service.logging
    return {
        "Dns": list(service.dns),
        "DnsOptions": list(service.dns_opt),
        "DnsSearch": list(service.dns_search),
        "ExtraHosts": [f"{key}:{address}" for key, addresses in service.extra_hosts.items() for address in addresses],
        "LogConfig": {"Type": logging.driver, "Config": logging.options} if logging is not None else None,
    }


# --- networks and volumes ---


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
