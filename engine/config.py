"""Where one engine keeps its things, and the names of everything it owns on the host."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from engine.model.container import Profile
from engine.model.digest import Digest
from engine.model.registry import HostPattern, Mirror

DEFAULT_DATA_ROOT = Path("/var/lib/naru/engine")
DEFAULT_RUN_ROOT = Path("/run/naru")
DEFAULT_CERTS_DIR = Path("/etc/naru/certs.d")
DEFAULT_LOG_MAX_SIZE = 64 << 20
DEFAULT_LOG_MAX_FILE = 3
DEFAULT_KEEP_LOGS_BYTES = 512 << 20
DEFAULT_KEEP_LOGS_DAYS = 14
_DEFAULT_BRIDGE = "naru0"


class Userns(StrEnum):
    """Whether containers get user namespaces: always, or no engine; where the host can; never."""

    REQUIRE = "require"
    PREFER = "prefer"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class RegistryConfig:
    """``insecure`` registries may have any certificate, or none; ``allowed`` ones may be on inside addresses.

    ``ca_file`` is trusted besides the system's authorities. ``certs_dir``/HOST:PORT/*.crt is for that registry only,
    with X.cert and X.key there to show who we are.
    """

    insecure: tuple[HostPattern, ...] = ()
    allowed: tuple[HostPattern, ...] = ()
    mirrors: tuple[Mirror, ...] = ()
    ca_file: Path | None = None
    certs_dir: Path = DEFAULT_CERTS_DIR


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What the operator decides. Two engines on one host differ in ``data_root`` and ``run_root``.

    ``data_root`` survives a reboot, ``run_root`` need not. ``subnet`` None: a free one is chosen at first start.
    ``ipv6``: the default network has it, in ``ipv6_subnet`` or, when that is None, in one of the engine's own.
    ``runtime`` "" : the first that works. ``profile`` is what a container gets that asks for none. ``log_max_size``
    (bytes, -1: unlimited) and ``log_max_file`` bound the log of a container that does not say how. Logs of removed
    containers are kept up to ``keep_logs_bytes`` together and for ``keep_logs_days``; 0 in either: not at all.
    """

    data_root: Path = DEFAULT_DATA_ROOT
    run_root: Path = DEFAULT_RUN_ROOT
    socket_path: Path = Path()
    bridge: str = ""
    subnet: IPv4Network | None = None
    ipv6: bool = False
    ipv6_subnet: IPv6Network | None = None
    runtime: str = ""
    profile: Profile = Profile.DEFAULT
    userns: Userns = Userns.PREFER
    registries: RegistryConfig = field(default_factory=RegistryConfig)
    log_max_size: int = DEFAULT_LOG_MAX_SIZE
    log_max_file: int = DEFAULT_LOG_MAX_FILE
    keep_logs_bytes: int = DEFAULT_KEEP_LOGS_BYTES
    keep_logs_days: int = DEFAULT_KEEP_LOGS_DAYS

    def __post_init__(self) -> None:
        object.__setattr__(self, "data_root", self.data_root.absolute())
        object.__setattr__(self, "run_root", self.run_root.absolute())
        if self.socket_path == Path():
            object.__setattr__(self, "socket_path", self.run_root / "engine.sock")
        if not self.bridge:
            is_default = self.data_root == DEFAULT_DATA_ROOT
            object.__setattr__(self, "bridge", _DEFAULT_BRIDGE if is_default else f"nr-{self.instance}")

    @property
    def instance(self) -> str:
        """Eight hex digits that tell this engine from others on the same host."""
        return hashlib.sha256(str(self.data_root.resolve()).encode()).hexdigest()[:8]

    @property
    def nft_table(self) -> str:
        return f"naru_{self.instance}"

    @property
    def cgroup_parent(self) -> str:
        return f"naru-{self.instance}"

    @property
    def lock_path(self) -> Path:
        return self.data_root / "engine.lock"

    @property
    def state_path(self) -> Path:
        return self.data_root / "state.db"

    @property
    def blobs(self) -> Path:
        return self.data_root / "blobs" / "sha256"

    @property
    def layers(self) -> Path:
        return self.data_root / "layers"

    @property
    def volumes(self) -> Path:
        return self.data_root / "volumes"

    def volume_data(self, name: str) -> Path:
        return self.volumes / name / "_data"

    @property
    def volume_mounts(self) -> Path:
        return self.run_root / "volumes"

    def volume_mount(self, name: str) -> Path:
        """Where a volume that is not just a directory is mounted while a container uses it."""
        return self.volume_mounts / name

    @property
    def tmp(self) -> Path:
        return self.data_root / "tmp"

    @property
    def build_cache(self) -> Path:
        """What ``RUN --mount=type=cache`` keeps."""
        return self.data_root / "build-cache"

    @property
    def pid_path(self) -> Path:
        return self.run_root / "engine.pid"

    @property
    def dns_socket_path(self) -> Path:
        return self.run_root / "dns.sock"

    @property
    def dns_log_path(self) -> Path:
        return self.run_root / "dns.log"

    @property
    def mount_pin(self) -> Path:
        """The file that keeps the engine's mount namespace alive; its directory holds nothing else."""
        return self.run_root / "mnt" / "ns"

    @property
    def runtime_root(self) -> Path:
        return self.run_root / "runtime"

    @property
    def exit_dir(self) -> Path:
        return self.run_root / "exits"

    def blob(self, digest: Digest) -> Path:
        return self.blobs / digest.hex

    def layer_dir(self, chain: Digest) -> Path:
        return self.layers / chain.hex

    def layer_diff(self, chain: Digest) -> Path:
        return self.layer_dir(chain) / "diff"

    def container_dir(self, container_id: str) -> Path:
        """What of a container survives a reboot."""
        return self.data_root / "containers" / container_id

    def upper(self, container_id: str) -> Path:
        return self.container_dir(container_id) / "upper"

    def work(self, container_id: str) -> Path:
        return self.container_dir(container_id) / "work"

    def etc(self, container_id: str) -> Path:
        """Directory of the hosts, hostname and resolv.conf that are mounted into the container."""
        return self.container_dir(container_id) / "etc"

    def log_dir(self, container_id: str) -> Path:
        return self.container_dir(container_id) / "log"

    def log_path(self, container_id: str) -> Path:
        return self.log_dir(container_id) / "container.log"

    def kept_log(self, container_id: str) -> Path:
        """Where a container's log is once the container is removed."""
        return self.data_root / "kept-logs" / container_id

    def bundle(self, container_id: str) -> Path:
        """The OCI bundle: what of a container lasts only while the host is up."""
        return self.run_root / "containers" / container_id

    def rootfs(self, container_id: str) -> Path:
        return self.bundle(container_id) / "rootfs"
