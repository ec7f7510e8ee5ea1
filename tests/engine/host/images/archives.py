"""Tar archives and image archives for the tests, made with the standard library: so ours is checked by another's."""

import hashlib
import io
import json
import os
import struct
import tarfile
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BUSYBOX = Path("/bin/busybox")


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def member(
    name: str, data: bytes = b"", *, kind: bytes = tarfile.REGTYPE, **more: Any
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    info.mtime = 1_700_000_000
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def file_capability() -> bytes:
    """cap_net_raw+ep as the kernel stores it (linux/capability.h, struct vfs_cap_data, revision 2)."""
    return struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)


def busybox_layer() -> bytes:
    return tar_of(
        member("bin/", kind=tarfile.DIRTYPE),
        member("bin/busybox", BUSYBOX.read_bytes(), mode=0o755),
        member("bin/sh", kind=tarfile.SYMTYPE, linkname="busybox"),
        member("bin/ls", kind=tarfile.LNKTYPE, linkname="bin/busybox"),
        member("tmp/", kind=tarfile.DIRTYPE, mode=0o1777),
    )


@dataclass
class DockerArchive:
    """A docker-archive in the layout that Docker wrote until version 24: HEX/layer.tar and ID.json."""

    layers: list[bytes]
    tags: list[str] = field(default_factory=lambda: ["test/busybox:1"])
    config: dict[str, Any] = field(default_factory=lambda: {"Cmd": ["sh"], "Env": ["PATH=/bin"], "Entrypoint": None})

    @property
    def document(self) -> bytes:
        diff_ids = ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in self.layers]
        return json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "created": "2024-01-02T03:04:05.678901234Z",
                "config": self.config,
                "rootfs": {"type": "layers", "diff_ids": diff_ids},
                "history": [
                    {"created": "2024-01-02T03:04:05Z", "created_by": f"step {n}"} for n in range(len(diff_ids))
                ],
            }
        ).encode()

    @property
    def image_id(self) -> str:
        return hashlib.sha256(self.document).hexdigest()

    def tar(self) -> bytes:
        members = []
        names: list[str] = []
        for layer in self.layers:
            name = hashlib.sha256(b"%d" % len(names) + layer).hexdigest()
            names.append(f"{name}/layer.tar")
            members += [member(f"{name}/", kind=tarfile.DIRTYPE), member(f"{name}/VERSION", b"1.0")]
            first = self.layers.index(layer)
            if first < len(names) - 1:
                members.append(member(names[-1], kind=tarfile.SYMTYPE, linkname=f"../{names[first]}"))
            else:
                members.append(member(names[-1], layer))
        item = {"Config": f"{self.image_id}.json", "RepoTags": self.tags or None, "Layers": names}
        members += [
            member(f"{self.image_id}.json", self.document),
            member("manifest.json", json.dumps([item]).encode()),
        ]
        return tar_of(*members)


async def chunked(data: bytes, size: int = 60_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def collected(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def tree(root: Path, *, ignore: Iterable[str] = ()) -> dict[str, tuple[object, ...]]:
    """What is below ``root``, comparable: type, mode, owner, content or target or device, seconds, xattrs, links."""
    found: dict[str, tuple[object, ...]] = {}
    for directory, directories, files in os.walk(root):
        for name in directories + files:
            path = Path(directory, name)
            relative = str(path.relative_to(root))
            if relative in ignore:
                continue
            status = path.lstat()
            content: object = status.st_rdev
            if path.is_symlink():
                content = os.readlink(path)
            elif path.is_file():
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            attributes = {
                key: os.getxattr(path, key, follow_symlinks=False)
                for key in os.listxattr(path, follow_symlinks=False)
                if not key.startswith("trusted.overlay.") or key == "trusted.overlay.opaque"
            }
            is_whiteout = path.is_char_device() and status.st_rdev == 0  # overlayfs links them, and gives them a time
            links = 1 if path.is_dir() or is_whiteout else status.st_nlink
            seconds = 0 if is_whiteout else int(status.st_mtime)
            found[relative] = (status.st_mode, status.st_uid, status.st_gid, content, seconds, str(attributes), links)
    return found
