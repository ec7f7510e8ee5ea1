"""A container: what it was asked to be (``ContainerSpec``), and how it is (``Container``)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from engine.model.device import DeviceRequest, DeviceRule
from engine.model.digest import Digest
from engine.model.health import Health
from engine.model.image import Healthcheck
from engine.model.mount import Mount
from engine.model.namespaces import Namespaces, joined_container
from engine.model.network import EndpointSettings
from engine.model.ports import Port, PortBinding
from engine.model.resources import Resources


class Status(StrEnum):
    """Docker's words for ``State.Status``."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


class Profile(StrEnum):
    """How strictly a container is confined; ``docs/security.md`` tells the differences."""

    COMPAT = "compat"
    DEFAULT = "default"
    STRICT = "strict"


class RestartRule(StrEnum):
    """Docker's words for ``RestartPolicy.Name``."""

    NO = "no"
    ON_FAILURE = "on-failure"
    ALWAYS = "always"
    UNLESS_STOPPED = "unless-stopped"


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """``most_retries`` counts for ``on-failure`` alone; 0 there means "for ever"."""

    rule: RestartRule = RestartRule.NO
    most_retries: int = 0


@dataclass(frozen=True, slots=True)
class LogConfig:
    driver: str = "json-file"
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """Everything a create request says, after the image's defaults were merged in.

    ``image_name`` is what the client typed. ``network_mode`` is "bridge", "none", "host",
    ``container:ID`` or a network's name or id as typed; ``networks`` are all that it is to be joined to, by name, None:
    the one of ``network_mode``. ``links`` are ``CONTAINER:ALIAS``, for the default network alone.
    ``capabilities_add``/``_drop`` and ``security_options`` are as the client spelled them; ``seccomp_profile`` is JSON,
    "" for ours. ``masked_paths`` and ``read_only_paths`` None: as the profile says. ``groups`` are names or numbers.
    ``args_escaped`` means something on Windows only. ``init`` None: not said. ``oom_score_adj`` 0: as the engine's own.
    ``volumes`` are paths, each to have a volume, and ``volumes_from`` is ``CONTAINER[:ro|rw]``: both as asked for, and
    what they come to is in ``mounts``. ``volume_driver`` is for those of them that name no driver. ``isolation`` means
    something on Windows only. ``shell`` runs a health check's text; None: /bin/sh -c.
    """

    image_id: Digest
    image_name: str
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    env: tuple[str, ...] = ()
    working_dir: str = ""
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    hostname: str = ""
    domainname: str = ""
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    exposed_ports: frozenset[Port] = frozenset()
    port_bindings: tuple[PortBinding, ...] = ()
    publish_all_ports: bool = False
    stop_signal: str = ""
    stop_timeout_s: int | None = None
    healthcheck: Healthcheck | None = None
    auto_remove: bool = False
    restart: RestartPolicy = field(default_factory=RestartPolicy)
    network_mode: str = "bridge"
    extra_hosts: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    userns_host: bool = False
    privileged: bool = False
    read_only_rootfs: bool = False
    capabilities_add: tuple[str, ...] = ()
    capabilities_drop: tuple[str, ...] = ()
    seccomp_unconfined: bool = False
    no_new_privileges: bool = False
    profile: Profile = Profile.DEFAULT
    sysctls: Mapping[str, str] = field(default_factory=dict)
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    shm_size_bytes: int = 64 << 20
    resources: Resources = field(default_factory=Resources)
    log: LogConfig = field(default_factory=LogConfig)
    runtime: str = ""
    init: bool | None = None
    namespaces: Namespaces = field(default_factory=Namespaces)
    mounts: tuple[Mount, ...] = ()
    volumes: frozenset[str] = frozenset()
    volumes_from: tuple[str, ...] = ()
    devices: tuple[DeviceRequest, ...] = ()
    device_rules: tuple[DeviceRule, ...] = ()
    groups: tuple[str, ...] = ()
    oom_score_adj: int = 0
    cgroup_parent: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    masked_paths: tuple[str, ...] | None = None
    read_only_paths: tuple[str, ...] | None = None
    security_options: tuple[str, ...] = ()
    seccomp_profile: str = ""
    network_disabled: bool = False
    networks: Mapping[str, EndpointSettings] | None = None
    links: tuple[str, ...] = ()
    mac_address: str = ""
    on_build: tuple[str, ...] = ()
    shell: tuple[str, ...] | None = None
    args_escaped: bool = False
    volume_driver: str = ""
    isolation: str = ""

    @property
    def argv(self) -> tuple[str, ...]:
        """The program and its arguments: entrypoint followed by command."""
        return (self.entrypoint or ()) + (self.cmd or ())

    @property
    def is_bridged(self) -> bool:
        """Whether it gets addresses of its own on networks of ours."""
        is_elsewhere = self.network_mode in ("none", "host") or self.network_of is not None
        return not is_elsewhere and not self.network_disabled

    @property
    def wished_networks(self) -> Mapping[str, EndpointSettings]:
        """By name; empty for a container that has no network of its own, or was disconnected from all."""
        if not self.is_bridged:
            return {}
        if self.networks is not None:
            return self.networks
        return {self.network_mode: EndpointSettings(mac_address=self.mac_address)}

    @property
    def network_of(self) -> str | None:
        """The container whose network it shares."""
        return joined_container(self.network_mode)


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process that cannot be confused with a later one of the same pid.

    ``start_ticks`` is field 22 of /proc/PID/stat (proc(5)), unique within ``boot_id``.
    """

    pid: int
    start_ticks: int
    boot_id: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a running container stands on one network. Addresses without prefix length.

    ``leads_out`` is False on an internal network. ``names`` are those by which others there find it; ``links`` what it
    alone calls others, alias to name; ``servers`` its own resolvers for all other names. The endpoint that is the
    container's way out has the published ports. The IPv6 members are empty on a network without it; ``link_local``
    are the link-local addresses that were wished for, of both families.
    """

    network: str
    ip_address: str
    prefix_length: int
    gateway: str
    mac_address: str
    published: tuple[PortBinding, ...] = ()
    interface: str = "eth0"
    priority: int = 0
    names: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    servers: tuple[str, ...] = ()
    leads_out: bool = True
    ipv6_address: str = ""
    ipv6_prefix_length: int = 0
    ipv6_gateway: str = ""
    link_local: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Container:
    """One container's record, as stored. Changed only through ``dataclasses.replace`` and saved whole.

    ``id`` is 64 hex digits, ``name`` has no leading slash. ``exit_code`` means nothing before the first exit.
    ``layers`` are the diff ids below its writable layer, lowest first. ``uid_base`` is the host uid that its
    uid 0 maps to; None without a user namespace of its own. ``hidden`` marks a build step: never listed.
    ``health`` is None where nothing is checked. ``was_stopped``: its last end was asked for, so that no policy undoes
    it. ``restart_count`` counts what its restart policy has done since somebody started it. ``endpoints`` are in the
    order of its links, and empty while it does not run; ``former_addresses`` are those of its last run, by network.
    ``endpoint`` is how an engine that knew one network wrote it; it is read, and never set.
    """

    id: str
    name: str
    spec: ContainerSpec
    created_at: datetime
    layers: tuple[Digest, ...] = ()
    hidden: bool = False
    status: Status = Status.CREATED
    process: ProcessIdentity | None = None
    monitor: ProcessIdentity | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""
    uid_base: int | None = None
    endpoint: Endpoint | None = None
    restart_count: int = 0
    was_stopped: bool = False
    health: Health | None = None
    endpoints: tuple[Endpoint, ...] = ()
    former_addresses: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.endpoint is not None:
            object.__setattr__(self, "endpoints", self.endpoints or (self.endpoint,))
            object.__setattr__(self, "endpoint", None)

    @property
    def published(self) -> tuple[PortBinding, ...]:
        """The host's ports that lead to it."""
        return tuple(binding for endpoint in self.endpoints for binding in endpoint.published)

    @property
    def is_running(self) -> bool:
        return self.status in (Status.RUNNING, Status.PAUSED)

    @property
    def is_active(self) -> bool:
        """Running, or about to run again by its restart policy: what Docker shows as ``State.Running``."""
        return self.is_running or self.status is Status.RESTARTING
