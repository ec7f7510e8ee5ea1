"""The two forms of a container's output: raw with a terminal, else multiplexed in frames.

    stream (1 stdout, 2 stderr) 0 0 0 | length, 4 bytes big endian | payload

Docker Engine API, "Attach to a container", "Stream format".
"""

import struct
from typing import Final

from engine.containers.log_file import Selection
from engine.wire.version import MULTIPLEXED_TYPE_FROM, ApiVersion

_HEADER: Final = struct.Struct(">BxxxI")
_RAW: Final = "application/vnd.docker.raw-stream"
_MULTIPLEXED: Final = "application/vnd.docker.multiplexed-stream"


def content_type(version: ApiVersion, *, tty: bool) -> str:
    return _RAW if tty or version < MULTIPLEXED_TYPE_FROM else _MULTIPLEXED


def framed(stream: int, data: bytes) -> bytes:
    return _HEADER.pack(stream, len(data)) + data


class LogEncoder:
    """Whole lines of a log file to what a client gets of them. Called for one block after the other of one log.

    Without times and details a frame holds many lines; with them each record has its own, as clients expect of lines.
    Both are put only before what begins a line.
    """

    def __init__(self, selection: Selection, *, tty: bool, timestamps: bool, details: bytes = b"") -> None:
        self._selection = selection
        self._tty = tty
        self._timestamps = timestamps
        self._details = details
        self._within_line: set[int] = set()

    def __call__(self, data: bytes) -> bytes:
        if self._timestamps or self._details:
            return self._by_record(data)
        outputs = self._selection.output(data)
        return b"".join([output if self._tty else framed(stream, output) for stream, output in outputs])

    def _by_record(self, data: bytes) -> bytes:
        pack, pieces = _HEADER.pack, []
        for stream, at_text, payload, starts_line in self._selection.records(data, within_line=self._within_line):
            before = self._before(at_text) if starts_line else b""
            if not self._tty:
                pieces.append(pack(stream, len(before) + len(payload)))
            pieces.append(before)
            pieces.append(payload)
        return b"".join(pieces)

    def _before(self, at_text: bytes) -> bytes:
        return at_text + b" " + self._details if self._timestamps else self._details
