"""What a service asks of its host, in the words of Docker's API: a container's ``HostConfig``."""

from collections.abc import Iterable
from typing import Any

from console.stacks.compose.model import Project, Service
from console.stacks.compose.parts import DeviceRequest, Mount, Port
from console.stacks.planning.names import first_name, port_key

Body = dict[str, Any]
NO_RESTART = frozenset({"", "no"})


def host_config(project: Project, service: Service) -> Body:
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
        found.setdefault(port_key(port), []).append({"HostIp": port.host_ip, "HostPort": port.published})
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
    return f"container:{first_name(project, name)}" if name != mode and name in project.services else mode


def _volumes_from(project: Project, text: str) -> str:
    name, _colon, rest = text.partition(":")
    if name == "container":
        return rest
    return f"{first_name(project, name)}:{rest}" if rest else first_name(project, name)


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
