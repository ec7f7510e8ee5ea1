"""Debian's docker-registry, started on a loopback port: plain or with TLS, open or with passwords or tokens."""

import base64
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.fakes.ports import free_port

USER, PASSWORD = "alice", "s3cret pass:word"
# bcrypt of PASSWORD, cost 5: crypt("…", "$2y$05$abcdefghijklmnopqrstuu")
_HASHED = "$2y$05$abcdefghijklmnopqrstuuWqE.ZbojV4lW1JhHwMXr3EQklLDUc6y"
_START_LIMIT_S = 10


@dataclass
class Server:
    """``host`` is a name for 127.0.0.1 that its certificate has."""

    root: Path
    port: int
    host: str = "localhost"

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def blob_path(self, digest: str) -> Path:
        value = digest.removeprefix("sha256:")
        return self.root / f"store/docker/registry/v2/blobs/sha256/{value[:2]}/{value}/data"


@dataclass(frozen=True)
class Authority:
    """A certificate authority of this test's own, and a certificate for localhost by it."""

    ca: Path
    certificate: Path
    key: Path


def make_authority(root: Path) -> Authority:
    ca, ca_key, key, request, certificate = (
        root / name for name in ("ca.crt", "ca.key", "server.key", "server.csr", "server.crt")
    )
    names = root / "names"
    names.write_text("subjectAltName=DNS:localhost\n")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for arguments in (
        ["req", "-x509", *new_key, "-keyout", ca_key, "-out", ca, "-days", "2", "-subj", "/CN=test authority"],
        ["req", *new_key, "-keyout", key, "-out", request, "-subj", "/CN=localhost"],
        ["x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-out", certificate]
        + ["-days", "2", "-extfile", names],
    ):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
    return Authority(ca, certificate, key)


@contextmanager
def docker_registry(
    root: Path, *, passwords: bool = False, authority: Authority | None = None, tokens: "TokenServer | None" = None
) -> Iterator[Server]:
    root.mkdir()
    server = Server(root, free_port())
    http: dict[str, Any] = {"addr": f"127.0.0.1:{server.port}"}
    if authority is not None:
        http["tls"] = {"certificate": str(authority.certificate), "key": str(authority.key)}
    config: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(root / "store")}, "delete": {"enabled": True}},
        "http": http,
    }
    if passwords:
        (root / "htpasswd").write_text(f"{USER}:{_HASHED}\n")
        config["auth"] = {"htpasswd": {"realm": "test", "path": str(root / "htpasswd")}}
    if tokens is not None:
        config["auth"] = {"token": tokens.registry_settings()}
    (root / "config.yml").write_text(json.dumps(config))  # YAML takes it
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(
            [_program(), "serve", str(root / "config.yml")],
            stdout=log,
            stderr=log,
            env={"PATH": "/usr/bin", "HOME": "/"},
        )
    try:
        _wait_for(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(10)


def _program() -> str:
    program = shutil.which("docker-registry")
    assert program is not None, "docker-registry is not installed: run scripts/prepare.py test"
    return program


def _wait_for(server: Server, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_LIMIT_S
    while True:
        assert process.poll() is None, (server.root / "log").read_text()
        try:
            socket.create_connection(("127.0.0.1", server.port), 1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "docker-registry does not listen"
            time.sleep(0.02)


@dataclass
class TokenServer:
    """Docker's token protocol: a password for a signed token that lists what it allows."""

    root: Path
    port: int
    authority: Authority
    identity_token: str = ""
    requests: list[tuple[str, dict[str, list[str]], str]] = field(default_factory=list)

    @property
    def realm(self) -> str:
        return f"http://localhost:{self.port}/token"

    def registry_settings(self) -> dict[str, str]:
        bundle = str(self.authority.certificate)
        return {"realm": self.realm, "service": "test-registry", "issuer": "test-issuer", "rootcertbundle": bundle}

    def token(self, scopes: list[str]) -> str:
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": "test-issuer",
            "sub": USER,
            "aud": "test-registry",
            "jti": "1",
            "access": access,
        }
        claims |= {"iat": now, "nbf": now - 10, "exp": now + 300}
        der = subprocess.run(
            ["openssl", "x509", "-in", str(self.authority.certificate), "-outform", "DER"],
            check=True,
            capture_output=True,
        ).stdout
        header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(der).decode()]}
        signed = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"
        signature = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", str(self.authority.key)],
            input=signed.encode(),
            check=True,
            capture_output=True,
        ).stdout
        return f"{signed}.{_encoded(_plain_signature(signature))}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _plain_signature(der: bytes) -> bytes:
    """ECDSA's two numbers out of their ASN.1, 32 bytes each, as JWS has them (RFC 7518, 3.4)."""
    numbers, rest = b"", der[2:]
    for _ in range(2):
        length = rest[1]
        numbers += int.from_bytes(rest[2 : 2 + length], "big").to_bytes(32, "big")
        rest = rest[2 + length :]
    return numbers


@contextmanager
def token_server(root: Path, authority: Authority) -> Iterator[TokenServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
            given = self.headers.get("Authorization", "")
            self._answer("GET", query, given, allowed=given == f"Basic {_basic()}")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            query = urllib.parse.parse_qs(body)
            allowed = query.get("refresh_token") == [tokens.identity_token] and query["grant_type"] == ["refresh_token"]
            self._answer("POST", query, "", allowed=allowed)

        def _answer(self, method: str, query: dict[str, list[str]], given: str, *, allowed: bool) -> None:
            tokens.requests.append((method, query, given))
            scopes = [scope for text in query.get("scope", []) for scope in text.split()]
            answer: dict[str, Any] = {"token": tokens.token(scopes), "expires_in": 300} if allowed else {}
            if allowed and query.get("offline_token") and tokens.identity_token:
                answer["refresh_token"] = tokens.identity_token
            body = json.dumps(answer).encode()
            self.send_response(200 if allowed else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    tokens = TokenServer(root, server.server_address[1], authority)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield tokens
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _basic() -> str:
    return base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
