"""A client of the exec endpoints without docker's command line: one socket per request, raw after the answer's head."""

import json
import socket
import struct
from typing import Any

from tests.engine.conftest import RunningEngine

_LIMIT_S = 20
_FRAME = struct.Struct(">BxxxI")


def connect(engine: RunningEngine) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_LIMIT_S)
    connection.connect(str(engine.socket))
    return connection


def send(connection: socket.socket, method: str, path: str, body: object = None, *, upgrade: bool = False) -> None:
    text = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: docker", "Content-Type: application/json"]
    lines += ["Connection: Upgrade", "Upgrade: tcp"] if upgrade else []
    connection.sendall("\r\n".join([*lines, f"Content-Length: {len(text)}", "", ""]).encode() + text)


def read_head(connection: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, f"the connection ended after {head!r}"
        head += byte
    return head


def read_rest(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def ask(engine: RunningEngine, method: str, path: str, body: object = None) -> tuple[int, Any]:
    with connect(engine) as connection:
        send(connection, method, path, body)
        head = read_head(connection).lower()
        length = int((head.partition(b"content-length:")[2].split() or [b"0"])[0])  # a 204 has none
        text = b""
        while len(text) < length:
            text += connection.recv(length - len(text))
    return int(head.split()[1]), json.loads(text) if text.strip() else None


def make(engine: RunningEngine, container: str, *argv: str, **members: object) -> str:
    """An exec's id."""
    body = {"AttachStdout": True, "AttachStderr": True, "Cmd": argv, **members}
    status, answer = ask(engine, "POST", f"/containers/{container}/exec", body)
    assert status == 201, answer
    return str(answer["Id"])


def begin(engine: RunningEngine, exec_id: str, *, upgrade: bool = True, **members: object) -> socket.socket:
    """The exec's stream."""
    connection = connect(engine)
    send(connection, "POST", f"/exec/{exec_id}/start", members, upgrade=upgrade)
    head = read_head(connection)
    expected = b"HTTP/1.1 101 UPGRADED" if upgrade else b"HTTP/1.1 200 OK"
    assert head.startswith(expected), head
    return connection


def inspect(engine: RunningEngine, exec_id: str) -> dict[str, Any]:
    status, answer = ask(engine, "GET", f"/exec/{exec_id}/json")
    assert status == 200, answer
    return dict(answer)


def unframed(data: bytes) -> dict[int, bytes]:
    """What each stream carried."""
    streams = {1: b"", 2: b""}
    while data:
        stream, length = _FRAME.unpack_from(data)
        streams[stream] += data[8 : 8 + length]
        data = data[8 + length :]
    return streams
