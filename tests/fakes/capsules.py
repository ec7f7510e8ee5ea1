"""A small whole capsule, and what somebody might make of it."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from console.capsules.locks.document import Lock
from console.capsules.packing import blob_path, entry
from console.capsules.squeezing import Blob, Squeezer

SALT = "ab" * 16
COMPOSE = """\
services:
  web: {image: shop/web, volumes: ["data:/data"], environment: {A: one, P: "secret:db-password"}}
volumes: {data: }
"""


def squeezed(content: bytes) -> tuple[bytes, Blob]:
    into = io.BytesIO()
    squeezer = Squeezer(into)
    squeezer.write(content)
    blob = squeezer.finish()
    return into.getvalue(), blob


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def tar_of(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@dataclass
class FakeCapsule:
    """``entries`` by name; ``document`` is what capsule.json will say."""

    entries: dict[str, bytes] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    lock: Lock = field(default_factory=lambda: Lock(SALT, {}))

    def content(self, end: bytes = bytes(1024)) -> bytes:
        return b"".join(entry(name, content) for name, content in self.all_entries().items()) + end

    def all_entries(self) -> dict[str, bytes]:
        return {**self.entries, "capsule.json": json.dumps(self.document).encode()}

    def file(self) -> io.BytesIO:
        return io.BytesIO(self.content())

    def with_text(self, path: str, content: bytes) -> None:
        """Also as capsule.json lists it."""
        self.entries[path] = content
        listed = [one for one in self.document["files"] if one["path"] != path]
        self.document["files"] = [*listed, {"path": path, "digest": digest(content), "size_bytes": len(content)}]


def fake_capsule(compose: str = COMPOSE, *, change: Callable[[FakeCapsule], None] | None = None) -> FakeCapsule:
    """One image of one layer, one volume with a file."""
    found = FakeCapsule()
    layer, layer_blob = squeezed(tar_of(hello=b"hello"))
    volume, volume_blob = squeezed(tar_of(kept=b"kept"))
    config = json.dumps({"os": "linux", "rootfs": {"diff_ids": [f"sha256:{layer_blob.plain_digest}"]}}).encode()
    layer_at = {"digest": digest(layer), "size": len(layer)}
    manifest = json.dumps({"config": {"digest": digest(config)}, "layers": [layer_at]}).encode()
    found.entries["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
    for blob in (layer, config, manifest, volume):
        found.entries[blob_path(hashlib.sha256(blob).hexdigest())] = blob
    services = {"web": {"image": digest(config), "env": {"P": {"secret": "db-password"}}, "replicas": 1}}
    found.lock = Lock(SALT, {"services": services, "networks": {}, "volumes": {"data": {"driver": "local"}}})
    found.document = {
        "format": "naru.capsule/1",
        "made_at": "2026-01-02T03:04:05+00:00",
        "stack": {"name": "shop", "release": 1, "secrets": ["db-password"], "left": ["path ./conf (web)"]},
        "fingerprint": found.lock.fingerprint,
        "images": [
            {
                "id": digest(config),
                "manifest": digest(manifest),
                "services": ["web"],
                "layers": [_layer(layer_blob)],
            }
        ],
        "volumes": [{"key": "data", **_sizes(volume_blob), "plain_digest": f"sha256:{volume_blob.plain_digest}"}],
        "files": [],
    }
    found.with_text("compose.yaml", compose.encode())
    found.with_text("env.lock", found.lock.text().encode())
    found.with_text("files/notes/readme", b"hello")
    if change is not None:
        change(found)
    return found


def _layer(blob: Blob) -> dict[str, Any]:
    return {**_sizes(blob), "diff_id": f"sha256:{blob.plain_digest}"}


def _sizes(blob: Blob) -> dict[str, Any]:
    return {"digest": f"sha256:{blob.digest}", "size_bytes": blob.size_bytes, "plain_bytes": blob.plain_bytes}
