"""What of the host, or of memory, a container sees besides its image."""

from dataclasses import dataclass
from enum import StrEnum


class MountKind(StrEnum):
    """Docker's words for ``Mount.Type``."""

    BIND = "bind"
    VOLUME = "volume"
    TMPFS = "tmpfs"


class Propagation(StrEnum):
    """How mounts made later pass between host and container (mount_namespaces(7)); r: with all mounts below."""

    PRIVATE = "private"
    RPRIVATE = "rprivate"
    SHARED = "shared"
    RSHARED = "rshared"
    SLAVE = "slave"
    RSLAVE = "rslave"

    @property
    def is_shared(self) -> bool:
        return self in (Propagation.SHARED, Propagation.RSHARED)

    @property
    def is_slave(self) -> bool:
        return self in (Propagation.SLAVE, Propagation.RSLAVE)


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount a client asked for. ``source`` is a path of the host (bind) or "" (tmpfs), ``target`` is absolute.

    ``bind`` is the member of ``Binds`` it came from, as the client wrote it; "" when it came from ``Mounts``, whose
    sources must exist unless ``creates_source``. ``is_recursive``: mounts below the source are there too;
    ``is_read_only_below``: ``read_only`` holds for them as well, which ``must_be_read_only_below`` insists on.
    ``propagation`` None: not said. ``consistency`` means something on a Macintosh only.
    ``tmpfs_size_bytes`` 0 and ``tmpfs_mode`` 0: not said. ``tmpfs_options`` are words as in mount(8).
    """

    kind: MountKind
    target: str
    source: str = ""
    read_only: bool = False
    bind: str = ""
    propagation: Propagation | None = None
    is_recursive: bool = True
    is_read_only_below: bool = True
    must_be_read_only_below: bool = False
    creates_source: bool = False
    consistency: str = ""
    tmpfs_size_bytes: int = 0
    tmpfs_mode: int = 0
    tmpfs_options: tuple[str, ...] = ()

    @property
    def mode(self) -> str:
        """What ``Binds`` says after source and target."""
        return self.bind.split(":", 2)[2] if self.bind.count(":") > 1 else ""
