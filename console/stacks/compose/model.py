"""A project as it was meant: all files merged, every short form written out, every variable replaced.

Equal projects mean the same. ``document`` and ``from_document`` carry one through JSON unchanged.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from console.stacks.compose.parts import (
    Attachment,
    BlockIo,
    Build,
    CredentialSpec,
    Dependency,
    Deploy,
    Device,
    DeviceRequest,
    FileReference,
    Healthcheck,
    Hook,
    Logging,
    ModelUse,
    Mount,
    Port,
    Provider,
    Ulimit,
)


@dataclass(frozen=True, slots=True)
class Service:
    """``command`` and ``entrypoint`` None: the image's; an empty ``entrypoint`` takes the image's away."""

    image: str = ""
    build: Build | None = None
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    expose: tuple[str, ...] = ()
    volumes: tuple[Mount, ...] = ()
    volumes_from: tuple[str, ...] = ()
    tmpfs: tuple[str, ...] = ()
    networks: dict[str, Attachment] = field(default_factory=dict)
    network_mode: str = ""
    depends_on: dict[str, Dependency] = field(default_factory=dict)
    links: tuple[str, ...] = ()
    external_links: tuple[str, ...] = ()
    secrets: tuple[FileReference, ...] = ()
    configs: tuple[FileReference, ...] = ()
    healthcheck: Healthcheck | None = None
    deploy: Deploy | None = None
    scale: int | None = None
    profiles: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    container_name: str = ""
    hostname: str = ""
    domainname: str = ""
    user: str = ""
    group_add: tuple[str, ...] = ()
    working_dir: str = ""
    restart: str = ""
    stop_signal: str = ""
    stop_grace_period_ns: int | None = None
    init: bool | None = None
    tty: bool = False
    stdin_open: bool = False
    read_only: bool = False
    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    sysctls: dict[str, str] = field(default_factory=dict)
    ulimits: dict[str, Ulimit] = field(default_factory=dict)
    devices: tuple[Device, ...] = ()
    device_cgroup_rules: tuple[str, ...] = ()
    gpus: tuple[DeviceRequest, ...] = ()
    dns: tuple[str, ...] = ()
    dns_opt: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    extra_hosts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    mac_address: str = ""
    ipc: str = ""
    pid: str = ""
    uts: str = ""
    cgroup: str = ""
    cgroup_parent: str = ""
    userns_mode: str = ""
    isolation: str = ""
    runtime: str = ""
    platform: str = ""
    logging: Logging | None = None
    storage_opt: dict[str, str] = field(default_factory=dict)
    shm_size_bytes: int = 0
    mem_limit_bytes: int = 0
    mem_reservation_bytes: int = 0
    memswap_limit_bytes: int = 0
    mem_swappiness: int | None = None
    oom_kill_disable: bool = False
    oom_score_adj: int = 0
    pids_limit: int = 0
    cpus: float = 0.0
    cpu_count: int = 0
    cpu_percent: float = 0.0
    cpu_shares: int = 0
    cpu_quota_us: int = 0
    cpu_period_us: int = 0
    cpu_rt_runtime_us: int = 0
    cpu_rt_period_us: int = 0
    cpuset: str = ""
    blkio_config: BlockIo | None = None
    credential_spec: CredentialSpec | None = None
    pull_policy: str = ""
    pull_refresh_after: str = ""
    attach: bool = True
    post_start: tuple[Hook, ...] = ()
    pre_stop: tuple[Hook, ...] = ()
    provider: Provider | None = None
    models: dict[str, ModelUse] = field(default_factory=dict)
    use_api_socket: bool = False

    @property
    def replicas(self) -> int:
        if self.scale is not None:
            return self.scale
        return self.deploy.replicas if self.deploy and self.deploy.replicas is not None else 1


@dataclass(frozen=True, slots=True)
class Subnet:
    subnet: str = ""
    ip_range: str = ""
    gateway: str = ""
    aux_addresses: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ipam:
    driver: str = ""
    config: tuple[Subnet, ...] = ()
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Network:
    """``name`` is that on the host."""

    name: str = ""
    driver: str = ""
    driver_opts: dict[str, str] = field(default_factory=dict)
    ipam: Ipam = field(default_factory=Ipam)
    external: bool = False
    internal: bool = False
    attachable: bool = False
    enable_ipv4: bool | None = None
    enable_ipv6: bool | None = None
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Volume:
    name: str = ""
    driver: str = ""
    driver_opts: dict[str, str] = field(default_factory=dict)
    external: bool = False
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A secret or a config. One of ``file`` (an absolute path), ``environment``, ``content`` and ``external``."""

    name: str = ""
    file: str = ""
    environment: str = ""
    content: str = ""
    external: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    driver: str = ""
    driver_opts: dict[str, str] = field(default_factory=dict)
    template_driver: str = ""


@dataclass(frozen=True, slots=True)
class LanguageModel:
    model: str
    name: str = ""
    context_size: int = 0
    runtime_flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Project:
    """``directory`` is what its paths were relative to. Services that no profile enables are left out."""

    name: str
    directory: str
    services: dict[str, Service] = field(default_factory=dict)
    networks: dict[str, Network] = field(default_factory=dict)
    volumes: dict[str, Volume] = field(default_factory=dict)
    secrets: dict[str, StoredFile] = field(default_factory=dict)
    configs: dict[str, StoredFile] = field(default_factory=dict)
    models: dict[str, LanguageModel] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """For JSON."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Project":
        return msgspec.convert(document, cls)
