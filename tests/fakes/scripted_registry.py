"""A registry that answers exactly what a test tells it to, sound or hostile, and remembers what it was asked."""

import gzip
import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]


@dataclass
class Reply:
    """``cut`` says how many bytes of the body are really sent before the connection ends."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None


Answerer = Callable[[Asked], Reply | None]


@dataclass
class ScriptedRegistry:
    """Content by path; ``answerers`` are asked first, the latest first, and may decline with None."""

    port: int
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    answerers: list[Answerer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def forget(self) -> None:
        for kept in (self.blobs, self.manifests, self.answerers, self.asked):
            kept.clear()

    def add_blob(self, data: bytes) -> str:
        digest = digest_of(data)
        self.blobs[digest] = data
        return digest

    def add_manifest(self, name: str, document: object, media_type: str = DOCKER_MANIFEST) -> str:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.manifests[name] = self.manifests[digest_of(data)] = (media_type, data)
        return digest_of(data)

    def add_image(self, name: str, layers: list[bytes], **changes: Any) -> dict[str, Any]:
        """An image of these tars, gzipped; the manifest, which a test may change and add again."""
        config = self.add_blob(config_of(layers, **changes))
        manifest = {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": {"mediaType": DOCKER_CONFIG, "size": len(self.blobs[config]), "digest": config},
            "layers": [self.layer(gzip.compress(tar, mtime=0)) for tar in layers],
        }
        self.add_manifest(name, manifest)
        return manifest

    def layer(self, blob: bytes, media_type: str = DOCKER_LAYER) -> dict[str, Any]:
        return {"mediaType": media_type, "size": len(blob), "digest": self.add_blob(blob)}

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        for answerer in reversed(self.answerers):
            if (reply := answerer(asked)) is not None:
                return reply
        if asked.path == "/v2/":
            return Reply()
        _, _, kind, name = asked.path.rsplit("/", 3) if asked.path.count("/") > 3 else ("", "", "", "")
        if kind == "manifests" and name in self.manifests:
            media_type, data = self.manifests[name]
            return Reply(200, data, {"Content-Type": media_type, "Docker-Content-Digest": digest_of(data)})
        if kind == "blobs" and name in self.blobs:
            return ranged(self.blobs[name], asked)
        return Reply(404, b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}')


def ranged(data: bytes, asked: Asked) -> Reply:
    wanted = asked.headers.get("Range", "")
    if not wanted:
        return Reply(200, data)
    start = int(wanted.removeprefix("bytes=").rstrip("-"))
    return Reply(206, data[start:], {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"})


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def config_of(layers: list[bytes], **changes: Any) -> bytes:
    document = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2024-01-02T03:04:05Z",
        "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]},
        "history": [{"created": "2024-01-02T03:04:05Z", "created_by": f"step {n}"} for n in range(len(layers))],
    }
    return json.dumps(document | changes).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: ScriptedRegistry

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer()

    def _answer(self) -> None:
        headers = dict(self.headers.items())
        reply = self.registry.answer(Asked(self.command, self.path, headers))
        self.send_response(reply.status)
        for key, value in reply.headers.items():
            self.send_header(key, value)
        if "Transfer-Encoding" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body[: reply.cut])
        self.close_connection = reply.cut is not None

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that have heard enough hang up


@contextmanager
def scripted_registry() -> Iterator[ScriptedRegistry]:
    """On a port of its own of 127.0.0.1, until the block ends."""

    class Handler(_Handler):
        pass

    server = _Server(("127.0.0.1", 0), Handler)
    registry = Handler.registry = ScriptedRegistry(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
