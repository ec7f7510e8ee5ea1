"""Terminals of programs in containers: the runtime makes one there and hands its master side over.

The protocol is runc's (docs/terminals.md, "Detached New Terminal"), which crun follows: the runtime connects to a unix
stream socket and sends one message that carries the descriptor (unix(7), SCM_RIGHTS).
"""

import asyncio
import fcntl
import os
import socket
import struct
import termios
from pathlib import Path
from typing import Final

from engine.host.pipes import readable
from engine.model.errors import Unavailable

_LONGEST_MESSAGE: Final = 4096  # the terminal's name, which nobody needs
_WINSIZE: Final = struct.Struct("HHHH")  # struct winsize: rows, columns, and two that are not used (tty_ioctl(4))


class ConsoleSocket:
    """Where the runtime delivers one terminal. ``path`` exists until ``close``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                # by way of the directory: a socket's path has at most 107 bytes (unix(7))
                self._socket.bind(f"/proc/self/fd/{directory}/{path.name}")
            finally:
                os.close(directory)
            self._socket.listen(1)
        except OSError as error:
            self._socket.close()
            raise Unavailable(f"cannot make {path}: {error.strerror}") from error

    async def receive(self) -> int:
        """The master side; the caller closes it."""
        connection, _ = await asyncio.get_running_loop().sock_accept(self._socket)
        with connection:
            await readable(connection.fileno())
            _, descriptors, _, _ = socket.recv_fds(connection, _LONGEST_MESSAGE, 1, socket.MSG_CMSG_CLOEXEC)
        if not descriptors:
            raise Unavailable("the runtime sent no terminal")
        return descriptors[0]

    def close(self) -> None:
        self._socket.close()
        self.path.unlink(missing_ok=True)


def set_window_size(master: int, *, height: int, width: int) -> None:
    """Programs in the terminal's foreground get SIGWINCH. Raises OSError when the terminal is gone."""
    fcntl.ioctl(master, termios.TIOCSWINSZ, _WINSIZE.pack(height, width, 0, 0))
