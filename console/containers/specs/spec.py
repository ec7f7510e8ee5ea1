"""The type, and its spelling in a job's arguments."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Self

from console.containers.ports import PublishedPort

Pairs = Mapping[str, str]


class MountKind(StrEnum):
    BIND = "bind"
    VOLUME = "volume"
    TMPFS = "tmpfs"


@dataclass(frozen=True, slots=True)
class Mount:
    """``source``: a path of the host, a volume's name, or nothing (a volume of its own, memory).

    ``strict`` is what ``--mount`` says and ``-v`` does not: a path that is missing is an error and not made.
    ``options`` are words with commas between: ``rslave``, ``nocopy``, ``z``, ``size=64m,mode=1777``.
    """

    kind: MountKind
    target: str
    source: str = ""
    read_only: bool = False
    strict: bool = False
    options: str = ""


@dataclass(frozen=True, slots=True)
class Join:
    """A network it is on. ``name`` may be bridge, and, alone, host, none or ``container:NAME``."""

    name: str
    aliases: tuple[str, ...] = ()
    ipv4: str = ""
    ipv6: str = ""


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """Empty, 0, false and None: nothing is asked for, and the image or the engine decides.

    Lists hold what ``docker run`` takes, a flag's worth each: ``devices`` ``/dev/a:/dev/b:rwm``, ``ulimits``
    ``nofile=1024:2048``, ``extra_hosts`` ``name:address``. Values of ``env`` may be ``secret:NAME``.
    """

    image: str
    command: tuple[str, ...] = ()
    env: Pairs = field(default_factory=dict)
    ports: tuple[PublishedPort, ...] = ()
    memory_bytes: int = 0
    cpus: float = 0.0
    # one word; "" takes the image's away
    entrypoint: str | None = None
    workdir: str = ""
    user: str = ""
    tty: bool = False
    stdin: bool = False
    stop_signal: str = ""
    stop_timeout_s: int | None = None
    labels: Pairs = field(default_factory=dict)
    platform: str = ""
    # "80/tcp"
    expose: tuple[str, ...] = ()
    publish_all: bool = False
    mounts: tuple[Mount, ...] = ()
    volumes_from: tuple[str, ...] = ()
    # the first is where it begins
    networks: tuple[Join, ...] = ()
    hostname: str = ""
    domainname: str = ""
    mac_address: str = ""
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    memory_reservation_bytes: int = 0
    # memory and swap together; -1: any amount
    memory_swap_bytes: int = 0
    memory_swappiness: int | None = None
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    cpu_shares: int = 0
    cpu_period_us: int = 0
    cpu_quota_us: int = 0
    pids_limit: int = 0
    shm_bytes: int = 0
    blkio_weight: int = 0
    ulimits: tuple[str, ...] = ()
    oom_kill_disable: bool = False
    oom_score_adj: int = 0
    # always, unless-stopped, on-failure, on-failure:3
    restart: str = ""
    auto_remove: bool = False
    # for a shell
    health_command: str = ""
    health_interval_ms: int = 0
    health_timeout_ms: int = 0
    health_start_period_ms: int = 0
    health_retries: int = 0
    no_healthcheck: bool = False
    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    read_only: bool = False
    init: bool = False
    group_add: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    sysctls: Pairs = field(default_factory=dict)
    userns: str = ""
    pid_mode: str = ""
    ipc_mode: str = ""
    uts_mode: str = ""
    cgroupns: str = ""
    log_driver: str = ""
    log_options: Pairs = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The basics always, of the rest what is asked for."""
        told = {name: getattr(self, name) for name in BASICS}
        told |= {name: value for name in REST if is_asked(name, value := getattr(self, name))}
        return {name: plain(value) for name, value in told.items()}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """What is no field of ours is left out: a job's arguments hold more."""
        known = {name: given[name] for name in NAMES if name in given}
        for name, value in known.items():
            if isinstance(value, list):
                known[name] = tuple(PARTS[name](part) if name in PARTS else part for part in value)
        return cls(**known)


NAMES = tuple(one.name for one in fields(ContainerSpec))
BASICS = NAMES[:6]
REST = NAMES[6:]
# of these, 0 and "" say something
OPTIONAL = frozenset({"entrypoint", "stop_timeout_s", "memory_swappiness"})


def is_asked(name: str, value: object) -> bool:
    return value is not None and (name in OPTIONAL or bool(value))


def _mount(given: Mapping[str, Any]) -> Mount:
    return Mount(**{**given, "kind": MountKind(given["kind"])})


def _join(given: Mapping[str, Any]) -> Join:
    return Join(**{**given, "aliases": tuple(given.get("aliases", ()))})


PARTS: Mapping[str, Any] = {"ports": lambda given: PublishedPort(**given), "mounts": _mount, "networks": _join}


def plain(value: Any) -> Any:
    """As JSON holds it."""
    if isinstance(value, PublishedPort):
        return value.as_json()
    if isinstance(value, Mount | Join):
        told = {one.name: plain(getattr(value, one.name)) for one in fields(value)}
        return {name: part for name, part in told.items() if part not in ("", False, [])}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    return [plain(part) for part in value] if isinstance(value, tuple) else value
