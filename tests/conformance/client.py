"""A client for the Docker API that hides nothing: statuses, headers and bytes as they come."""

import http.client
import json
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VERSION = "v1.41"  # what Debian's dockerd speaks; ours answers in the same version
_LIMIT_S = 30


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("docker", timeout=_LIMIT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_LIMIT_S)
        self.sock.connect(str(self._path))


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines() if line.strip()]


class Client:
    def __init__(self, path: Path) -> None:
        self.path = path

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        version: str = VERSION,
    ) -> Answer:
        """``body``: bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = _Connection(self.path)
        try:
            headers = {"Content-Type": content_type} if data is not None else {}
            connection.request(method, f"/{version}{path}", data, headers)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def create(self, name: str, body: dict[str, Any]) -> str:
        self.ask("DELETE", f"/containers/{name}?force=1")
        answer = self.ask("POST", f"/containers/create?name={name}", {"Image": "conformance/busybox:1"} | body)
        assert answer.status == 201, answer.body
        return str(answer.json["Id"])

    def run(self, name: str, body: dict[str, Any]) -> int:
        """Run to the end; the exit code."""
        self.create(name, body)
        self.ask("POST", f"/containers/{name}/start")
        return int(self.ask("POST", f"/containers/{name}/wait").json["StatusCode"])

    def exec_(self, name: str, body: dict[str, Any], data: bytes = b"") -> tuple[str, bytes]:
        """Run a program in a container to its end; the exec's id, and what it wrote, in frames."""
        answer = self.ask("POST", f"/containers/{name}/exec", {"AttachStdout": True, "AttachStderr": True} | body)
        assert answer.status == 201, answer.body
        exec_id = str(answer.json["Id"])
        return exec_id, self.attach(f"/exec/{exec_id}/start", data, {"Tty": body.get("Tty", False)})[1]

    def attach(self, path: str, data: bytes, body: object = None) -> tuple[bytes, bytes]:
        """Attach, send ``data`` once there is an answer, half close: the answer's head, and the stream.

        (dockerd drops what comes behind the request itself; tests/engine/unit/api/test_hijack.py sees that we do not.)
        """
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_LIMIT_S)
            connection.connect(str(self.path))
            content = b"" if body is None else json.dumps(body).encode()
            head = f"POST /{VERSION}{path} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n" if content else ""
            connection.sendall(f"{head}\r\n".encode() + content)
            received = b""
            while b"\r\n\r\n" not in received and (piece := connection.recv(65536)):
                received += piece
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                received += piece
        answer, _, stream = received.partition(b"\r\n\r\n")
        return answer, stream


def until(is_so: Any, *, limit_s: float = 10) -> None:
    deadline = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
