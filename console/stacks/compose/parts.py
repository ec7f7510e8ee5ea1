"""What services are made of: ports, mounts, builds, health checks, limits. Names are those of the Compose language.

Durations end in ``_ns``, sizes in ``_bytes``. A default is what leaving the field out means.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Port:
    """``published`` is empty where the host chooses, or a range such as "8000-8010" out of which it chooses."""

    target: int
    published: str = ""
    host_ip: str = ""
    protocol: str = "tcp"
    mode: str = "ingress"
    name: str = ""
    app_protocol: str = ""


@dataclass(frozen=True, slots=True)
class BindOptions:
    propagation: str = ""
    create_host_path: bool = True
    recursive: str = ""
    selinux: str = ""


@dataclass(frozen=True, slots=True)
class VolumeOptions:
    nocopy: bool = False
    subpath: str = ""
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TmpfsOptions:
    size_bytes: int = 0
    mode: int = 0


@dataclass(frozen=True, slots=True)
class ImageOptions:
    subpath: str = ""


@dataclass(frozen=True, slots=True)
class Mount:
    """``source`` is an absolute path (bind), a key of the project's volumes, an image, or empty."""

    type: str
    target: str
    source: str = ""
    read_only: bool = False
    consistency: str = ""
    bind: BindOptions = BindOptions()
    volume: VolumeOptions = field(default_factory=VolumeOptions)
    tmpfs: TmpfsOptions = TmpfsOptions()
    image: ImageOptions = ImageOptions()


@dataclass(frozen=True, slots=True)
class Dependency:
    """``condition``: service_started, service_healthy or service_completed_successfully."""

    condition: str = "service_started"
    required: bool = True
    restart: bool = False


@dataclass(frozen=True, slots=True)
class Attachment:
    """How a service is on one network."""

    aliases: tuple[str, ...] = ()
    ipv4_address: str = ""
    ipv6_address: str = ""
    link_local_ips: tuple[str, ...] = ()
    mac_address: str = ""
    interface_name: str = ""
    driver_opts: dict[str, str] = field(default_factory=dict)
    priority: int = 0
    gw_priority: int = 0


@dataclass(frozen=True, slots=True)
class FileReference:
    """A secret or config in a service. ``target`` is a path, absolute for configs."""

    source: str
    target: str = ""
    uid: str = ""
    gid: str = ""
    mode: int | None = None


@dataclass(frozen=True, slots=True)
class Ulimit:
    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class Build:
    """``context`` is an absolute path or an address. ``args`` None: not set anywhere."""

    context: str = ""
    dockerfile: str = ""
    dockerfile_inline: str = ""
    args: dict[str, str | None] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    target: str = ""
    network: str = ""
    shm_size_bytes: int = 0
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()
    no_cache: bool = False
    pull: bool = False
    privileged: bool = False
    isolation: str = ""
    ssh: dict[str, str] = field(default_factory=dict)
    additional_contexts: dict[str, str] = field(default_factory=dict)
    extra_hosts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    secrets: tuple[FileReference, ...] = ()
    tags: tuple[str, ...] = ()
    ulimits: dict[str, Ulimit] = field(default_factory=dict)
    platforms: tuple[str, ...] = ()
    entitlements: tuple[str, ...] = ()
    provenance: str = ""
    sbom: str = ""


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """``test`` begins with NONE, CMD or CMD-SHELL; empty: the image's own. Times 0: the engine's defaults."""

    test: tuple[str, ...] = ()
    interval_ns: int = 0
    timeout_ns: int = 0
    start_period_ns: int = 0
    start_interval_ns: int = 0
    retries: int = 0
    disable: bool = False


@dataclass(frozen=True, slots=True)
class Logging:
    driver: str = ""
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Device:
    source: str
    target: str = ""
    permissions: str = "rwm"


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """``count`` -1: all of them."""

    capabilities: tuple[str, ...] = ()
    count: int = 0
    device_ids: tuple[str, ...] = ()
    driver: str = ""
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeviceRate:
    path: str
    rate: int


@dataclass(frozen=True, slots=True)
class DeviceWeight:
    path: str
    weight: int


@dataclass(frozen=True, slots=True)
class BlockIo:
    weight: int = 0
    weight_device: tuple[DeviceWeight, ...] = ()
    device_read_bps: tuple[DeviceRate, ...] = ()
    device_read_iops: tuple[DeviceRate, ...] = ()
    device_write_bps: tuple[DeviceRate, ...] = ()
    device_write_iops: tuple[DeviceRate, ...] = ()


@dataclass(frozen=True, slots=True)
class Hook:
    command: tuple[str, ...] = ()
    user: str = ""
    privileged: bool = False
    working_dir: str = ""
    environment: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    cpus: float = 0.0
    memory_bytes: int = 0
    pids: int = 0


@dataclass(frozen=True, slots=True)
class GenericResource:
    kind: str
    value: int


@dataclass(frozen=True, slots=True)
class Reservations:
    cpus: float = 0.0
    memory_bytes: int = 0
    devices: tuple[DeviceRequest, ...] = ()
    generic_resources: tuple[GenericResource, ...] = ()


@dataclass(frozen=True, slots=True)
class Resources:
    limits: Limits = Limits()
    reservations: Reservations = Reservations()


@dataclass(frozen=True, slots=True)
class UpdateConfig:
    """``parallelism`` None: one at a time; 0: all at once."""

    parallelism: int | None = None
    delay_ns: int = 0
    failure_action: str = ""
    monitor_ns: int = 0
    max_failure_ratio: float = 0.0
    order: str = ""


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    condition: str = "any"
    delay_ns: int = 0
    max_attempts: int = 0
    window_ns: int = 0


@dataclass(frozen=True, slots=True)
class Preference:
    spread: str


@dataclass(frozen=True, slots=True)
class Placement:
    constraints: tuple[str, ...] = ()
    preferences: tuple[Preference, ...] = ()
    max_replicas_per_node: int = 0


@dataclass(frozen=True, slots=True)
class Deploy:
    """``replicas`` None: not said."""

    mode: str = "replicated"
    endpoint_mode: str = ""
    replicas: int | None = None
    labels: dict[str, str] = field(default_factory=dict)
    resources: Resources = Resources()
    update_config: UpdateConfig | None = None
    rollback_config: UpdateConfig | None = None
    restart_policy: RestartPolicy | None = None
    placement: Placement = Placement()


@dataclass(frozen=True, slots=True)
class CredentialSpec:
    config: str = ""
    file: str = ""
    registry: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    type: str
    options: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelUse:
    endpoint_var: str = ""
    model_var: str = ""
