"""A container's standard input: the engine's one connection to conmon's attach socket.

Output is read from the log file and not from here: conmon writes to attach clients blocking, so that one who does not
read freezes the container. This socket therefore drops all that comes in, in the kernel, by a one-instruction filter.
Any disconnect closes the container's input unless conmon runs with --leave-stdin-open, hence one connection for all.
"""

import asyncio
import contextlib
import ctypes
import os
import socket
import struct
from pathlib import Path

from engine.model.errors import Unavailable

_PACKET_BYTES = 32768  # conmon's CONN_SOCK_BUF_SIZE; a longer packet is cut
_SO_ATTACH_FILTER = 26  # asm-generic/socket.h
_BPF_RET_K = 0x06  # linux/bpf_common.h: BPF_RET|BPF_K; value 0 drops the packet (socket(7), SO_ATTACH_FILTER)


class StandardInput:
    """Usable before the container starts: writes wait for ``connect``. Writes of several clients keep their order."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._is_decided = asyncio.Event()  # connected or closed
        self._has_ended = False
        self._writing = asyncio.Lock()

    @property
    def is_connected(self) -> bool:
        return self._socket is not None

    async def connect(self, attach_path: Path) -> None:
        """Raises Unavailable when conmon does not answer, which it does from create on."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            _drop_incoming(connection)
            directory = os.open(attach_path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                # by way of the directory: a socket's path has at most 107 bytes (unix(7))
                connection.connect(f"/proc/self/fd/{directory}/{attach_path.name}")
                if self._has_ended:
                    connection.shutdown(socket.SHUT_WR)
            finally:
                os.close(directory)
        except OSError as error:
            connection.close()
            raise Unavailable(f"cannot attach to the container's input: {error.strerror}") from error
        self._socket = connection
        self._is_decided.set()

    async def write(self, data: bytes) -> None:
        """Waits until the container takes it. After the container's end, or its input's, data is dropped."""
        await self._is_decided.wait()
        loop = asyncio.get_running_loop()
        async with self._writing:
            for start in range(0, len(data), _PACKET_BYTES):
                if self._socket is None or self._has_ended:
                    return
                try:
                    await loop.sock_sendall(self._socket, data[start : start + _PACKET_BYTES])
                except OSError:
                    return  # conmon has gone: the container has ended, which its waiters are told

    def end(self) -> None:
        """The container reads end of file; safe to repeat, and good before ``connect``."""
        if not self._has_ended:
            self._has_ended = True
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._has_ended = True
        self._is_decided.set()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes a writer that waits for room
            self._socket.close()
            self._socket = None


class Inputs:
    """The open inputs of an engine, by container; made by whoever comes first, the attacher or the start."""

    def __init__(self) -> None:
        self._inputs: dict[str, StandardInput] = {}

    def of(self, container_id: str) -> StandardInput:
        return self._inputs.setdefault(container_id, StandardInput())

    def drop(self, container_id: str) -> None:
        """The container has ended or did not start; who still writes writes into the void."""
        if standard_input := self._inputs.pop(container_id, None):
            standard_input.close()

    def close(self) -> None:
        for container_id in tuple(self._inputs):
            self.drop(container_id)


def _drop_incoming(connection: socket.socket) -> None:
    """struct sock_fprog with one struct sock_filter: code, jt, jf, k (linux/filter.h)."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", _BPF_RET_K, 0, 0, 0))
    connection.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(program)))
