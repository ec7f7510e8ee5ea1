"""What of the host, or of memory, a container sees besides its image."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
class VolumeOptions:
    """``subpath`` is relative: the part of the volume that is shown. The last three are for a volume yet to be made."""

    no_copy: bool = False
    subpath: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    driver: str = ""
    driver_options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount that a client, or its image, asked for. ``target`` is absolute.

    ``source`` is a path of the host (bind), the name of a volume or "" for a new one without a name (volume), or ""
    (tmpfs). ``volume`` is the name of the volume in use, which a created container has for each of that kind.
    ``is_implied``: from ``Volumes``, the image, or another container, and not from ``Binds`` or ``Mounts``.

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
    volume: str = ""
    volume_options: VolumeOptions | None = None
    is_implied: bool = False

    @property
    def copies_from_image(self) -> bool:
        """Whether an empty volume gets what the image has at ``target``."""
        options = self.volume_options or VolumeOptions()
        return self.kind is MountKind.VOLUME and not options.no_copy and not options.subpath

    @property
    def subpath(self) -> str:
        return self.volume_options.subpath if self.volume_options else ""

    @property
    def mode(self) -> str:
        """What ``Binds`` says after source and target."""
        return self.bind.split(":", 2)[2] if self.bind.count(":") > 1 else ""
