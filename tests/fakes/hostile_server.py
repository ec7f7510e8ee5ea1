"""A web server on a loopback port that answers each request as a script says, bytes and pauses included."""

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

Script = Callable[["Visit"], None]


@dataclass
class Visit:
    """One connection. ``request`` is all that was sent, head and body."""

    socket: socket.socket
    request: bytes
    stopped: threading.Event

    @property
    def path(self) -> str:
        return self.request.split(b" ", 2)[1].decode()

    def header(self, name: str) -> str:
        head = self.request.partition(b"\r\n\r\n")[0].decode("latin-1")
        lines = (line.partition(":") for line in head.split("\r\n")[1:])
        return next((value.strip() for key, _colon, value in lines if key.lower() == name.lower()), "")

    @property
    def body(self) -> bytes:
        return self.request.partition(b"\r\n\r\n")[2]

    def answer(self, status: str = "200 OK", body: bytes = b"", **headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def drip(self, piece: bytes, *, every_s: float) -> None:
        """Until the other side leaves."""
        while not self.stopped.wait(every_s):
            self.socket.sendall(piece)


@dataclass
class HostileServer:
    script: Script = field(default=lambda visit: visit.answer())
    visits: list[Visit] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def paths(self) -> list[str]:
        return [visit.path for visit in self.visits]

    def _accept(self) -> None:
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                visit = Visit(connection, _read(connection), self._stopped)
                self.visits.append(visit)
                self.script(visit)
            except OSError:
                """The other side left, as it should."""


def _read(connection: socket.socket) -> bytes:
    given = b""
    while b"\r\n\r\n" not in given:
        given += _more(connection)
    head, _blank, body = given.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    wanted = int(lengths[0].split(b":")[1]) if lengths else 0
    while len(body) < wanted:
        body += _more(connection)
    return head + b"\r\n\r\n" + body


def _more(connection: socket.socket) -> bytes:
    piece = connection.recv(65536)
    if not piece:
        raise ConnectionError("left in the middle of a request")
    return piece
