"""A terminal as a person sits at it, with a docker command line in it."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from tests.engine.conftest import DOCKER, RunningEngine


@contextmanager
def terminal(engine: RunningEngine, *arguments: str, rows: int, columns: int) -> Iterator["Terminal"]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        [DOCKER, *arguments], env=engine.environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    os.close(slave)
    try:
        yield Terminal(master, process)
    finally:
        process.kill()
        process.wait()
        os.close(master)


class Terminal:
    def __init__(self, master: int, process: "subprocess.Popen[bytes]") -> None:
        self.master = master
        self.process = process
        self.text = b""
        os.set_blocking(master, False)

    def type(self, text: bytes) -> None:
        os.write(self.master, text)

    def resize(self, *, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process.send_signal(signal.SIGWINCH)

    def shows(self, words: bytes) -> bool:
        try:
            self.text += os.read(self.master, 65536)
        except OSError:
            pass
        return words in self.text
