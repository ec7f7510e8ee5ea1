"""Requests as bytes, so that they can be as wrong as they like, and answers within limits."""

import contextlib
import http.client
import json
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT_S = 10


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> str:
        """The one member of an error's body. Fails the test when the body is anything else."""
        assert self.headers.get("content-type", "").startswith("application/json"), (self.status, self.headers)
        told: Any = json.loads(self.body)
        assert list(told) == ["message"], told
        return str(told["message"])


def connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(LIMIT_S)
    connection.connect(str(path))
    return connection


def exchange(
    path: Path, data: bytes, *, method: str = "POST", has_ended: bool = False, whole: bool = False
) -> Answer | None:
    """The first answer to ``data``; None when the connection is closed without one.

    ``has_ended``: the client closes its half. ``whole``: the body of a success is read too; it may be a stream
    without end.
    """
    with connect(path) as connection:
        sending = threading.Thread(target=_send, args=(connection, data, has_ended))
        sending.start()
        try:
            return _answer(connection, method, whole=whole)
        except (ConnectionResetError, http.client.RemoteDisconnected, http.client.BadStatusLine):
            return None
        finally:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            sending.join()


def _send(connection: socket.socket, data: bytes, has_ended: bool) -> None:
    """The answer may come before all is sent; who answers early reads no further."""
    with contextlib.suppress(OSError):
        connection.sendall(data)
        if has_ended:
            connection.shutdown(socket.SHUT_WR)


def _answer(connection: socket.socket, method: str, *, whole: bool) -> Answer:
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    headers = {name.lower(): value for name, value in response.getheaders()}
    try:
        body = response.read() if whole or response.status >= 400 else b""
    finally:
        response.close()
    return Answer(response.status, headers, body)


def request(method: str, path: str, body: bytes | None = None, *, content_type: str = "application/json") -> bytes:
    """A well formed frame around whatever the path and the body are."""
    head = [f"{method} {path} HTTP/1.1", "Host: docker", "Connection: close"]
    if body is not None:
        head += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode("utf-8", "surrogateescape") + (body or b"")
