"""``DriverOpts`` of a volume: ``type``, ``device`` and ``o``, which say what mount(8) would be told. Pure.

    type=tmpfs device=tmpfs o=size=100m,uid=1000      memory, empty again when no container uses it any more
    type=none  device=/srv/data o=bind                a directory of the host
    type=nfs   device=:/export o=addr=nas,rw          whatever else the kernel can mount

(moby, volume/local/local_unix.go.)
"""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.host import libc
from engine.model.errors import Invalid
from engine.wire.text import check_text, shown

_KNOWN: Final = ("type", "o", "device", "size")
_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {"device": ("type",), "type": ("device",), "o": ("device", "type")}
_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_LONGEST: Final = 4000  # mount(2) takes one page
_NETWORKED: Final = ("nfs", "nfs4", "cifs", "smb3")
_SET: Final[Mapping[str, int]] = {
    "ro": libc.MS_RDONLY,
    "nosuid": libc.MS_NOSUID,
    "nodev": libc.MS_NODEV,
    "noexec": libc.MS_NOEXEC,
    "sync": libc.MS_SYNCHRONOUS,
    "dirsync": libc.MS_DIRSYNC,
    "noatime": libc.MS_NOATIME,
    "nodiratime": libc.MS_NODIRATIME,
    "relatime": libc.MS_RELATIME,
    "strictatime": libc.MS_STRICTATIME,
}
_CLEAR: Final[Mapping[str, int]] = {
    "defaults": 0,
    "rw": libc.MS_RDONLY,
    "suid": libc.MS_NOSUID,
    "dev": libc.MS_NODEV,
    "exec": libc.MS_NOEXEC,
    "async": libc.MS_SYNCHRONOUS,
    "atime": libc.MS_NOATIME,
    "diratime": libc.MS_NODIRATIME,
    "norelatime": libc.MS_RELATIME,
    "nostrictatime": libc.MS_STRICTATIME,
}
# they change a mount that is there, or who else sees it, and make none
_REFUSED: Final = (
    *("remount", "move", "private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"),
)


@dataclass(frozen=True, slots=True)
class MountOptions:
    """What is mounted for a volume. ``flags`` are those of mount(2), ``data`` the words for the file system.

    ``host_path`` is the directory of the host that a bind shows, with what is mounted below it if ``is_recursive``;
    "" for all else. ``address`` is the server's, a name perhaps, that one of ``data`` gives as ``addr=``.
    """

    kind: str
    device: str
    flags: int = 0
    data: tuple[str, ...] = ()
    host_path: str = ""
    is_recursive: bool = False
    address: str = ""

    @property
    def read_only(self) -> bool:
        return bool(self.flags & libc.MS_RDONLY)


def parse_options(options: Mapping[str, str] | None) -> MountOptions | None:
    """None for a plain directory of the engine's. Raises Invalid, in Docker's words where it has some."""
    if not options:
        return None
    _check(options)
    kind, device = options["type"], options["device"]
    words = [word for word in options.get("o", "").split(",") if word]
    flags = 0
    for word in words:
        if word in _REFUSED:
            raise Invalid(f"DriverOpts: o: {shown(word)} makes no mount")
        flags = (flags | _SET.get(word, 0)) & ~_CLEAR.get(word, 0)
    is_bind = "bind" in words or "rbind" in words
    data = tuple(word for word in words if word not in (*_SET, *_CLEAR, "bind", "rbind"))
    if is_bind and data:
        raise Invalid(f"DriverOpts: o: {shown(data[0])} is not an option of a bind")
    address = next((word.removeprefix("addr=") for word in data if word.startswith("addr=")), "")
    return MountOptions(
        kind=kind,
        device=device,
        flags=flags,
        data=data,
        host_path=_host_path(device) if is_bind else "",
        is_recursive="rbind" in words,
        address=address if kind in _NETWORKED else "",
    )


def _check(options: Mapping[str, str]) -> None:
    for name, value in options.items():
        if name not in _KNOWN:
            raise Invalid(f'invalid option: "{check_text("DriverOpts", name, longest=80)}"')
        check_text(f"DriverOpts: {name}", value, longest=_LONGEST)
    if "size" in options:
        raise Invalid("quota size requested but no quota support")
    for name in options:
        for needed in _NEEDS[name]:
            if not options.get(needed):
                raise Invalid(f'missing required option: "{needed}"')
    if not _TYPE.fullmatch(options["type"]):
        raise Invalid(f"DriverOpts: type: {shown(options['type'])} names no file system")


def _host_path(device: str) -> str:
    if not posixpath.isabs(device) or ".." in device.split("/"):
        raise Invalid(f"DriverOpts: device: {shown(device)} must be an absolute path without .. for a bind")
    return "/" + posixpath.normpath(device).lstrip("/")
