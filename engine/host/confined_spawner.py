"""Where unpacking processes come from: one that has imported all they need, and forks a worker for each archive.

Starting Python and importing costs 120 ms of processor time, a fork 3; an image has many layers and a build many steps.
The spawner is started when it is first wanted and ends when it has had nothing to do for a while (``confined_worker``).
"""

import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence

from engine.model.errors import Unavailable

_START = "import sys, json; sys.path[:0] = json.loads(sys.argv[1]);from engine.host.confined_worker import main; main()"

_TIMEOUT_S = 60.0


class Spawner:
    """One process of ours at a time. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: socket.socket | None = None

    def start(self, descriptors: Sequence[int]) -> int:
        """A worker that has copies of these: job, source, answer, complaints, directory, perhaps a pidfd.

        The pidfd of the worker, for the caller to close. Blocks for milliseconds, or for a tenth of a second when the
        spawner is not there. Raises Unavailable when none can be had.
        """
        with self._lock:
            # one that has just gone idle took the request to its grave
            for _ in range(2):
                if (worker := self._asked(descriptors)) is not None:
                    return worker
            raise Unavailable("the process that unpacks archives could not be started: see the engine's log")

    def close(self) -> None:
        """The spawner ends, and its workers; the next ``start`` begins another."""
        with self._lock:
            if self._requests is not None:
                self._requests.close()
                self._requests = None

    def _asked(self, descriptors: Sequence[int]) -> int | None:
        requests = self._requests or self._begin()
        self._requests = None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, TimeoutError):
            socket.send_fds(requests, [b"w"], descriptors)
            _, received, _, _ = socket.recv_fds(requests, 1, 1, socket.MSG_CMSG_CLOEXEC)
            if received:
                self._requests = requests
                return received[0]
        requests.close()
        return None

    def _begin(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-I", "-S", "-c", _START, json.dumps(sys.path)]
        ours.settimeout(_TIMEOUT_S)
        with theirs:
            try:
                process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env={}, cwd="/")
            except OSError as error:
                ours.close()
                raise Unavailable(f"cannot run {sys.executable}: {error.strerror}") from error
        threading.Thread(target=process.wait, name="confined-spawner", daemon=True).start()
        return ours
